// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The download of the packed sum, resumed where it broke until all of it is there.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_DOWNLOADER_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_DOWNLOADER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client_sdk/transport/call_context.h"
#include "client_sdk/transport/execution.h"
#include "client_sdk/transport/retry.h"
#include "proto/participant.grpc.pb.h"

namespace veilsum::client {

// All methods and callbacks on the strand. The owner outlives on_done.
class Downloader : public std::enable_shared_from_this<Downloader> {
 public:
  struct Options {
    v1::DownloadResultRequest request;
    uint64_t total_bytes = 0;
    std::function<void(uint64_t bytes)> on_progress;
    std::function<void(const absl::Status&)> on_trouble;
    // Once: exactly total_bytes (their digest is not checked here), the aggregator's refusal, or
    // CANCELLED after Stop. Nothing is left then.
    std::function<void(absl::StatusOr<std::string>)> on_done;
  };

  Downloader(CallContext context, Options options);

  void Start();
  // Breaks the present attempt; the next one goes on where it stopped.
  void Cut();
  void Stop();

 private:
  class Call;

  void Attempt();
  void Received(const v1::ResultChunk& chunk);
  void Ended(absl::Status status);
  void Finish(absl::StatusOr<std::string> outcome);

  const CallContext context_;
  Options options_;
  Backoff backoff_;
  asio::steady_timer timer_;
  std::shared_ptr<Call> call_;
  std::string packed_;
  bool broken_ = false;
  bool stopped_ = false;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_DOWNLOADER_H_
