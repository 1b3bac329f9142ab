// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/network.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/transcript.h"
#include "tests/fuzz/bend.h"
#include "tests/simulation/cast.h"

namespace veilsum::simulation {
namespace {

// The decisions of tests/fuzz/bend.h, from a number.
class BendInput {
 public:
  explicit BendInput(uint64_t seed) {
    Random random(seed);
    for (uint8_t& byte : bytes_) byte = static_cast<uint8_t>(random.Next());
  }
  fuzz::Input& input() { return input_; }

 private:
  std::array<uint8_t, 64> bytes_{};
  fuzz::Input input_{crypto::ByteSpan(bytes_)};
};

void SignAgain(uint32_t client, const crypto::Digest& transcript, crypto::ProtocolRound round,
               v1::SignedMessage& message) {
  const crypto::Digest digest = crypto::MessageSignatureDigest(
      transcript, round, crypto::Sha256(crypto::AsBytes(message.body())));
  message.set_signature(crypto::ToString(
      crypto::Sign(IdentityOf(client), crypto::kLabelMessageSignature, digest).bytes()));
}

template <class Body>
void BendBody(fuzz::Input& input, v1::SignedMessage& message) {
  Body body;
  if (!body.ParseFromString(message.body())) return;
  fuzz::Bend(input, body);
  message.set_body(body.SerializeAsString());
}

}  // namespace

Network::Network(const Plan& plan, AggregatorProcess::Surroundings around)
    : plan_(plan), around_(around), lines_(plan.clients) {}

void Network::Join(AggregatorProcess* aggregator, std::vector<Participant>* participants) {
  aggregator_ = aggregator;
  participants_ = participants;
}

uint64_t Network::Arrival(Line& line, uint64_t& last) {
  const uint64_t flight = around_.random.Between(200, 15 * kMillisecond);
  last = std::max({last, around_.clock.now() + flight, line.held_until});
  return last;
}

// ---- To the aggregator ----

void Network::Connect(uint32_t client, AggregatorProcess::Hello hello) {
  Line& line = lines_[client];
  Participant& participant = (*participants_)[client];
  const uint64_t number = ++numbers_;
  if (around_.clock.now() < line.cut_off_until || !aggregator_->up()) {
    return around_.clock.After(around_.random.Between(1, 50) * kMillisecond,
                               [&participant] { participant.ConnectionLost(); });
  }
  line.connection = number;
  line.incarnation = aggregator_->incarnation();
  line.to_aggregator = line.to_client = 0;
  around_.clock.At(Arrival(line, line.to_aggregator),
                   [this, client, number, hello, incarnation = line.incarnation] {
                     if (number <= lines_[client].lost_connections || !aggregator_->up() ||
                         aggregator_->incarnation() != incarnation) {
                       return;
                     }
                     aggregator_->Connect(client, number, hello);
                   });
  participant.Established();
}

void Network::Say(uint32_t client, v1::ClientMessage message) {
  Line& line = lines_[client];
  if (line.connection == 0) return;
  said_.push_back(message);
  if (line.bend_next.has_value() && !message.has_withdraw()) {
    BendNow(client, *std::exchange(line.bend_next, std::nullopt), message);
  }
  if (std::exchange(line.duplicate_next, false)) Deliver(client, message);
  Deliver(client, std::move(message));
}

void Network::Deliver(uint32_t client, v1::ClientMessage message) {
  Line& line = lines_[client];
  around_.clock.At(Arrival(line, line.to_aggregator),
                   [this, client, connection = line.connection, incarnation = line.incarnation,
                    message = std::move(message)] {
                     if (connection <= lines_[client].lost_connections || !aggregator_->up() ||
                         aggregator_->incarnation() != incarnation) {
                       return;
                     }
                     if (around_.witness.tracing()) {
                       around_.witness.Trace(absl::StrCat(
                           "client ", client, " says kind ", message.message_case(),
                           message.has_withdraw() ? message.withdraw().ShortDebugString() : ""));
                     }
                     aggregator_->Receive(client, connection, message);
                   });
}

uint64_t Network::Call(uint32_t client) {
  lines_[client].upload_to_aggregator = 0;
  return lines_[client].call = ++numbers_;
}

void Network::Upload(uint32_t client, uint64_t call, v1::UploadRequest request) {
  Line& line = lines_[client];
  if (line.call != call) return;
  if (line.bend_chunk_next.has_value()) {
    BendInput bend(std::exchange(line.bend_chunk_next, std::nullopt)->b);
    line.bent = true;
    fuzz::Bend(bend.input(), request);
  }
  const bool cut_off = around_.clock.now() < line.cut_off_until;
  const uint64_t incarnation = aggregator_->incarnation();
  around_.clock.At(
      Arrival(line, line.upload_to_aggregator),
      [this, client, call, cut_off, incarnation, request = std::move(request)] {
        if (call <= lines_[client].lost_calls) return;
        if (cut_off || !aggregator_->up() || aggregator_->incarnation() != incarnation) {
          return (*participants_)[client].CallLost(call);
        }
        aggregator_->ReceiveUpload(client, call, request);
      });
}

void Network::Download(uint32_t client) {
  Line& line = lines_[client];
  uint64_t arrival = 0;
  const bool cut_off = around_.clock.now() < line.cut_off_until;
  around_.clock.At(Arrival(line, arrival), [this, client, cut_off] {
    absl::StatusOr<std::string> packed = absl::UnavailableError("nobody there");
    if (aggregator_->up() && !cut_off) packed = aggregator_->Download();
    uint64_t back = 0;
    around_.clock.At(Arrival(lines_[client], back), [this, client, packed = std::move(packed)] {
      (*participants_)[client].HearDownload(packed);
    });
  });
}

// ---- To clients ----

void Network::Tell(uint32_t client, uint64_t connection, MessagePtr message) {
  Line& line = lines_[client];
  if (line.connection != connection) return;
  around_.clock.At(Arrival(line, line.to_client),
                   [this, client, connection, message = std::move(message)] {
                     if (lines_[client].connection != connection) return;
                     (*participants_)[client].Hear(*message);
                   });
}

void Network::AnswerUpload(uint32_t client, uint64_t call, UploadAnswer answer) {
  Line& line = lines_[client];
  uint64_t arrival = 0;
  around_.clock.At(Arrival(line, arrival), [this, client, call, answer = std::move(answer)] {
    if (lines_[client].call == call) (*participants_)[client].HearUpload(call, answer);
  });
}

// ---- Faults ----

void Network::BreakStream(uint32_t client, bool lose, uint64_t notice_after) {
  Line& line = lines_[client];
  if (line.connection == 0) return;
  const uint64_t connection = std::exchange(line.connection, 0);
  if (lose) line.lost_connections = connection;
  around_.clock.After(notice_after, [this, client] { (*participants_)[client].ConnectionLost(); });
  around_.clock.After(around_.random.Between(0, 2'000) * kMillisecond, [this, client, connection] {
    if (aggregator_->up()) aggregator_->Disconnect(client, connection);
  });
}

void Network::BreakCall(uint32_t client, bool lose, uint64_t notice_after) {
  Line& line = lines_[client];
  if (line.call == 0) return;
  const uint64_t call = std::exchange(line.call, 0);
  if (lose) line.lost_calls = call;
  around_.clock.After(notice_after,
                      [this, client, call] { (*participants_)[client].CallLost(call); });
}

void Network::AggregatorDied() {
  for (uint32_t client = 0; client < plan_.clients; ++client) {
    const uint64_t notice = around_.random.Between(0, 100) * kMillisecond;
    BreakStream(client, false, notice);
    BreakCall(client, false, notice);
  }
}

void Network::Cut(const Disturbance& one) {
  const bool lose = (one.a & 1) != 0;
  const uint64_t notice = (one.a & 2) != 0 ? one.b * kMillisecond : 0;
  if ((one.a & 12) != 8) BreakStream(one.client, lose, notice);
  if ((one.a & 12) != 4) BreakCall(one.client, lose, notice);
}

void Network::Partition(const Disturbance& one) {
  Line& line = lines_[one.client];
  line.cut_off_until = std::max(line.cut_off_until, around_.clock.now() + one.b * kMillisecond);
  Cut({Kind::kPartition, 0, one.client, one.a & 3, one.b});
}

void Network::Delay(const Disturbance& one) {
  Line& line = lines_[one.client];
  line.held_until = std::max(line.held_until, around_.clock.now() + one.b * kMillisecond);
}

void Network::ProcessDied(uint32_t client) {
  Line& line = lines_[client];
  const uint64_t connection = std::exchange(line.connection, 0);
  line.call = 0;
  line.duplicate_next = false;
  around_.clock.After(around_.random.Between(0, 2'000) * kMillisecond, [this, client, connection] {
    if (aggregator_->up()) aggregator_->Disconnect(client, connection);
  });
}

void Network::Replay(const Disturbance& one) {
  Line& line = lines_[one.client];
  if (said_.empty() || line.connection == 0) return;
  line.bent = true;
  Deliver(one.client, said_[one.a % said_.size()]);
}

void Network::Bend(const Disturbance& one) { lines_[one.client].bend_next = one; }
void Network::BendChunk(const Disturbance& one) { lines_[one.client].bend_chunk_next = one; }

void Network::BendNow(uint32_t client, const Disturbance& one, v1::ClientMessage& message) {
  lines_[client].bent = true;
  BendInput bend(one.b);
  const crypto::Digest* transcript =
      aggregator_->up() ? aggregator_->protocol()->transcript() : nullptr;
  if ((one.a & 1) != 0 && transcript != nullptr && message.has_share_keys()) {
    BendBody<v1::ShareKeys>(bend.input(), *message.mutable_share_keys());
    return SignAgain(client, *transcript, crypto::ProtocolRound::kShareKeys,
                     *message.mutable_share_keys());
  }
  if ((one.a & 1) != 0 && transcript != nullptr && message.has_unmasking()) {
    BendBody<v1::Unmasking>(bend.input(), *message.mutable_unmasking());
    return SignAgain(client, *transcript, crypto::ProtocolRound::kUnmasking,
                     *message.mutable_unmasking());
  }
  fuzz::Bend(bend.input(), message);
  // Text that is not UTF-8 would never arrive.
  if (message.has_withdraw()) message.mutable_withdraw()->set_detail("bent");
}

}  // namespace veilsum::simulation
