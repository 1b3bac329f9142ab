// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What every SessionStore does, as tests: instantiate SessionStoreConformanceTest with a function
// that makes an empty one. The tests' names are the list.
#ifndef VEILSUM_AGGREGATOR_STORE_SESSION_STORE_CONFORMANCE_TESTING_H_
#define VEILSUM_AGGREGATOR_STORE_SESSION_STORE_CONFORMANCE_TESTING_H_

#include <functional>
#include <memory>

#include "aggregator/store/session_store.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {

class SessionStoreConformanceTest
    : public testing::TestWithParam<std::function<std::shared_ptr<SessionStore>()>> {
 protected:
  std::shared_ptr<SessionStore> owner_ = GetParam()();
  SessionStore& store_ = *owner_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_SESSION_STORE_CONFORMANCE_TESTING_H_
