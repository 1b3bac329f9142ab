// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A client's own journal, from a disk that cannot be trusted. An even first byte: the entries
// follow, each behind two bytes of length. An odd one: a genuine journal, changed by what follows.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proto/journal.pb.h"
#include "proto/reason_status.h"
#include "tests/adversary/malicious_aggregator.h"
#include "tests/fuzz/bend.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace veilsum::fuzz {
namespace {

using adversary::MaliciousAggregator;

// Whose journal it is.
struct Owner {
  std::shared_ptr<const crypto::IdentityKeyPair> identity;
  client::SessionPolicy policy;
  crypto::SessionSecret secret;
  std::vector<std::string> journal;
};

const Owner& TheOwner() {
  static const Owner* const owner = [] {
    const adversary::Cohort cohort{.clients = 5};
    MaliciousAggregator aggregator(cohort);
    const auto everybody = aggregator.Everybody();
    aggregator.PlayUntilUploads();
    aggregator.ShowSurvivorsTo(everybody, everybody);
    aggregator.PassSignaturesTo(everybody, everybody);
    const auto identities = adversary::IdentitiesOf(cohort);
    return new Owner{identities[0], adversary::PolicyFor(identities),
                     aggregator.client(0).session_secret(), aggregator.client(0).journal()};
  }();
  return *owner;
}

std::vector<std::string> RawJournal(Input& input) {
  std::vector<std::string> journal;
  while (!input.empty()) journal.push_back(input.Text(input.Below(65536)));
  return journal;
}

std::vector<std::string> BentJournal(Input& input) {
  std::vector<std::string> journal = TheOwner().journal;
  for (uint32_t changes = input.Below(4); changes > 0 && !journal.empty(); --changes) {
    const uint32_t at = input.Below(static_cast<uint32_t>(journal.size()));
    const uint32_t other = input.Below(static_cast<uint32_t>(journal.size()));
    switch (input.Below(6)) {
      case 0:
        journal.resize(at);
        break;
      case 1:
        journal.erase(journal.begin() + at);
        break;
      case 2:
        std::swap(journal[at], journal[other]);
        break;
      case 3:
        Bend(input, journal[at]);
        break;
      default: {
        v1::JournalEntry entry;
        if (!entry.ParseFromString(journal[at])) break;
        v1::ServerMessage outcome;
        if (entry.has_outcome() && outcome.ParseFromString(entry.outcome())) {
          Bend(input, outcome);
          entry.set_outcome(outcome.SerializeAsString());
          if (input.Below(2) == 1) entry.clear_sent_digest();
        } else {
          Bend(input, entry);
        }
        journal[at] = entry.SerializeAsString();
      }
    }
  }
  return journal;
}

}  // namespace

void FuzzOne(crypto::ByteSpan data) {
  Input input(data);
  const Owner& owner = TheOwner();
  const bool genuine = input.Byte() % 2 == 1;
  client::ParticipantOptions options{owner.identity.get(), owner.secret.Clone()};
  options.policy = owner.policy;
  options.task_id = adversary::kTaskId;
  options.model_hash = adversary::ModelHash();
  options.journal = genuine ? BentJournal(input) : RawJournal(input);
  const std::vector<std::string> journal = options.journal;
  auto protocol = client::ParticipantProtocol::Create(std::move(options));
  if (!protocol.ok()) {
    Require(protocol.status().code() == absl::StatusCode::kFailedPrecondition &&
                ReasonOf(protocol.status()) == v1::REASON_STATE_REFUSED,
            "a journal that cannot be played is refused as one");
    Require(journal.size() > owner.journal.size() ||
                !std::equal(journal.begin(), journal.end(), owner.journal.begin()),
            "a client takes its own journal");
    return;
  }
  (void)protocol->TakeReplayed();
  (void)protocol->Step(client::Reconnected{});
}

}  // namespace veilsum::fuzz
