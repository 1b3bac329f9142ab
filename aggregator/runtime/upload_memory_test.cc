// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/upload_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace veilsum::aggregator {
namespace {

using testing::ElementsAre;
using testing::Pair;
using Buffer = UploadMemory::Buffer;

constexpr uint64_t kMb = 1 << 20;

// Of whole pages within `bytes`, those that have memory.
size_t PagesWithMemory(const uint8_t* bytes, size_t size) {
  constexpr uintptr_t kPage = 4096;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(bytes) + kPage - 1) / kPage * kPage;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(bytes) + size) / kPage * kPage;
  std::vector<unsigned char> pages((end - begin) / kPage);
  EXPECT_EQ(mincore(reinterpret_cast<void*>(begin), end - begin, pages.data()), 0);
  return std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return page & 1; });
}

class UploadMemoryTest : public ::testing::Test {
 protected:
  Buffer Filled(size_t capacity, char with) {
    Buffer buffer = memory_->Allocate(capacity);
    buffer.Append(std::string(capacity, with));
    return buffer;
  }
  // Buffers that do not come from the range leave its holes alone.
  bool FromTheRange(size_t capacity) {
    const auto before = memory_->holes();
    const Buffer buffer = memory_->Allocate(capacity);
    return memory_->holes() != before;
  }

  const std::shared_ptr<UploadMemory> memory_ = std::make_shared<UploadMemory>(16 * kMb);
};

TEST_F(UploadMemoryTest, KeepsWhatIsAppended) {
  Buffer buffer = memory_->Allocate(kMb);
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_EQ(buffer.capacity(), kMb);
  buffer.Append("ab");
  buffer.Append("");
  buffer.Append("c");
  EXPECT_THAT(buffer.bytes(), ElementsAre('a', 'b', 'c'));
  Buffer moved = std::move(buffer);
  EXPECT_THAT(moved.bytes(), ElementsAre('a', 'b', 'c'));
}

TEST_F(UploadMemoryTest, LetsTheLowestHoleThatIsLargeEnoughBeTaken) {
  Buffer one = memory_->Allocate(kMb);
  Buffer two = memory_->Allocate(2 * kMb);
  Buffer three = memory_->Allocate(kMb);
  EXPECT_THAT(memory_->holes(), ElementsAre(Pair(4 * kMb, 12 * kMb)));
  const uint8_t* const first = one.bytes().data();
  one = Buffer();
  two = Buffer();
  EXPECT_THAT(memory_->holes(), ElementsAre(Pair(0, 3 * kMb), Pair(4 * kMb, 12 * kMb)));
  one = memory_->Allocate(3 * kMb);
  EXPECT_EQ(one.bytes().data(), first);
  two = memory_->Allocate(kMb);
  EXPECT_THAT(memory_->holes(), ElementsAre(Pair(5 * kMb, 11 * kMb)));
  three = Buffer();
  two = Buffer();
  one = Buffer();
  EXPECT_THAT(memory_->holes(), ElementsAre(Pair(0, 16 * kMb)));
}

TEST_F(UploadMemoryTest, TakesFromTheHeapWhatIsSmallOrDoesNotFit) {
  EXPECT_FALSE(FromTheRange(UploadMemory::kLeastShared - 1));
  EXPECT_TRUE(FromTheRange(UploadMemory::kLeastShared));
  EXPECT_TRUE(FromTheRange(16 * kMb));
  EXPECT_FALSE(FromTheRange(16 * kMb + 1));
  const Buffer most = Filled(15 * kMb, 'a');
  const Buffer large = Filled(2 * kMb, 'b');
  EXPECT_EQ(large.bytes()[2 * kMb - 1], 'b');
  const Buffer none = memory_->Allocate(0);
  EXPECT_EQ(none.size(), 0u);
}

TEST_F(UploadMemoryTest, HasTheMemoryOfHolesUntilItIsTrimmed) {
  const Buffer stays = Filled(3 * kMb, 'a');
  Buffer goes = Filled(5 * kMb, 'b');
  const uint8_t* const bytes = goes.bytes().data();
  EXPECT_EQ(PagesWithMemory(bytes, 5 * kMb), 5 * kMb / 4096);
  goes = Buffer();
  EXPECT_EQ(PagesWithMemory(bytes, 5 * kMb), 5 * kMb / 4096);
  memory_->Trim();
  EXPECT_EQ(PagesWithMemory(bytes, 5 * kMb), 0u);
  EXPECT_EQ(stays.bytes()[3 * kMb - 1], 'a');
  const Buffer back = Filled(5 * kMb, 'c');
  EXPECT_EQ(back.bytes().data(), bytes);
}

// So that range and heap together never have more than the range alone may.
TEST_F(UploadMemoryTest, NoHoleKeepsItsMemoryWhileTheHeapHelpsOut) {
  Buffer hole = Filled(8 * kMb, 'a');
  Buffer rest = Filled(8 * kMb, 'b');
  const uint8_t* const holes_bytes = hole.bytes().data();
  const uint8_t* const rests_bytes = rest.bytes().data();
  hole = Buffer();
  Buffer too_large = Filled(9 * kMb, 'c');
  EXPECT_EQ(PagesWithMemory(holes_bytes, 8 * kMb), 0u);
  rest = Buffer();
  EXPECT_EQ(PagesWithMemory(rests_bytes, 8 * kMb), 0u);
  too_large = Buffer();
  rest = Filled(8 * kMb, 'd');
  EXPECT_EQ(rest.bytes().data(), holes_bytes);
  rest = Buffer();
  EXPECT_GT(PagesWithMemory(holes_bytes, 8 * kMb), 0u);
}

TEST_F(UploadMemoryTest, ARangeThatTheSystemDoesNotHaveIsDoneWithout) {
  const auto none = std::make_shared<UploadMemory>(uint64_t{1} << 60);
  Buffer buffer = none->Allocate(kMb);
  buffer.Append(std::string(kMb, 'a'));
  EXPECT_EQ(buffer.bytes()[kMb - 1], 'a');
  EXPECT_TRUE(none->holes().empty());
}

TEST_F(UploadMemoryTest, NoTwoBuffersShareABit) {
  std::mt19937 random(1);
  std::vector<std::pair<Buffer, char>> buffers;
  for (int i = 0; i < 2000; ++i) {
    if (buffers.size() > 12 || (random() % 3 == 0 && !buffers.empty())) {
      const size_t at = random() % buffers.size();
      const auto& [buffer, with] = buffers[at];
      ASSERT_TRUE(std::all_of(buffer.bytes().begin(), buffer.bytes().end(),
                              [with = with](uint8_t byte) { return byte == with; }));
      std::swap(buffers[at], buffers.back());
      buffers.pop_back();
    } else {
      const char with = static_cast<char>(random() % 100);
      buffers.emplace_back(Filled(UploadMemory::kLeastShared + random() % (2 * kMb), with), with);
    }
    if (random() % 50 == 0) memory_->Trim();
  }
  buffers.clear();
  EXPECT_THAT(memory_->holes(), ElementsAre(Pair(0, 16 * kMb)));
}

TEST_F(UploadMemoryTest, BuffersOutliveIt) {
  auto memory = std::make_shared<UploadMemory>(4 * kMb);
  Buffer buffer = memory->Allocate(kMb);
  memory.reset();
  buffer.Append("a");
  EXPECT_THAT(buffer.bytes(), ElementsAre('a'));
}

}  // namespace
}  // namespace veilsum::aggregator
