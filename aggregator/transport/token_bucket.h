// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// How often something may happen: at once up to a burst, on average up to a rate.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_TOKEN_BUCKET_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_TOKEN_BUCKET_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>

namespace veilsum::aggregator {

struct Rate {
  double per_second = 0;
  double burst = 0;  // At least 1.
};

// Thread-compatible.
class TokenBucket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  TokenBucket(Rate rate, Time now) : rate_(rate), tokens_(rate.burst), filled_(now) {}

  // False: too often.
  bool Take(Time now) {
    tokens_ = TokensAt(now);
    filled_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  // Nothing has happened for so long that a new one would be the same.
  bool IsFull(Time now) const { return TokensAt(now) >= rate_.burst; }

 private:
  double TokensAt(Time now) const {
    const std::chrono::duration<double> passed = now - filled_;
    return std::min(rate_.burst, tokens_ + passed.count() * rate_.per_second);
  }

  Rate rate_;
  double tokens_;
  Time filled_;
};

// One bucket for each key. Keeps no more of them than there are keys that were used lately.
// Thread-safe.
class TokenBuckets {
 public:
  explicit TokenBuckets(Rate rate) : rate_(rate) {}

  bool Take(const std::string& key, TokenBucket::Time now) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (buckets_.size() >= prune_at_) Prune(now);
    return buckets_.try_emplace(key, rate_, now).first->second.Take(now);
  }

  size_t size() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return buckets_.size();
  }

 private:
  static constexpr size_t kLeastToPrune = 1024;

  void Prune(TokenBucket::Time now) {
    std::erase_if(buckets_, [now](const auto& entry) { return entry.second.IsFull(now); });
    prune_at_ = std::max(kLeastToPrune, 2 * buckets_.size());
  }

  const Rate rate_;
  mutable std::mutex mutex_;
  size_t prune_at_ = kLeastToPrune;
  std::map<std::string, TokenBucket> buckets_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_TOKEN_BUCKET_H_
