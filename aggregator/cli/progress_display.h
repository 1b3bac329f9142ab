// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A session as it goes: on a terminal one line that is written over, elsewhere one line whenever a
// phase closes, for programs one JSON object for every change. Refusals of clients stay to be read.
#ifndef VEILSUM_AGGREGATOR_CLI_PROGRESS_DISPLAY_H_
#define VEILSUM_AGGREGATOR_CLI_PROGRESS_DISPLAY_H_

#include <cstdint>
#include <string>

#include "aggregator/cli/console.h"
#include "proto/operator.pb.h"

namespace veilsum::aggregator::cli {

class ProgressDisplay {
 public:
  ProgressDisplay(Console& console, bool json) : console_(console), json_(json) {}

  // With every state of one session, in order; the last is that of an ended one.
  void Show(const v1::Session& session);

 private:
  void ShowLines(const v1::Session& session);
  void ShowOnTerminal(const v1::Session& session);
  // Lines for the refusals since the last state.
  std::string NewRefusals(const v1::Session& session);

  Console& console_;
  const bool json_;
  bool begun_ = false;
  int phases_shown_ = 0;
  uint64_t refusals_shown_ = 0;
  uint32_t expected_ = 0;  // In the phase that was open last time.
};

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_PROGRESS_DISPLAY_H_
