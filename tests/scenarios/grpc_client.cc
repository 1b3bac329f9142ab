// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/grpc_client.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"

namespace veilsum::scenarios {
namespace {

using Moment = client::Point::Moment;

// The points of the transport's hooks that a script's point stands for. A masked input that has
// just been sent has no point of its own: its receipt is the next one.
bool Matches(const client::Point& point, const When& when) {
  if (point.round != when.round) return false;
  const bool upload = when.round == kMaskedInput;
  switch (when.moment) {
    case When::Moment::kBefore:
      return point.moment == (upload ? Moment::kBeforeUpload : Moment::kBeforeSend);
    case When::Moment::kSent:
      return point.moment == (upload ? Moment::kAfterReceipt : Moment::kAfterSend);
    case When::Moment::kAfter:
      return point.moment == (upload ? Moment::kAfterReceipt : Moment::kAccepted);
    case When::Moment::kMidUpload:
      return point.moment == Moment::kMidUpload;
  }
  return false;
}

// Who is to die with its receipt may be told who survived before that arrives.
bool IsPast(const client::Point& point, const When& when) {
  return when == After(kMaskedInput) && point.moment == Moment::kBeforeSend &&
         (point.round == kUnmasking || point.round == kConsistencyCheck);
}

}  // namespace

GrpcClient::GrpcClient(const Scenario& scenario, const Cast& cast, uint32_t client,
                       Blackboard* blackboard, Surroundings surroundings)
    : scenario_(scenario),
      cast_(cast),
      client_(client),
      script_(scenario.script(client)),
      surroundings_(std::move(surroundings)),
      update_(UpdateOfCaller(scenario, client)),
      interposer_(scenario, cast, client, blackboard) {}

client::RunnerOptions GrpcClient::MakeOptions(std::shared_ptr<grpc::Channel> channel,
                                              asio::thread_pool& pool) {
  client::RunnerOptions options(cast_.session_secret(client_));
  options.channel = std::move(channel);
  options.pool = &pool;
  options.identity = cast_.shared_identity(client_);
  options.backoff_seed = scenario_.seed() + client_;
  options.policy = PolicyOf(scenario_, cast_);
  options.model_hash = ModelHashOf(scenario_);
  options.task_id = kTaskId;
  options.update = update_;
  options.weight = WeightOfCaller(scenario_, client_);
  options.timeout = absl::Seconds(90);
  options.observe_quantised = [this](const v1::SessionHeader&, const crypto::LaneVector& input) {
    input_ = input;
  };
  options.on_progress = [this](const client::RunnerProgress& progress) {
    if (progress.stage == client::RunnerProgress::Stage::kWaiting) {
      surroundings_.tell(client_, Event::kToldToWait);
    }
  };
  options.hooks.outgoing = [this](v1::ClientMessage message) {
    return Outgoing(std::move(message));
  };
  options.hooks.outgoing_upload = [this](v1::UploadRequest request) {
    return std::optional(interposer_.OutgoingUpload(std::move(request)));
  };
  options.hooks.incoming = [this](v1::ServerMessage message, std::vector<v1::ClientMessage>& say) {
    return Incoming(std::move(message), say);
  };
  options.hooks.at = [this](const client::Point& point) { return At(point); };
  return options;
}

void GrpcClient::Start(std::shared_ptr<grpc::Channel> channel, asio::thread_pool& pool) {
  auto runner = client::ParticipantRunner::Create(MakeOptions(std::move(channel), pool));
  runner_ = *std::move(runner);
  runner_->Start([this](absl::StatusOr<client::RunnerResult> result) {
    result_ = std::move(result);
    surroundings_.tell(client_, Event::kDone);
  });
}

std::optional<v1::ClientMessage> GrpcClient::Outgoing(v1::ClientMessage message) {
  if (script_.waits_for.has_value() && script_.waits_for->round == RoundOf(message)) {
    surroundings_.wait_until_done(script_.waits_for->other);
  }
  return interposer_.Outgoing(std::move(message));
}

std::optional<v1::ServerMessage> GrpcClient::Incoming(v1::ServerMessage message,
                                                      std::vector<v1::ClientMessage>& say) {
  if (message.has_roster()) surroundings_.tell(client_, Event::kRosterSeen);
  if (message.has_accepted() && message.accepted().round() == kAdvertiseKeys) {
    surroundings_.tell(client_, Event::kAdvertised);
  }
  return interposer_.Incoming(std::move(message), say);
}

client::Fault GrpcClient::At(const client::Point& point) {
  if (script_.vanishes.has_value() &&
      (Matches(point, *script_.vanishes) || IsPast(point, *script_.vanishes))) {
    vanished_ = true;
    return client::Fault::kDie;
  }
  for (const When& when : script_.reconnects) {
    if (!Matches(point, when) || std::count(passed_.begin(), passed_.end(), when) > 0) continue;
    passed_.push_back(when);
    interposer_.ConnectionLost();
    return client::Fault::kCutConnection;
  }
  return client::Fault::kNone;
}

ClientOutcome GrpcClient::Report() const {
  ClientOutcome outcome;
  outcome.gone = vanished_;
  outcome.evidence = interposer_.evidence();
  outcome.ended = result_.has_value() && !vanished_;
  if (!outcome.ended) return outcome;
  outcome.status = result_->status();
  if (!result_->ok()) return outcome;
  outcome.included = (*result_)->participants;
  outcome.mean_digest = DigestOf((*result_)->mean);
  outcome.weight_sum = (*result_)->weight_sum;
  return outcome;
}

}  // namespace veilsum::scenarios
