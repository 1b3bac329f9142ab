// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/population.h"

#include <grpcpp/channel.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/state/memory_session_store.h"
#include "client_sdk/transport/channel.h"
#include "client_sdk/transport/participant_runner.h"
#include "crypto/primitives/random.h"
#include "proto/reason_status.h"
#include "proto/session.pb.h"
#include "tests/reliability/checker.h"

namespace veilsum::reliability {

using client::Fault;
using client::Point;

struct Population::Shared {
  Shared(const Installation& i, History& h, PopulationOptions o)
      : installation(i), history(h), options(o) {}

  const Installation& installation;
  History& history;
  const PopulationOptions options;
  asio::thread_pool pool{2};

  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  int running = 0;
  int successes = 0;
  int deaths = 0;
};

// One client. Its callbacks come one at a time, from its runner's strand; what Stop looks at is
// under the lock.
class Population::Member : public std::enable_shared_from_this<Member> {
 public:
  Member(Shared* shared, int number)
      : shared_(*shared),
        number_(number),
        random_(shared->options.seed * 1000 + number),
        update_(InputOf(number, shared->installation.options().dimension)),
        store_(std::make_shared<client::MemorySessionStore>()),
        pause_(shared->pool) {
    channel_ = client::MakeChannel(shared->installation.channel_options(shared->options.port));
  }

  void Begin() {
    auto runner = client::ParticipantRunner::Create(Options());
    if (!runner.ok()) {
      shared_.history.Violation(
          absl::StrCat("client ", number_, " cannot begin: ", runner.status().ToString()));
      return Left();
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      runner_ = *runner;
    }
    (*runner)->Start([self = shared_from_this()](absl::StatusOr<client::RunnerResult> result) {
      self->Ended(std::move(result));
    });
    // Stop may have looked before there was this runner.
    if (!MayGoOn()) (*runner)->Cancel();
  }

  // Whoever is in no session leaves; everybody, if they `must`.
  void Leave(bool must) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (runner_ != nullptr && (must || session_.empty())) runner_->Cancel();
  }

