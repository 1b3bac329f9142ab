// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The clients of plain_sum_server, each with a TLS connection of its own. First all connect, then
// those that upload do so at the same time, as clients of a session do.
//
//   plain_sum_client --target=HOST:PORT --roots=FILE --connections=N --uploads=N --dimension=D
//
// Prints a line of JSON: how many uploads were taken, the digest that the sum must have, seconds.

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/plain_sum.h"

namespace veilsum::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string target;
  std::string roots;
  PlainForm form;
  uint32_t connections = 1;
  uint32_t uploads = 1;
  size_t chunk_bytes = 1 << 20;  // Costs the server least.
};

class Tally {
 public:
  void Ended(const grpc::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++ended_;
    if (status.ok()) {
      ++taken_;
    } else {
      trouble_ = status.error_message();
    }
    changed_.notify_all();
  }
  void AwaitEnds(uint32_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return ended_ == count; });
  }
  uint32_t taken() const { return taken_; }
  const std::string& trouble() const { return trouble_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint32_t ended_ = 0;
  uint32_t taken_ = 0;
  std::string trouble_;
};

class Upload final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Upload(const std::shared_ptr<grpc::Channel>& channel, const Options& options,
         const uint8_t* bytes, Tally& tally)
      : stub_(channel), options_(options), bytes_(bytes), tally_(tally) {}

  void Begin() {
    stub_.PrepareBidiStreamingCall(&context_, kPlainSumMethod, {}, this);
    StartRead(&nothing_);
    WriteNext();
    StartCall();
  }

 private:
  void OnWriteDone(bool ok) override {
    if (ok) WriteNext();
  }

  // The bytes stay where they are: they outlive the call.
  void WriteNext() {
    const uint64_t total = options_.form.upload_bytes();
    if (offset_ == total) return StartWritesDone();
    const size_t size = std::min<uint64_t>(options_.chunk_bytes, total - offset_);
    const grpc::Slice slice(bytes_ + offset_, size, grpc::Slice::STATIC_SLICE);
    chunk_ = grpc::ByteBuffer(&slice, 1);
    offset_ += size;
    StartWrite(&chunk_);
  }

  void OnDone(const grpc::Status& status) override { tally_.Ended(status); }

  grpc::GenericStub stub_;
  const Options& options_;
  const uint8_t* const bytes_;
  Tally& tally_;
  grpc::ClientContext context_;
  grpc::ByteBuffer nothing_;
  grpc::ByteBuffer chunk_;
  uint64_t offset_ = 0;
};

class Clients {
 public:
  explicit Clients(const Options& options) : options_(options), inputs_(options.form) {
    std::ifstream file(options.roots);
    roots_.assign(std::istreambuf_iterator<char>(file), {});
  }

  bool Connect() {
    for (uint32_t i = 0; i < options_.connections; ++i) {
      channels_.push_back(MakeChannel());
      channels_.back()->GetState(/*try_to_connect=*/true);
    }
    const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(60);
    return std::all_of(channels_.begin(), channels_.end(),
                       [&](const auto& channel) { return channel->WaitForConnected(deadline); });
  }

  void UploadAll() {
    for (uint32_t i = 0; i < options_.uploads; ++i) {
      uploads_.push_back(std::make_unique<Upload>(channels_[i], options_, inputs_.Of(i), tally_));
      uploads_.back()->Begin();
    }
    tally_.AwaitEnds(options_.uploads);
  }

  nlohmann::json Report() const {
    return {{"taken", tally_.taken()},
            {"digest", inputs_.ExpectedDigest(options_.uploads)},
            {"trouble", tally_.trouble()}};
  }

 private:
  // As the SDK's: client_sdk/transport/channel.cc.
  std::shared_ptr<grpc::Channel> MakeChannel() const {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = roots_;
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    return grpc::CreateCustomChannel(options_.target, grpc::SslCredentials(tls), arguments);
  }

  const Options options_;
  const PlainUploads inputs_;
  std::string roots_;
  Tally tally_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<Upload>> uploads_;
};

int Run(const Options& options) {
  Clients clients(options);
  const Clock::time_point start = Clock::now();
  if (!clients.Connect()) {
    std::cerr << "plain_sum_client: not everybody could connect\n";
    return 1;
  }
  const std::chrono::duration<double> connecting = Clock::now() - start;
  clients.UploadAll();
  const std::chrono::duration<double> all = Clock::now() - start;
  nlohmann::json report = clients.Report();
  report["connect_seconds"] = connecting.count();
  report["seconds"] = all.count();
  std::cout << report.dump() << std::endl;
  return report["taken"] == options.uploads ? 0 : 1;
}

}  // namespace
}  // namespace veilsum::bench

int main(int argc, char** argv) {
  veilsum::bench::Options options;
  CLI::App app("Clients of plain_sum_server.");
  app.add_option("--target", options.target, "host:port of the server")->required();
  app.add_option("--roots", options.roots, "PEM file of its authority")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--connections", options.connections, "how many");
  app.add_option("--uploads", options.uploads, "on the first of them");
  app.add_option("--dimension", options.form.dimension, "elements of a vector")->required();
  app.add_option("--bits", options.form.bits, "of a packed element; 0: float32")
      ->check(CLI::Range(0, 32));
  app.add_option("--chunk-bytes", options.chunk_bytes, "of a message");
  CLI11_PARSE(app, argc, argv);
  if (options.uploads > options.connections) options.connections = options.uploads;
  return veilsum::bench::Run(options);
}
