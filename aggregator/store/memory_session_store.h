// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A SessionStore that is gone with the process: for tests, and the yardstick of the others.
#ifndef VEILSUM_AGGREGATOR_STORE_MEMORY_SESSION_STORE_H_
#define VEILSUM_AGGREGATOR_STORE_MEMORY_SESSION_STORE_H_

#include <asio/thread_pool.hpp>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "aggregator/store/session_store.h"

namespace veilsum::aggregator {

class MemorySessionStore final : public SessionStore {
 public:
  ~MemorySessionStore() override { thread_.join(); }

  absl::StatusOr<std::vector<StoredTask>> Tasks() override;
  absl::StatusOr<std::vector<SessionSummary>> Sessions() override;
  absl::StatusOr<StoredSession> Take(const std::string& session_id) override;
  void PutTask(StoredTask task, Done done) override;
  void CreateSession(NewSession session, Done done) override;
  void Commit(const Claim& claim, std::vector<Operation> operations, absl::Time now,
              Done done) override;
  void PutReport(const Claim& claim, std::string report, Done done) override;
  void ForgetSession(const Claim& claim, Done done) override;
  void EndDamaged(const std::string& session_id, std::string report, Done done) override;
  void EraseSession(const std::string& session_id, Done done) override;
  absl::Status healthy() const override { return absl::OkStatus(); }
  uint64_t queued_bytes() const override { return 0; }

 private:
  struct Session {
    NewSession session;
    uint64_t fence = 1;
    std::vector<StoredOperation> operations;
    std::map<std::string, crypto::Digest> digests;  // By slot.
    bool ended = false;
    bool forgotten = false;
    std::string report;
  };

  // All of these: with mutex_ held.
  void Tell(absl::Status status, Done done);
  absl::StatusOr<Session*> Claimed(const Claim& claim);
  absl::Status Append(Session& session, std::vector<Operation> operations, absl::Time now);
  static void EraseShares(Session& session);

  std::mutex mutex_;
  std::map<std::string, std::string> tasks_;
  std::map<std::string, Session> sessions_;
  asio::thread_pool thread_{1};
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_MEMORY_SESSION_STORE_H_
