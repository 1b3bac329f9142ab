// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A gRPC server over TLS on a free port of the loopback, whose side of every RPC a test plays by
// hand, step by step: it knows no protocol. For tests only.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_FAKE_AGGREGATOR_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_FAKE_AGGREGATOR_H_

#include <grpcpp/server.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "client_sdk/transport/channel.h"
#include "proto/participant.grpc.pb.h"
#include "proto/rpc_error/rpc_error.h"
#include "proto/session.pb.h"

namespace veilsum::client {

// What threads hand over to the test, which waits for it.
template <class T>
class Mailbox {
 public:
  void Put(T value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  // Nothing more will come.
  void Close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  // Waits for the next value; nullopt when there will be none.
  std::optional<T> Take() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !values_.empty(); });
    if (values_.empty()) return std::nullopt;
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
  bool closed_ = false;
};

// The aggregator's side of one stream. Thread-safe.
template <class Request, class Response>
class ServedStream : public grpc::ServerBidiReactor<Request, Response> {
 public:
  // `finish_when_client_does`: a half-closed stream ends with OK by itself.
  static std::shared_ptr<ServedStream> Create(bool finish_when_client_does) {
    std::shared_ptr<ServedStream> stream(new ServedStream(finish_when_client_does));
    stream->self_ = stream;
    stream->StartRead(&stream->incoming_);
    return stream;
  }

  // The client's next message; nullopt when it has broken or half-closed the stream.
  std::optional<Request> Receive() { return received_.Take(); }

  void Send(Response message) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (finished_) return;
    writes_.push_back(std::move(message));
    if (writes_.size() == 1) this->StartWrite(&writes_.front());
  }

  // After what was sent.
  void End(absl::Status status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    EndLocked(ToGrpcStatus(status));
  }

 private:
  explicit ServedStream(bool finish_when_client_does)
      : finish_when_client_does_(finish_when_client_does) {}

  void OnReadDone(bool ok) override {
    if (ok) {
      received_.Put(std::exchange(incoming_, {}));
      this->StartRead(&incoming_);
      return;
    }
    received_.Close();
    if (finish_when_client_does_) End(absl::OkStatus());
  }
  void OnWriteDone(bool /*ok*/) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    writes_.pop_front();
    if (!writes_.empty()) {
      this->StartWrite(&writes_.front());
    } else if (finished_) {
      this->Finish(final_status_);
    }
  }
  void OnCancel() override { End(absl::CancelledError("")); }
  void OnDone() override { const auto last = std::move(self_); }

  void EndLocked(grpc::Status status) {
    if (finished_) return;
    finished_ = true;
    final_status_ = std::move(status);
    if (writes_.empty()) this->Finish(final_status_);
  }

  const bool finish_when_client_does_;
  Request incoming_;
  Mailbox<Request> received_;
  std::mutex mutex_;
  std::deque<Response> writes_;
  bool finished_ = false;
  grpc::Status final_status_;
  std::shared_ptr<ServedStream> self_;
};

// The aggregator's side of one download. Thread-safe.
class ServedDownload : public grpc::ServerWriteReactor<v1::ResultChunk> {
 public:
  static std::shared_ptr<ServedDownload> Create(const v1::DownloadResultRequest& request);

  const v1::DownloadResultRequest& request() const { return request_; }
  void Send(uint64_t offset, std::string payload);
  void End(absl::Status status);

 private:
  explicit ServedDownload(const v1::DownloadResultRequest& request) : request_(request) {}
  void OnWriteDone(bool ok) override;
  void OnCancel() override { End(absl::CancelledError("")); }
  void OnDone() override { const auto last = std::move(self_); }

  const v1::DownloadResultRequest request_;
  std::mutex mutex_;
  std::deque<v1::ResultChunk> writes_;
  bool finished_ = false;
  grpc::Status final_status_;
  std::shared_ptr<ServedDownload> self_;
};

class FakeAggregator {
 public:
  using Control = ServedStream<v1::ClientMessage, v1::ServerMessage>;
  using Upload = ServedStream<v1::UploadRequest, v1::UploadReply>;

  FakeAggregator();
  ~FakeAggregator();

  // To this server, over TLS, trusting its certificate authority.
  ChannelOptions channel_options() const;

  // The next RPC of its kind that a client begins; null after StopAccepting.
  std::shared_ptr<Control> AcceptControl() { return controls_.Take().value_or(nullptr); }
  std::shared_ptr<Upload> AcceptUpload() { return uploads_.Take().value_or(nullptr); }
  std::shared_ptr<ServedDownload> AcceptDownload() { return downloads_.Take().value_or(nullptr); }
  // For threads of a test that wait for RPCs.
  void StopAccepting();

  // RPCs of every kind that clients have begun.
  int calls() const { return calls_; }

  // Accepts a control stream and challenges it; the Hello goes to `hello`.
  std::shared_ptr<Control> Greet(v1::Hello* hello = nullptr);

 private:
  class Service;

  Mailbox<std::shared_ptr<Control>> controls_;
  Mailbox<std::shared_ptr<Upload>> uploads_;
  Mailbox<std::shared_ptr<ServedDownload>> downloads_;
  std::atomic<int> calls_ = 0;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string root_certificates_pem_;
  int port_ = 0;
};

// The nonce of every challenge that Greet sends.
std::string FakeNonce();
// A header that clients accept: `dimension` elements, at least two of ten clients.
v1::SessionHeader FakeHeader(uint64_t dimension);

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_FAKE_AGGREGATOR_H_
