// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator as users run it, but for its failpoints and its wall clock.

#include "aggregator/main_library.h"
#include "tests/reliability/failpoints.h"
#include "tests/reliability/wall_clock.h"

int main(int argc, char** argv) {
  veilsum::reliability::FollowWallClock();
  veilsum::reliability::ArmFailpoints();
  return veilsum::aggregator::Main(argc, argv);
}
