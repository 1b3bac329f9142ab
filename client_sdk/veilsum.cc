// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/veilsum.h"

#include <algorithm>
#include <asio.hpp>
#include <bit>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <future>
#include <mutex>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client_sdk/prepared_options.h"
#include "client_sdk/transport/channel.h"
#include "client_sdk/transport/participant_runner.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/reason_status.h"

namespace veilsum {
namespace {

using client::ParticipantRunner;
using client::RunnerOptions;
using client::RunnerResult;

constexpr int kOwnThreads = 2;

// What needs no session to be seen.
absl::Status CheckCall(absl::Span<const float> update, const AggregateOptions& options,
                       const client::SessionPolicy& policy) {
  if (options.timeout <= absl::ZeroDuration()) return CallerError("timeout: must be above zero");
  if (options.weight == 0) return CallerError("weight: must be at least 1");
  if (update.empty()) return CallerError("update: must have at least one element");
  if (policy.least_tier == v1::TIER_MALICIOUS && !policy.accept_unbound_model &&
      !options.model_hash.has_value()) {
    return CallerError(
        "model_hash: the malicious tier needs the hash of the model that the update was trained "
        "from (HashModel), unless policy.accept_unbound_model is set");
  }
  const auto bad =
      std::find_if(update.begin(), update.end(), [](float v) { return !std::isfinite(v); });
  if (bad == update.end()) return absl::OkStatus();
  return CallerError(absl::StrCat("update[", bad - update.begin(), "]: must be finite, is ", *bad));
}

QuantisedInput PublicInput(const v1::SessionHeader& header, const crypto::LaneVector& lanes) {
  QuantisedInput input;
  input.session_id = absl::BytesToHexString(header.session_id());
  input.modulus_bits = header.vector().modulus_bits();
  lanes.Visit([&](auto span) { input.elements.assign(span.begin(), span.end()); });
  return input;
}

absl::StatusOr<AggregateResult> PublicResult(absl::StatusOr<RunnerResult> result) {
  if (!result.ok()) return result.status();
  AggregateResult out;
  out.has_mean = result->has_mean;
  out.mean = std::move(result->mean);
  out.weight_sum = result->weight_sum;
  out.participants = result->participants;
  out.fraction_clipped = result->fraction_clipped;
  out.session_id = absl::BytesToHexString(result->session_id);
  return out;
}

void PassObservers(AggregateOptions options, RunnerOptions& runner) {
  runner.on_progress = std::move(options.on_progress);
  if (options.observe_quantised != nullptr) {
    runner.observe_quantised = [observe = std::move(options.observe_quantised)](
                                   const v1::SessionHeader& header,
                                   const crypto::LaneVector& lanes) {
      observe(PublicInput(header, lanes));
    };
  }
  if (options.observe_masked != nullptr) {
    runner.observe_masked = [observe = std::move(options.observe_masked)](uint64_t offset,
                                                                          absl::string_view bytes) {
      observe(offset, crypto::AsBytes(bytes));
    };
  }
}

}  // namespace

// ---- Executor ----

struct Executor::Impl {
  explicit Impl(int threads) : pool(static_cast<size_t>(std::max(1, threads))) {}
  asio::thread_pool pool;
};

std::shared_ptr<Executor> Executor::Create(int threads) {
  return std::shared_ptr<Executor>(new Executor(std::make_unique<Impl>(threads)));
}

Executor::Executor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// What is left belongs to runners that have ended: it is over in no time.
Executor::~Executor() { impl_->pool.join(); }

// ---- Operation ----

struct Operation::State {
  std::mutex mutex;
  std::shared_ptr<ParticipantRunner> runner;  // Null once its end is being told.
  bool cancelled = false;                     // For a runner that is yet to be made.
};

Operation::Operation(std::shared_ptr<State> state) : state_(std::move(state)) {}

void Operation::Cancel() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->cancelled = true;
  if (state_->runner != nullptr) state_->runner->Cancel();
}

// ---- Client ----

struct Client::Impl {
  using Done = std::function<void(absl::StatusOr<AggregateResult>)>;

  using Clock = std::chrono::steady_clock;

  // One Aggregate: a session, and one more if the first was an earlier process's and over.
  struct Call {
    absl::Span<const float> update;
    AggregateOptions options;
    Done done;
    Clock::time_point started;
    std::shared_ptr<Operation::State> operation;
  };

