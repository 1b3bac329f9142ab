// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator as a process: configuration, log, storage, server, metrics, signals. Apart from
// main(), so that a test can run the same process with failpoints (store/failpoint.h).
#ifndef VEILSUM_AGGREGATOR_MAIN_LIBRARY_H_
#define VEILSUM_AGGREGATOR_MAIN_LIBRARY_H_

namespace veilsum::aggregator {

// The exit code: 0; 1 for what is wrong with the arguments, the configuration or the start, said on
// stderr; 74 (EX_IOERR) when the disk failed in a way after which it must be read anew.
int Main(int argc, char** argv);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_MAIN_LIBRARY_H_
