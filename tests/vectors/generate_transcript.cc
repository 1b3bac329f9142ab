// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// bazel run //tests/vectors:generate_transcript writes the recorded session into the source tree.
// Whoever changes the protocol on purpose runs it; transcript_vectors_test notices everybody else.

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "tests/vectors/transcript_recording.h"

int main() {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  const std::string folder =
      std::string(workspace == nullptr ? "." : workspace) + "/tests/vectors/v1/";
  const veilsum::vectors::Json transcript = veilsum::vectors::RecordTranscript();
  std::ofstream good(folder + "transcript_complete.json");
  good << transcript.dump(1) << "\n";
  std::ofstream bad(folder + "transcript_bad.json");
  bad << veilsum::vectors::RecordBadSteps(transcript).dump(1) << "\n";
  good.close();
  bad.close();
  if (!good || !bad) {
    std::cerr << "cannot write into " << folder << "\n";
    return 1;
  }
  std::cout << "written into " << folder << "\n";
  return 0;
}
