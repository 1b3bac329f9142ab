// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_callback.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "aggregator/cli/command_line.h"
#include "aggregator/cli/exit_code.h"
#include "aggregator/files.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/transcript_hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/operator.grpc.pb.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator::cli {
namespace {

using ::testing::HasSubstr;

// Two elements and the weights at 7 bits: 75, 20, 5 (as in sum_decoder_test.cc).
const std::string kSum("\x4b\x4a\x01", 3);

std::string Id(char first) { return std::string(1, first) + std::string(15, '\x11'); }

v1::Session MakeSession(const std::string& id, v1::SessionState state) {
  v1::Session session;
  session.set_session_id(id);
  session.set_task_id("mean");
  session.set_state(state);
  session.set_expected(4);
  v1::VectorSpec& spec = *session.mutable_header()->mutable_vector();
  spec.set_dimension(2);
  spec.set_clip(1);
  spec.set_quantisation_bits(4);
  spec.set_max_weight(2);
  spec.set_modulus_bits(7);
  session.mutable_header()->set_max_clients(4);
  session.set_included(3);
  session.set_result_bytes(kSum.size());
  session.set_result_digest(crypto::ToString(crypto::Sha256(crypto::AsBytes(kSum))));
  return session;
}

// Answers as an aggregator would that has one task, "mean", and four sessions: 0a… has completed,
// 0b… was aborted, 0c… runs and completes as soon as it is watched, 0d… completed with a sum that
// is not its own.
class FakeOperatorService : public v1::OperatorService::CallbackService {
 public:
  template <class Response>
  static grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                          const absl::StatusOr<Response>& answer,
                                          Response* response) {
    if (answer.ok()) *response = *answer;
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(answer.status()));
    return reactor;
  }
  // Writes what it holds, then ends well.
  template <class Message>
  class Writer : public grpc::ServerWriteReactor<Message> {
   public:
    Writer(std::vector<Message> messages, absl::Status status)
        : messages_(std::move(messages)), status_(std::move(status)) {
      OnWriteDone(true);
    }
    void OnWriteDone(bool ok) override {
      if (ok && next_ < messages_.size()) return this->StartWrite(&messages_[next_++]);
      this->Finish(ToGrpcStatus(status_));
    }
    void OnDone() override { delete this; }

   private:
    const std::vector<Message> messages_;
    const absl::Status status_;
    size_t next_ = 0;
  };

  grpc::ServerUnaryReactor* CreateTask(grpc::CallbackServerContext* context,
                                       const v1::CreateTaskRequest* request,
                                       v1::Task* response) override {
    if (request->task().task_id() == "mean") {
      return Answer<v1::Task>(context,
                              MakeError(absl::StatusCode::kAlreadyExists, v1::REASON_ALREADY_EXISTS,
                                        "there is a task \"mean\""),
                              response);
    }
    return Answer<v1::Task>(context, request->task(), response);
  }
  grpc::ServerUnaryReactor* GetTask(grpc::CallbackServerContext* context,
                                    const v1::GetTaskRequest* request,
                                    v1::Task* response) override {
    if (request->task_id() != "mean") {
      return Answer<v1::Task>(context,
                              MakeError(absl::StatusCode::kNotFound, v1::REASON_UNKNOWN_TASK,
                                        "there is no task \"other\""),
                              response);
    }
    v1::Task task;
    task.set_task_id("mean");
    return Answer<v1::Task>(context, task, response);
  }
  grpc::ServerUnaryReactor* ListTasks(grpc::CallbackServerContext* context,
                                      const v1::ListTasksRequest*,
                                      v1::ListTasksResponse* response) override {
    v1::ListTasksResponse tasks;
    tasks.add_tasks()->set_task_id("mean");
    return Answer<v1::ListTasksResponse>(context, tasks, response);
  }
  grpc::ServerUnaryReactor* StartSession(grpc::CallbackServerContext* context,
                                         const v1::StartSessionRequest* request,
                                         v1::Session* response) override {
    v1::Session session = sessions_.at(Id('\x0c'));
    session.mutable_header()->set_model_hash(request->model_hash());
    return Answer<v1::Session>(context, session, response);
  }
  grpc::ServerUnaryReactor* ListSessions(grpc::CallbackServerContext* context,
                                         const v1::ListSessionsRequest*,
                                         v1::ListSessionsResponse* response) override {
    v1::ListSessionsResponse sessions;
    for (const auto& [id, session] : sessions_) *sessions.add_sessions() = session;
    return Answer<v1::ListSessionsResponse>(context, sessions, response);
  }
  grpc::ServerUnaryReactor* GetSession(grpc::CallbackServerContext* context,
                                       const v1::GetSessionRequest* request,
                                       v1::Session* response) override {
    return Answer(context, Find(request->session_id()), response);
  }
  grpc::ServerUnaryReactor* AbortSession(grpc::CallbackServerContext* context,
                                         const v1::AbortSessionRequest* request,
                                         v1::Session* response) override {
    v1::Session session = sessions_.at(request->session_id());
    session.set_state(v1::SESSION_STATE_ABORTED);
    session.set_abort_reason(v1::REASON_ABORTED_BY_OPERATOR);
    session.set_abort_detail(request->detail());
    return Answer<v1::Session>(context, session, response);
  }
  grpc::ServerWriteReactor<v1::Session>* WatchSession(
      grpc::CallbackServerContext*, const v1::GetSessionRequest* request) override {
    const absl::StatusOr<v1::Session> session = Find(request->session_id());
    if (!session.ok()) return new Writer<v1::Session>({}, session.status());
    v1::Session end = *session;
    if (end.state() != v1::SESSION_STATE_ABORTED) end.set_state(v1::SESSION_STATE_COMPLETED);
    {
      const std::lock_guard lock(mutex_);
      if (breaks_ > 0) {  // The first of all watches breaks in the middle.
        --breaks_;
        return new Writer<v1::Session>({*session}, absl::UnavailableError("connection reset"));
      }
    }
    return new Writer<v1::Session>({*session, end}, absl::OkStatus());
  }
  grpc::ServerWriteReactor<v1::ResultChunk>* GetResult(
      grpc::CallbackServerContext*, const v1::GetResultRequest* request) override {
    std::string sum = kSum;
    if (request->session_id()[0] == '\x0d') sum.back() ^= 1;
    std::vector<v1::ResultChunk> chunks;
    for (uint64_t offset = request->offset(); offset < sum.size(); ++offset) {
      chunks.emplace_back().set_offset(offset);
      chunks.back().set_payload(sum.substr(offset, 1));
      const std::lock_guard lock(mutex_);
      if (breaks_ > 0) {
        --breaks_;
        return new Writer<v1::ResultChunk>(chunks, absl::UnavailableError("connection reset"));
      }
    }
    return new Writer<v1::ResultChunk>(chunks, absl::OkStatus());
  }

  void BreakNextStream() {
    const std::lock_guard lock(mutex_);
    breaks_ = 1;
  }

 private:
  absl::StatusOr<v1::Session> Find(const std::string& id) const {
    const auto found = sessions_.find(id);
    if (found != sessions_.end()) return found->second;
    return MakeError(absl::StatusCode::kNotFound, v1::REASON_UNKNOWN_SESSION, "no such session");
  }

  static std::map<std::string, v1::Session> MakeSessions() {
    std::map<std::string, v1::Session> sessions;
    for (const auto& [first, state] : {std::pair('\x0a', v1::SESSION_STATE_COMPLETED),
                                       std::pair('\x0b', v1::SESSION_STATE_ABORTED),
                                       std::pair('\x0c', v1::SESSION_STATE_MASKED_INPUT_COLLECTION),
                                       std::pair('\x0d', v1::SESSION_STATE_COMPLETED)}) {
      sessions[Id(first)] = MakeSession(Id(first), state);
    }
    v1::Session& aborted = sessions[Id('\x0b')];
    aborted.set_abort_reason(v1::REASON_TOO_FEW_CLIENTS);
    aborted.set_abort_detail("2 clients, min_survivors is 3");
    aborted.set_refusals_total(1);
    v1::Refusal& refusal = *aborted.add_refusals();
    refusal.set_identity(std::string(32, '\x77'));
    refusal.set_round(v1::ROUND_ADVERTISE_KEYS);
    refusal.set_reason(v1::REASON_HEADER_REFUSED);
    refusal.set_detail("tier semi_honest; I insist on malicious");
    return sessions;
  }

  const std::map<std::string, v1::Session> sessions_ = MakeSessions();
  std::mutex mutex_;
  int breaks_ = 0;
};

