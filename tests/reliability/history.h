// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What clients saw, wrote down while it happened, and what the operator saw of the same sessions.
// For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_HISTORY_H_
#define VEILSUM_TESTS_RELIABILITY_HISTORY_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/operator.pb.h"
#include "proto/participant.pb.h"
#include "proto/rounds.pb.h"

namespace veilsum::reliability {

// Of one client in one session, over all its connections and its own restarts.
struct ClientView {
  std::optional<uint64_t> weight;  // Of its input: see InputOf.
  bool receipt = false;
  bool durable_receipt = false;
  std::optional<std::string> survivors;  // The bitmap.
  std::optional<std::string> result;     // Serialised v1::SessionResult.
  std::map<uint32_t, bool> opened;       // Owner of a share: was it b?
  std::optional<uint32_t> participants;  // Its aggregation was a success.
};

// The sessions, by their ids.
using ClientViews = std::map<std::string, std::map<int, ClientView>>;

// Thread-safe.
class History {
 public:
  void Offered(const std::string& session, int client);
  void Input(const std::string& session, int client, uint64_t weight);
  void Receipt(const std::string& session, int client, const v1::UploadReceipt& receipt);
  void Survivors(const std::string& session, int client, const v1::SurvivorSet& survivors);
  void Result(const std::string& session, int client, const v1::SessionResult& result);
  void Opened(const std::string& session, int client, const v1::Unmasking& message);
  void Success(const std::string& session, int client, uint32_t participants);
  void Failure(const absl::Status& status);
  // The aggregator was killed, and what follows is another process's.
  void Killed();
  // Anything that must not be.
  void Violation(std::string text);

  ClientViews views() const;
  // Sessions that were offered before a kill and had a result after it.
  int outlived_kills() const;
  std::vector<std::string> violations() const;
  // How aggregations ended that were no success, by reason or code.
  std::map<std::string, int> failures() const;

 private:
  ClientView& At(const std::string& session, int client) { return views_[session][client]; }
  // What is told again must be the same.
  void Same(std::optional<std::string>& first, const std::string& now, const char* what,
            const std::string& session);

  mutable std::mutex mutex_;
  ClientViews views_;
  std::vector<std::string> violations_;
  std::map<std::string, int> failures_;
  int kills_ = 0;
  std::map<std::string, int> offered_after_;  // By session: so many kills.
  std::set<std::string> outlived_;
};

// What the operator read of a session that has ended.
struct OperatorView {
  v1::Session session;
  std::string packed_sum;  // Of one that completed, if it could still be read.
};
using OperatorViews = std::map<std::string, OperatorView>;

std::string Hex(const std::string& bytes);

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_HISTORY_H_
