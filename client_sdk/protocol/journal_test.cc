// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a client remembers: a session that is cut at any step goes on byte for byte where it
// stopped, and a journal that is not the whole truth is refused.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "client_sdk/protocol/conversation_testing.h"
#include "crypto/masking/lanes.h"
#include "gtest/gtest.h"
#include "proto/journal.pb.h"

namespace veilsum::client {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kClients = 6;
constexpr uint32_t kVictim = 2;

Event Hear(v1::ServerMessage message) { return MessageReceived{std::move(message)}; }

// All that happens to one client in a session, in order.
std::vector<Event> EventsOf(const v1::SessionHeader& header, bool input_is_late) {
  Conversation other(header, kClients);
  other.DeliverShares(other.Everybody());
  const std::vector<bool> survivors = other.AllBut({4});
  other.AnswerSurvivors(survivors);
  const std::string packed(other.uploads[0].open.total_bytes(), 's');
  std::vector<Event> events = {Hear(other.Offer()),
                               Hear(other.Roster()),
                               Hear(other.Neighbours(kVictim)),
                               InputEncoded{Conversation::InputOf(kVictim)},
                               Hear(other.Shares(kVictim, other.Everybody())),
                               Hear(other.Survivors(survivors))};
  if (input_is_late) std::swap(events[3], events[4]);
  if (header.tier() == v1::TIER_MALICIOUS) events.push_back(Hear(other.Signatures(survivors)));
  events.push_back(Hear(other.Result(survivors, packed)));
  events.push_back(ResultDownloaded{packed});
  return events;
}

// What leaves the client because of an effect, byte for byte; empty for what stays inside.
std::string Outside(const Effect& effect) {
  if (const auto* send = std::get_if<Send>(&effect)) return send->message.SerializeAsString();
  if (const auto* upload = std::get_if<StartUpload>(&effect)) {
    const auto input = crypto::LaneVector::ForModulus(upload->plan->modulus_bits(), 22);
    std::string masked;
    EXPECT_TRUE(upload->plan->MaskAndPack(input, 0, 22, masked).ok());
    return upload->open.SerializeAsString() + masked;
  }
  if (const auto* download = std::get_if<DownloadResult>(&effect)) {
    return download->request.SerializeAsString();
  }
  if (const auto* finished = std::get_if<Finished>(&effect)) return finished->status.ToString();
  return "";
}

// A client with a shell that does what effects ask for.
struct Shell {
  explicit Shell(ParticipantOptions options)
      : journal(options.journal),
        protocol(ParticipantProtocol::Create(std::move(options)).value()) {}

  void Carry(const Effects& effects) {
    for (const Effect& effect : effects) {
      if (const auto* remember = std::get_if<Remember>(&effect)) journal.push_back(remember->entry);
      const std::string one = Outside(effect);
      if (!one.empty()) outside.push_back(one);
    }
  }
  void Play(const std::vector<Event>& events, size_t from = 0) {
    for (size_t i = from; i < events.size(); ++i) Carry(protocol.Step(events[i]));
  }
  // As after a restart.
  void Resume() {
    const Effects replayed = protocol.TakeReplayed();
    Carry(protocol.Step(Reconnected{}));
    for (const Effect& effect : replayed) {
      ASSERT_TRUE(std::holds_alternative<EncodeInput>(effect));
      Carry(protocol.Step(InputEncoded{Conversation::InputOf(kVictim)}));
    }
  }

  std::vector<std::string> journal;
  std::vector<std::string> outside;
  ParticipantProtocol protocol;
};

class JournalTest : public testing::TestWithParam<std::pair<bool, bool>> {
 protected:
  JournalTest()
      : header_(GetParam().first ? MaliciousHeader(kClients) : TestHeader(kClients)),
        conversation_(header_, kClients),
        events_(EventsOf(header_, GetParam().second)) {}

  ParticipantOptions Options(std::vector<std::string> journal = {}) const {
    ParticipantOptions options = conversation_.OptionsOf(kVictim);
    options.journal = std::move(journal);
    return options;
  }
  std::vector<std::string> WholeJournal() const {
    Shell shell(Options());
    shell.Play(events_);
    return shell.journal;
  }
  static std::vector<std::string> FirstOf(const std::vector<std::string>& journal, size_t count) {
    return {journal.begin(), journal.begin() + static_cast<ptrdiff_t>(count)};
  }
  // Each event but the last two makes one entry.
  size_t entries() const { return events_.size() - 2; }

  void ExpectRefused(std::vector<std::string> journal) {
    const auto created = ParticipantProtocol::Create(Options(std::move(journal)));
    ExpectStateRefused(created.status());
  }
  static void ExpectStateRefused(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(ReasonOf(status), v1::REASON_STATE_REFUSED) << status;
  }

