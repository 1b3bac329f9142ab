// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/certificate_reloader.h"

#include <utility>

namespace veilsum::aggregator {

CertificateReloader::CertificateReloader(ServerTls present, Steps steps)
    : present_(std::move(present)), steps_(std::move(steps)) {}

void CertificateReloader::Look() {
  absl::Status trouble = TakeOverWhatIsNew();
  const bool lasts = !trouble.ok() && trouble == trouble_;
  said_ = said_ && lasts;
  if (lasts && !said_) {
    steps_.refused(trouble);
    said_ = true;
  }
  trouble_ = std::move(trouble);
}

absl::Status CertificateReloader::TakeOverWhatIsNew() {
  absl::StatusOr<ServerTls> found = steps_.load();
  if (!found.ok()) return found.status();
  if (*found == present_) return absl::OkStatus();
  if (absl::Status taken_over = steps_.take_over(*found); !taken_over.ok()) return taken_over;
  present_ = *std::move(found);
  steps_.taken_over(present_);
  return absl::OkStatus();
}

}  // namespace veilsum::aggregator
