// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Veilsum's client SDK: add your vector to a sum that nobody can take apart.
//
//   auto client = veilsum::Client::Create({.target = "aggregator.example.org:8443",
//                                          .task = "my-model",
//                                          .identity_pem = identity,
//                                          .identities = roster,
//                                          .state_directory = "/var/lib/my-model",
//                                          .root_certificates_pem = roots});
//   auto result = (*client)->Aggregate(update, {.weight = number_of_samples,
//                                               .model_hash = veilsum::HashModel(model)});
//   // result->mean is the weighted mean over all clients of the session.
//
// One Aggregate is one FL round: it waits for the next session of the task, takes part in it, and
// comes back with the mean. Broken connections are not your concern: the session goes on where it
// stopped. docs/protocol.md says what is computed, docs/threat-model.md what it protects against.
//
// Errors are absl::Status; ReasonName() gives the stable reason of one for programs to branch on.
// No exceptions are thrown, and none may leave a callback.
#ifndef VEILSUM_CLIENT_SDK_VEILSUM_H_
#define VEILSUM_CLIENT_SDK_VEILSUM_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client_sdk/progress.h"

namespace veilsum {

// A few threads that any number of clients in one process share. Thread-safe. Let the last
// reference, and that of the last client, go on a thread that is not one of them.
class Executor {
 public:
  // At least one thread.
  static std::shared_ptr<Executor> Create(int threads);
  ~Executor();

  struct Impl;
  Impl& impl() { return *impl_; }  // For the SDK alone.

 private:
  explicit Executor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What the aggregator may do and still learn nothing but the sum.
enum class Tier {
  kSemiHonest,  // It follows the protocol, but is curious.
  kMalicious,   // It does anything, with a part of the clients under its control.
};

// What the caller knows of the session's vector; a session of another one is refused. Those that
// are absent may be anything.
struct ExpectedVector {
  std::optional<uint64_t> dimension{};  // Elements of the update.
  std::optional<float> clip{};          // Elements are clipped to [-clip, clip].
  std::optional<float> norm_clip{};     // Greatest L2 norm; 0: it is not clipped.
  std::optional<uint32_t> quantisation_bits{};
  std::optional<uint64_t> max_weight{};
};

// What this client insists on: a session that is weaker is refused, whatever the aggregator says.
// The refusal and its reason reach the aggregator's operator.
struct Policy {
  Tier least_tier = Tier::kMalicious;
  uint32_t least_n_min = 3;            // Least inputs in a published sum.
  double least_corruption_rate = 0.0;  // γ
  // How many of all who are enrolled, not just of one session, may be in league with the
  // aggregator, as far as this client is prepared to believe. A session of the malicious tier must
  // withstand so many: γ times its least number of inputs (and never less than 1). With more of
  // them than this, the aggregator can read this client's update.
  uint32_t most_corrupted = 1;
  uint32_t greatest_modulus_bits = 63;
  ExpectedVector expected{};
  // Sessions of the malicious tier that are bound to no model. An aggregator may then hand each
  // client another model, and have sums of the same updates unmasked again without one of them.
  bool accept_unbound_model = false;
  // The malicious tier without `identities`: an aggregator that makes up clients can surround this
  // one with them and read its update off the sum.
  bool trust_aggregator_identities = false;
  // Most sessions, of all tasks of the state directory, within 24 hours; 0: any number. Who takes
  // part when, over many sessions, says something too.
  uint32_t sessions_per_day = 0;
};

// Every member has a default, so that designated initialisers may leave any of them out without a
// compiler's warning.
struct ClientOptions {
  std::string target{};  // host:port of the aggregator.
  std::string task{};    // Whose sessions to take part in.

