// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// From a configuration to what the server needs: the files that it names, read.
#ifndef VEILSUM_AGGREGATOR_SERVER_OPTIONS_H_
#define VEILSUM_AGGREGATOR_SERVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "aggregator/certificate_reloader.h"
#include "aggregator/config/config.h"
#include "aggregator/server.h"

namespace veilsum::aggregator {

struct LoadedOptions {
  ServerOptions server;
  uint64_t roster_version = 0;  // 0: anybody may take part.
  size_t identities = 0;        // In the roster; 0: an authority vouches for them, or nobody.
};

// Errors name the file and what is wrong with it.
absl::StatusOr<LoadedOptions> LoadServerOptions(const Config& config);

// The certificates and keys alone, as they are now.
absl::StatusOr<ServerTls> LoadServerTls(const Config& config);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_SERVER_OPTIONS_H_
