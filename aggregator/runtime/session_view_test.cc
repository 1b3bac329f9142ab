// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/session_view.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/limits.h"

namespace veilsum::aggregator {
namespace {

const IdentityPublicKey kSomebody = *IdentityPublicKey::FromHex(std::string(64, '2'));

v1::SessionHeader HeaderFor(v1::Audience audience) {
  v1::SessionHeader header;
  header.set_audience(audience);
  return header;
}

TEST(SessionViewTest, FitsAMessageWhateverClientsSayWhenTheyLeave) {
  SessionView view(HeaderFor(v1::AUDIENCE_BOTH));
  ClientDropped leaves{kSomebody, Phase::kUnmasking, v1::REASON_WITHDREW, "the client left: "};
  while (leaves.detail.size() < limits::kMaxDetailBytes) leaves.detail += "\xe2\x82\xac";  // €
  for (uint32_t i = 0; i < limits::kMaxClients + 1; ++i) {
    view.Apply(leaves);
    view.Apply(ClientRefused{kSomebody, leaves.phase, v1::REASON_HEADER_REFUSED, leaves.detail});
  }
  Finished finished;
  finished.included.assign(limits::kMaxClients, kSomebody);
  view.Apply(finished);
  view.Publish();

  const v1::Session& session = *view.Get();
  EXPECT_EQ(session.dropouts_size(), static_cast<int>(limits::kMaxClients));
  EXPECT_GT(session.dropouts(0).detail().size(), 200u);
  const std::string encoded = session.SerializeAsString();
  EXPECT_LT(encoded.size(), limits::kMaxMessageBytes);
  // Text that was cut within a character does not parse.
  EXPECT_TRUE(v1::Session().ParseFromString(encoded));
}

TEST(SessionViewTest, DropoutsOfLaterPhasesHaveTheirPlace) {
  SessionView view(HeaderFor(v1::AUDIENCE_BOTH));
  for (uint32_t i = 0; i < 2 * limits::kMaxClients; ++i) {
    view.Apply(ClientDropped{kSomebody, Phase::kAdvertiseKeys, v1::REASON_WITHDREW});
  }
  for (uint32_t i = 0; i < 3; ++i) {
    view.Apply(ClientDropped{kSomebody, Phase::kShareKeys, v1::REASON_NO_ANSWER});
  }
  const auto& dropouts = view.present().dropouts();
  ASSERT_EQ(dropouts.size(), static_cast<int>(limits::kMaxClients));
  for (int i = 0; i < dropouts.size(); ++i) {
    EXPECT_EQ(dropouts[i].round() == v1::ROUND_SHARE_KEYS, i >= dropouts.size() - 3) << i;
  }
}

TEST(SessionViewTest, AListHasEverythingButTheClients) {
  SessionView view(HeaderFor(v1::AUDIENCE_BOTH));
  view.Apply(PhaseStarted{Phase::kShareKeys, 5}, {5, 4, 3});
  view.Apply(PhaseClosed{Phase::kShareKeys, 4});
  view.Apply(ClientDropped{kSomebody, Phase::kShareKeys, v1::REASON_NO_ANSWER});
  view.Apply(ClientRefused{kSomebody, Phase::kShareKeys, v1::REASON_CANCELLED});
  view.Apply(UnmaskOutcome{Digest{1}, 77});
  Finished finished;
  finished.included = {kSomebody};
  view.Apply(finished);

  v1::Session expected = view.present();
  expected.clear_dropouts();
  expected.clear_refusals();
  expected.clear_included_identities();
  EXPECT_EQ(WithoutClients(view.present()).SerializeAsString(), expected.SerializeAsString());
  EXPECT_EQ(expected.refusals_total(), 1u);

  view.Publish();
  uint64_t room = view.Get()->ByteSizeLong() + 1;
  EXPECT_EQ(KeptReport(view.Get(), room)->dropouts_size(), 1);
  EXPECT_EQ(room, 1u);
  EXPECT_EQ(KeptReport(view.Get(), room)->dropouts_size(), 0);
  EXPECT_EQ(room, 1u);
}

TEST(SessionViewTest, ListsTheLastRefusalsAndCountsAll) {
  SessionView view(HeaderFor(v1::AUDIENCE_BOTH));
  for (size_t i = 0; i <= limits::kMaxListedRefusals; ++i) {
    view.Apply(ClientRefused{kSomebody, Phase::kShareKeys, v1::REASON_NOT_ENROLLED,
                             "refusal " + std::to_string(i)});
  }
  const v1::Session& session = view.present();
  EXPECT_EQ(session.refusals_total(), limits::kMaxListedRefusals + 1);
  ASSERT_EQ(session.refusals_size(), static_cast<int>(limits::kMaxListedRefusals));
  EXPECT_EQ(session.refusals(0).detail(), "refusal 1");
  const v1::Refusal& last = session.refusals(session.refusals_size() - 1);
  EXPECT_EQ(last.detail(), "refusal 100");
  EXPECT_EQ(last.identity().size(), limits::kIdentityBytes);
  EXPECT_EQ(last.round(), v1::ROUND_SHARE_KEYS);
  EXPECT_EQ(last.reason(), v1::REASON_NOT_ENROLLED);
}

TEST(SessionViewTest, GivesTheSumsDigestToItsAudience) {
  for (const auto& [audience, digest_bytes] : {std::pair(v1::AUDIENCE_OPERATOR, 32u),
                                               {v1::AUDIENCE_BOTH, 32u},
                                               {v1::AUDIENCE_PARTICIPANTS, 0u}}) {
    SessionView view(HeaderFor(audience));
    view.Apply(UnmaskOutcome{Digest{1}, 77});
    EXPECT_EQ(view.present().result_digest().size(), digest_bytes) << audience;
    EXPECT_EQ(view.present().result_bytes(), 77u);
  }
}

}  // namespace
}  // namespace veilsum::aggregator