struct Ran {
  int code;
  std::string out;
  std::string err;
};

Ran Veilsum(const std::string& line, bool terminal = false) {
  std::ostringstream out;
  std::ostringstream err;
  Console console = {out, err, terminal};
  const int code = RunVeilsum(absl::StrSplit(line, ' '), console);
  return {code, out.str(), err.str()};
}

class OperatorCommandsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = absl::StrCat(std::getenv("TEST_TMPDIR"), "/house");
    ASSERT_EQ(Veilsum("init " + folder_ + " --clients 3").code, kDone);
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = ReadFile(folder_ + "/tls/operator.pem").value();
    tls.pem_key_cert_pairs.push_back({ReadFile(folder_ + "/tls/server.key").value(),
                                      ReadFile(folder_ + "/tls/server.pem").value()});
    service_ = std::make_unique<FakeOperatorService>();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  static void TearDownTestSuite() {
    server_->Shutdown();
    server_ = nullptr;
    service_ = nullptr;
  }

  // With the connection that init wrote, at the port that the test got.
  static Ran Operate(const std::string& line, bool terminal = false) {
    return Veilsum(
        absl::StrCat(line, " --config ", folder_, "/operator.toml --operator ", address_),
        terminal);
  }
  static std::string WriteTask(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name);
    EXPECT_TRUE(WriteFile(path, text).ok());
    return path;
  }

  static inline std::string folder_;
  static inline std::string address_;
  static inline std::unique_ptr<FakeOperatorService> service_;
  static inline std::unique_ptr<grpc::Server> server_;
};

