// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/auditor.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <set>

#include "absl/strings/str_cat.h"
#include "client_sdk/transport/channel.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::reliability {
namespace {

// Of the sums that have not been pushed out by newer ones for certain.
constexpr int kSumsToReadAgain = 8;

void Patience(grpc::ClientContext& context) {
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
}

bool Ended(const v1::Session& session) {
  return session.state() == v1::SESSION_STATE_COMPLETED ||
         session.state() == v1::SESSION_STATE_ABORTED;
}

std::shared_ptr<grpc::Channel> Connect(uint16_t port) {
  client::ChannelOptions options;
  options.target = absl::StrCat("127.0.0.1:", port);
  options.insecure = true;
  return client::MakeChannel(options);
}

// What must never change of a session that has ended.
std::string Lasting(const v1::Session& session) {
  v1::Session lasting;
  lasting.set_state(session.state());
  lasting.set_abort_reason(session.abort_reason());
  lasting.set_included(session.included());
  lasting.set_result_digest(session.result_digest());
  lasting.set_result_bytes(session.result_bytes());
  *lasting.mutable_included_identities() = session.included_identities();
  return lasting.ShortDebugString();
}

// Nobody answered, or not to the end: that is no fault of what is stored.
bool IsSilence(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded ||
         status.code() == absl::StatusCode::kCancelled ||
         status.code() == absl::StatusCode::kUnknown ||
         status.code() == absl::StatusCode::kInternal;
}

}  // namespace

Auditor::Auditor(uint16_t operator_port, bool durable, History& history)
    : stub_(v1::OperatorService::NewStub(Connect(operator_port))),
      durable_(durable),
      history_(history) {}

absl::Status Auditor::ReadSession(const std::string& id, v1::Session& session) {
  grpc::ClientContext context;
  Patience(context);
  v1::GetSessionRequest request;
  request.set_session_id(id);
  return FromGrpcStatus(stub_->GetSession(&context, request, &session));
}

absl::Status Auditor::ReadSum(const std::string& id, std::string& packed) {
  grpc::ClientContext context;
  Patience(context);
  v1::GetResultRequest request;
  request.set_session_id(id);
  const auto reader = stub_->GetResult(&context, request);
  v1::ResultChunk chunk;
  while (reader->Read(&chunk)) packed += chunk.payload();
  return FromGrpcStatus(reader->Finish());
}

absl::Status Auditor::Take(const v1::Session& listed) {
  OperatorView view;
  absl::Status read = ReadSession(listed.session_id(), view.session);
  if (read.ok() && view.session.state() == v1::SESSION_STATE_COMPLETED) {
    read = ReadSum(listed.session_id(), view.packed_sum);
  }
  if (read.ok()) {
    sessions_[listed.session_id()] = std::move(view);
  } else if (!IsSilence(read)) {
    history_.Violation(absl::StrCat("session ", Hex(listed.session_id()),
                                    " has ended and cannot be read: ", read.ToString()));
  }
  return read;
}

absl::Status Auditor::Compare(const OperatorView& first, bool sum_is_kept) {
  const std::string& id = first.session.session_id();
  OperatorView now;
  absl::Status read = ReadSession(id, now.session);
  if (!read.ok()) return read;
  if (Lasting(first.session) != Lasting(now.session)) {
    history_.Violation(absl::StrCat("session ", Hex(id), " was ", Lasting(first.session),
                                    " and is now ", Lasting(now.session)));
  }
  if (first.packed_sum.empty() || !sum_is_kept) return absl::OkStatus();
  read = ReadSum(id, now.packed_sum);
  if (!read.ok()) return read;
  ++sums_read_again_;
  if (first.packed_sum != now.packed_sum) {
    history_.Violation(absl::StrCat("session ", Hex(id), " has another sum than before"));
  }
  return absl::OkStatus();
}

absl::Status Auditor::Read(bool again) {
  grpc::ClientContext context;
  Patience(context);
  v1::ListSessionsResponse list;
  absl::Status read = FromGrpcStatus(stub_->ListSessions(&context, {}, &list));
  if (!read.ok()) return read;
  running_ = 0;
  int sums = 0;
  std::set<std::string> listed;
  for (const v1::Session& session : list.sessions()) {
    listed.insert(session.session_id());
    const auto known = sessions_.find(session.session_id());
    if (known == sessions_.end()) {
      if (!Ended(session)) {
        ++running_;
        continue;
      }
      read = Take(session);
    } else if (again) {
      if (!known->second.packed_sum.empty()) ++sums;
      read = Compare(known->second, sums <= kSumsToReadAgain);
      if (!read.ok() && !IsSilence(read)) {
        history_.Violation(
            absl::StrCat("session ", Hex(session.session_id()),
                         " was read before and cannot be read again: ", read.ToString()));
      }
    }
    if (!read.ok()) return read;
  }
  for (const auto& [id, view] : sessions_) {
    if (durable_ && listed.count(id) == 0) {
      history_.Violation(absl::StrCat("session ", Hex(id), " had ended and is forgotten"));
    }
  }
  return absl::OkStatus();
}

}  // namespace veilsum::reliability
