// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/memory_session_store.h"

#include "aggregator/store/session_store_conformance_testing.h"

namespace veilsum::aggregator {
namespace {

INSTANTIATE_TEST_SUITE_P(Memory, SessionStoreConformanceTest,
                         testing::Values([] { return std::make_shared<MemorySessionStore>(); }));

}  // namespace
}  // namespace veilsum::aggregator
