// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "examples/demo/federation.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client_sdk/veilsum.h"
#include "crypto/certificates/identity_pem.h"
#include "examples/demo/audit.h"
#include "examples/demo/files.h"

namespace veilsum::demo {
namespace {

// Longer than any FL round of the demo takes; only a fault gets here.
constexpr std::chrono::seconds kPatience(60);

class Patience {
 public:
  bool over() const { return std::chrono::steady_clock::now() > end_; }

 private:
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + kPatience;
};

// A port that is free now.
absl::StatusOr<std::string> FreeAddress() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return absl::ErrnoToStatus(errno, "looking for a free port on 127.0.0.1");
  }
  close(fd);
  return absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
}

// What every participant computes of the model it trained from.
std::string HashOf(const std::vector<float>& model) {
  const std::array<uint8_t, 32> hash = HashModel(model);
  return std::string(hash.begin(), hash.end());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Federation>> Federation::Start(const Plan& plan,
                                                              const Binaries& binaries,
                                                              const std::string& directory,
                                                              const std::vector<Dataset>& parts) {
  std::unique_ptr<Federation> federation(new Federation(plan, binaries, directory));
  absl::Status status = federation->MakeCredentials();
  if (status.ok()) status = federation->StartAggregator();
  for (size_t i = 0; status.ok() && i < plan.participants; ++i) {
    status = WriteDataset(absl::StrCat(directory, "/", federation->participants_[i].name, ".data"),
                          parts[i]);
  }
  if (!status.ok()) return status;
  return federation;
}

absl::Status Federation::MakeCredentials() {
  const std::string folder = directory_ + "/veilsum";
  absl::StatusOr<ChildProcess> init = ChildProcess::Start(
      {binaries_.veilsum, "init", folder, absl::StrCat("--clients=", plan_.participants)},
      directory_ + "/init.log");
  if (!init.ok()) return init.status();
  if (init->Signal(0) != 0) {
    return absl::InternalError(absl::StrCat("veilsum init failed; see ", directory_, "/init.log"));
  }
  const int digits = std::max<int>(2, static_cast<int>(absl::StrCat(plan_.participants).size()));
  for (size_t i = 1; i <= plan_.participants; ++i) {
    Participant participant;
    participant.name = absl::StrFormat("client-%0*d", digits, i);
    const absl::StatusOr<std::string> pem =
        ReadFile(absl::StrCat(folder, "/clients/", participant.name, "/identity.pem"));
    if (!pem.ok()) return pem.status();
    const auto identity = crypto::ParseIdentityPem(*pem);
    if (!identity.ok()) return identity.status();
    participant.identity_hex = identity->public_key().ToHex();
    participants_.push_back(std::move(participant));
  }
  return absl::OkStatus();
}

absl::Status Federation::StartAggregator() {
  const std::string folder = directory_ + "/veilsum";
  OperatorCredentials credentials;
  for (const auto& [path, text] : {std::pair{"/tls/authority.pem", &credentials.roots_pem},
                                   std::pair{"/tls/operator.pem", &credentials.certificate_pem},
                                   std::pair{"/tls/operator.key", &credentials.private_key_pem}}) {
    absl::StatusOr<std::string> file = ReadFile(folder + path);
    if (!file.ok()) return file.status();
    *text = *std::move(file);
  }
  std::string admin_address;
  for (std::string* address : {&server_address_, &operator_address_, &admin_address}) {
    absl::StatusOr<std::string> free = FreeAddress();
    if (!free.ok()) return free.status();
    *address = *std::move(free);
  }
  absl::StatusOr<ChildProcess> aggregator = ChildProcess::Start(
      {binaries_.aggregator, absl::StrCat("--config=", folder, "/aggregator.toml"),
       absl::StrCat("--server.address=", server_address_),
       absl::StrCat("--operator.address=", operator_address_),
       absl::StrCat("--admin.address=", admin_address)},
      directory_ + "/aggregator.log");
  if (!aggregator.ok()) return aggregator.status();
  aggregator_ = std::make_unique<ChildProcess>(*std::move(aggregator));
  operator_ = std::make_unique<OperatorClient>(operator_address_, credentials);
  absl::Status status = operator_->WaitUntilServing();
  if (!status.ok()) {
    return absl::UnavailableError(
        absl::StrCat(status.message(), "; see ", directory_, "/aggregator.log"));
  }
  absl::StatusOr<v1::Task> task = operator_->CreateTask(plan_.settings);
  if (task.ok()) plan_.settings = *task;
  return task.status();
}

absl::Status Federation::StartParticipant(Participant& participant) {
  const std::string folder = directory_ + "/veilsum";
  absl::StatusOr<ChildProcess> process = ChildProcess::Start(
      {binaries_.participant, absl::StrCat("--target=", server_address_),
       absl::StrCat("--task=", plan_.settings.task_id()),
       absl::StrCat("--credentials=", folder, "/clients/", participant.name),
       absl::StrCat("--roots=", folder, "/tls/authority.pem"),
       absl::StrCat("--directory=", directory_), absl::StrCat("--name=", participant.name),
       absl::StrCat("--inputs=", plan_.shape.inputs), absl::StrCat("--hidden=", plan_.shape.hidden),
       absl::StrCat("--classes=", plan_.shape.classes),
       absl::StrCat("--epochs=", plan_.training.epochs),
       absl::StrCat("--seed=", plan_.training.seed),
       absl::StrCat("--semi-honest=", plan_.settings.tier() == v1::TIER_SEMI_HONEST)},
      absl::StrCat(directory_, "/", participant.name, ".log"));
  if (!process.ok()) return process.status();
  participant.process = std::make_unique<ChildProcess>(*std::move(process));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<size_t>> Federation::Present(int round) {
  std::vector<size_t> present;
  for (size_t i = 0; i < participants_.size(); ++i) {
    Participant& participant = participants_[i];
    if (round < participant.back_in) continue;
    if (participant.process == nullptr) {
      absl::Status status = StartParticipant(participant);
      if (!status.ok()) return status;
    }
    present.push_back(i);
  }
  return present;
}

absl::StatusOr<FlRoundOutcome> Federation::FlRound(int round, const std::vector<float>& model,
                                                   const std::map<size_t, std::string>& kills) {
  absl::StatusOr<std::vector<size_t>> present = Present(round);
  if (!present.ok()) return present.status();
  FlRoundOutcome outcome;
  outcome.took_part = present->size();
  absl::Status status = WriteNumbers<float>(absl::StrCat(directory_, "/model-", round), model);
  if (status.ok()) status = Gather(round, *present, kills, outcome);
  if (!status.ok()) return status;
  absl::StatusOr<v1::Session> session = Finish(round, HashOf(model), *present, kills, outcome);
  if (!session.ok()) return session.status();
  status = Verify(*session, outcome);
  if (!status.ok()) return status;
  return outcome;
}

void Federation::Listen(int round, const std::map<size_t, std::string>& kills,
                        FlRoundOutcome& outcome) {
  std::vector<ChildProcess*> children;
  for (Participant& participant : participants_) {
    if (participant.process != nullptr) children.push_back(participant.process.get());
  }
  WaitForOutput(children, /*milliseconds=*/10);
  for (size_t i = 0; i < participants_.size(); ++i) {
    Participant& participant = participants_[i];
    while (participant.process != nullptr) {
      const std::optional<std::string> line = participant.process->NextLine();
      if (!line.has_value()) break;
      if (*line == "waiting") participant.waiting = true;
      if (absl::StartsWith(*line, "done")) participant.finished = true;
      if (absl::StartsWith(*line, "failed")) {
        participant.finished = participant.waiting = true;
        participant.failure = *line;
      }
      if (*line == "stopped") {
        participant.process = nullptr;  // SIGKILL.
        participant.waiting = participant.finished = true;
        participant.back_in = round + 2;
        outcome.killed[participant.name] = kills.at(i);
      }
    }
  }
}

// Everybody trains and connects; a session that starts then has all of them.
absl::Status Federation::Gather(int round, const std::vector<size_t>& present,
                                const std::map<size_t, std::string>& kills,
                                FlRoundOutcome& outcome) {
  for (size_t i : present) {
    Participant& participant = participants_[i];
    participant.waiting = participant.finished = false;
    participant.failure.clear();
    const auto kill = kills.find(i);
    participant.process->Send(
        absl::StrCat("train ", round, " ", kill == kills.end() ? "none" : kill->second));
  }
  const Patience patience;
  while (true) {
    bool all = true;
    for (size_t i : present) all = all && participants_[i].waiting;
    if (all) return absl::OkStatus();
    if (patience.over()) {
      return absl::DeadlineExceededError(absl::StrCat(
          "FL round ", round, ": not every participant connected; their logs are in ", directory_));
    }
    Listen(round, kills, outcome);
  }
}

absl::StatusOr<v1::Session> Federation::Finish(int round, const std::string& model_hash,
                                               const std::vector<size_t>& present,
                                               const std::map<size_t, std::string>& kills,
                                               FlRoundOutcome& outcome) {
  absl::StatusOr<v1::Session> session =
      operator_->StartSession(plan_.settings.task_id(), model_hash);
  const Patience patience;
  while (session.ok()) {
    Listen(round, kills, outcome);
    bool all = true;
    for (size_t i : present) all = all && participants_[i].finished;
    if (!all && !patience.over()) continue;
    session = operator_->GetSession(session->session_id());
    if (!session.ok() || session->state() == v1::SESSION_STATE_COMPLETED) break;
    if (session->state() == v1::SESSION_STATE_ABORTED) {
      return absl::AbortedError(absl::StrCat("FL round ", round, ": session aborted, ",
                                             v1::Reason_Name(session->abort_reason()), ": ",
                                             session->abort_detail()));
    }
    if (patience.over()) {
      return absl::DeadlineExceededError(
          absl::StrCat("FL round ", round, ": the session did not end; logs are in ", directory_));
    }
  }
  return session;
}

std::string Federation::AuditFile(const std::string& session,
                                  const Participant& participant) const {
  return absl::StrCat(directory_, "/audit-", absl::BytesToHexString(session), "-",
                      participant.name);
}

absl::Status Federation::Verify(const v1::Session& session, FlRoundOutcome& outcome) {
  const v1::VectorSpec& spec = session.header().vector();
  absl::StatusOr<std::string> packed = operator_->GetResult(session.session_id());
  if (!packed.ok()) return packed.status();
  const std::vector<uint64_t> sum = ReadPacked(*packed, spec.modulus_bits(), spec.dimension() + 1);

  std::vector<std::vector<uint64_t>> inputs;
  for (const Participant& participant : participants_) {
    bool included = false;
    for (const std::string& identity : session.included_identities()) {
      included = included || absl::BytesToHexString(identity) == participant.identity_hex;
    }
    if (!included) continue;
    const std::string audit = AuditFile(session.session_id(), participant);
    absl::StatusOr<std::vector<uint64_t>> input = ReadNumbers<uint64_t>(audit);
    if (!input.ok()) return input.status();
    // What the aggregator received of one of them; those that were killed have kept no copy.
    const absl::StatusOr<std::string> masked = ReadFile(audit + ".masked");
    if (outcome.sample.participant.empty() && masked.ok()) {
      outcome.sample.participant = participant.name;
      outcome.sample.input = *input;
      outcome.sample.received = ReadPacked(*masked, spec.modulus_bits(), sum.size());
    }
    inputs.push_back(*std::move(input));
  }
  outcome.included = inputs.size();
  outcome.degree = session.degree();
  outcome.threshold = session.threshold();
  outcome.mean = MeanOf(sum, spec.quantisation_bits(), spec.clip());
  outcome.exact = CheckSum(inputs, sum, spec.modulus_bits());
  if (outcome.exact.ok() && inputs.size() != session.included()) {
    outcome.exact = absl::DataLossError("the published count is not that of the inputs");
  }
  if (outcome.exact.ok()) outcome.exact = CheckMeans(session.session_id(), outcome.mean);
  return absl::OkStatus();
}

// Every participant that saw the end must have got the same mean, and the one of the sum.
absl::Status Federation::CheckMeans(const std::string& session,
                                    const std::vector<float>& mean) const {
  std::vector<float> first;
  for (const Participant& participant : participants_) {
    absl::StatusOr<std::vector<float>> got =
        ReadNumbers<float>(AuditFile(session, participant) + ".mean");
    if (!got.ok()) continue;
    if (first.empty()) first = *got;
    if (*got != first || got->size() != mean.size()) {
      return absl::DataLossError(absl::StrCat(participant.name, " got another mean"));
    }
    for (size_t i = 0; i < mean.size(); ++i) {
      if (std::abs((*got)[i] - mean[i]) > 1e-6f) {
        return absl::DataLossError(
            absl::StrCat(participant.name, ": element ", i, " of the mean is not that of the sum"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Federation::Stop() {
  for (Participant& participant : participants_) participant.process = nullptr;
  const int code = aggregator_->Signal(SIGTERM);
  if (code == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("the aggregator ended with ", code, "; see ", directory_, "/aggregator.log"));
}

}  // namespace veilsum::demo
