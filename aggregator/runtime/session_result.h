// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The sum of a completed session: in memory where it is nowhere else, and otherwise read when
// somebody wants it and held as long as somebody has it.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_SESSION_RESULT_H_
#define VEILSUM_AGGREGATOR_RUNTIME_SESSION_RESULT_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregator/runtime/executors.h"

namespace veilsum::aggregator {

// The packed sum, shared by those who download it.
using PackedSum = std::shared_ptr<const std::string>;

// Thread-safe, but for the three that change it: on the session's strand, with none beside Get.
class SessionResult {
 public:
  using Reader = std::function<absl::StatusOr<std::string>()>;  // Blocks.
  using Answer = std::function<void(absl::StatusOr<PackedSum>)>;

  bool there() const { return shared_ != nullptr; }
  void Keep(PackedSum sum);
  void ReadWith(Reader reader);
  void Drop() { shared_ = nullptr; }

  // What there is now, for any thread and any time. `answer` is called at once, or on `executor`
  // once it is read. Only where it is there().
  std::function<void(Answer)> Getter(Executor executor) const;

 private:
  struct Shared {
    PackedSum kept;
    Reader reader;
    std::mutex mutex;
    // All below: under the mutex.
    std::weak_ptr<const std::string> read;
    std::vector<Answer> waiting;  // Not empty: it is being read.
  };
  static void Get(const std::shared_ptr<Shared>& shared, Executor executor, Answer answer);
  static void Read(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_SESSION_RESULT_H_
