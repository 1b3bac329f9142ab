# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Each defence of docs/protocol.md, how to take it out of the sources, and the test that notices.

An edit replaces one piece of text that must be in its file exactly once. It leaves code that
compiles without warnings, so conditions are switched off rather than cut out.
"""

from typing import NamedTuple

ATTACKS = "//tests/adversary:attacks_test"
SCENARIOS = "//tests/scenarios:in_memory_test"
CLIENT = "client_sdk/protocol/"
AGGREGATOR = "aggregator/protocol/"


class Defence(NamedTuple):
    attack: str  # The row of the attack table.
    defence: str
    file: str
    old: str
    new: str
    tests: str  # A gtest filter; all that it names must fail.
    target: str = ATTACKS


def off(condition: str) -> tuple:
    """Switches an `if` off."""
    return f"if ({condition}) ", f"if (false && ({condition})) "


DEFENCES = [
    # ---- Both shares of one client opened ----
    Defence("both shares opened", "a second survivor set is refused",
            CLIENT + "unmasking.cc",
            "if (message.survivors() == taken.bitmap) return absl::OkStatus();",
            "if (taken.included > 0) return absl::OkStatus();\n"
            "  if (message.survivors() == taken.bitmap) return absl::OkStatus();",
            "SurvivorAttacks.BothSharesOfOneClient*"),
    Defence("both shares opened", "one kind of share in an answer (aggregator)",
            AGGREGATOR + "unmasking.cc",
            *off("revealed.has_self_mask_share() != survived"),
            "Liars/InMemory.KeepsItsPromises/*WrongShareKind", SCENARIOS),

    # ---- Different survivor sets shown ----
    Defence("different survivor sets", "t signatures, or no share is opened",
            CLIENT + "consistency_check.cc",
            *off("signers < phase.cohort.threshold"),
            "SurvivorAttacks.DifferentSurvivorSetsShown"),
    Defence("different survivor sets", "signatures are verified",
            CLIENT + "consistency_check.cc",
            "root, *signature).ok();", "root, *signature).ok() || signature.ok();",
            "SurvivorAttacks.SignaturesThatDoNotCount"),
    Defence("different survivor sets", "survivors' signatures alone count",
            CLIENT + "consistency_check.cc",
            *off("!survivors[neighbour.position]"),
            "SurvivorAttacks.SignaturesOfThoseThatDidNotSurviveDoNotCount"),

    # ---- ShareKeys equivocation ----
    Defence("ShareKeys equivocation", "masks with t neighbours in U2 at least",
            CLIENT + "masked_input_collection.cc",
            *off("cohort.WithItself(count) < cohort.threshold"),
            "ShareKeysAttacks.U2ShrunkSoThatTheVictimMasksOnlyWithTheCorrupted"),
    Defence("ShareKeys equivocation", "shares from exactly U2",
            CLIENT + "masked_input_collection.cc",
            *off("next != delivered.shares_size()"),
            "ShareKeysAttacks.SharesFromSomebodyWhoIsNotInU2"),
    Defence("ShareKeys equivocation", "U2 names the client itself",
            CLIENT + "masked_input_collection.cc",
            *off("!(*sharers)[cohort.self.position]"),
            "ShareKeysAttacks.U2WithoutTheVictim"),
    Defence("ShareKeys equivocation", "survivors are in U2",
            CLIENT + "unmasking.cc",
            *off("(*survivors)[position] && !phase.sharers[position]"),
            "ShareKeysAttacks.AnotherU2ForTheVictimThatIsLargeEnough:"
            "SurvivorAttacksAfterADropout.*"),

    # ---- Two signatures or two answers; stale state ----
    Defence("two answers after a restart", "survivors are remembered before the signature leaves",
            CLIENT + "participant_protocol.cc",
            "if (outcome == v1::OUTCOME_RESULT) return;",
            "if (outcome >= v1::OUTCOME_SURVIVORS) return;",
            "MemoryAttacks.TwoSignaturesAfterARestart:MemoryAttacks.TwoAnswersAfterARestart"),
    Defence("two connections", "a displaced client leaves for good",
            CLIENT + "participant_protocol.cc",
            *off("refused.reason() == v1::REASON_DISPLACED"),
            "MemoryAttacks.ANewerConnectionIsNotOpenedByThisClient"),
    Defence("stale state restored", "an Accepted from the future is refused",
            CLIENT + "participant_protocol.cc",
            *off("accepted.round() > sent_round()"),
            "MemoryAttacks.StaleState*"),
    Defence("stale state restored", "what follows from the journal is what was sent",
            CLIENT + "journal.cc",
            *off("before.sent_digest() != now.sent_digest()"),
            "MemoryAttacks.AJournalOfOtherMessagesThanWereSent"),

    # ---- Different models; modulus, clip or length changed ----
    Defence("different models", "the caller's model hash",
            CLIENT + "session_policy.cc",
            *off("bound && header.model_hash() != crypto::AsStringView(*model_hash)"),
            "HeaderAttacks.DifferentModels"),
    Defence("different models", "a session must be bound to a model",
            CLIENT + "session_policy.cc",
            *off("!bound && model_hash.has_value()"),
            "HeaderAttacks.NoModel"),
    Defence("different models", "no unbound session in the malicious tier",
            CLIENT + "session_policy.cc",
            *off("!bound && header.tier() == v1::TIER_MALICIOUS && !policy.accept_unbound_model"),
            "HeaderAttacks.NoModelForAClientThatNamesNone"),
    Defence("header changed for one client", "entries are signed over the header hash",
            "crypto/transcript/transcript.cc",
            "TranscriptHash(kLabelEntrySignature).Add(header_hash)",
            "TranscriptHash(kLabelEntrySignature).Add(Digest(header_hash).empty() ? Digest{} : "
            "Digest{})",
            "HeaderAttacks.ModulusClipOrLengthChangedForOneClient:"
            "HeaderAttacks.AModelOfItsOwnForEachClient:Replays.EntryFromAnotherSession"),
    Defence("header changed for one client", "the vector that the caller expects",
            CLIENT + "session_policy.cc",
            "if (!expected.has_value() || offered == *expected) return absl::OkStatus();",
            "if (!expected.has_value() || offered == offered) return absl::OkStatus();",
            "HeaderAttacks.AVectorThatTheClientDoesNotExpect"),
    Defence("weaker session", "the client's own least tier and rates",
            CLIENT + "session_policy.cc",
            *off("header.tier() < policy.least_tier"),
            "HeaderAttacks.AWeakerSession"),
    Defence("small cohort", "the smallest cohort withstands all corrupted identities",
            CLIENT + "session_policy.cc",
            *off("header.tier() == v1::TIER_MALICIOUS && Withstands(header) < policy.most_corrupted"),
            "HeaderAttacks.ACohortTooSmallForAllCorruptedIdentities"),

    # ---- Small cohort, late shrink ----
    Defence("small cohort", "n_min against the roster",
            CLIENT + "roster.cc",
            "if (clients >= header.min_survivors() &&", "if (clients >= 2 &&",
            "RosterAttacks.SmallCohort"),
    Defence("late shrink", "n_min against the survivors",
            CLIENT + "unmasking.cc",
            *off("count < min_survivors"),
            "SmallCohorts.LateShrink"),
    Defence("late shrink", "t survivors at least",
            CLIENT + "unmasking.cc",
            *off("cohort.WithItself(neighbours) < cohort.threshold"),
            "SmallCohorts.SurvivorsBelowTheThreshold"),

    # ---- Keys and identities ----
    Defence("keys replaced", "entries are signed by their identities",
            CLIENT + "neighbour_entries.cc",
            *off("!verified.ok()"),
            "RosterAttacks.KeysReplaced*"),
    Defence("keys replaced", "entries have the hash in the roster",
            CLIENT + "neighbour_entries.cc",
            *off("entry_hash != roster_entry_hash"),
            "RosterAttacks.AnotherEntryThanTheRosterNames"),
    Defence("keys replaced", "the client's own entry is in the roster",
            CLIENT + "roster.cc",
            *off("seat->entry_hash != entry_hash"),
            "RosterAttacks.TheVictimsEntryReplaced"),
    Defence("keys copied; own, duplicate, reused", "no key twice",
            CLIENT + "neighbour_entries.cc",
            "if (!seen.insert(entry->channel_public_key()).second ||",
            "if (!seen.insert(entry->channel_public_key()).second && false &&",
            "RosterAttacks.KeyCopiedFromAnHonestClient:RosterAttacks.ChannelKeyCopiedAsAMaskKey:"
            "RosterAttacks.TheVictimsOwnKeyReflected:RosterAttacks.OneKeyForBothPurposes"),
    Defence("small-order key", "refused when it is parsed",
            "crypto/primitives/key_agreement.cc",
            *off("std::equal(key.begin(), key.end(), point.begin())"),
            "RosterAttacks.KeyOfSmallOrder"),
    Defence("one identity on many seats", "the roster ascends strictly",
            CLIENT + "roster.cc",
            *off("!seats.empty() && !(seats.back().identity < *identity)"),
            "RosterAttacks.ManySeatsWithDifferentKeys:RosterAttacks.TheVictimSitsTwice"),
    Defence("minted identities", "every seat is in the roster file",
            CLIENT + "session_policy.cc",
            "if (roster == nullptr || roster->identities.contains(identity))",
            "if (roster == nullptr || roster->identities.contains(identity) || roster->version > 0)",
            "RosterAttacks.IdentitiesOfTheAggregatorsOwnMaking"),
    Defence("minted identities", "every entry is enrolled by the authority",
            CLIENT + "neighbour_entries.cc",
            *off("!enrolled.ok()"),
            "Enrolment.AnEntryThatNoAuthorityVouchesFor"),
    Defence("forged messages, forged resume", "each message is signed (aggregator)",
            AGGREGATOR + "answers.cc",
            "if (VerifySignature(signer, crypto::kLabelMessageSignature, signed_digest, signature)) {",
            "if (VerifySignature(signer, crypto::kLabelMessageSignature, signed_digest, signature) ||"
            " !signature.empty()) {",
            "CoreAttacks.AForgedMessageComesFirst:CoreAttacks.ReplayFromAnotherSessionOrRound"),

    # ---- Graph ----
    Defence("graph chosen", "the complete graph alone",
            "proto/validate_session.cc",
            "message.graph() == GRAPH_RULE_COMPLETE, \"graph\",",
            "message.graph() != GRAPH_RULE_UNSPECIFIED, \"graph\",",
            "HeaderAttacks.ASparseGraphInTheMaliciousTier"),
    Defence("graph chosen", "exactly the neighbours of the graph",
            CLIENT + "neighbour_entries.cc",
            *off("static_cast<size_t>(entries.neighbours_size()) != neighbours.size()"),
            "HeaderAttacks.MoreNeighboursThanTheGraphHas"),

    # ---- Masked inputs ----
    Defence("late masked input", "the phase closes with its last fold (aggregator)",
            AGGREGATOR + "masked_input_collection.cc",
            "return phase.closing && phase.folding == 0;", "return phase.closing;",
            "CoreAttacks.NobodyIsASurvivorOrADropoutWhileAFoldIsUnderWay"),
    Defence("late masked input", "no upload once it closes (aggregator)",
            AGGREGATOR + "masked_input_collection.cc",
            "if (!state.In<MaskedInputPhase>()->closing) return true;",
            "if (state.In<MaskedInputPhase>()->folding < 1'000'000) return true;",
            "CoreAttacks.NobodyIsASurvivorOrADropoutWhileAFoldIsUnderWay"),
    Defence("one mask for two inputs", "the input's digest is remembered",
            CLIENT + "participant_protocol.cc",
            *off("context.input_digest.value_or(event.input_digest) != event.input_digest"),
            "MemoryAttacks.OneMaskForTwoInputsInARetry"),

    # ---- Replay ----
    Defence("replay", "message signatures bind the session",
            "crypto/transcript/transcript.cc",
            "TranscriptHash(kLabelMessageSignature)\n      .Add(transcript)",
            "TranscriptHash(kLabelMessageSignature)\n      .AddU64(transcript.size())",
            "CoreAttacks.ReplayFromAnotherSessionOrRound"),
    Defence("replay", "message signatures bind the round",
            "crypto/transcript/transcript.cc",
            ".AddU64(static_cast<uint64_t>(round))",
            ".AddU64(static_cast<uint64_t>(round) * 0)",
            "CoreAttacks.ReplayFromAnotherSessionOrRound"),
    Defence("replay", "survivor roots bind the session",
            "crypto/transcript/transcript.cc",
            "TranscriptHash(kLabelSurvivorRoot).Add(transcript)",
            "TranscriptHash(kLabelSurvivorRoot).AddU64(transcript.size())",
            "Replays.SignaturesFromAnotherSession"),

    # ---- Abort, run again, subtract ----
    Defence("run again and subtract", "one answer for each model",
            CLIENT + "advertise_keys.cc",
            "if (!context.answered(model_hash)) return absl::OkStatus();",
            "if (!context.answered(model_hash) || !model_hash.empty()) return absl::OkStatus();",
            "MemoryAttacks.AbortRunAgainWithoutOneAndSubtract"),
    Defence("run again and subtract", "the answer is remembered before it leaves",
            CLIENT + "journal.cc",
            "remember.answers = answer->has_unmasking();", "remember.answers = false;",
            "MemoryAttacks.AbortRunAgainWithoutOneAndSubtract"),

    # ---- Wrong shares ----
    Defence("wrong share", "shares match the dealer's digest (aggregator)",
            AGGREGATOR + "unmasking.cc",
            *off("digest != announced"),
            "CoreAttacks.AWrongShareDropsItsHolderAndNobodyElse"),
    Defence("wrong share", "b matches its commitment (aggregator)",
            "aggregator/accumulate/unmask.cc",
            "task.commitment)) {", "task.commitment) && task.position > 1'000'000) {",
            "Liars/InMemory.KeepsItsPromises/*InconsistentShares", SCENARIOS),
    Defence("wrong share", "signatures of survivors are verified (aggregator)",
            AGGREGATOR + "consistency_check.cc",
            "if (IsSigned(state, *position, signature)) {",
            "if (IsSigned(state, *position, signature) || !signature.empty()) {",
            "CoreAttacks.AForgedSurvivorSignatureCostsItsSendersSeatAndNotItsInput"),

    # ---- Overflow, huge counts ----
    Defence("overflow", "B is computed, not believed",
            "proto/validate_session.cc",
            "} else if (spec.modulus_bits() != *needed &&",
            "} else if (spec.modulus_bits() != *needed && spec.modulus_bits() == 0 &&",
            "HeaderAttacks.AModulusInWhichTheSumWraps"),
    Defence("overflow", "B has room for every client's greatest input",
            "proto/vector_arithmetic.cc",
            "  return bits;\n", "  return bits > 1 ? bits - 1 : bits;\n",
            "OverflowAtTheExtremes.*"),
    Defence("huge messages", "limits before anything is parsed (aggregator)",
            "proto/validate_messages.cc",
            "check.AtMostBytes(\"body\", message.body(), limits::kMaxMessageBytes)",
            "check.AtMostBytes(\"body\", message.body(), 2 * limits::kMaxMessageBytes)",
            "CoreAttacks.HugeAndMalformedMessages"),

    # ---- Many sessions ----
    Defence("participation patterns", "a budget of sessions",
            "client_sdk/transport/session_record.cc",
            "if (*started < options_.sessions_per_day) return absl::OkStatus();",
            "if (*started < 1'000'000) return absl::OkStatus();",
            "ResumeTest.BudgetIsCountedByTheInjectedClock", "//client_sdk/transport:resume_test"),
]
