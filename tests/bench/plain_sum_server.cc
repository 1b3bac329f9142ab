// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A gRPC server that adds up its clients' vectors, without any protection: what an aggregator costs
// at the least. Written to be fast, so that the comparison is fair: the callback API, which costs
// 5 % less than completion queues; messages as the raw slices that they arrived in, added to the
// sum at once, without a copy and with vector instructions.
//
//   plain_sum_server --certificate=FILE --key=FILE --dimension=D --uploads=N [--bits=B]
//
// Prints lines of JSON: its port, that so many uploads are in the sum, and, once its input has
// ended, the sum's digest. With --bits it adds packed integers of so many bits instead of float32.

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "crypto/masking/packing.h"
#include "tests/bench/plain_sum.h"

namespace veilsum::bench {
namespace {

struct Options {
  std::string address = "127.0.0.1:0";
  std::string certificate;
  std::string key;
  PlainForm form;
  uint32_t uploads = 1;
};

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// `bytes` is where it lies in a slice, so no float is aligned.
__attribute__((target_clones("avx512f", "avx2", "default"))) void AddFloats(const uint8_t* bytes,
                                                                            size_t count,
                                                                            float* sum) {
  for (size_t i = 0; i < count; ++i) {
    float value;
    std::memcpy(&value, bytes + i * sizeof(float), sizeof(float));
    sum[i] += value;
  }
}

// The sum, in parts that are locked by themselves. Thread-safe.
class Sum {
 public:
  explicit Sum(const PlainForm& form) : form_(form), locks_(form.dimension / kPartElements + 1) {
    form.bits == 0 ? floats_.resize(form.dimension) : words_.resize(form.dimension);
  }

  // `bytes` are groups, the first of them number `group` of the upload; the last may be shorter.
  void Add(uint64_t group, absl::Span<const uint8_t> bytes) {
    uint64_t first = group * form_.group_elements();
    while (!bytes.empty()) {
      const uint64_t part = first / kPartElements;
      const uint64_t rest = (part + 1) * kPartElements - first;
      const size_t rest_bytes = rest / form_.group_elements() * form_.group_bytes();
      const size_t taken = std::min(bytes.size(), rest_bytes);
      const std::lock_guard<std::mutex> lock(locks_[part]);
      AddToPart(first, bytes.first(taken));
      first += rest;
      bytes.remove_prefix(taken);
    }
  }

  // When nobody adds any more.
  std::string Digest() const {
    return form_.bits == 0 ? SumDigest(floats_) : SumDigest(words_, form_.bits);
  }

 private:
  static constexpr uint64_t kPartElements = 64 << 10;

  void AddToPart(uint64_t first, absl::Span<const uint8_t> bytes) {
    if (form_.bits == 0) return AddFloats(bytes.data(), bytes.size() / 4, &floats_[first]);
    const uint64_t elements = std::min<uint64_t>(
        bytes.size() / form_.group_bytes() * 8 + (bytes.size() % form_.group_bytes() > 0 ? 8 : 0),
        form_.dimension - first);
    // Fails where padding is not zero, which this server does not care about.
    crypto::UnpackAdd<uint32_t>(bytes, form_.bits, absl::MakeSpan(words_).subspan(first, elements))
        .IgnoreError();
  }

  const PlainForm form_;
  std::vector<float> floats_;
  std::vector<uint32_t> words_;
  std::vector<std::mutex> locks_;
};

// Gives the slices of one upload to the sum, in whole groups.
class Feed {
 public:
  explicit Feed(const PlainForm& form, Sum& sum) : form_(form), sum_(sum) {}

  // False: more than an upload has.
  bool Take(const grpc::ByteBuffer& message) {
    std::vector<grpc::Slice>& slices = slices_;
    slices.clear();
    if (bytes_ + message.Length() > form_.upload_bytes() || !message.Dump(&slices).ok()) {
      return false;
    }
    for (const grpc::Slice& slice : slices) TakeSlice({slice.begin(), slice.size()});
    slices.clear();
    return true;
  }

  // Whether that was a whole upload.
  bool End() {
    if (bytes_ != form_.upload_bytes()) return false;
    if (kept_bytes_ > 0) sum_.Add(group_, {kept_.data(), kept_bytes_});
    return true;
  }

