// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Whose identities a client believes in: docs/protocol.md, "Identities". The attack is always the
// same: an aggregator that makes up clients.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client_sdk/protocol/conversation_testing.h"
#include "crypto/identities/enrolment.h"
#include "crypto/primitives/identity.h"
#include "gtest/gtest.h"

namespace veilsum::client {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kClients = 6;
constexpr uint32_t kVictim = 2;

// Conversation::size() identities of TestIdentity, but that of `position`, in the roster's order.
std::shared_ptr<const IdentityRoot> RosterWithout(const Conversation& conversation,
                                                  std::optional<uint32_t> position) {
  IdentityRoster roster{.version = 1, .identities = {}};
  for (uint32_t i = 0; i < conversation.size(); ++i) {
    if (i != position) roster.identities.insert(conversation.identity(i).public_key());
  }
  return std::make_shared<const IdentityRoot>(std::move(roster));
}

// Puts a client with this root (and nothing trusted besides) in the victim's place.
void GiveRoot(Conversation& conversation, std::shared_ptr<const IdentityRoot> root,
              const std::string& enrolment_signature = "") {
  ParticipantOptions options = conversation.OptionsOf(kVictim);
  options.policy.trust_aggregator_identities = false;
  options.policy.identity_root = std::move(root);
  if (!enrolment_signature.empty()) options.enrolment_signature = enrolment_signature;
  conversation.client(kVictim) = ParticipantProtocol::Create(std::move(options)).value();
}

TEST(RosterFileTest, EverybodyInItMayTakePart) {
  Conversation conversation(MaliciousHeader(kClients), kClients);
  GiveRoot(conversation, RosterWithout(conversation, std::nullopt));
  conversation.ShareKeys();
  EXPECT_FALSE(conversation.client(kVictim).finished());
}

TEST(RosterFileTest, AnIdentityThatIsNotInItEndsTheSession) {
  for (const v1::SessionHeader& tier : {TestHeader(kClients), MaliciousHeader(kClients)}) {
    v1::SessionHeader header = tier;
    header.set_roster_version(1);
    Conversation conversation(header, kClients);
    GiveRoot(conversation, RosterWithout(conversation, 4));
    conversation.AdvertiseKeys();
    const Effects effects = conversation.Tell(kVictim, conversation.Roster());
    EXPECT_THAT(effects, Declines(v1::REASON_NOT_ENROLLED));
    const std::string text = Find<Send>(effects).message.withdraw().detail();
    EXPECT_THAT(text, HasSubstr(conversation.identity(4).public_key().ToHex()));
    EXPECT_THAT(text, HasSubstr("not in version 1 of the roster file"));
  }
}

// On a sparse graph the roster is all that a client sees of most others.
TEST(RosterFileTest, NonNeighboursAreCheckedToo) {
  v1::SessionHeader header = TestHeader(100);
  header.set_graph(v1::GRAPH_RULE_HARARY);
  header.set_corruption_rate(0.05);
  header.set_roster_version(1);
  Conversation conversation(header, 100);
  conversation.AdvertiseKeys();
  const std::vector<uint32_t> neighbours = conversation.NeighboursOf(kVictim);
  uint32_t stranger = kVictim + 1;
  while (std::find(neighbours.begin(), neighbours.end(), stranger) != neighbours.end()) ++stranger;
  ASSERT_LT(stranger, 100u);
  GiveRoot(conversation, RosterWithout(conversation, stranger));
  EXPECT_THAT(conversation.Tell(kVictim, conversation.Roster()), Declines(v1::REASON_NOT_ENROLLED));
}

TEST(RosterFileTest, AnotherVersionIsRefused) {
  for (const uint64_t version : {0, 2}) {
    v1::SessionHeader header = MaliciousHeader(kClients);
    header.set_roster_version(version);
    Conversation conversation(header, kClients);
    GiveRoot(conversation, RosterWithout(conversation, std::nullopt));
    const Effects effects = conversation.Tell(kVictim, conversation.Offer());
    EXPECT_THAT(effects, Declines(v1::REASON_HEADER_REFUSED));
    EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(),
                HasSubstr(absl::StrCat("roster_version is ", version,
                                       ", this client insists on exactly 1")));
  }
}

// ---- No root ----

TEST(NoRootTest, TheMaliciousTierIsRefused) {
  Joining joining;
  joining.model_hash = TestModel();
  joining.policy.trust_aggregator_identities = false;
  const Effects effects = joining.Offer(MaliciousHeader(kClients));
  EXPECT_THAT(effects, Declines(v1::REASON_NOT_ENROLLED));
  EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(), HasSubstr("insists on"));
  EXPECT_TRUE(Find<Send>(joining.Offer(TestHeader(5))).message.has_withdraw());  // Of no model.
  joining.model_hash.reset();
  EXPECT_TRUE(Find<Send>(joining.Offer(TestHeader(5))).message.has_advertise_keys());
}