TEST_F(OperatorCommandsTest, CreatesATaskFromAFile) {
  constexpr char kTask[] = "dimension = 5\nclip = 1.0\nmax_clients = 4\nmin_survivors = 3\n";
  const Ran ran =
      Operate("task create " + WriteTask("a.toml", absl::StrCat("id = \"new\"\n", kTask)));
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(ran.out, "created task new: 18 bits an element\n");
  const Ran again =
      Operate("task create " + WriteTask("b.toml", absl::StrCat("id = \"mean\"\n", kTask)));
  EXPECT_EQ(again.code, kRefused);
  EXPECT_EQ(again.err, "veilsum: ALREADY_EXISTS: there is a task \"mean\"\n");
}

TEST_F(OperatorCommandsTest, RefusesABadTaskBeforeAskingAnybody) {
  const std::string path = WriteTask("bad.toml", "id = \"x\"\ndimension = 0\n");
  const Ran ran = Operate("task create " + path);
  EXPECT_EQ(ran.code, kWrongUse);
  EXPECT_THAT(ran.err, HasSubstr(path + ":2"));
  EXPECT_EQ(Operate("task create /nonexistent.toml").code, kWrongUse);
  const Ran two =
      Operate("task create " + WriteTask("two.toml",
                                         "id = \"m\"\ndimension = 5\nclip = 1.0\nmax_clients = 4\n"
                                         "min_survivors = 2\n"));
  EXPECT_EQ(two.code, kWrongUse);
  EXPECT_THAT(two.err, HasSubstr("two.toml:5: min_survivors must be at least 3"));
}

TEST_F(OperatorCommandsTest, ShowsTasks) {
  EXPECT_THAT(Operate("task list").out, HasSubstr("mean"));
  EXPECT_THAT(Operate("task show mean").out, HasSubstr("min_survivors"));
  EXPECT_EQ(nlohmann::json::parse(Operate("task list --format json").out)[0]["id"], "mean");
  const Ran unknown = Operate("task show other --format json");
  EXPECT_EQ(unknown.code, kRefused);
  const auto error = nlohmann::json::parse(unknown.err);
  EXPECT_EQ(error["reason"], "UNKNOWN_TASK");
  EXPECT_EQ(error["code"], "NOT_FOUND");
}

