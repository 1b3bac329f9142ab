// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/progress_display.h"

#include <algorithm>
#include <ostream>

#include "aggregator/cli/exit_code.h"
#include "aggregator/cli/render.h"

namespace veilsum::aggregator::cli {
namespace {

// Back to the first column, and away with what is there.
constexpr char kClearLine[] = "\r\x1b[K";

bool Ended(const v1::Session& session) {
  return session.state() == v1::SESSION_STATE_COMPLETED ||
         session.state() == v1::SESSION_STATE_ABORTED;
}

}  // namespace

void ProgressDisplay::Show(const v1::Session& session) {
  if (json_) {
    console_.out << Line(SessionJson(session));
  } else if (console_.terminal) {
    ShowOnTerminal(session);
  } else {
    ShowLines(session);
  }
  console_.out.flush();
}

void ProgressDisplay::ShowLines(const v1::Session& session) {
  if (!begun_) {
    console_.out << "session " << SessionId(session) << " of task " << Printable(session.task_id())
                 << "\n";
    begun_ = true;
  }
  for (; phases_shown_ < session.phases_size(); ++phases_shown_) {
    // Who joins late sees closed phases, but not how many answers they waited for.
    console_.out << PhaseText(session.phases(phases_shown_), expected_) << "\n";
    expected_ = 0;
  }
  expected_ = session.expected();
  console_.out << NewRefusals(session);
  if (Ended(session)) console_.out << EndText(session) << "\n";
}

void ProgressDisplay::ShowOnTerminal(const v1::Session& session) {
  console_.out << kClearLine << NewRefusals(session) << SessionId(session).substr(0, 8) << "  "
               << (Ended(session) ? EndText(session) : ProgressText(session));
  if (Ended(session)) console_.out << "\n";
}

std::string ProgressDisplay::NewRefusals(const v1::Session& session) {
  const uint64_t shown = std::min(refusals_shown_, session.refusals_total());
  refusals_shown_ = session.refusals_total();
  return RefusalLines(session, session.refusals_total() - shown);
}

}  // namespace veilsum::aggregator::cli