  std::string Where() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (runner_ == nullptr) return "";
    return absl::StrCat("client ", number_, " did not end session ", Hex(session_));
  }

 private:
  client::RunnerOptions Options() {
    client::RunnerOptions options(crypto::SessionSecret::Generate(crypto::RandomBytes));
    options.channel = channel_;
    options.pool = &shared_.pool;
    options.identity = shared_.installation.identity(number_);
    options.backoff_seed = random_();
    options.policy = shared_.installation.policy();
    options.task_id = Installation::kTask;
    options.store = store_;
    options.update = update_;
    options.weight = weight_;
    options.session_slack = shared_.options.session_slack;
    options.observe_quantised = [this](const v1::SessionHeader& header, const auto&) {
      shared_.history.Input(header.session_id(), number_, weight_);
    };
    options.hooks.incoming = [this](v1::ServerMessage message, auto&) {
      Incoming(message);
      return std::optional(std::move(message));
    };
    options.hooks.outgoing = [this](v1::ClientMessage message) {
      Outgoing(message);
      return std::optional(std::move(message));
    };
    options.hooks.receipt = [this](const v1::UploadReceipt& receipt) {
      shared_.history.Receipt(session_, number_, receipt);
    };
    options.hooks.at = [this](const Point&) { return NextFault(); };
    return options;
  }

  void SetSession(const std::string& session) {
    const std::lock_guard<std::mutex> lock(mutex_);
    session_ = session;
  }

  void Incoming(const v1::ServerMessage& message) {
    if (message.has_offer()) {
      v1::SessionHeader header;
      if (!header.ParseFromString(message.offer().header())) return;
      SetSession(header.session_id());
      shared_.history.Offered(session_, number_);
    } else if (message.has_survivors()) {
      shared_.history.Survivors(session_, number_, message.survivors());
    } else if (message.has_result()) {
      shared_.history.Result(session_, number_, message.result());
    }
  }

  void Outgoing(const v1::ClientMessage& message) {
    v1::Unmasking opened;
    if (message.has_hello() && !message.hello().session_id().empty()) {
      SetSession(message.hello().session_id());
    } else if (message.has_unmasking() && opened.ParseFromString(message.unmasking().body())) {
      shared_.history.Opened(session_, number_, opened);
    }
  }

  Fault NextFault() {
    const double drawn = std::uniform_real_distribution<double>(0, 1)(random_);
    if (drawn < shared_.options.death_probability) {
      died_ = true;
      const std::lock_guard<std::mutex> lock(shared_.mutex);
      ++shared_.deaths;
      return Fault::kDie;
    }
    return drawn < shared_.options.death_probability + shared_.options.cut_probability
               ? Fault::kCutConnection
               : Fault::kNone;
  }

  void Ended(absl::StatusOr<client::RunnerResult> result) {
    if (result.ok()) {
      shared_.history.Success(result->session_id, number_, result->participants);
    } else if (!died_) {
      shared_.history.Failure(result.status());
    }
    // A client that died goes on with the same update; otherwise the next one has another weight,
    // so that no sum can be mistaken for that of another session.
    if (!std::exchange(died_, false)) {
      weight_ = 1 + weight_ % Installation::kMaxWeight;
      SetSession("");
    }
    {
      const std::lock_guard<std::mutex> lock(shared_.mutex);
      if (result.ok()) ++shared_.successes;
    }
    if (!MayGoOn()) return Left();
    if (result.ok()) return Begin();
    // What failed at once may fail at once again.
    pause_.expires_after(std::chrono::milliseconds(100));
    pause_.async_wait([self = shared_from_this()](const asio::error_code&) { self->Begin(); });
  }

  // Whoever died in a session goes on with it, also when there shall be no new ones.
  bool MayGoOn() {
    {
      const std::lock_guard<std::mutex> lock(shared_.mutex);
      if (!shared_.stopping) return true;
    }
    const auto unfinished = store_->Unfinished(Installation::kTask);
    return unfinished.ok() && unfinished->has_value();
  }

  void Left() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      runner_ = nullptr;
    }
    const std::lock_guard<std::mutex> lock(shared_.mutex);
    --shared_.running;
    shared_.changed.notify_all();
  }

  Shared& shared_;
  const int number_;
  std::mt19937_64 random_;
  const std::vector<float> update_;
  const std::shared_ptr<client::SessionStore> store_;
  std::shared_ptr<grpc::Channel> channel_;
  asio::steady_timer pause_;
  uint64_t weight_ = 1;
  bool died_ = false;

  std::mutex mutex_;
  std::string session_;  // Written by the callbacks alone.
  std::shared_ptr<client::ParticipantRunner> runner_;
};

Population::Population(const Installation& installation, History& history,
                       PopulationOptions options)
    : shared_(std::make_unique<Shared>(installation, history, options)) {
  for (int i = 0; i < installation.options().clients; ++i) {
    members_.push_back(std::make_shared<Member>(shared_.get(), i));
  }
}

Population::~Population() {
  if (!stopped_) Stop(absl::ZeroDuration());
  shared_->pool.join();
}

void Population::Start() {
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    shared_->running = static_cast<int>(members_.size());
  }
  for (const auto& member : members_) {
    asio::post(shared_->pool, [member] { member->Begin(); });
  }
}

bool Population::Stop(absl::Duration at_most) {
  stopped_ = true;
  const auto all_left = [this] { return shared_->running == 0; };
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    shared_->stopping = true;
  }
  for (const auto& member : members_) member->Leave(false);
  std::unique_lock<std::mutex> lock(shared_->mutex);
  if (shared_->changed.wait_for(lock, absl::ToChronoMilliseconds(at_most), all_left)) return true;
  lock.unlock();
  for (const auto& member : members_) {
    const std::string where = member->Where();
    if (!where.empty() && at_most > absl::ZeroDuration()) shared_->history.Violation(where);
    member->Leave(true);
  }
  lock.lock();
  shared_->changed.wait(lock, all_left);
  return false;
}

int Population::successes() const {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  return shared_->successes;
}

int Population::deaths() const {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  return shared_->deaths;
}

}  // namespace veilsum::reliability
