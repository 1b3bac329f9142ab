// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/session_testing.h"

#include <algorithm>
#include <utility>

#include "crypto/masking/packing.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::client {
namespace {

v1::SessionHeader Header() {
  v1::SessionHeader header = MaliciousHeader(TestSession::kClients);
  for (const auto set :
       {&v1::PhaseDeadlines::set_advertise_keys_ms, &v1::PhaseDeadlines::set_share_keys_ms,
        &v1::PhaseDeadlines::set_masked_input_ms, &v1::PhaseDeadlines::set_consistency_check_ms,
        &v1::PhaseDeadlines::set_unmasking_ms}) {
    (header.mutable_deadlines()->*set)(600'000);
  }
  return header;
}

// Any sum of inputs of weight 1.
std::string PackedSum(const v1::VectorSpec& spec) {
  auto lanes = crypto::LaneVector::ForModulus(spec.modulus_bits(), spec.dimension() + 1);
  lanes.Visit([](auto elements) { elements[elements.size() - 1] = TestSession::kClients; });
  std::string packed(crypto::PackedSize(lanes.size(), spec.modulus_bits()), '\0');
  lanes.Visit([&](auto elements) {
    using Lane = typename decltype(elements)::value_type;
    auto* out = reinterpret_cast<uint8_t*>(packed.data());
    EXPECT_TRUE(crypto::Pack(absl::Span<const Lane>(elements), spec.modulus_bits(),
                             absl::MakeSpan(out, packed.size()))
                    .ok());
  });
  return packed;
}

// Which outcome the aggregator announces once it has a client's message of this round.
v1::Outcome OutcomeAfter(v1::Round round) {
  switch (round) {
    case v1::ROUND_ADVERTISE_KEYS:
      return v1::OUTCOME_ROSTER;
    case v1::ROUND_SHARE_KEYS:
      return v1::OUTCOME_SHARES;
    case v1::ROUND_MASKED_INPUT_COLLECTION:
      return v1::OUTCOME_SURVIVORS;
    case v1::ROUND_CONSISTENCY_CHECK:
      return v1::OUTCOME_CONSISTENCY;
    default:
      return v1::OUTCOME_RESULT;
  }
}

}  // namespace

TestSession::TestSession() : conversation_(Header(), kClients) {
  Conversation& c = conversation_;
  const std::vector<bool> everybody = c.Everybody();
  c.DeliverShares(everybody);
  c.AnswerSurvivors(everybody);
  packed_ = PackedSum(c.header().vector());
  messages[v1::OUTCOME_OFFER] = {c.Offer()};
  messages[v1::OUTCOME_ROSTER] = {c.Roster(), c.Neighbours(kPosition)};
  messages[v1::OUTCOME_SHARES] = {c.Shares(kPosition, everybody)};
  messages[v1::OUTCOME_SURVIVORS] = {c.Survivors(everybody)};
  messages[v1::OUTCOME_CONSISTENCY] = {c.Signatures(everybody)};
  messages[v1::OUTCOME_RESULT] = {c.Result(everybody, packed_)};
  expected[v1::ROUND_ADVERTISE_KEYS] = c.advertised[kPosition].SerializeAsString();
  expected[v1::ROUND_SHARE_KEYS] = c.shared[kPosition].SerializeAsString();
  expected[v1::ROUND_CONSISTENCY_CHECK] = c.checks[kPosition]->SerializeAsString();
  expected[v1::ROUND_UNMASKING] = c.unmaskings[kPosition]->SerializeAsString();
  threads_.emplace_back([this] { ServeUploads(); });
  threads_.emplace_back([this] { ServeDownloads(); });
}

TestSession::~TestSession() {
  aggregator_.StopAccepting();
  for (std::thread& thread : threads_) thread.join();
  pool_.join();
}

RunnerOptions TestSession::Options() {
  RunnerOptions options(TestSecret(kPosition));
  options.channel = MakeChannel(aggregator_.channel_options());
  options.pool = &pool_;
  options.identity =
      std::make_shared<const crypto::IdentityKeyPair>(conversation_.identity(kPosition).Clone());
  options.policy = TestPolicy();
  options.task_id = conversation_.header().task_id();
  options.model_hash = TestModel();
  options.update = update;
  return options;
}

absl::StatusOr<RunnerResult> TestSession::Run(RunnerOptions options, bool* was_over) {
  auto runner = ParticipantRunner::Create(std::move(options));
  if (!runner.ok()) return runner.status();
  Mailbox<absl::StatusOr<RunnerResult>> done;
  (*runner)->Start([&done, was_over, runner = runner->get()](absl::StatusOr<RunnerResult> result) {
    if (was_over != nullptr) *was_over = runner->session_was_over();
    done.Put(std::move(result));
  });
  v1::Hello hello;
  const std::shared_ptr<FakeAggregator::Control> control = aggregator_.Greet(&hello);
  hellos.push_back(hello);
  std::thread reader([this, control] {
    while (std::optional<v1::ClientMessage> message = control->Receive()) {
      events_.Put({control, std::move(message), {}});
    }
    events_.Put({control, {}, {}});
  });
  if (!hello.session_id().empty() && accepted.has_value()) {
    v1::ServerMessage message;
    message.mutable_accepted()->set_round(*accepted);
    control->Send(message);
  }
  for (int outcome = hello.last_outcome() + 1; outcome <= announced; ++outcome) {
    Announce(*control, static_cast<v1::Outcome>(outcome));
  }
  ServeControl(control);
  reader.join();
  return *done.Take();
}

void TestSession::ServeControl(const std::shared_ptr<FakeAggregator::Control>& control) {
  while (true) {
    const Event event = *events_.Take();
    if (event.upload.has_value()) {
      uploads.push_back(*event.upload);
      accepted = v1::ROUND_MASKED_INPUT_COLLECTION;
      if (announced < v1::OUTCOME_SURVIVORS) Announce(*control, v1::OUTCOME_SURVIVORS);
    } else if (event.from == control) {
      if (!event.message.has_value()) return;
      Take(*control, *event.message);
    }
  }
}

void TestSession::Take(FakeAggregator::Control& control, const v1::ClientMessage& message) {
  if (message.has_withdraw()) {
    withdrawn = message.withdraw();
    return;
  }
  const v1::Round round = RoundOf(message);
  const std::string bytes =
      message.has_advertise_keys() ? message.advertise_keys().SerializeAsString()
      : message.has_share_keys()   ? message.share_keys().SerializeAsString()
      : message.has_unmasking()    ? message.unmasking().SerializeAsString()
                                   : message.consistency_check().SerializeAsString();
  const auto [before, fresh] = sent.emplace(round, bytes);
  EXPECT_TRUE(fresh || before->second == bytes) << v1::Round_Name(round) << " in other bytes";
  accepted = round;
  v1::ServerMessage reply;
  reply.mutable_accepted()->set_round(round);
  control.Send(reply);
  if (announced < OutcomeAfter(round)) Announce(control, OutcomeAfter(round));
}

void TestSession::Announce(FakeAggregator::Control& control, v1::Outcome outcome) {
  announced = std::max(announced, outcome);
  for (const v1::ServerMessage& message : messages[outcome]) control.Send(message);
}

void TestSession::ServeUploads() {
  while (const auto upload = aggregator_.AcceptUpload()) {
    std::string bytes;
    while (const auto request = upload->Receive()) {
      v1::UploadReply reply;
      if (request->has_open()) {
        reply.mutable_proceed()->set_offset(0);
        upload->Send(reply);
      } else if (request->has_data()) {
        bytes += request->data().payload();
      } else {
        EXPECT_EQ(request->close().digest(),
                  crypto::ToString(crypto::Sha256(crypto::AsBytes(bytes))));
        reply.mutable_receipt()->set_digest(request->close().digest());
        reply.mutable_receipt()->set_durability(durability);
        upload->Send(reply);
        upload->End(absl::OkStatus());
        events_.Put({nullptr, {}, bytes});
      }
    }
  }
}

void TestSession::ServeDownloads() {
  while (const auto download = aggregator_.AcceptDownload()) {
    const uint64_t offset = download->request().offset();
    download->Send(offset, packed_.substr(offset));
    download->End(absl::OkStatus());
  }
}

}  // namespace veilsum::client