  // `update` outlives the call of `done`.
  Operation Start(absl::Span<const float> update, AggregateOptions options, Done done);
  // OK: a runner is on its way, and Ended follows.
  absl::Status Run(const std::shared_ptr<Call>& call);
  void Ended(const std::shared_ptr<Call>& call, const ParticipantRunner& runner,
             absl::StatusOr<RunnerResult> result);
  bool MayBeginAnother(const Call& call);
  absl::StatusOr<std::shared_ptr<ParticipantRunner>> MakeRunner(const Call& call);
  // OK: this call is the one that runs.
  absl::Status Enter(const std::shared_ptr<Operation::State>& operation);
  void Leave(const std::shared_ptr<Operation::State>& operation);
  // Calls `done`; the client lives until it has returned.
  void Tell(const Done& done, absl::StatusOr<AggregateResult> result);

  std::string task;
  uint32_t sessions_per_day = 0;
  PreparedOptions prepared;
  std::shared_ptr<grpc::Channel> channel;
  std::shared_ptr<Executor> executor;

  std::mutex mutex;
  std::condition_variable idle;
  bool closing = false;
  int untold = 0;                             // Calls whose `done` has not returned.
  std::shared_ptr<Operation::State> current;  // Null: nothing is running.
};

absl::Status Client::Impl::Enter(const std::shared_ptr<Operation::State>& operation) {
  const std::lock_guard<std::mutex> lock(mutex);
  ++untold;
  if (closing) {
    return MakeError(absl::StatusCode::kCancelled, v1::REASON_CANCELLED,
                     "the client is being destroyed");
  }
  if (current != nullptr) {
    return absl::FailedPreconditionError(
        "another Aggregate of this client is running; wait for it, or use one client for each");
  }
  current = operation;
  return absl::OkStatus();
}

void Client::Impl::Leave(const std::shared_ptr<Operation::State>& operation) {
  {
    const std::lock_guard<std::mutex> lock(operation->mutex);
    operation->runner = nullptr;
  }
  const std::lock_guard<std::mutex> lock(mutex);
  if (current == operation) current = nullptr;
}

void Client::Impl::Tell(const Done& done, absl::StatusOr<AggregateResult> result) {
  done(std::move(result));
  const std::lock_guard<std::mutex> lock(mutex);
  --untold;
  idle.notify_all();
}

absl::StatusOr<std::shared_ptr<ParticipantRunner>> Client::Impl::MakeRunner(const Call& call) {
  const AggregateOptions& options = call.options;
  absl::Status fits = CheckCall(call.update, options, prepared.policy);
  if (!fits.ok()) return fits;
  RunnerOptions runner(crypto::SessionSecret::Generate(crypto::RandomBytes));
  crypto::RandomBytes(absl::MakeSpan(reinterpret_cast<uint8_t*>(&runner.backoff_seed),
                                     sizeof(runner.backoff_seed)));
  runner.channel = channel;
  runner.pool = &executor->impl().pool;
  runner.identity = prepared.identity;
  runner.policy = prepared.policy;
  runner.enrolment_signature = prepared.enrolment_signature;
  runner.store = prepared.store;
  runner.sessions_per_day = sessions_per_day;
  runner.task_id = task;
  runner.model_hash = options.model_hash;
  runner.update = call.update;
  runner.weight = options.weight;
  runner.timeout = options.timeout - absl::FromChrono(Clock::now() - call.started);
  PassObservers(options, runner);
  return ParticipantRunner::Create(std::move(runner));
}

absl::Status Client::Impl::Run(const std::shared_ptr<Call>& call) {
  absl::StatusOr<std::shared_ptr<ParticipantRunner>> runner = MakeRunner(*call);
  if (!runner.ok()) return runner.status();
  const std::lock_guard<std::mutex> lock(call->operation->mutex);
  call->operation->runner = *runner;
  // Alive as long as it tells.
  (*runner)->Start([this, call, running = runner->get()](absl::StatusOr<RunnerResult> result) {
    Ended(call, *running, std::move(result));
  });
  if (call->operation->cancelled) (*runner)->Cancel();
  return absl::OkStatus();
}

