// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The process_* metrics that every Prometheus client library but this one brings along, read from
// /proc when scraped. Internal to metrics/.

#ifndef VEILSUM_METRICS_PROCESS_COLLECTOR_H_
#define VEILSUM_METRICS_PROCESS_COLLECTOR_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

namespace veilsum::metrics {

// Thread safe. What /proc does not tell is left out of that scrape.
class ProcessCollector : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace veilsum::metrics

#endif  // VEILSUM_METRICS_PROCESS_COLLECTOR_H_
