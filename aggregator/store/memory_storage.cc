// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <memory>

#include "aggregator/store/memory_blob_store.h"
#include "aggregator/store/memory_session_store.h"
#include "aggregator/store/storage.h"

namespace veilsum::aggregator {

Storage MemoryStorage() {
  return {std::make_shared<MemorySessionStore>(), std::make_shared<MemoryBlobStore>()};
}

}  // namespace veilsum::aggregator
