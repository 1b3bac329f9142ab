// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A whole session of the malicious tier over the fake aggregator, for one real client that may die
// and come back: the other clients, and what the aggregator says, are a Conversation's. For tests
// only.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_SESSION_TESTING_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_SESSION_TESTING_H_

#include <asio.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "client_sdk/protocol/conversation_testing.h"
#include "client_sdk/transport/fake_aggregator.h"
#include "client_sdk/transport/participant_runner.h"

namespace veilsum::client {

class TestSession {
 public:
  static constexpr uint32_t kClients = 5;
  static constexpr uint32_t kPosition = 2;  // The real client's.

  // Plays the session in memory to know what everybody says.
  TestSession();
  ~TestSession();

  // Of the real client, without a store; the secret is the one that the conversation knows.
  RunnerOptions Options();

  // Runs a client, and serves it, until it is done. What it had been told in an earlier run, it is
  // told again only if it asks for it. `was_over`: what the runner says of its end.
  absl::StatusOr<RunnerResult> Run(RunnerOptions options, bool* was_over = nullptr);

  // For tests that play the aggregator's side themselves, between two runs.
  FakeAggregator& aggregator() { return aggregator_; }

  // What the aggregator says; tests may bend it.
  std::map<v1::Outcome, std::vector<v1::ServerMessage>> messages;
  // Said first to whoever comes back; what was accepted last, unless a test wants otherwise.
  std::optional<v1::Round> accepted;
  // What receipts promise.
  v1::Durability durability = v1::DURABILITY_IN_MEMORY;
  // The last outcome that has been announced.
  v1::Outcome announced = v1::OUTCOME_OFFER;

  // What has arrived, in all runs: each message, which must always be the same; every whole
  // upload; every Hello.
  std::map<v1::Round, std::string> sent;
  std::vector<std::string> uploads;
  std::vector<v1::Hello> hellos;
  std::optional<v1::Withdraw> withdrawn;

  // What the core in memory sent.
  std::map<v1::Round, std::string> expected;
  const std::vector<float> update = std::vector<float>(21, 0.25f);

 private:
  struct Event {
    std::shared_ptr<FakeAggregator::Control> from;
    std::optional<v1::ClientMessage> message;  // Neither: the stream has ended.
    std::optional<std::string> upload;
  };

  void ServeUploads();
  void ServeDownloads();
  void ServeControl(const std::shared_ptr<FakeAggregator::Control>& control);
  void Announce(FakeAggregator::Control& control, v1::Outcome outcome);
  void Take(FakeAggregator::Control& control, const v1::ClientMessage& message);

  Conversation conversation_;
  std::string packed_;
  FakeAggregator aggregator_;
  asio::thread_pool pool_{2};
  Mailbox<Event> events_;
  std::vector<std::thread> threads_;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_SESSION_TESTING_H_
