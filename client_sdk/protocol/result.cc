// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The end of docs/protocol.md, "Round 4, Unmasking": the sum that was announced is the one of the
// survivors that this client answered for, and the one that it downloads.

#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/protocol/rounds.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/validate.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {
namespace {

absl::Status Refused(absl::string_view text) { return Declined(v1::REASON_RESULT_REFUSED, text); }

absl::Status CheckAnnounced(const TakenSurvivors& survivors, const v1::SessionResult& result,
                            const v1::SessionHeader& header) {
  const absl::Status valid = v1::ValidateSessionResult(result);
  if (!valid.ok()) return Refused(valid.message());
  if (result.included() != survivors.included) {
    return Refused(absl::StrCat("the result is of ", result.included(), " inputs, there were ",
                                survivors.included, " survivors"));
  }
  if (result.survivor_root() != crypto::AsStringView(survivors.Root())) {
    return Refused("the result is of other survivors than those this client answered for");
  }
  const uint64_t expected = PackedBytes(header.vector());
  if (ResultIsForParticipants(header) && result.total_bytes() != expected) {
    return Refused(
        absl::StrCat("the result must be ", expected, " bytes, is ", result.total_bytes()));
  }
  if (ResultIsForParticipants(header) && result.result_digest().empty()) {
    return Refused("the result was announced without its digest");
  }
  return absl::OkStatus();
}

v1::DownloadResultRequest RequestDownload(const SessionContext& context,
                                          const crypto::Digest& transcript) {
  v1::DownloadResultRequest request;
  request.set_session_id(context.header.session_id());
  request.set_identity(crypto::ToString(context.identity->public_key().bytes()));
  request.set_signature(
      crypto::ToString(crypto::Sign(*context.identity, crypto::kLabelResultDownloadSignature,
                                    crypto::ResultDownloadSignatureDigest(transcript))
                           .bytes()));
  return request;
}

}  // namespace

absl::StatusOr<AwaitingDownload> CheckResult(AwaitingResult phase, const v1::SessionResult& result,
                                             SessionContext& context, Effects& effects) {
  const absl::Status announced = CheckAnnounced(phase.survivors, result, context.header);
  if (!announced.ok()) return announced;
  if (ResultIsForParticipants(context.header)) {
    effects.push_back(
        DownloadResult{RequestDownload(context, phase.survivors.transcript), result.total_bytes()});
  } else {
    Finished finished;
    finished.included = result.included();
    effects.push_back(std::move(finished));
  }
  return AwaitingDownload{std::move(phase.survivors), result};
}

absl::Status CheckDownload(const AwaitingDownload& phase, absl::string_view packed) {
  if (packed.size() != phase.result.total_bytes()) {
    return Refused(absl::StrCat("the downloaded sum has ", packed.size(), " bytes, ",
                                phase.result.total_bytes(), " were announced"));
  }
  if (crypto::AsStringView(crypto::Sha256(crypto::AsBytes(packed))) !=
      phase.result.result_digest()) {
    return Refused("the downloaded sum does not match the digest that was announced");
  }
  return absl::OkStatus();
}

}  // namespace veilsum::client
