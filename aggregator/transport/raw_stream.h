// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One bidirectional RPC on the server's side, one thing after another (serial.h). Subclasses say
// what messages mean; this class knows when gRPC may be asked for what, and that the RPC ends
// exactly once.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_RAW_STREAM_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_RAW_STREAM_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "aggregator/runtime/executors.h"
#include "aggregator/transport/large_writes.h"
#include "aggregator/transport/places.h"
#include "aggregator/transport/rpc_metrics.h"
#include "aggregator/transport/serial.h"

namespace veilsum::aggregator {

class RawStream : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                  public std::enable_shared_from_this<RawStream> {
 public:
  // Begins the RPC of a stream that was just made; it keeps itself alive until gRPC is done with
  // it.
  static RawStream* Launch(std::shared_ptr<RawStream> stream);

 protected:
  RawStream(grpc::CallbackServerContext* context, Executor executor, LargeWrites& large_writes,
            RpcMetrics metrics);

  // ---- For subclasses to say what happens; one after another, on gRPC's threads mostly ----
  virtual void Begun() = 0;
  // The next message comes after ReadNext.
  virtual void Received(grpc::ByteBuffer message) = 0;
  // A message of a client that is allowed to linger. Answering it is optional, reading on is not.
  virtual void ReceivedLate(grpc::ByteBuffer /*message*/) {}
  // The client says no more.
  virtual void HalfClosed() = 0;
  // The stream is over or about to be, whoever ended it; once.
  virtual void Over() = 0;

  // ---- For subclasses to call, from the above or from what they post ----
  void ReadNext();
  // A droppable message is left out when the client lags behind; a client that lags far behind is
  // cut off.
  void Write(grpc::ByteBuffer message, bool droppable = false);
  // A large message, made when it is its turn (large_writes.h). Until then it does not count as
  // queued bytes.
  void Write(std::function<grpc::ByteBuffer()> make);
  // Forgets what was written before and has not left yet.
  void DropQueued();
  // After what was written before. With `linger` the client may end the stream first, for a while,
  // and what it says meanwhile may still be answered.
  void End(const absl::Status& status, bool linger = false);
  // A place for the time between the end and the last byte, which ends when others need it.
  void LeaveThrough(Places& places);
  // Ends the stream with what `why` returns then, unless it is called again, or Cancel, in time.
  void EndAfter(std::chrono::milliseconds time, std::function<absl::Status()> why);
  void CancelEndAfter() { late_.reset(); }
  bool ending() const { return end_.has_value(); }
  bool lingering() const { return lingering_; }
  // The host at the other end: peer_address.h.
  const std::string& peer() const { return peer_; }

  // From any thread: `work` is done between the above, on the executor.
  void Post(std::function<void()> work);

 private:
  // gRPC's threads do what their callbacks ask for, where they can.
  void Run(std::function<void()> work);

  void OnReadDone(bool ok) final;
  void OnWriteDone(bool ok) final;
  void OnCancel() final;
  void OnDone() final;

  struct Outgoing {
    grpc::ByteBuffer message;
    std::function<grpc::ByteBuffer()> make;  // Null where the message is there.
  };

  // When the client is late, and what it is told then.
  struct Late {
    std::chrono::steady_clock::time_point at;
    std::function<absl::Status()> why;
  };

  void Enqueue(Outgoing outgoing);
  void WriteFront();
  void TurnCame();
  void WriteNow();
  void Forget(const Outgoing& outgoing);
  void Broken();
  void Abandon();
  void MaybeFinish();
  void SetLate(std::chrono::milliseconds time, std::function<absl::Status()> why);
  void WaitUntil(std::chrono::steady_clock::time_point time);
  void TimeIsUp(std::chrono::steady_clock::time_point time);

  grpc::CallbackServerContext* const context_;  // gRPC's, until OnDone.
  const std::string peer_;
  const Executor executor_;
  LargeWrites& large_writes_;
  Serial serial_;
  std::shared_ptr<RawStream> self_;  // Until OnDone.
  // All below: within serial_.
  RpcMetrics metrics_;
  std::optional<Places::Place> leaving_;
  asio::steady_timer timer_;
  // Of the timer; it is often earlier than late_, which moves with every chunk.
  std::optional<std::chrono::steady_clock::time_point> waiting_until_;
  std::optional<Late> late_;
  grpc::ByteBuffer incoming_;
  std::deque<Outgoing> queue_;             // The front one is with gRPC while writing_.
  std::optional<LargeWrites::Turn> turn_;  // Of a large front one, which may wait for it.
  std::optional<absl::Status> end_;
  bool reading_ = false;
  bool read_closed_ = false;
  bool writing_ = false;
  bool lingering_ = false;
  bool broken_ = false;
  bool finished_ = false;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_RAW_STREAM_H_