// ---- Policies that no session can meet ----

TEST(RootsOfPolicyTest, VouchForTheClientItself) {
  Joining joining;
  const auto create = [&](IdentityRoot root) {
    joining.policy.identity_root = std::make_shared<const IdentityRoot>(std::move(root));
    return joining.Create().status();
  };
  const crypto::IdentityPublicKey other = TestIdentity(2).public_key();
  const absl::Status by_roster = create(IdentityRoster{.version = 1, .identities = {other}});
  EXPECT_EQ(by_roster.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(by_roster), v1::REASON_NOT_ENROLLED);
  const absl::Status by_authority = create(EnrolmentAuthority{.version = 1, .keys = {other}});
  EXPECT_EQ(by_authority.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(by_authority), v1::REASON_NOT_ENROLLED);
  EXPECT_TRUE(
      create(IdentityRoster{.version = 1, .identities = {joining.identity.public_key()}}).ok());
}

TEST(RootsOfPolicyTest, HaveAVersionAndSomebodyToVouchFor) {
  Joining joining;
  const crypto::IdentityPublicKey self = joining.identity.public_key();
  for (const IdentityRoot& root : {IdentityRoot(IdentityRoster{.version = 0, .identities = {self}}),
                                   IdentityRoot(IdentityRoster{.version = 1, .identities = {}}),
                                   IdentityRoot(EnrolmentAuthority{.version = 0, .keys = {self}}),
                                   IdentityRoot(EnrolmentAuthority{.version = 1, .keys = {}})}) {
    joining.policy.identity_root = std::make_shared<const IdentityRoot>(root);
    EXPECT_EQ(joining.Create().status().code(), absl::StatusCode::kInvalidArgument);
  }
}

// ---- An authority ----

class AuthorityTest : public testing::Test {
 protected:
  static std::string Enrol(const crypto::IdentityKeyPair& authority,
                           const crypto::IdentityKeyPair& client, uint64_t version = 1) {
    return crypto::ToString(
        crypto::SignEnrolment(authority, client.public_key(), version).signature.bytes());
  }

  // Everybody is enrolled, but client 4 with another signature.
  Effects OfferEntriesWith(const std::string& signature) {
    Conversation conversation(
        MaliciousHeader(kClients), kClients, [&](uint32_t position, ParticipantOptions& options) {
          options.enrolment_signature =
              position == 4 ? signature : Enrol(authority_, *options.identity);
        });
    GiveRoot(conversation, root_);
    conversation.AnnounceRoster();
    return conversation.Tell(kVictim, conversation.Neighbours(kVictim));
  }

  const crypto::IdentityKeyPair authority_ = TestIdentity(1000);
  const crypto::IdentityKeyPair second_authority_ = TestIdentity(1001);
  // In a conversation of kClients.
  const crypto::IdentityKeyPair fourth_ =
      Conversation(MaliciousHeader(kClients), kClients).identity(4).Clone();
  const std::shared_ptr<const IdentityRoot> root_ =
      std::make_shared<const IdentityRoot>(EnrolmentAuthority{
          .version = 1, .keys = {second_authority_.public_key(), authority_.public_key()}});
};

TEST_F(AuthorityTest, EverybodyItSignedMayTakePart) {
  EXPECT_TRUE(Find<Send>(OfferEntriesWith(Enrol(authority_, fourth_))).message.has_share_keys());
  EXPECT_TRUE(
      Find<Send>(OfferEntriesWith(Enrol(second_authority_, fourth_))).message.has_share_keys());
}

TEST_F(AuthorityTest, AnEntryWithoutItsSignatureEndsTheSession) {
  const std::vector<std::string> signatures = {
      "",                                   // None at all.
      Enrol(TestIdentity(7), fourth_),      // Of somebody else.
      Enrol(fourth_, fourth_),              // Of the client itself.
      Enrol(authority_, fourth_, 2),        // For another version.
      Enrol(authority_, TestIdentity(77)),  // Of another identity.
      std::string(crypto::Signature::kSize, 's')};
  for (const std::string& signature : signatures) {
    const Effects effects = OfferEntriesWith(signature);
    EXPECT_THAT(effects, Declines(v1::REASON_NOT_ENROLLED));
    EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(),
                HasSubstr(fourth_.public_key().ToHex()));
  }
}

TEST_F(AuthorityTest, AnotherVersionIsRefused) {
  v1::SessionHeader header = MaliciousHeader(kClients);
  header.set_roster_version(2);
  Conversation conversation(header, kClients);
  GiveRoot(conversation, root_, Enrol(authority_, conversation.identity(kVictim)));
  EXPECT_THAT(conversation.Tell(kVictim, conversation.Offer()),
              Declines(v1::REASON_HEADER_REFUSED));
}

}  // namespace
}  // namespace veilsum::client
