// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Clients: who is connected, who waits, and whose message goes to which session.

#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/runtime/aggregator.h"
#include "aggregator/runtime/names.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"
#include "proto/validate.h"

namespace veilsum::aggregator {

Aggregator::ConnectionEntry* Aggregator::Find(const ConnectionPtr& connection) {
  const auto found = connections_.find(connection.get());
  return found == connections_.end() ? nullptr : &found->second;
}

// The refusal, as a message and as the end of the stream.
void Aggregator::Refuse(const ConnectionPtr& connection, const absl::Status& why) {
  connection->Dismiss(Encode(RefusedMessage(v1::Refused::SCOPE_MESSAGE, why)), why);
}

absl::Status Aggregator::Admit(const IdentityPublicKey& identity, const v1::Hello& hello) {
  if (!options_.admits(identity)) {
    return StatusFor(v1::REASON_NOT_A_MEMBER,
                     "this identity may not take part; the operator can add its public key to the "
                     "roster of identities");
  }
  if (stopped_) {
    return StatusFor(v1::REASON_SHUTDOWN, "the aggregator is starting again; come back shortly");
  }
  if (absl::Status keeps_up = CheckKeepsUp(); !keeps_up.ok()) return keeps_up;
  // The session of a client that is back may be of a task that is not configured any more.
  if (!hello.session_id().empty()) return absl::OkStatus();
  if (const auto task = FindTask(hello.task_id()); !task.ok()) return task.status();
  if (draining_ && hello.session_id().empty()) {
    services_.recorder.OverloadRejection(metrics::Overload::kDraining);
    return WithRetryAfter(StatusFor(v1::REASON_DRAINING, "the aggregator is shutting down"),
                          absl::Seconds(5));
  }
  return absl::OkStatus();
}

// A client opens its next stream when it has given up the one before, so what is said on that one
// does not reach it. A second client with the same identity does hear it, and leaves for good;
// otherwise the two would displace each other for ever.
void Aggregator::Displace(const ConnectionPtr& connection) {
  const absl::Status why =
      StatusFor(v1::REASON_DISPLACED,
                "a newer stream of this identity took over: is another client running with it?");
  connection->Dismiss(Encode(RefusedMessage(v1::Refused::SCOPE_CLIENT, why)), why);
}

// False: there is a newer one. By when the streams were opened, not by whose hello came last: a
// hello may have been on its way for so long that its client has given the stream up.
bool Aggregator::Register(const IdentityPublicKey& identity, const std::string& task_id,
                          const ConnectionPtr& connection) {
  ConnectionPtr& newest = newest_[{task_id, identity}];
  if (newest != nullptr) {
    if (newest->number() > connection->number()) {
      Displace(connection);
      return false;
    }
    const ConnectionPtr old = newest;
    Unregister(old);
    Displace(old);
  }
  newest_[{task_id, identity}] = connection;
  connections_.emplace(connection.get(), ConnectionEntry{connection, identity, task_id, nullptr});
  return true;
}

void Aggregator::Unregister(const ConnectionPtr& connection) {
  const auto found = connections_.find(connection.get());
  if (found == connections_.end()) return;
  ConnectionEntry& entry = found->second;
  if (entry.session != nullptr) entry.session->Detach(entry.identity, connection);
  const auto newest = newest_.find({entry.task_id, entry.identity});
  if (newest != newest_.end() && newest->second == connection) newest_.erase(newest);
  connections_.erase(found);
}

void Aggregator::Connect(const IdentityPublicKey& identity, v1::Hello hello,
                         ConnectionPtr connection) {
  Post([this, identity, hello = std::move(hello), connection = std::move(connection)] {
    if (absl::Status admitted = Admit(identity, hello); !admitted.ok()) {
      return Refuse(connection, admitted);
    }
    if (hello.session_id().empty()) {
      if (!Register(identity, hello.task_id(), connection)) return;
      TaskEntry& task = tasks_.at(hello.task_id());
      ConnectionEntry& entry = connections_.at(connection.get());
      if (task.open != nullptr) return OfferTo(entry, task.open);
      OpenOnDemand(task);  // Offers to all who wait.
      if (entry.session == nullptr) TellToWait(entry, "no session is open yet");
      return;
    }
    const auto session = FindLiveSession(hello.session_id());
    if (!session.ok()) return Refuse(connection, session.status());
    if ((*session)->task_id() != hello.task_id()) {
      return Refuse(connection, StatusFor(v1::REASON_WRONG_SESSION,
                                          "hello.session_id: is of another task than hello names"));
    }
    if (!Register(identity, hello.task_id(), connection)) return;
    connections_.at(connection.get()).session = *session;
    (*session)->Resume(identity, connection, hello.last_outcome());
  });
}

void Aggregator::OfferTo(ConnectionEntry& entry, const std::shared_ptr<SessionRuntime>& session) {
  entry.session = session;
  session->Offer(entry.identity, entry.connection,
                 [self = shared_from_this(), connection = entry.connection](absl::Status why) {
                   self->Post([self, connection, why] { self->NotOffered(connection, why); });
                 });
}

void Aggregator::NotOffered(const ConnectionPtr& connection, const absl::Status& why) {
  ConnectionEntry* entry = Find(connection);
  if (entry == nullptr) return;
  if (ReasonOf(why) == v1::REASON_NOT_A_MEMBER) {
    const ConnectionPtr refused = connection;
    Unregister(refused);
    return Refuse(refused, why);
  }
  // Full, closed meanwhile, or the client sits in it and has lost its keys: the next one will do.
  entry->session.reset();
  const auto task = FindTask(entry->task_id);
  if (!task.ok()) return Refuse(connection, task.status());
  if ((*task)->running == 0) OpenOnDemand(**task);
  if (entry->session == nullptr) {
    TellToWait(*entry, absl::StrCat("waiting for the next session: ", why.message()));
  }
}

void Aggregator::TellToWait(ConnectionEntry& entry, absl::string_view detail) {
  v1::ServerMessage message;
  message.mutable_waiting()->set_detail(std::string(detail));
  entry.connection->Send(Encode(message));
}

void Aggregator::Receive(ConnectionPtr connection, v1::ClientMessage message,
                         std::function<void()> done) {
  const auto shared = std::make_shared<v1::ClientMessage>(std::move(message));
  Post([this, connection = std::move(connection), shared, done = std::move(done)] {
    ConnectionEntry* entry = Find(connection);
    if (entry == nullptr) return done();
    if (entry->session != nullptr) {
      return entry->session->Receive(entry->identity, connection, std::move(*shared), done);
    }
    if (shared->has_withdraw()) {
      Unregister(connection);
      connection->Close(absl::OkStatus());
    } else {
      connection->Send(Encode(
          RefusedMessage(v1::Refused::SCOPE_MESSAGE,
                         StatusFor(v1::REASON_EARLY, "no session is open for this client yet"))));
    }
    done();
  });
}

void Aggregator::Disconnected(ConnectionPtr connection) {
  Post([this, connection = std::move(connection)] { Unregister(connection); });
}

void Aggregator::OpenUpload(v1::UploadOpen open, UploadListener listener,
                            Answer<OpenedUpload> answer) {
  Post([this, open = std::move(open), listener = std::move(listener), answer = std::move(answer)] {
    if (absl::Status valid = v1::ValidateUploadOpen(open); !valid.ok()) {
      return answer(WithReason(std::move(valid), v1::REASON_MALFORMED));
    }
    const auto session = FindLiveSession(open.session_id());
    if (!session.ok()) return answer(session.status());
    (*session)->OpenUpload(
        open, listener, [session = *session, answer](absl::StatusOr<UploadGrant> grant) {
          if (!grant.ok()) return answer(grant.status());
          answer(OpenedUpload{session, std::make_shared<UploadGrant>(*std::move(grant))});
        });
  });
}

void Aggregator::Download(v1::DownloadResultRequest request, Answer<PackedSum> answer) {
  Post([this, request = std::move(request), answer = std::move(answer)] {
    if (absl::Status valid = v1::ValidateDownloadResultRequest(request); !valid.ok()) {
      return answer(WithReason(std::move(valid), v1::REASON_MALFORMED));
    }
    const auto session = FindLiveSession(request.session_id());
    if (!session.ok()) return answer(session.status());
    (*session)->Download(request, answer);
  });
}

}  // namespace veilsum::aggregator