  // This client's Ed25519 identity, a PKCS#8 PEM as `openssl genpkey -algorithm ed25519` writes
  // it. Long-lived; the public half is enrolled with the task. One client per identity at a time.
  std::string identity_pem{};
  // Whose identities this client believes in, from elsewhere than the aggregator: the contents of
  // the consortium's roster file, or those of the enrolment authority's public key file (PEM).
  // Required for the malicious tier.
  std::string identities{};
  // The contents of the file in which the authority enrols this client (`veilsum enroll sign`).
  // Required if `identities` is an authority's key; its roster version is this client's.
  std::string enrolment{};

  // Where this client keeps what it must not forget, between two starts too; made if it is not
  // there, in a parent that is. One directory for each client; never restore it from a backup.
  // Empty: in memory. Then a client that dies is out of its session, and when it comes back, an
  // aggregator may have it answer a second time for the same model, and subtract the two sums.
  std::string state_directory{};

  // Who may vouch for the aggregator's certificate; empty: the system's authorities. Veilsum's
  // aggregator speaks TLS 1.3 alone. gRPC has no option for a client to insist on that; in the
  // environment, GRPC_SSL_CIPHER_SUITES=PSK-AES256-GCM-SHA384 leaves TLS 1.2 nothing to agree on.
  std::string root_certificates_pem{};
  // For aggregators that ask for a TLS certificate of the client; both or none.
  std::string client_certificate_pem{};
  std::string client_key_pem{};
  // No TLS: anybody on the way sees who takes part and may cut or delay; for tests on one machine.
  bool insecure = false;

  Policy policy{};

  // Null: two threads of the client's own.
  std::shared_ptr<Executor> executor{};
};

// For people and logs: "waiting for a session".
absl::string_view StageName(Progress::Stage stage);

// The integers that this client adds to the sum, each below 2^modulus_bits, before they are
// masked: the weighted levels of the update's elements, then the weight. As secret as the update.
struct QuantisedInput {
  std::string session_id;  // 32 hexadecimal digits.
  uint32_t modulus_bits = 0;
  std::vector<uint64_t> elements;  // dimension + 1
};

// Not thread-safe, like all options. Callbacks come one at a time, in order, on threads of the
// executor. The session waits for them: do not block, and do not destroy the client.
struct AggregateOptions {
  // How much this update counts, for example its number of samples: 1 … the task's greatest. It
  // is summed under the mask like the update, so nobody learns it.
  uint64_t weight = 1;
  // SHA-256 of the model and plan that this update was really trained from (HashModel); the session
  // must name the same. Compute it yourself; never take it from the aggregator. This client helps
  // to unmask one sum for each model, over all sessions. Without one, see accept_unbound_model.
  std::optional<std::array<uint8_t, 32>> model_hash{};
  // For everything: waiting for a session, the session, the result. Must be above zero.
  absl::Duration timeout = absl::InfiniteDuration();

  std::function<void(const Progress&)> on_progress{};
  // Local observers, for audits: what they see never goes on the wire because of them.
  std::function<void(const QuantisedInput&)> observe_quantised{};
  // Exactly the bytes that the aggregator receives as this client's input, each once, in order.
  std::function<void(uint64_t offset, absl::Span<const uint8_t> bytes)> observe_masked{};
};

struct AggregateResult {
  // False if the session's sum is for its operator only; then mean is empty and weight_sum is 0.
  bool has_mean = false;
  // The weighted mean of the updates in the sum, as many elements as the update.
  std::vector<float> mean;
  uint64_t weight_sum = 0;
  uint32_t participants = 0;  // Whose inputs are in the sum.
  // Of this update's elements: were outside the session's clip. 0 also where this client came back
  // after a crash, with its input already in.
  double fraction_clipped = 0;
  std::string session_id;  // 32 hexadecimal digits.
};

// A hash of a model for AggregateOptions::model_hash: SHA-256 over its bytes, floats as
// little-endian IEEE 754. The bytes of a file give what `veilsum session start --model FILE` binds
// a session to.
std::array<uint8_t, 32> HashModel(absl::Span<const float> model);
std::array<uint8_t, 32> HashModel(absl::Span<const uint8_t> model);

// The stable reason of a failure, for programs: a name of `Reason` in proto/reason.proto without
// its prefix, such as "TOO_FEW_CLIENTS" or "MODEL_MISMATCH". Empty if there is none.
absl::string_view ReasonName(const absl::Status& status);

// A handle on a running aggregation. Copies are the same; dropping them changes nothing.
// Thread-safe; may outlive the client.
class Operation {
 public:
  // Leaves the session: the callback gets CANCELLED, unless it is over already. No waiting.
  void Cancel();

