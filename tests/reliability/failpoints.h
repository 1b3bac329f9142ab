// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// An aggregator that ends itself, as kill -9 would, at one of the points that
// aggregator/store/failpoint.h names; told which by its environment. For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_FAILPOINTS_H_
#define VEILSUM_TESTS_RELIABILITY_FAILPOINTS_H_

namespace veilsum::reliability {

// The point, and the how manieth time that it is passed, from 1.
inline constexpr char kDieAt[] = "VEILSUM_TEST_DIE_AT";
inline constexpr char kDieAtPass[] = "VEILSUM_TEST_DIE_AT_PASS";
// Instead: a file that the name of every point is appended to as it is passed, one on a line.
inline constexpr char kNotePasses[] = "VEILSUM_TEST_NOTE_PASSES";

// Sets the hook as the environment says. Before any other thread runs.
void ArmFailpoints();

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_FAILPOINTS_H_