TEST_F(OperatorCommandsTest, StartsASession) {
  const std::string id = absl::BytesToHexString(Id('\x0c'));
  EXPECT_EQ(Operate("session start --task mean").out, id + "\n");
  const std::string hash(64, 'e');
  const Ran json = Operate("session start --task mean --format=json --model-hash " + hash);
  EXPECT_EQ(nlohmann::json::parse(json.out)["model_hash"], hash);
  EXPECT_EQ(Operate("session start --task mean --model-hash 12").code, kWrongUse);
  const std::string model = WriteTask("model.bin", std::string(3'000'000, 'm'));
  const Ran of_file = Operate("session start --task mean --format json --model " + model);
  EXPECT_EQ(nlohmann::json::parse(of_file.out)["model_hash"],
            absl::BytesToHexString(crypto::AsStringView(
                crypto::Sha256(crypto::AsBytes(std::string(3'000'000, 'm'))))));
  EXPECT_EQ(Operate("session start --task mean --model " + model + " --model-hash " + hash).code,
            kWrongUse);
  for (const char* unreadable : {"/nonexistent", "/"}) {
    const Ran ran = Operate(absl::StrCat("session start --task mean --model ", unreadable));
    EXPECT_EQ(ran.code, kWrongUse);
    EXPECT_THAT(ran.err, HasSubstr("--model: cannot read /"));
  }
  const Ran watched = Operate("session start --task mean --watch");
  EXPECT_EQ(watched.code, kDone) << watched.err;
  EXPECT_THAT(watched.out, HasSubstr("completed"));
}

TEST_F(OperatorCommandsTest, WatchesUntilTheEnd) {
  const Ran ran = Operate("session watch 0c", /*terminal=*/true);
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("0 of 4 masked inputs"));
  EXPECT_THAT(ran.out, HasSubstr("completed: 3 inputs"));
  const Ran aborted = Operate("session watch 0b");
  EXPECT_EQ(aborted.code, kSessionAborted);
  EXPECT_THAT(aborted.err, HasSubstr("veilsum: TOO_FEW_CLIENTS: "));
  EXPECT_THAT(aborted.err, HasSubstr("2 clients, min_survivors is 3"));
  constexpr char kWords[] =
      "client 77777777 refused in advertise keys (HEADER_REFUSED): \"tier semi_honest; I insist on "
      "malicious\"\n";
  EXPECT_THAT(aborted.out, HasSubstr(kWords));
  EXPECT_THAT(Operate("session result 0b").err, HasSubstr(kWords));
  const Ran json = Operate("session result 0b --format json");
  EXPECT_TRUE(nlohmann::json::accept(json.err)) << json.err;
}

TEST_F(OperatorCommandsTest, AWatchOutlivesItsConnection) {
  service_->BreakNextStream();
  const Ran ran = Operate("session watch 0c");
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("completed: 3 inputs"));
}

TEST_F(OperatorCommandsTest, FindsSessionsByTheirFirstDigits) {
  EXPECT_EQ(Operate("session watch 0a").code, kDone);
  const Ran unknown = Operate("session watch ff");
  EXPECT_EQ(unknown.code, kRefused);
  EXPECT_THAT(unknown.err, HasSubstr("UNKNOWN_SESSION"));
  const Ran several = Operate("session watch 0");
  EXPECT_EQ(several.code, kWrongUse);
  EXPECT_THAT(several.err, HasSubstr("4 sessions"));
  EXPECT_EQ(Operate("session watch " + std::string(32, 'f')).code, kRefused);
  EXPECT_EQ(Operate("session watch " + std::string(40, '0')).code, kRefused);
}

TEST_F(OperatorCommandsTest, ListsSessions) {
  EXPECT_THAT(Operate("session list").out, HasSubstr("aborted (TOO_FEW_CLIENTS)"));
  EXPECT_EQ(nlohmann::json::parse(Operate("session list --task mean --format json").out).size(),
            4u);
}

TEST_F(OperatorCommandsTest, GivesTheResultInEveryFormat) {
  const Ran human = Operate("session result 0a");
  EXPECT_EQ(human.code, kDone) << human.err;
  EXPECT_THAT(human.out,
              HasSubstr("3 inputs, weights 5 in all, mean of 2 elements:\n 1 -0.466667\n"));
  EXPECT_EQ(Operate("session result 0a --format csv").out, "1\n-0.466666669\n");
  EXPECT_EQ(Operate("session result 0a --format raw").out, kSum);
  EXPECT_EQ(Operate("session result 0a --format npy").out.substr(1, 5), "NUMPY");
  const auto json = nlohmann::json::parse(Operate("session result 0a --format json").out);
  EXPECT_EQ(json["weight_sum"], 5);
  EXPECT_EQ(json["mean"].size(), 2u);
}

