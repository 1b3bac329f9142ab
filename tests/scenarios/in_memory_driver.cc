// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/in_memory_driver.h"

#include <memory>
#include <random>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/scenarios/aggregator_node.h"
#include "tests/scenarios/client_node.h"

namespace veilsum::scenarios {
namespace {

// Far more than any scenario needs: about 20 steps a client, and chaos on top.
constexpr uint64_t kStepsPerClient = 2'000;

class Driver {
 public:
  Driver(const Scenario& scenario, const InMemoryOptions& options)
      : scenario_(scenario),
        options_(options),
        cast_(std::make_shared<const Cast>(scenario)),
        random_(options.schedule_seed) {
    AtWork([&] {
      aggregator_ =
          std::make_unique<AggregatorNode>(scenario_, *cast_, options_.chaos.target_fraction);
    });
    for (uint32_t client = 0; client < scenario.clients(); ++client) {
      clients_.push_back(std::make_unique<ClientNode>(
          scenario_, *cast_, client, &blackboard_,
          ClientNode::Options{options_.chunk_bytes, options_.schedule_seed % 2 == 0}));
    }
  }

  Outcome Play() {
    const uint64_t limit = kStepsPerClient * (scenario_.clients() + 10);
    uint64_t steps = 0;
    while (steps < limit && PlayStep()) ++steps;
    Outcome outcome;
    if (steps == limit) {
      outcome.violations.push_back(absl::StrCat("I9: still going on after ", limit, " steps"));
    }
    AtWork([&] { aggregator_->Report(outcome); });
    for (const auto& client : clients_) {
      outcome.clients.push_back(client->Report());
      outcome.violations.insert(outcome.violations.end(), client->violations.begin(),
                                client->violations.end());
    }
    // Shared, so that inputs can be made again after the driver is gone.
    outcome.input_of = [clients = std::make_shared<Clients>(std::move(clients_)),
                        cast = cast_](uint32_t client) { return (*clients)[client]->Input(); };
    return outcome;
  }

 private:
  using Clients = std::vector<std::unique_ptr<ClientNode>>;

  template <class Work>
  void AtWork(const Work& work) {
    if (options_.aggregator_at_work) options_.aggregator_at_work(true);
    work();
    if (options_.aggregator_at_work) options_.aggregator_at_work(false);
    Deliver();
  }

  // From the aggregator's hands into the queues; what a dead connection gets is lost.
  void Deliver() {
    if (aggregator_ == nullptr) return;
    for (; !aggregator_->mail.empty(); aggregator_->mail.pop_front()) {
      AggregatorNode::Mail& mail = aggregator_->mail.front();
      ClientNode& client = *clients_[mail.client];
      if (!client.listens()) continue;
      if (auto* message = std::get_if<MessagePtr>(&mail.content)) {
        client.inbox.push_back(std::move(*message));
      } else {
        client.upload_inbox.push_back(std::get<UploadAnswer>(std::move(mail.content)));
      }
    }
  }

  // ---- What may happen next ----

  void AddClientActions(uint32_t index) {
    ClientNode& client = *clients_[index];
    if (!client.started) {
      if (MayStart(index)) actions_.push_back({kConnect, index});
      return;
    }
    if (!client.outbox.empty() && MaySpeak(index)) actions_.push_back({kSpeak, index});
    if (!client.inbox.empty()) actions_.push_back({kHear, index});
    if (!client.upload_inbox.empty()) actions_.push_back({kHearUpload, index});
    if (client.can_upload() && MayUpload(index)) actions_.push_back({kUpload, index});
    if (client.wants_to_return()) actions_.push_back({kReturn, index});
    if (client.wants_result() && client.listens()) actions_.push_back({kFetch, index});
  }

  bool MaySpeak(uint32_t index) const {
    const v1::Round round = RoundOf(clients_[index]->outbox.front());
    const auto& waits_for = scenario_.script(index).waits_for;
    if (waits_for.has_value() && waits_for->round == round &&
        !clients_[waits_for->other]->ended()) {
      return false;
    }
    return options_.slow_client != index || aggregator_->finished() || round != kUnmasking;
  }

  bool MayStart(uint32_t index) const {
    const ClientScript& script = scenario_.script(index);
    if (script.too_late) return aggregator_->phase() != aggregator::Phase::kAdvertiseKeys;
    if (!script.joins_last) return true;
    for (uint32_t other = 0; other < clients_.size(); ++other) {
      const ClientScript& theirs = scenario_.script(other);
      if (theirs.joins_last || theirs.too_late || theirs.waits_for.has_value()) continue;
      if (!clients_[other]->advertised()) return false;
    }
    return true;
  }

  bool MayUpload(uint32_t index) {
    if (!options_.one_upload_at_a_time) return true;
    for (const auto& client : clients_) {
      if (!client->inbox.empty() || !client->outbox.empty()) return false;
    }
    if (uploading_.has_value() && *uploading_ != index &&
        (clients_[*uploading_]->can_upload() || !clients_[*uploading_]->upload_inbox.empty() ||
         aggregator_->can_fold())) {
      return false;
    }
    uploading_ = index;
    return true;
  }