  struct State;
  explicit Operation(std::shared_ptr<State> state);  // For the SDK alone.

 private:
  std::shared_ptr<State> state_;
};

// One identity's client of one task. Thread-safe, but it takes part in one session at a time.
// Keeps its connection between calls.
class Client {
 public:
  // INVALID_ARGUMENT naming the option; reason NOT_ENROLLED if `identities` does not vouch for this
  // client. Reason STATE_REFUSED for the state directory: FAILED_PRECONDITION if another client has
  // it, if it was restored from an older copy, or comes from a newer version; DATA_LOSS,
  // RESOURCE_EXHAUSTED or INTERNAL for files and disks that are damaged, full, or cannot be used.
  // Does not connect yet.
  static absl::StatusOr<std::unique_ptr<Client>> Create(ClientOptions options);

  // Cancels what is running and waits until its callback has returned. Not from a callback.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Takes part in the next session of the task and waits for its end. Not from a callback.
  //
  // If the process died in a session and the state directory knows, goes on with that one instead,
  // if the aggregator still has a place in it for this client and, where they were encoded already,
  // with the same update and weight. Otherwise that session is left, and this call takes part in a
  // new one; not if the old one's sum was answered for, which is never done twice for a model: then
  // the error says what became of it. One of another model is left without a word.
  //
  // The update must stay as it is until this returns: it is encoded again for what is sent again.
  //
  //   INVALID_ARGUMENT     The update has a NaN, an infinity or another length than the task says,
  //                        or was changed meanwhile; the weight is 0 or above the task's greatest;
  //                        the timeout is not above zero. The aggregator got no input, or not all
  //                        of it; the client may try again.
  //   FAILED_PRECONDITION  Another Aggregate of this client is running; or the session was weaker
  //                        than the policy, of another model, or one too many, or its aggregator
  //                        or another client broke the protocol, so that this client left it (see
  //                        ReasonName).
  //   ABORTED              The aggregator dropped this client (too late, for example), ended the
  //                        session (too few clients, for example), or lost it: it keeps sessions
  //                        in memory, or its data directory was lost (UNKNOWN_SESSION). The next FL
  //                        round may work. DISPLACED: another client with the same identity has
  //                        connected.
  //   NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED, UNIMPLEMENTED
  //                        The aggregator does not know the task, or refuses the client.
  //   UNAVAILABLE          The aggregator was gone until after the session's deadlines, or there
  //                        and silent for twice as long.
  //   DATA_LOSS, RESOURCE_EXHAUSTED, INTERNAL with the reason STATE_REFUSED
  //                        The state directory could not be written, and nothing left that would
  //                        have had to be remembered.
  //   DEADLINE_EXCEEDED    The timeout; the text says what the last trouble was.
  //   CANCELLED            The client was destroyed.
  absl::StatusOr<AggregateResult> Aggregate(absl::Span<const float> update,
                                            AggregateOptions options = {});

  // The same without waiting. `done` is called once, on a thread of the executor, also for errors
  // that show at once. The next aggregation may be started from within it.
  Operation AggregateAsync(std::vector<float> update, AggregateOptions options,
                           std::function<void(absl::StatusOr<AggregateResult>)> done);

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace veilsum

#endif  // VEILSUM_CLIENT_SDK_VEILSUM_H_
