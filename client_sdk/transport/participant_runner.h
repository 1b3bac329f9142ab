// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One client in one session over gRPC: carries out what ParticipantProtocol wants, through broken
// connections, until there is a result or a reason why not.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_PARTICIPANT_RUNNER_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_PARTICIPANT_RUNNER_H_

#include <asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client_sdk/progress.h"
#include "client_sdk/protocol/session_policy.h"
#include "client_sdk/state/session_store.h"
#include "client_sdk/transport/hooks.h"
#include "crypto/masking/lanes.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/secret.h"
#include "proto/session.pb.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace veilsum::client {

// What the caller sees; not the Progress of participant_protocol.h, which comes from the
// aggregator.
using RunnerProgress = ::veilsum::Progress;

struct RunnerResult {
  bool has_mean = false;  // Only if the session's audience includes participants.
  std::vector<float> mean;
  uint64_t weight_sum = 0;
  uint32_t participants = 0;
  double fraction_clipped = 0;  // 0 too where a restart came after the input was in.
  std::string session_id;       // 16 bytes.
};

struct RunnerOptions {
  explicit RunnerOptions(crypto::SessionSecret secret) : session_secret(std::move(secret)) {}

  std::shared_ptr<grpc::Channel> channel;
  asio::thread_pool* pool = nullptr;  // Not owned; outlives `done`. Many runners share one.

  std::shared_ptr<const crypto::IdentityKeyPair> identity;
  crypto::SessionSecret session_secret;  // Fresh and random for each runner.
  uint64_t backoff_seed = 0;             // Random, so that clients do not come back in step.
  SessionPolicy policy;
  std::string task_id;
  std::optional<crypto::Digest> model_hash;
  std::string enrolment_signature;  // 64 bytes, for the entry; or empty.

  // What is remembered beyond this runner; null: nothing. An unfinished session of the task is
  // taken up again, with its own secret instead of session_secret.
  std::shared_ptr<SessionStore> store;
  uint32_t sessions_per_day = 0;  // Most that may start within 24 hours; 0: any number.
  std::function<absl::Time()> now = [] { return absl::Now(); };

  absl::Span<const float> update;  // Not owned; outlives `done`, and stays as it is until then.
  uint64_t weight = 1;
  absl::Duration timeout = absl::InfiniteDuration();
  // Beyond the deadlines that the header names: folding, unmasking and the way back take time too.
  // With the aggregator gone the session is given up after that, with a silent one after as long
  // again as the deadlines.
  absl::Duration session_slack = absl::Seconds(30);

  // Called on threads of the pool, one at a time, in order; null for no interest. They must not
  // block for long: the session waits.
  std::function<void(const RunnerProgress&)> on_progress;
  // The integers that this client adds to the sum, the weight last; before they are masked.
  std::function<void(const v1::SessionHeader&, const crypto::LaneVector&)> observe_quantised;
  // The masked bytes as they go to the aggregator, each once, in order.
  std::function<void(uint64_t offset, absl::string_view bytes)> observe_masked;
  Hooks hooks;
};

// Thread-safe: Start once, then Cancel from any thread, as often as you like. Keeps itself alive
// until `done` has been called.
class ParticipantRunner {
 public:
  // Called once, on a thread of the pool, when no RPC and no task of this runner is left.
  // Errors, most with a reason (proto/reason_status.h): CANCELLED, DEADLINE_EXCEEDED (timeout),
  // INVALID_ARGUMENT (the update or weight does not fit the session), UNAVAILABLE (gone, or silent,
  // until after the session's deadlines), those of the store (nothing that depended on what could
  // not be remembered has left), and why the aggregator or the protocol ended it (ABORTED with
  // REASON_UNKNOWN_SESSION: the aggregator lost the session: it keeps sessions in memory, or its
  // data directory was lost). However it ended, the session is erased from the store, unless a
  // test's hook killed the runner.
  using Done = std::function<void(absl::StatusOr<RunnerResult>)>;

  // INVALID_ARGUMENT for options that the protocol does not take; errors of the store. Where the
  // unfinished session cannot be taken up again, FAILED_PRECONDITION with REASON_STATE_REFUSED, and
  // it is erased: the next runner begins a new one. Reads from the store.
  static absl::StatusOr<std::shared_ptr<ParticipantRunner>> Create(RunnerOptions options);
  virtual ~ParticipantRunner() = default;

  virtual void Start(Done done) = 0;
  virtual void Cancel() = 0;

  // From `done` on: the error is about a session that an earlier process began, and says that there
  // was nothing left to go on with: it had ended meanwhile, or without this client, or stands with
  // another input. The caller still may take part in a new one. On the thread of `done`.
  virtual bool session_was_over() const = 0;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_PARTICIPANT_RUNNER_H_
