// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Makes v1/transcript_complete.json and v1/transcript_bad.json. Everything follows from constants.
#ifndef VEILSUM_TESTS_VECTORS_TRANSCRIPT_RECORDING_H_
#define VEILSUM_TESTS_VECTORS_TRANSCRIPT_RECORDING_H_

#include "tests/vectors/transcript_parties.h"

namespace veilsum::vectors {

// Four clients on the complete graph; client 2 drops out in MaskedInputCollection. The steps, and
// the values that an implementation goes through on the way.
Json RecordTranscript();

// Steps that must not be taken: each takes the place of step number "after" of the good transcript,
// and is answered by "reason".
Json RecordBadSteps(const Json& transcript);

}  // namespace veilsum::vectors

#endif  // VEILSUM_TESTS_VECTORS_TRANSCRIPT_RECORDING_H_
