// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The uploads of one session: asked for over RPCs of their own, answered when it is durable.

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/runtime/names.h"
#include "aggregator/runtime/session_runtime.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum::aggregator {

namespace {

// UploadOpens that may wait for the store: one of each client, and one of the connection that it
// lost. They are not checked before they are answered.
uint64_t MostOpening(const v1::Task& task) { return 2 * uint64_t{task.max_clients()} + 16; }

}  // namespace

v1::UploadReceipt SessionRuntime::ReceiptOf(const Reply& reply) const {
  v1::UploadReceipt receipt;
  if (reply.upload_digest.has_value()) receipt.set_digest(crypto::ToString(*reply.upload_digest));
  receipt.set_durability(storage_ == nullptr ? v1::DURABILITY_IN_MEMORY
                                             : v1::DURABILITY_CHECKPOINT);
  return receipt;
}

void SessionRuntime::OpenUpload(v1::UploadOpen open, UploadListener listener,
                                UploadAnswers::Opened answer) {
  Post([this, open = std::move(open), listener = std::move(listener), answer = std::move(answer)] {
    const auto identity = IdentityPublicKey::Parse(crypto::AsBytes(open.identity()));
    if (!identity.ok()) {
      return answer(StatusFor(v1::REASON_MALFORMED,
                              absl::StrCat("upload.open.identity: ", identity.status().message())));
    }
    if (lost_) return answer(WhyLost());
    if (absl::Status keeps_up = CheckKeepsUp(); !keeps_up.ok()) return answer(keeps_up);
    if (uploads_.opening() >= MostOpening(task_)) {
      services_.recorder.OverloadRejection(metrics::Overload::kStore);
      return answer(WithRetryAfter(
          StatusFor(v1::REASON_OVERLOADED,
                    "as many uploads as the session has clients wait for the aggregator's disk; "
                    "try again shortly"),
          absl::Seconds(2)));
    }
    const auto answered = [this, total_bytes = open.total_bytes(), listener,
                           answer](const Reply& reply) {
      answer(GrantFor(reply, total_bytes, listener));
    };
    uploads_.AwaitOpened(*identity, {answered, answer});
    Step(UploadOpened{*identity, open});
  });
}

absl::StatusOr<UploadGrant> SessionRuntime::GrantFor(const Reply& reply, uint64_t total_bytes,
                                                     const UploadListener& listener) {
  if (absl::Status refused = StatusOf(reply); !refused.ok()) return refused;
  UploadGrant grant;
  if (reply.upload_digest.has_value()) {
    grant.receipt = ReceiptOf(reply);
    return grant;
  }
  auto writer = services_.uploads->Open({session_id_, reply.to}, total_bytes, listener);
  if (!writer.ok()) return writer.status();
  grant.writer = *std::move(writer);
  return grant;
}

void SessionRuntime::CloseUpload(const IdentityPublicKey& identity, const Digest& digest,
                                 v1::UploadClose close, UploadAnswers::Completed answer) {
  const auto last_byte = std::chrono::steady_clock::now();
  Post([this, identity, digest, close = std::move(close), answer = std::move(answer), last_byte] {
    if (lost_) return answer(WhyLost());
    const auto answered = [this, answer, last_byte](const Reply& reply) {
      if (absl::Status refused = StatusOf(reply); !refused.ok()) return answer(refused);
      services_.recorder.UploadReceipt(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - last_byte).count());
      answer(ReceiptOf(reply));
    };
    uploads_.AwaitCompleted(identity, digest, {answered, answer});
    Step(UploadCompleted{identity, digest, close});
  });
}

}  // namespace veilsum::aggregator