// A model that was answered for is not answered for again: its session is gone, and with it the
// sum.
bool Client::Impl::MayBeginAnother(const Call& call) {
  if (!call.options.model_hash.has_value()) return true;
  const absl::StatusOr<bool> answered = prepared.store->IsAnswered(task, *call.options.model_hash);
  return answered.ok() && !*answered;
}

void Client::Impl::Ended(const std::shared_ptr<Call>& call, const ParticipantRunner& runner,
                         absl::StatusOr<RunnerResult> result) {
  if (!result.ok() && runner.session_was_over() && MayBeginAnother(*call)) {
    absl::Status begun = Run(call);
    if (begun.ok()) return;
    result = std::move(begun);
  }
  Leave(call->operation);
  Tell(call->done, PublicResult(std::move(result)));
}

Operation Client::Impl::Start(absl::Span<const float> update, AggregateOptions options, Done done) {
  auto operation = std::make_shared<Operation::State>();
  const auto call = std::make_shared<Call>(
      Call{update, std::move(options), std::move(done), Clock::now(), operation});
  absl::Status error = Enter(operation);
  if (error.ok()) {
    error = Run(call);
    if (error.ok()) return Operation(operation);
    Leave(operation);
  }
  asio::post(executor->impl().pool, [this, call, error] { Tell(call->done, error); });
  return Operation(operation);
}

absl::StatusOr<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  absl::StatusOr<PreparedOptions> prepared = Prepare(options);
  if (!prepared.ok()) return prepared.status();
  auto impl = std::make_unique<Impl>();
  impl->task = options.task;
  impl->sessions_per_day = options.policy.sessions_per_day;
  impl->prepared = *std::move(prepared);
  impl->channel = client::MakeChannel({options.target, options.root_certificates_pem,
                                       options.client_certificate_pem, options.client_key_pem,
                                       options.insecure});
  impl->executor = options.executor != nullptr ? options.executor : Executor::Create(kOwnThreads);
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Client::~Client() {
  std::shared_ptr<Operation::State> running;
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->closing = true;
    running = impl_->current;
  }
  if (running != nullptr) Operation(running).Cancel();
  std::unique_lock<std::mutex> lock(impl_->mutex);
  impl_->idle.wait(lock, [this] { return impl_->untold == 0; });
}

absl::StatusOr<AggregateResult> Client::Aggregate(absl::Span<const float> update,
                                                  AggregateOptions options) {
  // Shared: set_value may still be running when this returns.
  const auto promise = std::make_shared<std::promise<absl::StatusOr<AggregateResult>>>();
  impl_->Start(update, std::move(options), [promise](absl::StatusOr<AggregateResult> result) {
    promise->set_value(std::move(result));
  });
  return promise->get_future().get();
}

Operation Client::AggregateAsync(std::vector<float> update, AggregateOptions options,
                                 std::function<void(absl::StatusOr<AggregateResult>)> done) {
  auto owned = std::make_shared<const std::vector<float>>(std::move(update));
  return impl_->Start(*owned, std::move(options),
                      [owned, done = std::move(done)](absl::StatusOr<AggregateResult> result) {
                        done(std::move(result));
                      });
}

// ---- Models ----

std::array<uint8_t, 32> HashModel(absl::Span<const uint8_t> model) { return crypto::Sha256(model); }

std::array<uint8_t, 32> HashModel(absl::Span<const float> model) {
  static_assert(std::endian::native == std::endian::little);
  return HashModel(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(model.data()),
                                       model.size() * sizeof(float)));
}

// ---- Names ----

absl::string_view ReasonName(const absl::Status& status) { return ReasonName(ReasonOf(status)); }

absl::string_view StageName(Progress::Stage stage) {
  switch (stage) {
    case Progress::Stage::kConnecting:
      return "connecting";
    case Progress::Stage::kWaiting:
      return "waiting for a session";
    case Progress::Stage::kAdvertiseKeys:
      return "advertising keys";
    case Progress::Stage::kShareKeys:
      return "sharing keys";
    case Progress::Stage::kMaskedInputCollection:
      return "collecting masked inputs";
    case Progress::Stage::kConsistencyCheck:
      return "checking consistency";
    case Progress::Stage::kUnmasking:
      return "unmasking";
    case Progress::Stage::kUploading:
      return "uploading";
    case Progress::Stage::kDownloading:
      return "downloading the sum";
  }
  return "";
}

}  // namespace veilsum