  bool PlayStep() {
    const Chaos& chaos = options_.chaos;
    if (Chance(chaos.cut + chaos.vanish + chaos.give_up + chaos.evict)) MakeTrouble();
    bool uploading = false;
    actions_.clear();
    for (uint32_t client = 0; client < clients_.size(); ++client) AddClientActions(client);
    if (aggregator_->can_fold()) actions_.push_back({kFold, 0});
    if (aggregator_->can_unmask()) actions_.push_back({kUnmask, 0});
    if (actions_.empty() || Chance(chaos.early_timer)) {
      if (!FireTimer() && actions_.empty()) return false;
    } else {
      uploading = Act(actions_[random_() % actions_.size()]);
    }
    if (options_.after_step) options_.after_step(PresentRound(), uploading);
    return true;
  }

  enum Kind { kConnect, kSpeak, kHear, kHearUpload, kUpload, kReturn, kFetch, kFold, kUnmask };
  struct Choice {
    Kind kind;
    uint32_t client;
  };

  v1::Round PresentRound() const {
    const std::optional<aggregator::Phase> phase = aggregator_->phase();
    return phase.has_value() ? aggregator::RoundOf(*phase) : v1::ROUND_UNSPECIFIED;
  }

  // True if it was about an upload.
  bool Act(const Choice& choice) {
    Carry(choice);
    return choice.kind == kUpload || choice.kind == kHearUpload || choice.kind == kFold;
  }

  void Carry(const Choice& choice) {
    ClientNode& client = *clients_[choice.client];
    switch (choice.kind) {
      case kConnect:
        client.started = true;
        return AtWork([&] { aggregator_->Connect(choice.client); });
      case kSpeak: {
        const v1::ClientMessage message = client.outbox.front();
        if (!Chance(options_.chaos.duplicate)) client.outbox.pop_front();
        Count(true, message);
        return AtWork([&] { aggregator_->Receive(choice.client, message); });
      }
      case kHear: {
        const MessagePtr message = std::move(client.inbox.front());
        client.inbox.pop_front();
        Count(false, *message);
        return client.Hear(*message);
      }
      case kHearUpload: {
        const UploadAnswer answer = std::move(client.upload_inbox.front());
        client.upload_inbox.pop_front();
        return client.HearUpload(answer);
      }
      case kUpload: {
        const v1::UploadRequest request = client.NextUploadRequest();
        Count(true, request);
        return AtWork([&] { aggregator_->ReceiveUpload(choice.client, request); });
      }
      case kReturn:
        return Return(choice.client);
      case kFetch:
        return client.TakeResult(aggregator_->packed_sum());
      case kFold:
        return AtWork([&] { aggregator_->FinishFold(); });
      case kUnmask:
        return AtWork([&] { aggregator_->Unmask(); });
    }
  }

  template <class Message>
  void Count(bool from_client, const Message& message) {
    if (options_.on_message) options_.on_message(from_client, message.ByteSizeLong());
  }

  // A Hello that names the session resumes it; without an offer there is none to name.
  void Return(uint32_t index) {
    ClientNode& client = *clients_[index];
    client.Return();
    AtWork([&] {
      if (client.session_id().empty()) {
        aggregator_->Connect(index);
      } else {
        aggregator_->Resume(index, client.last_outcome());
      }
    });
  }

  bool FireTimer() {
    const std::optional<aggregator::Phase> phase = aggregator_->phase();
    if (!phase.has_value()) return false;
    const bool again = least_time_passed_ == phase;
    least_time_passed_ = phase;
    AtWork([&] { again ? aggregator_->PassDeadline() : aggregator_->PassLeastTime(); });
    return true;
  }

  // ---- Chaos ----

  bool Chance(double probability) {
    return probability > 0 && std::uniform_real_distribution<>(0, 1)(random_) < probability;
  }

  void MakeTrouble() {
    const Chaos& chaos = options_.chaos;
    const uint32_t index = static_cast<uint32_t>(random_() % clients_.size());
    ClientNode& client = *clients_[index];
    const double all = chaos.cut + chaos.vanish + chaos.give_up + chaos.evict;
    const double dice = std::uniform_real_distribution<>(0, all)(random_);
    if (dice < chaos.evict) return AtWork([&] { aggregator_->Evict(index); });
    if (!client.started || !client.listens()) return;
    if (dice < chaos.evict + chaos.cut) return client.Cut();
    dice < chaos.evict + chaos.cut + chaos.give_up ? client.GiveUp() : client.Vanish();
  }

  const Scenario& scenario_;
  const InMemoryOptions& options_;
  const std::shared_ptr<const Cast> cast_;
  Blackboard blackboard_;
  std::mt19937_64 random_;
  std::unique_ptr<AggregatorNode> aggregator_;
  Clients clients_;
  std::vector<Choice> actions_;
  std::optional<uint32_t> uploading_;
  std::optional<aggregator::Phase> least_time_passed_;
};

}  // namespace

Outcome PlayInMemory(const Scenario& scenario, const InMemoryOptions& options) {
  return Driver(scenario, options).Play();
}

}  // namespace veilsum::scenarios