 private:
  void TakeSlice(absl::Span<const uint8_t> slice) {
    bytes_ += slice.size();
    const size_t group = form_.group_bytes();
    if (kept_bytes_ > 0) {
      const size_t missing = std::min(group - kept_bytes_, slice.size());
      std::memcpy(&kept_[kept_bytes_], slice.data(), missing);
      kept_bytes_ += missing;
      slice.remove_prefix(missing);
      if (kept_bytes_ < group) return;
      sum_.Add(group_++, {kept_.data(), group});
      kept_bytes_ = 0;
    }
    const size_t whole = slice.size() / group;
    sum_.Add(group_, slice.first(whole * group));
    group_ += whole;
    slice.remove_prefix(whole * group);
    std::memcpy(kept_.data(), slice.data(), slice.size());
    kept_bytes_ = slice.size();
  }

  const PlainForm& form_;
  Sum& sum_;
  std::vector<grpc::Slice> slices_;
  uint64_t bytes_ = 0;
  uint64_t group_ = 0;  // The next one's number.
  std::array<uint8_t, 32> kept_{};
  size_t kept_bytes_ = 0;  // Of a group that the next slice goes on with.
};

class Server {
 public:
  explicit Server(const Options& options) : options_(options), sum_(options.form) {}

  int Start() {
    grpc::SslServerCredentialsOptions tls;
    tls.pem_key_cert_pairs.push_back({Contents(options_.key), Contents(options_.certificate)});
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(options_.address, grpc::SslServerCredentials(tls), &port);
    builder.RegisterCallbackGenericService(&service_);
    builder.SetMaxReceiveMessageSize(4 << 20);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 256 << 10);
    server_ = builder.BuildAndStart();
    return server_ == nullptr ? 0 : port;
  }

  void Stop() {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  std::string Digest() const { return sum_.Digest(); }

 private:
  // One RPC. Its chunks are added where gRPC hands them over: a queue of our own between the two
  // costs a fifth more.
  class Call final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Call(Server& server) : server_(server), feed_(server.options_.form, server.sum_) {
      StartRead(&message_);
    }

   private:
    void OnReadDone(bool ok) override {
      if (ok && feed_.Take(message_)) {
        message_.Clear();
        return StartRead(&message_);
      }
      if (ok || !feed_.End()) return Finish({grpc::StatusCode::INVALID_ARGUMENT, "no upload"});
      server_.Added();
      Finish(grpc::Status::OK);
    }
    void OnDone() override { delete this; }

    Server& server_;
    Feed feed_;
    grpc::ByteBuffer message_;
  };

  class Service final : public grpc::CallbackGenericService {
   public:
    explicit Service(Server& server) : server_(server) {}
    grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
      return new Call(server_);
    }

   private:
    Server& server_;
  };

  void Added() {
    if (added_.fetch_add(1) + 1 != options_.uploads) return;
    std::cout << nlohmann::json{{"uploads", options_.uploads}}.dump() << std::endl;
  }

  const Options options_;
  Sum sum_;
  std::atomic<uint32_t> added_{0};
  Service service_{*this};
  std::unique_ptr<grpc::Server> server_;
};

// What helps a process that does nothing else: each by some per cent, measured.
void Tune() {
  // gRPC's mutexes look for deadlocks otherwise, in Debian's build of Abseil.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Memory that was used once is kept and used again, instead of being cleared by the system.
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 16 << 20);
}

int Run(const Options& options) {
  Tune();
  Server server(options);
  const int port = server.Start();
  if (port == 0) return 1;
  std::cout << nlohmann::json{{"port", port}}.dump() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
  }
  server.Stop();
  std::cout << nlohmann::json{{"digest", server.Digest()}}.dump() << std::endl;
  return 0;
}

}  // namespace
}  // namespace veilsum::bench

int main(int argc, char** argv) {
  veilsum::bench::Options options;
  CLI::App app("Adds up its clients' vectors, without any protection.");
  app.add_option("--address", options.address, "host:port; port 0 takes a free one");
  app.add_option("--certificate", options.certificate, "PEM file")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--key", options.key, "PEM file")->required()->check(CLI::ExistingFile);
  app.add_option("--dimension", options.form.dimension, "elements of a vector")->required();
  app.add_option("--bits", options.form.bits, "of a packed element; 0: float32")
      ->check(CLI::Range(0, 32));
  app.add_option("--uploads", options.uploads, "that make a sum");
  CLI11_PARSE(app, argc, argv);
  return veilsum::bench::Run(options);
}