  const v1::SessionHeader header_;
  const Conversation conversation_;
  const std::vector<Event> events_;
};

INSTANTIATE_TEST_SUITE_P(All, JournalTest,
                         testing::Values(std::pair{false, false}, std::pair{false, true},
                                         std::pair{true, false}, std::pair{true, true}),
                         [](const auto& info) {
                           return std::string(info.param.first ? "Malicious" : "SemiHonest") +
                                  (info.param.second ? "LateInput" : "");
                         });

TEST_P(JournalTest, EachStepIsRememberedBeforeItsConsequences) {
  ParticipantProtocol protocol = ParticipantProtocol::Create(Options()).value();
  for (size_t i = 0; i < events_.size(); ++i) {
    const Effects effects = protocol.Step(events_[i]);
    const bool remembered = i < entries();
    bool answers = false;
    for (size_t j = 0; j < effects.size(); ++j) {
      const auto* remember = std::get_if<Remember>(&effects[j]);
      EXPECT_EQ(remember != nullptr, remembered && j == 0) << "effect " << j << " of step " << i;
      if (remember != nullptr && remember->answers) answers = true;
      const auto* send = std::get_if<Send>(&effects[j]);
      EXPECT_EQ(answers && send != nullptr, send != nullptr && send->message.has_unmasking());
    }
  }
  EXPECT_TRUE(protocol.finished());
}

TEST_P(JournalTest, ASessionThatIsCutGoesOnByteForByte) {
  Shell whole(Options());
  whole.Play(events_);
  ASSERT_EQ(whole.journal.size(), entries());
  Shell uncut(Options());
  for (size_t cut = 0; cut <= entries(); ++cut) {
    // What had left at the latest when entry `cut` was durable.
    const size_t before = uncut.outside.size();
    if (cut > 0) uncut.Carry(uncut.protocol.Step(events_[cut - 1]));

    Shell again(Options(FirstOf(whole.journal, cut)));
    EXPECT_EQ(again.protocol.session_id(), uncut.protocol.session_id()) << cut;
    EXPECT_EQ(again.protocol.last_outcome(), uncut.protocol.last_outcome()) << cut;
    again.Resume();
    again.Play(events_, cut);
    EXPECT_TRUE(again.protocol.finished()) << cut;
    // The same steps; the input may be encoded sooner than the first time.
    ASSERT_EQ(again.journal.size(), whole.journal.size()) << cut;
    EXPECT_TRUE(
        std::is_permutation(again.journal.begin(), again.journal.end(), whole.journal.begin()))
        << cut;
    // Nothing but what the whole session said, and all of it that the cut may have swallowed.
    ASSERT_LE(again.outside.size(), whole.outside.size()) << cut;
    EXPECT_GE(again.outside.size(), whole.outside.size() - before) << cut;
    EXPECT_TRUE(std::equal(again.outside.rbegin(), again.outside.rend(), whole.outside.rbegin()))
        << cut;
  }
}

// ---- Journals that are refused ----

TEST_P(JournalTest, OneWithAnotherDigestOfWhatWasSentIsRefused) {
  const std::vector<std::string> journal = WholeJournal();
  for (size_t i = 0; i < journal.size(); ++i) {
    v1::JournalEntry entry;
    ASSERT_TRUE(entry.ParseFromString(journal[i]));
    std::vector<std::string> digests = {std::string(32, 'x')};
    if (!entry.sent_digest().empty()) digests.push_back("");
    for (const std::string& digest : digests) {
      std::vector<std::string> changed = journal;
      entry.set_sent_digest(digest);
      changed[i] = entry.SerializeAsString();
      ExpectRefused(changed);
    }
  }
}

TEST_P(JournalTest, OneWithAStepMissingOrTwiceIsRefused) {
  const std::vector<std::string> journal = WholeJournal();
  for (size_t i = 0; i < journal.size(); ++i) {
    std::vector<std::string> changed = journal;
    changed.insert(changed.begin() + static_cast<ptrdiff_t>(i), journal[i]);
    ExpectRefused(changed);
    if (i + 1 == journal.size()) continue;  // Just an older one.
    changed = journal;
    changed.erase(changed.begin() + static_cast<ptrdiff_t>(i));
    ExpectRefused(changed);
  }
}

TEST_P(JournalTest, OneWithBytesThatAreNoStepIsRefused) {
  const std::vector<std::string> journal = WholeJournal();
  v1::JournalEntry short_digest, not_a_message, not_an_outcome, result;
  short_digest.set_input_digest("short");
  not_a_message.set_outcome("\xff\xff");
  v1::ServerMessage accepted;
  accepted.mutable_accepted()->set_round(v1::ROUND_ADVERTISE_KEYS);
  not_an_outcome.set_outcome(accepted.SerializeAsString());
  result.set_outcome(
      std::get<MessageReceived>(events_[events_.size() - 2]).message.SerializeAsString());
  for (const std::string& entry :
       {std::string(), std::string("\xff\xff"), short_digest.SerializeAsString(),
        not_a_message.SerializeAsString(), not_an_outcome.SerializeAsString(),
        result.SerializeAsString()}) {
    for (const size_t place : {size_t{0}, size_t{1}, journal.size()}) {
      std::vector<std::string> changed = journal;
      changed.insert(changed.begin() + static_cast<ptrdiff_t>(place), entry);
      ExpectRefused(changed);
    }
  }
}

TEST_P(JournalTest, OneOfAnotherClientOrCallerIsRefused) {
  const std::vector<std::string> journal = WholeJournal();
  const auto refuse = [&](const std::function<void(ParticipantOptions&)>& change) {
    ParticipantOptions options = Options(journal);
    change(options);
    ExpectStateRefused(ParticipantProtocol::Create(std::move(options)).status());
  };
  refuse([](auto& options) { options.session_secret = TestSecret(77); });
  const crypto::IdentityKeyPair other = TestIdentity(77);
  refuse([&](auto& options) { options.identity = &other; });
  refuse([](auto& options) { options.task_id = "other-task"; });
  refuse([](auto& options) { options.model_hash.emplace().fill('m'); });
  refuse([](auto& options) { options.policy.least_min_survivors = 5; });
}

// ---- What a restart does not open again ----

TEST_P(JournalTest, AnotherInputIsRefused) {
  const std::vector<std::string> journal = WholeJournal();
  const size_t shares_and_input = 5;
  for (size_t cut = 3; cut <= shares_and_input; ++cut) {
    Shell again(Options(FirstOf(journal, cut)));
    const bool encoded = GetParam().second ? cut == 5 : cut >= 4;
    if (!encoded) again.Carry(again.protocol.Step(events_[GetParam().second ? 4 : 3]));
    EXPECT_THAT(again.protocol.Step(InputEncoded{Conversation::InputOf(77)}),
                Declines(v1::REASON_CONFLICT))
        << cut;
  }
}

TEST_P(JournalTest, AnotherOutcomeIsRefused) {
  const std::vector<std::string> journal = WholeJournal();
  v1::ServerMessage roster = std::get<MessageReceived>(events_[1]).message;
  roster.mutable_roster()->mutable_roster()->mutable_seats(0)->set_entry_hash(std::string(32, 'x'));
  EXPECT_THAT(Shell(Options(FirstOf(journal, 2))).protocol.Step(Hear(roster)),
              Declines(v1::REASON_ROSTER_REFUSED));
  for (size_t cut = 6; cut <= journal.size(); ++cut) {
    EXPECT_THAT(Shell(Options(FirstOf(journal, cut)))
                    .protocol.Step(Hear(conversation_.Survivors(conversation_.Everybody()))),
                Declines(v1::REASON_SURVIVORS_REFUSED));
    EXPECT_TRUE(Shell(Options(FirstOf(journal, cut)))
                    .protocol.Step(Hear(conversation_.Survivors(conversation_.AllBut({4}))))
                    .empty());
  }
}

// A journal from a backup: the aggregator has more of this client than it knows of.
TEST_P(JournalTest, AnOldStateShows) {
  const std::vector<std::string> journal = WholeJournal();
  std::vector<v1::Round> sent = {v1::ROUND_UNSPECIFIED,    v1::ROUND_ADVERTISE_KEYS,
                                 v1::ROUND_ADVERTISE_KEYS, v1::ROUND_SHARE_KEYS,
                                 v1::ROUND_SHARE_KEYS,     v1::ROUND_MASKED_INPUT_COLLECTION};
  if (GetParam().first) sent.push_back(v1::ROUND_CONSISTENCY_CHECK);
  sent.push_back(v1::ROUND_UNMASKING);
  ASSERT_EQ(sent.size(), journal.size() + 1);
  for (size_t cut = 0; cut <= journal.size(); ++cut) {
    for (int round = v1::ROUND_ADVERTISE_KEYS; round <= v1::ROUND_UNMASKING; ++round) {
      Shell again(Options(FirstOf(journal, cut)));
      v1::ServerMessage message;
      message.mutable_accepted()->set_round(static_cast<v1::Round>(round));
      const Effects effects = again.protocol.Step(Hear(message));
      if (round <= sent[cut]) {
        EXPECT_TRUE(effects.empty()) << cut;
        continue;
      }
      EXPECT_THAT(effects, Declines(v1::REASON_STATE_REFUSED)) << cut << " in round " << round;
      EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(), HasSubstr("older copy"));
    }
  }
}

// Of the journal's own session the caller's latch says nothing, of what comes after it does.
TEST_P(JournalTest, TheAnswerOfThisSessionIsNoOtherOne) {
  if (!GetParam().first) return;  // TestHeader is bound to no model.
  const std::vector<std::string> journal = WholeJournal();
  for (size_t cut = 1; cut <= journal.size(); ++cut) {
    ParticipantOptions options = Options(FirstOf(journal, cut));
    options.answered = [](const crypto::Digest&) { return true; };
    Shell again(std::move(options));
    again.Resume();
    again.Play(events_, cut);
    EXPECT_TRUE(again.protocol.finished());
    EXPECT_EQ(again.journal.size() == journal.size(), cut == journal.size()) << cut;
    EXPECT_EQ(again.outside.back() == absl::OkStatus().ToString(), cut == journal.size()) << cut;
  }
}

}  // namespace
}  // namespace veilsum::client
