// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// For the tests beside it: an aggregator over real TLS in the test's process, and clients that say
// what they are told to.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_SERVER_TESTING_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_SERVER_TESTING_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/server.h"
#include "crypto/primitives/identity.h"
#include "proto/operator.grpc.pb.h"
#include "proto/participant.grpc.pb.h"

namespace veilsum::aggregator {

// Of ten elements; complete graph; on demand; phases of a minute.
v1::Task TestTask(const std::string& task_id, uint32_t max_clients);

crypto::IdentityKeyPair TestIdentity(uint8_t number);

struct TestServerOptions {
  std::vector<v1::Task> tasks = {TestTask("task", 3)};
  uint64_t pending_upload_bytes = 1 << 20;
  uint64_t max_connections = 1000;
  std::chrono::milliseconds stall_time = kStallTime;
  std::chrono::milliseconds room_time = kRoomTime;
  uint64_t large_writes_under_way = kLargeWritesUnderWay;
  std::chrono::milliseconds longest_write_turn = kLongestWriteTurn;
  uint64_t roster_version = 0;
  Enrolment enrolment = nullptr;
  metrics::Recorder* recorder = nullptr;
  MemoryGuardOptions memory{};
  Rate call_rate = kCallRate;
  uint32_t identities = 200;                        // TestIdentity 1 … this may take part.
  std::function<Storage()> open_storage = nullptr;  // At each start; null: everything in memory.
};

class TestServer {
 public:
  // Aborts the test if it does not start.
  explicit TestServer(const TestServerOptions& options = {});

  // Ends at once, as it stands, and starts again: with what is stored, on the same ports.
  void Restart(const std::function<void(AggregatorOptions&)>& change = nullptr);

  AggregatorServer& operator*() { return *server_; }
  AggregatorServer* operator->() { return server_.get(); }
  const AggregatorServer* operator->() const { return server_.get(); }

  const std::string& authority_pem() const { return authority_pem_; }
  std::string participant_target() const;
  // A connection of its own each.
  std::shared_ptr<grpc::Channel> ParticipantChannel() const;
  std::unique_ptr<v1::ParticipantService::Stub> Participant() const;
  std::shared_ptr<grpc::Channel> OperatorChannel() const;
  std::unique_ptr<v1::OperatorService::Stub> Operator() const;
  // As somebody whose certificate the server's authority has signed, but not the operator's.
  std::unique_ptr<v1::OperatorService::Stub> NotTheOperator() const;
  // As somebody without a certificate.
  std::unique_ptr<v1::OperatorService::Stub> Nobody() const;

 private:
  struct Credentials {
    std::string certificate;
    std::string key;
  };
  std::shared_ptr<grpc::Channel> Channel(int port, const Credentials& credentials) const;
  void Start();

  std::string authority_pem_;
  Credentials operator_;
  Credentials stranger_;
  std::function<Storage()> open_storage_;
  ServerOptions server_options_;
  std::unique_ptr<AggregatorServer> server_;
};

// One control stream, blocking, for conversations in a fixed order. Progress and Waiting are passed
// over by Read.
class TestStream {
 public:
  explicit TestStream(const TestServer& server);
  ~TestStream();

  // The hello of a client that follows the protocol, for the challenge that was read.
  v1::ClientMessage Hello(const crypto::IdentityKeyPair& identity, const std::string& task_id,
                          const std::string& session_id = "") const;
  // Reads the challenge and answers it.
  void Join(const crypto::IdentityKeyPair& identity, const std::string& task_id,
            const std::string& session_id = "");

  bool Write(const v1::ClientMessage& message) { return stream_->Write(message); }
  // An empty message when the stream has ended.
  v1::ServerMessage Read();
  // The next message of any kind.
  v1::ServerMessage ReadAny();
  // Says no more, and waits for the stream's end.
  absl::Status Finish();
  void Cancel() { context_.TryCancel(); }

 private:
  std::unique_ptr<v1::ParticipantService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ClientMessage, v1::ServerMessage>> stream_;
  std::string nonce_;
  bool finished_ = false;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_SERVER_TESTING_H_
