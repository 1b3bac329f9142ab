// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Registers whole families of metrics, every label combination at once, so that each is present at
// 0 from the start and recording is an array access. Internal to metrics/.

#ifndef VEILSUM_METRICS_METRIC_FAMILIES_H_
#define VEILSUM_METRICS_METRIC_FAMILIES_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/labels.h>
#include <prometheus/registry.h>

#include <string>
#include <type_traits>
#include <vector>

#include "metrics/labels.h"

namespace veilsum::metrics {

using Buckets = prometheus::Histogram::BucketBoundaries;

struct Description {
  std::string name;
  std::string help;
  Buckets buckets = {};  // Of a histogram.
};

struct Label {
  std::string name;
  LabelValues values;
};

template <class Metric>
using OneLabel = std::vector<Metric*>;  // By value.
template <class Metric>
using TwoLabels = std::vector<OneLabel<Metric>>;  // By value of the first, then of the second.

class MetricFamilies {
 public:
  explicit MetricFamilies(prometheus::Registry& registry) : registry_(registry) {}

  template <class Metric>
  Metric& Single(const Description& description) {
    return Add(Family<Metric>(description), {}, description);
  }

  template <class Metric>
  OneLabel<Metric> By(const Description& description, const Label& label) {
    prometheus::Family<Metric>& family = Family<Metric>(description);
    OneLabel<Metric> metrics;
    for (const std::string& value : label.values) {
      metrics.push_back(&Add(family, {{label.name, value}}, description));
    }
    return metrics;
  }

  template <class Metric>
  TwoLabels<Metric> By(const Description& description, const Label& first, const Label& second) {
    prometheus::Family<Metric>& family = Family<Metric>(description);
    TwoLabels<Metric> metrics;
    for (const std::string& value : first.values) {
      metrics.emplace_back();
      for (const std::string& other : second.values) {
        metrics.back().push_back(
            &Add(family, {{first.name, value}, {second.name, other}}, description));
      }
    }
    return metrics;
  }

  // By Method.
  template <class Metric>
  OneLabel<Metric> ByMethod(const Description& description) {
    prometheus::Family<Metric>& family = Family<Metric>(description);
    OneLabel<Metric> metrics;
    for (const MethodLabels& method : kMethods) {
      metrics.push_back(&Add(family, GrpcLabels(method), description));
    }
    return metrics;
  }

  // By Method, then by the number of the status code.
  TwoLabels<prometheus::Counter> ByMethodAndCode(const Description& description) {
    prometheus::Family<prometheus::Counter>& family = Family<prometheus::Counter>(description);
    TwoLabels<prometheus::Counter> metrics;
    for (const MethodLabels& method : kMethods) {
      metrics.emplace_back();
      for (const char* code : kGrpcCodes) {
        prometheus::Labels labels = GrpcLabels(method);
        labels["grpc_code"] = code;
        metrics.back().push_back(&Add(family, labels, description));
      }
    }
    return metrics;
  }

  // By StoreOperation, then by result.
  TwoLabels<prometheus::Histogram> ByStoreOperationAndResult(const Description& description) {
    prometheus::Family<prometheus::Histogram>& family = Family<prometheus::Histogram>(description);
    TwoLabels<prometheus::Histogram> metrics;
    for (const StoreLabels& labels : kStoreOperations) {
      metrics.emplace_back();
      for (const char* result : kResults) {
        metrics.back().push_back(&Add(
            family, {{"store", labels.store}, {"operation", labels.operation}, {"result", result}},
            description));
      }
    }
    return metrics;
  }

  template <class Metric>
  Metric& WithLabels(const Description& description, const prometheus::Labels& labels) {
    return Add(Family<Metric>(description), labels, description);
  }

 private:
  static prometheus::Labels GrpcLabels(const MethodLabels& method) {
    return {{"grpc_type", method.type},
            {"grpc_service", method.service},
            {"grpc_method", method.method}};
  }

  template <class Metric>
  prometheus::Family<Metric>& Family(const Description& description) {
    return prometheus::detail::Builder<Metric>()
        .Name(description.name)
        .Help(description.help)
        .Register(registry_);
  }

  template <class Metric>
  Metric& Add(prometheus::Family<Metric>& family, const prometheus::Labels& labels,
              const Description& description) {
    if constexpr (std::is_same_v<Metric, prometheus::Histogram>) {
      return family.Add(labels, description.buckets);
    } else {
      return family.Add(labels);
    }
  }

  prometheus::Registry& registry_;
};

}  // namespace veilsum::metrics

#endif  // VEILSUM_METRICS_METRIC_FAMILIES_H_
