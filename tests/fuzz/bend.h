// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Changes to honest messages, as an input decides.
#ifndef VEILSUM_TESTS_FUZZ_BEND_H_
#define VEILSUM_TESTS_FUZZ_BEND_H_

#include <string>

#include "google/protobuf/message.h"
#include "tests/fuzz/input.h"

namespace veilsum::fuzz {

// One field of it, or of a message in it, is another one then, is gone, or is there twice.
void Bend(Input& input, google::protobuf::Message& message);

// One place of it is another one, or is gone, or something comes in between.
void Bend(Input& input, std::string& bytes);

}  // namespace veilsum::fuzz

#endif  // VEILSUM_TESTS_FUZZ_BEND_H_