TEST_F(OperatorCommandsTest, WritesTheResultToAFile) {
  const std::string path = absl::StrCat(std::getenv("TEST_TMPDIR"), "/mean.csv");
  for (int run = 0; run < 2; ++run) {
    const Ran ran = Operate("session result 0a --format csv --output " + path);
    EXPECT_EQ(ran.code, kDone) << ran.err;
    EXPECT_EQ(ReadFile(path).value(), "1\n-0.466666669\n");
  }
  EXPECT_EQ(Operate("session result 0a --output /nonexistent/x").code, kWrongUse);
  EXPECT_EQ(Operate("session result 0a --format npy", /*terminal=*/true).code, kWrongUse);
}

TEST_F(OperatorCommandsTest, AResultGoesOnWhereItBroke) {
  service_->BreakNextStream();
  const Ran ran = Operate("session result 0a --format raw");
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(ran.out, kSum);
}

TEST_F(OperatorCommandsTest, ShowsNoResultThatIsNone) {
  const Ran running = Operate("session result 0c");
  EXPECT_EQ(running.code, kRefused);
  EXPECT_THAT(running.err, HasSubstr("NOT_READY"));
  EXPECT_EQ(Operate("session result 0b").code, kSessionAborted);
  const Ran forged = Operate("session result 0d --format csv");
  EXPECT_EQ(forged.code, kRefused);
  EXPECT_EQ(forged.out, "");
  EXPECT_THAT(forged.err, HasSubstr("RESULT_REFUSED"));
}

TEST_F(OperatorCommandsTest, AbortsTheSessionThatIsNamed) {
  const Ran ran = Operate("session abort 0c --detail wrong-model");
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("aborted (ABORTED_BY_OPERATOR)"));
  EXPECT_EQ(Operate("session abort").code, kWrongUse);
}

TEST_F(OperatorCommandsTest, SaysWhatIsMissingToConnect) {
  const Ran nowhere = Veilsum("task list");
  EXPECT_EQ(nowhere.code, kWrongUse);
  EXPECT_THAT(nowhere.err, HasSubstr("--operator"));
  EXPECT_THAT(Veilsum("task list --operator " + address_).err, HasSubstr("--ca"));
  const Ran no_file = Veilsum("task list --config /nonexistent.toml");
  EXPECT_EQ(no_file.code, kWrongUse);
  EXPECT_THAT(no_file.err, HasSubstr("/nonexistent.toml"));
  const std::string bad = WriteTask("bad-operator.toml", "operator = \"h:1\"\nkeys = \"x\"\n");
  EXPECT_THAT(Veilsum("task list --config " + bad).err, HasSubstr("keys is not a known key"));
}

TEST_F(OperatorCommandsTest, TakesTheConnectionFromTheEnvironment) {
  setenv("VEILSUM_CONFIG", (folder_ + "/operator.toml").c_str(), 1);
  setenv("VEILSUM_OPERATOR", address_.c_str(), 1);
  const Ran ran = Veilsum("task list");
  // Flags win: an operator of two aggregators must not work on the wrong one.
  const Ran other_file = Veilsum("session list --config /nonexistent.toml");
  const Ran other_address = Veilsum("task list --operator 127.0.0.1:1");
  unsetenv("VEILSUM_CONFIG");
  unsetenv("VEILSUM_OPERATOR");
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_EQ(other_file.code, kWrongUse) << other_file.out;
  EXPECT_EQ(other_address.code, kUnreachable) << other_address.out;
}

TEST_F(OperatorCommandsTest, TrustsNobodyElse) {
  // A client's certificate is not the operator's.
  const Ran client = Operate(absl::StrCat("task list --certificate ", folder_,
                                          "/clients/client-01/certificate.pem --key ", folder_,
                                          "/clients/client-01/private_key.pem"));
  EXPECT_EQ(client.code, kUnreachable);
  EXPECT_THAT(client.err, HasSubstr(address_));
  // Another authority did not sign this server's.
  EXPECT_EQ(Operate(absl::StrCat("task list --ca ", folder_, "/tls/operator.pem")).code,
            kUnreachable);
  EXPECT_EQ(Operate("task list --insecure").code, kUnreachable);
}

}  // namespace
}  // namespace veilsum::aggregator::cli
