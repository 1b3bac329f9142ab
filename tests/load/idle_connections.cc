// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/load/idle_connections.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/client_callback.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "crypto/transcript/transcript.h"
#include "proto/limits.h"
#include "proto/participant.grpc.pb.h"

namespace veilsum::load {
namespace {

// How many of the connections are where.
class Tally {
 public:
  void Stands() { Change(1, 0); }
  // `stood`: it was counted before.
  void Ends(bool stood, std::string why) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (last_end_.empty()) last_end_ = std::move(why);
    }
    Change(stood ? -1 : 0, 1);
  }
  // Until no more than `under_way` of the `started` ones neither stand nor have ended.
  void Await(int started, int under_way) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return started - stood_ - ended_at_once_ <= under_way; });
  }
  void AwaitEnds(int all) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return ended_ >= all; });
  }
  nlohmann::json Report() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return {{"standing", standing_}, {"ended", ended_}, {"first_end", last_end_}};
  }

 private:
  void Change(int standing, int ended) {
    const std::lock_guard<std::mutex> lock(mutex_);
    standing_ += standing;
    ended_ += ended;
    if (standing > 0) ++stood_;
    if (ended > 0 && standing == 0) ++ended_at_once_;
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int standing_ = 0;
  int stood_ = 0;  // At some time.
  int ended_ = 0;
  int ended_at_once_ = 0;  // Without having stood.
  std::string last_end_;
};

std::string Bytes(absl::Span<const uint8_t> bytes) { return crypto::ToString(bytes); }

// One participant that is told to wait.
class WaitingClient final : public grpc::ClientBidiReactor<v1::ClientMessage, v1::ServerMessage> {
 public:
  WaitingClient(const std::shared_ptr<grpc::Channel>& channel, std::string task, Tally& tally)
      : stub_(v1::ParticipantService::NewStub(channel)), task_(std::move(task)), tally_(tally) {}

  void Begin() {
    stub_->async()->Participate(&context_, this);
    StartRead(&incoming_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (incoming_.has_challenge()) {
      SayHello(incoming_.challenge().nonce());
    } else if (!stands_ && incoming_.has_waiting()) {
      stands_ = true;
      tally_.Stands();
    }
    StartRead(&incoming_);
  }

  void SayHello(const std::string& nonce) {
    const auto identity = crypto::IdentityKeyPair::Generate(crypto::RandomBytes);
    const crypto::Digest digest = crypto::HelloSignatureDigest(
        crypto::AsBytes(nonce), crypto::AsBytes(task_), {}, identity.public_key());
    v1::Hello& hello = *outgoing_.mutable_hello();
    hello.set_identity(Bytes(identity.public_key().bytes()));
    hello.set_task_id(task_);
    hello.set_protocol_version(limits::kProtocolVersion);
    hello.set_signature(
        Bytes(crypto::Sign(identity, crypto::kLabelHelloSignature, digest).bytes()));
    StartWrite(&outgoing_);
  }

  void OnDone(const grpc::Status& status) override { tally_.Ends(stands_, status.error_message()); }

  const std::unique_ptr<v1::ParticipantService::Stub> stub_;
  const std::string task_;
  Tally& tally_;
  grpc::ClientContext context_;
  v1::ClientMessage outgoing_;
  v1::ServerMessage incoming_;
  bool stands_ = false;
};

}  // namespace

struct IdleConnections::State {
 public:
  explicit State(IdleOptions options) : options_(std::move(options)) {}

  void Connect() {
    for (uint32_t i = 0; i < options_.connections; ++i) {
      channels_.push_back(MakeChannel());
      options_.silent ? ConnectOnly(*channels_.back()) : Participate(channels_.back());
      tally_.Await(static_cast<int>(i) + 1, static_cast<int>(options_.at_once));
    }
    tally_.Await(static_cast<int>(options_.connections), 0);
  }

  nlohmann::json Report() const {
    if (!options_.silent) return tally_.Report();
    int standing = 0;
    for (const auto& channel : channels_) {
      standing += channel->GetState(false) == GRPC_CHANNEL_READY ? 1 : 0;
    }
    return {{"standing", standing}};
  }

  void End() {
    for (const auto& client : clients_) client->Cancel();
    tally_.AwaitEnds(static_cast<int>(clients_.size()));  // Their reactors must outlive that.
  }

 private:
  std::shared_ptr<grpc::Channel> MakeChannel() const {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = options_.roots_pem;
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, limits::kKeepaliveMs);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    return grpc::CreateCustomChannel(
        options_.target,
        options_.roots_pem.empty() ? grpc::InsecureChannelCredentials() : grpc::SslCredentials(tls),
        arguments);
  }

  void Participate(const std::shared_ptr<grpc::Channel>& channel) {
    clients_.push_back(std::make_unique<WaitingClient>(channel, options_.task, tally_));
    clients_.back()->Begin();
  }

  void ConnectOnly(grpc::Channel& channel) {
    channel.GetState(/*try_to_connect=*/true);
    if (channel.WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(60))) {
      tally_.Stands();
    } else {
      tally_.Ends(false, "no connection");
    }
  }

  const IdleOptions options_;
  Tally tally_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<WaitingClient>> clients_;
};

IdleConnections::IdleConnections(IdleOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}

IdleConnections::~IdleConnections() { state_->End(); }

void IdleConnections::Connect() { state_->Connect(); }

nlohmann::json IdleConnections::Report() const { return state_->Report(); }

}  // namespace veilsum::load
