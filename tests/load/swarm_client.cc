// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/load/swarm_client.h"

#include <atomic>
#include <utility>

#include "client_sdk/transport/channel.h"
#include "client_sdk/transport/participant_runner.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/identities/roster_file.h"
#include "crypto/primitives/random.h"
#include "tests/load/dropouts.h"

namespace veilsum::load {
namespace {

class Staying final : public SwarmClient {
 public:
  static absl::StatusOr<std::unique_ptr<SwarmClient>> Make(
      const SwarmClientOptions& options, const crypto::IdentityKeyPair& identity) {
    ClientOptions client;
    client.target = options.target;
    client.task = options.task;
    client.identity_pem =
        crypto::ToString(crypto::ExposeSecret(crypto::FormatIdentityPem(identity)));
    client.identities = options.roster;
    client.root_certificates_pem = options.roots_pem;
    client.insecure = options.roots_pem.empty();
    client.policy.least_tier = Tier::kSemiHonest;
    client.policy.expected.clip = options.clip;
    client.policy.expected.quantisation_bits = options.quantisation_bits;
    client.policy.accept_unbound_model = true;
    client.executor = options.executor;
    absl::StatusOr<std::unique_ptr<Client>> made = Client::Create(std::move(client));
    if (!made.ok()) return made.status();
    return std::unique_ptr<SwarmClient>(new Staying(*std::move(made), options.timeout));
  }

  void Begin(std::vector<float> update, const std::shared_ptr<Inputs>& inputs,
             SwarmClientEvents events) override {
    AggregateOptions options;
    options.timeout = timeout_;
    options.on_progress = std::move(events.progress);
    options.observe_quantised = [inputs](const QuantisedInput& input) {
      inputs->Add(input.modulus_bits, input.elements);
    };
    client_->AggregateAsync(
        std::move(update), std::move(options),
        [ended = std::move(events.ended)](absl::StatusOr<AggregateResult> result) {
          ended(false, std::move(result));
        });
  }

 private:
  Staying(std::unique_ptr<Client> client, absl::Duration timeout)
      : client_(std::move(client)), timeout_(timeout) {}

  const std::unique_ptr<Client> client_;
  const absl::Duration timeout_;
};

// What Client does, and a hook that ends it.
class Leaving final : public SwarmClient {
 public:
  Leaving(const SwarmClientOptions& options, crypto::IdentityKeyPair identity, v1::Round leaves,
          std::shared_ptr<const client::IdentityRoot> root)
      : options_(options),
        identity_(std::make_shared<const crypto::IdentityKeyPair>(std::move(identity))),
        leaves_(leaves),
        root_(std::move(root)) {}

  void Begin(std::vector<float> update, const std::shared_ptr<Inputs>& inputs,
             SwarmClientEvents events) override {
    update_ = std::move(update);
    left_ = false;
    client::RunnerOptions options(crypto::SessionSecret::Generate(crypto::RandomBytes));
    crypto::RandomBytes(absl::MakeSpan(reinterpret_cast<uint8_t*>(&options.backoff_seed),
                                       sizeof(options.backoff_seed)));
    options.channel = client::MakeChannel(
        {options_.target, options_.roots_pem, "", "", options_.roots_pem.empty()});
    options.pool = options_.pool.get();
    options.identity = identity_;
    options.policy.least_tier = v1::TIER_SEMI_HONEST;
    options.policy.accept_unbound_model = true;
    options.policy.identity_root = root_;
    options.task_id = options_.task;
    options.update = update_;
    options.timeout = options_.timeout;
    options.on_progress = std::move(events.progress);
    if (IsIncluded(leaves_)) {
      options.observe_quantised = [inputs](const v1::SessionHeader& header,
                                           const crypto::LaneVector& input) {
        input.Visit([&](auto lanes) { inputs->Add(header.vector().modulus_bits(), lanes); });
      };
    }
    options.hooks.at = [this](const client::Point& point) { return At(point); };
    auto runner = client::ParticipantRunner::Create(std::move(options));
    if (!runner.ok()) return events.ended(false, runner.status());
    (*runner)->Start(
        [this, ended = std::move(events.ended)](absl::StatusOr<client::RunnerResult> result) {
          if (left_) return ended(true, absl::AbortedError("it left"));
          if (!result.ok()) return ended(false, result.status());
          AggregateResult told;
          told.has_mean = result->has_mean;
          told.mean = std::move(result->mean);
          told.participants = result->participants;
          ended(false, std::move(told));
        });
  }

 private:
  client::Fault At(const client::Point& point) {
    using Moment = client::Point::Moment;
    const bool begins =
        point.moment == Moment::kBeforeSend || point.moment == Moment::kBeforeUpload;
    if (!begins || point.round != leaves_) return client::Fault::kNone;
    left_ = true;
    return client::Fault::kDie;
  }

  const SwarmClientOptions options_;
  const std::shared_ptr<const crypto::IdentityKeyPair> identity_;
  const v1::Round leaves_;
  const std::shared_ptr<const client::IdentityRoot> root_;
  std::vector<float> update_;
  std::atomic<bool> left_{false};
};

absl::StatusOr<std::shared_ptr<const client::IdentityRoot>> RootOf(const std::string& roster) {
  if (roster.empty()) return nullptr;
  const absl::StatusOr<crypto::RosterFile> file = crypto::ParseRosterFile(roster, "roster");
  if (!file.ok()) return file.status();
  client::IdentityRoster root{file->version, {}};
  for (const auto& [identity, name] : file->names) root.identities.insert(identity);
  return std::make_shared<const client::IdentityRoot>(std::move(root));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SwarmClient>> MakeSwarmClient(const SwarmClientOptions& options,
                                                             crypto::IdentityKeyPair identity,
                                                             v1::Round leaves) {
  if (leaves == v1::ROUND_UNSPECIFIED) return Staying::Make(options, identity);
  auto root = RootOf(options.roster);
  if (!root.ok()) return root.status();
  return std::make_unique<Leaving>(options, std::move(identity), leaves, *std::move(root));
}

}  // namespace veilsum::load
