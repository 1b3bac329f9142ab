// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Places for streams that anybody can open, or leave standing: those that have not shown yet whose
// they are, and those that are over but for what the peer has still to take. They have places of
// their own, and where all are taken the peer that has most of them gives up its oldest: whoever
// follows the protocol needs its place for one round trip, and a flood from one address costs that
// address its places before anybody else's.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_PLACES_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_PLACES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace veilsum::aggregator {

// Thread-safe.
class Places {
 public:
  using GiveWay = std::function<void()>;

  explicit Places(uint64_t most) : most_(most) {}

  // Taken until it is destroyed.
  class Place {
   public:
    Place(Places& places, uint64_t number) : places_(&places), number_(number) {}
    Place(Place&& other) noexcept
        : places_(std::exchange(other.places_, nullptr)), number_(other.number_) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (places_ != nullptr) places_->Leave(number_);
    }
    // Greater for those who came later.
    uint64_t number() const { return number_; }

   private:
    Places* places_;
    uint64_t number_;
  };

  // `give_way` is called at most once, from any thread, and not once the place was left, but for a
  // call that was under way.
  Place Enter(const std::string& peer, GiveWay give_way) {
    GiveWay oldest;
    uint64_t number = 0;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (peer_of_.size() >= most_ && !ranking_.empty()) oldest = Take(ranking_.begin()->second);
      number = next_++;
      peer_of_.emplace(number, peer);
      PlacesOfPeer& places = peers_[peer];
      Unrank(places);
      places.emplace(number, std::move(give_way));
      Rank(places);
    }
    if (oldest) oldest();
    return Place(*this, number);
  }

  uint64_t taken() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return peer_of_.size();
  }

 private:
  using PlacesOfPeer = std::map<uint64_t, GiveWay>;  // Oldest first.

  void Leave(uint64_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Take(number);
  }
  // All below under the mutex.
  void Rank(const PlacesOfPeer& places) {
    if (!places.empty()) ranking_.insert(RankOf(places));
  }
  void Unrank(const PlacesOfPeer& places) {
    if (!places.empty()) ranking_.erase(RankOf(places));
  }
  static std::pair<int64_t, uint64_t> RankOf(const PlacesOfPeer& places) {
    return {-static_cast<int64_t>(places.size()), places.begin()->first};
  }
  GiveWay Take(uint64_t number) {
    const auto found = peer_of_.find(number);
    if (found == peer_of_.end()) return nullptr;
    const auto peer = peers_.find(found->second);
    PlacesOfPeer& places = peer->second;
    Unrank(places);
    const auto place = places.find(number);
    GiveWay give_way = std::move(place->second);
    places.erase(place);
    Rank(places);
    if (places.empty()) peers_.erase(peer);
    peer_of_.erase(found);
    return give_way;
  }

  const uint64_t most_;
  mutable std::mutex mutex_;
  uint64_t next_ = 1;
  std::map<uint64_t, std::string> peer_of_;
  std::map<std::string, PlacesOfPeer> peers_;  // None empty.
  // Of each peer: minus how many, and the oldest. Who gives way first is first.
  std::set<std::pair<int64_t, uint64_t>> ranking_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_PLACES_H_
