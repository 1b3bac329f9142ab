// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One liar among five, once for every kind of lie. "The session completes exactly without it, or
// fails loudly": that alone client is dropped, or the session says why it ended.

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {
namespace {

using M = Misbehaviour;

constexpr uint32_t kLiar = 2;
constexpr uint32_t kOther = 4;

Scenario OneLies(M how) {
  return Scenario(absl::StrCat("Lies", NameOf(how))).Clients(5).Client(kLiar).Lies(how);
}

// The aggregator drops it: no input, no result.
Scenario Dropped(M how, v1::Reason reason) {
  return OneLies(how).IsLeftOut().IsDropped(reason).IsTold(reason);
}
// A message is refused and the liar leaves without a word.
Scenario Refused(M how, v1::Reason told, std::optional<v1::Reason> dropped) {
  Scenario scenario = OneLies(how).IsLeftOut().IsTold(told);
  if (dropped.has_value()) scenario.IsDropped(*dropped);
  return scenario;
}
// Its input is in the sum already; it loses the result.
Scenario DroppedInUnmasking(M how, v1::Reason reason) {
  return OneLies(how).IsDropped(reason).IsTold(reason);
}
// No harm to anybody, not even to itself.
Scenario Harmless(M how) { return OneLies(how); }
Scenario OutOfTurn(M how, v1::Reason answer) { return OneLies(how).IsAnswered(answer); }

void AddKeys(std::vector<Scenario>& all) {
  all.push_back(Refused(M::kShortKey, v1::REASON_MALFORMED, std::nullopt));
  all.push_back(Refused(M::kLongEntry, v1::REASON_OVERSIZED, std::nullopt));
  all.push_back(Refused(M::kGarbageEntry, v1::REASON_MALFORMED, std::nullopt));
  all.push_back(Refused(M::kAnothersIdentity, v1::REASON_MALFORMED, std::nullopt));
  all.push_back(Refused(M::kForgedEntrySignature, v1::REASON_BAD_SIGNATURE, std::nullopt));
  for (const M how :
       {M::kZeroKey, M::kSmallOrderKey, M::kNonCanonicalKey, M::kOneKeyForBoth, M::kCopiedKey}) {
    all.push_back(Dropped(how, v1::REASON_BAD_KEY));
    all.back().JoinsLast();
  }
  // The roster stays open until the aggregator has seen the lie.
  for (Scenario& scenario : all) scenario.Client(kOther).WaitsFor(kLiar, kAdvertiseKeys);
}

void AddShares(std::vector<Scenario>& all) {
  for (const M how :
       {M::kOmittedShare, M::kSurplusShare, M::kRepeatedShare, M::kUnorderedShares, M::kNoShares,
        M::kSealedForItself, M::kShortCiphertext, M::kGarbageShareKeys}) {
    all.push_back(Dropped(how, v1::REASON_BAD_SHARE_LIST));
  }
  all.push_back(Refused(M::kForgedShareSignature, v1::REASON_BAD_SIGNATURE, v1::REASON_NO_ANSWER)
                    .Client(kOther)
                    .WaitsFor(kLiar, kShareKeys));
  all.push_back(Harmless(M::kCorruptedCiphertext));
  all.push_back(Harmless(M::kSwappedDigests));
  all.push_back(OneLies(M::kAllCorrupted).Aborts(v1::REASON_BELOW_THRESHOLD));
  all.push_back(OneLies(M::kInconsistentShares).Aborts(v1::REASON_DEALER_CHEATED));
}

void AddUploads(std::vector<Scenario>& all) {
  for (const M how : {M::kUploadTooLong, M::kUploadTooShort, M::kUploadFlippedBit,
                      M::kUploadOtherDigest, M::kUploadDirtyPadding}) {
    all.push_back(Dropped(how, v1::REASON_BAD_UPLOAD));
  }
  // Refused before the core sees them; the client's own side then leaves.
  for (const M how : {M::kUploadCutShort, M::kUploadOverlong, M::kUploadGap}) {
    all.push_back(Refused(how, v1::REASON_BAD_UPLOAD, v1::REASON_WITHDREW));
  }
  for (const M how : {M::kForgedUploadOpen, M::kForgedUploadClose}) {
    all.push_back(Refused(how, v1::REASON_BAD_SIGNATURE, v1::REASON_WITHDREW));
  }
}

void AddUnmasking(std::vector<Scenario>& all) {
  all.push_back(DroppedInUnmasking(M::kWrongShareKind, v1::REASON_WRONG_SHARE_KIND));
  all.push_back(Harmless(M::kNoShareAtAll));
  all.push_back(DroppedInUnmasking(M::kFlippedShareBit, v1::REASON_WRONG_SHARE));
  for (const M how :
       {M::kShareForStranger, M::kShareTwice, M::kShortShare, M::kTruncatedUnmasking}) {
    all.push_back(DroppedInUnmasking(how, v1::REASON_BAD_SHARE_LIST));
  }
  all.push_back(DroppedInUnmasking(M::kSelfShareOfDropout, v1::REASON_WRONG_SHARE_KIND)
                    .Client(kOther)
                    .Vanishes(Before(kMaskedInput)));
  all.push_back(DroppedInUnmasking(M::kShareForSilentClient, v1::REASON_BAD_SHARE_LIST)
                    .Client(kOther)
                    .Vanishes(Before(kShareKeys)));
  all.push_back(OneLies(M::kForgedUnmasking)
                    .IsTold(v1::REASON_BAD_SIGNATURE)
                    .IsDropped(v1::REASON_NO_ANSWER)
                    .Client(kOther)
                    .WaitsFor(kLiar, kUnmasking));
}

void AddOutOfTurn(std::vector<Scenario>& all) {
  all.push_back(OutOfTurn(M::kUnsetMessage, v1::REASON_MALFORMED));
  all.push_back(OutOfTurn(M::kTooEarly, v1::REASON_EARLY));
  all.push_back(OutOfTurn(M::kTooLate, v1::REASON_CONFLICT));
  all.push_back(OutOfTurn(M::kAgain, v1::REASON_UNSPECIFIED));
  all.push_back(OutOfTurn(M::kConflicting, v1::REASON_CONFLICT));
  all.push_back(OutOfTurn(M::kOtherEntry, v1::REASON_SEAT_TAKEN));
  all.push_back(OutOfTurn(M::kConsistencyCheck, v1::REASON_UNSUPPORTED));
  // Whoever has the result may be gone before the answer comes.
  all.push_back(Harmless(M::kAfterTheEnd));
}

}  // namespace

std::vector<Scenario> ConsistencyLiars() {
  const auto lies = [](M how) {
    return Scenario(absl::StrCat("MaliciousLies", NameOf(how)))
        .Clients(5)
        .Malicious()
        .Threshold(4)
        .Client(kLiar)
        .Lies(how);
  };
  return {
      lies(M::kForgedSurvivorSignature)
          .IsDropped(v1::REASON_BAD_SIGNATURE)
          .IsTold(v1::REASON_BAD_SIGNATURE),
      lies(M::kSignsOtherSurvivors)
          .IsDropped(v1::REASON_BAD_SIGNATURE)
          .IsTold(v1::REASON_BAD_SIGNATURE),
      // Refused, so that it leaves without another word.
      lies(M::kShortSurvivorSignature)
          .IsDropped(v1::REASON_NO_ANSWER)
          .IsTold(v1::REASON_MALFORMED)
          .Client(kOther)
          .WaitsFor(kLiar, kConsistencyCheck),
      lies(M::kSilentSigner).IsDropped(v1::REASON_NO_ANSWER),
      lies(M::kConsistencyCheck).IsAnswered(v1::REASON_EARLY),
      lies(M::kAllCorrupted).Aborts(v1::REASON_BELOW_THRESHOLD),
  };
}

std::vector<Scenario> MisbehaviourScenarios() {
  std::vector<Scenario> all;
  AddKeys(all);
  AddShares(all);
  AddUploads(all);
  AddUnmasking(all);
  AddOutOfTurn(all);
  all.push_back(OneLies(M::kStranger).IsLeftOut().IsTold(v1::REASON_NOT_A_MEMBER));
  return all;
}

}  // namespace veilsum::scenarios
