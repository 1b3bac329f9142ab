// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What the tests of stores share: things to store, and calls that wait.
#ifndef VEILSUM_AGGREGATOR_STORE_STORE_TESTING_H_
#define VEILSUM_AGGREGATOR_STORE_STORE_TESTING_H_

#include <array>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aggregator/store/blob_store.h"
#include "aggregator/store/session_store.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::aggregator {

inline crypto::IdentityPublicKey Client(uint8_t number) {
  std::array<uint8_t, crypto::IdentityPublicKey::kSize> bytes;
  bytes.fill(number);
  bytes.back() = 7;  // Canonical.
  return *crypto::IdentityPublicKey::Parse(bytes);
}

inline absl::Time At(int64_t second) { return absl::FromUnixSeconds(1'700'000'000 + second); }

inline NewSession MakeSession(char id, int64_t second = 0) {
  return {std::string(16, id), "task", "the task", std::string("header of ") + id, At(second)};
}

inline PutMessage Message(Phase phase, uint8_t from, std::string bytes) {
  const crypto::Digest digest = crypto::Sha256(crypto::AsBytes(bytes));
  return {phase, Client(from), digest, std::move(bytes)};
}

inline std::vector<Operation> OperationsOf(const StoredSession& session) {
  std::vector<Operation> operations;
  for (const StoredOperation& stored : session.operations) operations.push_back(stored.operation);
  return operations;
}

// The status that `call(done)` gets.
template <class Call>
absl::Status Wait(Call&& call) {
  auto status = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> future = status->get_future();
  call([status](absl::Status got) { status->set_value(std::move(got)); });
  return future.get();
}

inline absl::Status Create(SessionStore& store, NewSession session) {
  return Wait([&](auto done) { store.CreateSession(std::move(session), done); });
}
inline absl::Status Store(SessionStore& store, const Claim& claim,
                          std::vector<Operation> operations, int64_t second = 1) {
  return Wait([&](auto done) { store.Commit(claim, std::move(operations), At(second), done); });
}
inline absl::Status Report(SessionStore& store, const Claim& claim, std::string report) {
  return Wait([&](auto done) { store.PutReport(claim, std::move(report), done); });
}
inline absl::Status Forget(SessionStore& store, const Claim& claim) {
  return Wait([&](auto done) { store.ForgetSession(claim, done); });
}
inline absl::Status EndDamaged(SessionStore& store, const std::string& session_id,
                               std::string report) {
  return Wait([&](auto done) { store.EndDamaged(session_id, std::move(report), done); });
}
inline absl::Status Erase(SessionStore& store, const std::string& session_id) {
  return Wait([&](auto done) { store.EraseSession(session_id, done); });
}
inline absl::Status PutTask(SessionStore& store, StoredTask task) {
  return Wait([&](auto done) { store.PutTask(std::move(task), done); });
}
inline absl::Status Write(BlobStore& store, BlobName name, std::string bytes) {
  return Wait([&](auto done) {
    store.Write(std::move(name), std::make_shared<const std::string>(std::move(bytes)), done);
  });
}

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_STORE_TESTING_H_
