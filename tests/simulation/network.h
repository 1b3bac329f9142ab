// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What lies between the clients and the aggregator. Of each client: one stream, in order in both
// directions, and upload calls and downloads beside it. Connections of different clients, and a
// client's calls, overtake each other freely. Nothing within one stream does: it is TCP.
#ifndef VEILSUM_TESTS_SIMULATION_NETWORK_H_
#define VEILSUM_TESTS_SIMULATION_NETWORK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/aggregator_process.h"
#include "tests/simulation/clock.h"
#include "tests/simulation/participant.h"
#include "tests/simulation/plan.h"
#include "tests/simulation/random.h"

namespace veilsum::simulation {

class Network {
 public:
  Network(const Plan& plan, AggregatorProcess::Surroundings around);
  // Both outlive it.
  void Join(AggregatorProcess* aggregator, std::vector<Participant>* participants);

  // ---- For clients ----

  void Connect(uint32_t client, AggregatorProcess::Hello hello);
  void Say(uint32_t client, v1::ClientMessage message);
  uint64_t Call(uint32_t client);
  void Upload(uint32_t client, uint64_t call, v1::UploadRequest request);
  void Download(uint32_t client);

  // ---- For the aggregator ----

  void Tell(uint32_t client, uint64_t connection, MessagePtr message);
  void AnswerUpload(uint32_t client, uint64_t call, UploadAnswer answer);
  void AggregatorDied();

  // ---- Faults; `one` is of their kind ----

  void Cut(const Disturbance& one);
  void Partition(const Disturbance& one);
  void Delay(const Disturbance& one);
  void Duplicate(const Disturbance& one) { lines_[one.client].duplicate_next = true; }
  void Replay(const Disturbance& one);
  void Bend(const Disturbance& one);
  void BendChunk(const Disturbance& one);
  // Its process is gone; what it had sent may still arrive.
  void ProcessDied(uint32_t client);

  // It, or something in its name, did not keep to the protocol.
  bool bent(uint32_t client) const { return lines_[client].bent; }

 private:
  struct Line {
    uint64_t connection = 0;  // 0: none.
    uint64_t call = 0;
    // What is on its way to the aggregator over connections and calls up to these is lost.
    uint64_t lost_connections = 0;
    uint64_t lost_calls = 0;
    uint64_t incarnation = 0;  // Of the aggregator that the connection is to.
    // When the last one that is on its way arrives.
    uint64_t to_aggregator = 0;
    uint64_t to_client = 0;
    uint64_t upload_to_aggregator = 0;
    uint64_t held_until = 0;
    uint64_t cut_off_until = 0;
    bool duplicate_next = false;
    std::optional<Disturbance> bend_next;
    std::optional<Disturbance> bend_chunk_next;
    bool bent = false;
  };

  // When something that is sent now arrives, after all that was sent before by `last`.
  uint64_t Arrival(Line& line, uint64_t& last);
  void Deliver(uint32_t client, v1::ClientMessage message);
  void BendNow(uint32_t client, const Disturbance& one, v1::ClientMessage& message);
  void BreakStream(uint32_t client, bool lose, uint64_t notice_after);
  void BreakCall(uint32_t client, bool lose, uint64_t notice_after);

  const Plan& plan_;
  AggregatorProcess::Surroundings around_;
  AggregatorProcess* aggregator_ = nullptr;
  std::vector<Participant>* participants_ = nullptr;
  uint64_t numbers_ = 0;
  std::vector<Line> lines_;
  std::vector<v1::ClientMessage> said_;  // By anybody, once each.
};

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_NETWORK_H_
