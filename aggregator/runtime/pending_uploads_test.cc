// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/pending_uploads.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crypto/primitives/transcript_hash.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum::aggregator {
namespace {

class CountingRecorder : public metrics::Recorder {
 public:
  void BufferBytes(metrics::Pool, int64_t delta) override {
    bytes += delta;
    if (delta < 0 && on_release) std::exchange(on_release, nullptr)();
  }
  void OverloadRejection(metrics::Overload) override { ++rejections; }
  int64_t bytes = 0;
  int rejections = 0;
  std::function<void()> on_release;
};

class PendingUploadsTest : public ::testing::Test {
 protected:
  static UploadKey Key(char client, std::string session = "session") {
    const std::string hex(64, client);
    return {std::move(session), *crypto::IdentityPublicKey::FromHex(hex)};
  }
  UploadListener Into(absl::Status& status) {
    return {[&status](absl::Status why) { status = std::move(why); }, nullptr};
  }

  CountingRecorder recorder_;
  std::chrono::steady_clock::time_point now_;
  const std::shared_ptr<PendingUploads> uploads_ =
      std::make_shared<PendingUploads>(10, recorder_, [this] { return now_; });
  absl::Status first_end_;
  absl::Status second_end_;
};

TEST_F(PendingUploadsTest, AWholeUploadIsTakenAndItsRoomComesBack) {
  auto writer = uploads_->Open(Key('2'), 6, Into(first_end_));
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_TRUE((*writer)->Append(0, "abc").ok());
  EXPECT_EQ(uploads_->Take(Key('2')), nullptr);
  EXPECT_EQ(ReasonOf((*writer)->Seal().status()), v1::REASON_BAD_UPLOAD);
  EXPECT_TRUE((*writer)->Append(3, "def").ok());
  const auto digest = (*writer)->Seal();
  ASSERT_TRUE(digest.ok());
  EXPECT_EQ(*digest, crypto::Sha256(crypto::AsBytes("abcdef")));

  auto taken = uploads_->Take(Key('2'));
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(crypto::AsStringView(taken->bytes()), "abcdef");
  EXPECT_EQ(recorder_.bytes, 6);
  taken.reset();
  EXPECT_EQ(recorder_.bytes, 0);
  EXPECT_TRUE(first_end_.ok());
}

TEST_F(PendingUploadsTest, ChunksOutOfOrderOrBeyondTheEndAreRefused) {
  auto writer = *uploads_->Open(Key('2'), 4, Into(first_end_));
  EXPECT_EQ(ReasonOf(writer->Append(1, "a")), v1::REASON_BAD_UPLOAD);
  EXPECT_EQ(ReasonOf(writer->Append(0, "abcde")), v1::REASON_BAD_UPLOAD);
  EXPECT_TRUE(writer->Append(0, "abcd").ok());
  EXPECT_EQ(ReasonOf(writer->Append(4, "e")), v1::REASON_BAD_UPLOAD);
}

TEST_F(PendingUploadsTest, TheNewestWriterGoesOnWhereTheBytesEnd) {
  auto old_writer = *uploads_->Open(Key('2'), 4, Into(first_end_));
  ASSERT_TRUE(old_writer->Append(0, "ab").ok());
  auto writer = *uploads_->Open(Key('2'), 4, Into(second_end_));
  EXPECT_EQ(writer->offset(), 2u);
  EXPECT_EQ(first_end_.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(old_writer->Append(2, "xx").code(), absl::StatusCode::kAborted);
  ASSERT_TRUE(writer->Append(2, "cd").ok());
  EXPECT_EQ(*writer->Seal(), crypto::Sha256(crypto::AsBytes("abcd")));
  EXPECT_EQ(recorder_.bytes, 4);
  EXPECT_TRUE(second_end_.ok());
}

TEST_F(PendingUploadsTest, AnUploadSurvivesItsConnectionUnlessTheRoomIsNeeded) {
  auto writer = *uploads_->Open(Key('2'), 6, Into(first_end_));
  ASSERT_TRUE(writer->Append(0, "abc").ok());
  writer.reset();
  writer = *uploads_->Open(Key('2'), 6, Into(first_end_));
  EXPECT_EQ(writer->offset(), 3u);
  writer.reset();

  auto other = *uploads_->Open(Key('3'), 6, Into(second_end_));
  EXPECT_FALSE(other->admitted());  // The first one's client may come back yet.
  now_ += std::chrono::seconds(11);
  uploads_->SetAdmitting(true);
  EXPECT_TRUE(other->admitted());
  EXPECT_EQ(recorder_.bytes, 6);
  uploads_->Discard(Key('3'), absl::AbortedError("no"));
  other.reset();
  writer = *uploads_->Open(Key('2'), 6, Into(first_end_));
  EXPECT_EQ(writer->offset(), 0u);
}

TEST_F(PendingUploadsTest, ALivelyUploadKeepsItsRoomAndTheNextOneWaits) {
  auto writer = *uploads_->Open(Key('2'), 6, Into(first_end_));
  EXPECT_TRUE(writer->admitted());
  int admitted = 0;
  auto waiting = *uploads_->Open(Key('3'), 6, {nullptr, [&] { ++admitted; }});
  EXPECT_FALSE(waiting->admitted());
  EXPECT_EQ(ReasonOf(waiting->Append(0, "a")), v1::REASON_BAD_UPLOAD);
  EXPECT_EQ(recorder_.bytes, 6);
  EXPECT_TRUE(writer->Append(0, "abcdef").ok());
  EXPECT_TRUE(writer->Seal().ok());
  auto taken = uploads_->Take(Key('2'));
  EXPECT_EQ(admitted, 0);
  taken.reset();
  EXPECT_EQ(admitted, 1);
  EXPECT_TRUE(waiting->admitted());
  EXPECT_EQ(recorder_.bytes, 6);
  EXPECT_TRUE(waiting->Append(0, "abcdef").ok());
  EXPECT_EQ(recorder_.rejections, 0);
}

TEST_F(PendingUploadsTest, TheLineIsKeptByThoseWhoStandInIt) {
  auto first = *uploads_->Open(Key('2'), 9, Into(first_end_));
  auto large = *uploads_->Open(Key('3'), 8, Into(second_end_));
  auto small = *uploads_->Open(Key('4'), 1, Into(second_end_));
  EXPECT_FALSE(small->admitted());  // It would fit; the large one was there before it.
  auto again = *uploads_->Open(Key('3'), 8, Into(first_end_));
  EXPECT_EQ(second_end_.code(), absl::StatusCode::kAborted);
  large.reset();  // The newer one keeps its place.
  EXPECT_FALSE(small->admitted());
  again.reset();
  EXPECT_TRUE(small->admitted());
  EXPECT_EQ(recorder_.bytes, 10);
  uploads_->Discard(Key('2'), absl::AbortedError("no"));
  EXPECT_EQ(recorder_.bytes, 1);
}

TEST_F(PendingUploadsTest, TheEndOfASessionEmptiesItsPartOfTheLine) {
  const absl::Status over =
      MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_LATE, "over");
  auto first = *uploads_->Open(Key('2', "other"), 10, Into(first_end_));
  auto waiting = *uploads_->Open(Key('2'), 10, Into(second_end_));
  auto last = *uploads_->Open(Key('2', "third"), 10, Into(first_end_));
  uploads_->DiscardSession("session", over);
  EXPECT_EQ(ReasonOf(second_end_), v1::REASON_LATE);
  EXPECT_FALSE(last->admitted());
  uploads_->DiscardSession("other", over);
  EXPECT_TRUE(last->admitted());
  waiting = *uploads_->Open(Key('2'), 10, Into(second_end_));
  uploads_->Discard(Key('2', "third"), over);
  EXPECT_TRUE(waiting->admitted());
  EXPECT_EQ(recorder_.bytes, 10);
}

TEST_F(PendingUploadsTest, NobodyIsCutOffForAnUploadThatStillWouldNotFit) {
  auto stalled = *uploads_->Open(Key('2'), 4, Into(first_end_));
  now_ += std::chrono::seconds(11);
  auto lively = *uploads_->Open(Key('3'), 4, Into(second_end_));
  auto large = *uploads_->Open(Key('4'), 8, Into(second_end_));
  EXPECT_FALSE(large->admitted());
  EXPECT_TRUE(first_end_.ok());
  auto taken_back = *uploads_->Open(Key('2'), 4, Into(first_end_));
  EXPECT_TRUE(taken_back->Append(0, "abcd").ok());
}

// Its client has been promised nothing yet, but its session will look for it.
TEST_F(PendingUploadsTest, WhatIsSealedWhileOthersGiveWayStays) {
  auto stalled = *uploads_->Open(Key('2'), 4, Into(first_end_));
  now_ += std::chrono::seconds(1);
  auto sealed = *uploads_->Open(Key('3'), 4, Into(second_end_));
  ASSERT_TRUE(sealed->Append(0, "abcd").ok());
  now_ += std::chrono::seconds(11);
  recorder_.on_release = [&] { EXPECT_TRUE(sealed->Seal().ok()); };
  auto large = *uploads_->Open(Key('4'), 10, {});
  EXPECT_EQ(ReasonOf(first_end_), v1::REASON_OVERLOADED);
  EXPECT_FALSE(large->admitted());
  EXPECT_TRUE(second_end_.ok());
  EXPECT_NE(uploads_->Take(Key('3')), nullptr);
  EXPECT_TRUE(large->admitted());
}

TEST_F(PendingUploadsTest, WhatWaitsIsNeverSealed) {
  auto writer = *uploads_->Open(Key('2'), 10, Into(first_end_));
  auto first_in_line = *uploads_->Open(Key('3'), 10, Into(second_end_));
  auto empty = *uploads_->Open(Key('4'), 0, Into(second_end_));
  EXPECT_EQ(ReasonOf(empty->Seal().status()), v1::REASON_BAD_UPLOAD);
}

TEST_F(PendingUploadsTest, AStalledUploadGivesWay) {
  auto writer = *uploads_->Open(Key('2'), 6, Into(first_end_));
  now_ += std::chrono::seconds(11);
  const auto other = *uploads_->Open(Key('3'), 6, Into(second_end_));
  EXPECT_TRUE(other->admitted());
  EXPECT_EQ(ReasonOf(first_end_), v1::REASON_OVERLOADED);
  EXPECT_EQ(ReasonOf(writer->Append(0, "a")), v1::REASON_OVERLOADED);
}

// One client of a budget that holds one upload would shut out all others until the phase closes.
TEST_F(PendingUploadsTest, RoomIsNotHeldByComingBackWithoutBytes) {
  auto writer = *uploads_->Open(Key('2'), 6, Into(first_end_));
  now_ += std::chrono::seconds(6);
  writer = *uploads_->Open(Key('2'), 6, Into(first_end_));
  now_ += std::chrono::seconds(6);
  EXPECT_TRUE((*uploads_->Open(Key('3'), 6, Into(second_end_)))->admitted());
}

TEST_F(PendingUploadsTest, RoomIsNotHeldByATrickle) {
  const auto uploads = std::make_shared<PendingUploads>(1000, recorder_, [this] { return now_; });
  const auto open = [&](char client) { return uploads->Open(Key(client), 960, Into(second_end_)); };
  auto writer = *open('2');
  const auto send = [&](uint64_t offset, size_t bytes) {
    now_ += std::chrono::seconds(6);
    return writer->Append(offset, std::string(bytes, 'x'));
  };
  // As fast as it has to be: it may finish.
  ASSERT_TRUE(send(0, 30).ok());
  ASSERT_TRUE(send(30, 30).ok());
  EXPECT_FALSE((*open('3'))->admitted());
  ASSERT_TRUE(send(60, 1).ok());
  ASSERT_TRUE(send(61, 1).ok());
  EXPECT_TRUE((*open('3'))->admitted());
  EXPECT_EQ(ReasonOf(send(62, 1)), v1::REASON_OVERLOADED);
}

TEST_F(PendingUploadsTest, ASealedUploadNeverGivesWay) {
  auto writer = *uploads_->Open(Key('2'), 6, Into(first_end_));
  ASSERT_TRUE(writer->Append(0, "abcdef").ok());
  ASSERT_TRUE(writer->Seal().ok());
  writer.reset();
  now_ += std::chrono::hours(1);
  EXPECT_FALSE((*uploads_->Open(Key('3'), 6, Into(second_end_)))->admitted());
  EXPECT_NE(uploads_->Take(Key('2')), nullptr);
  EXPECT_EQ(recorder_.bytes, 0);
}

TEST_F(PendingUploadsTest, TheEndOfASessionEndsItsUploadsAlone) {
  auto writer = *uploads_->Open(Key('2'), 3, Into(first_end_));
  auto other = *uploads_->Open(Key('2', "other"), 3, Into(second_end_));
  uploads_->DiscardSession("session", MakeError(absl::StatusCode::kFailedPrecondition,
                                                v1::REASON_LATE, "the phase has closed"));
  EXPECT_EQ(ReasonOf(first_end_), v1::REASON_LATE);
  EXPECT_EQ(ReasonOf(writer->Append(0, "a")), v1::REASON_LATE);
  EXPECT_TRUE(second_end_.ok());
  EXPECT_EQ(recorder_.bytes, 3);
  uploads_->Discard(Key('2', "other"), absl::AbortedError("no"));
  EXPECT_EQ(recorder_.bytes, 0);
}

TEST_F(PendingUploadsTest, WhereMemoryIsShortWhatHasBegunGoesOn) {
  auto writer = *uploads_->Open(Key('2'), 3, Into(first_end_));
  ASSERT_TRUE(writer->Append(0, "ab").ok());
  uploads_->SetAdmitting(false);
  const auto refused = uploads_->Open(Key('3'), 3, Into(second_end_));
  EXPECT_EQ(ReasonOf(refused.status()), v1::REASON_OVERLOADED);
  EXPECT_GT(RetryAfterOf(refused.status()), absl::ZeroDuration());
  EXPECT_EQ(recorder_.rejections, 1);
  writer = *uploads_->Open(Key('2'), 3, Into(first_end_));
  EXPECT_EQ(writer->offset(), 2u);
  EXPECT_TRUE(writer->Append(2, "c").ok());
  EXPECT_TRUE(writer->Seal().ok());
  uploads_->SetAdmitting(true);
  EXPECT_TRUE((*uploads_->Open(Key('3'), 3, Into(second_end_)))->admitted());
}

TEST_F(PendingUploadsTest, TheLineMovesOnWhenThereIsMemoryAgain) {
  auto writer = *uploads_->Open(Key('2'), 6, Into(first_end_));
  auto waiting = *uploads_->Open(Key('3'), 6, Into(second_end_));
  uploads_->SetAdmitting(false);
  uploads_->Discard(Key('2'), absl::AbortedError("no"));
  EXPECT_FALSE(waiting->admitted());
  uploads_->SetAdmitting(true);
  EXPECT_TRUE(waiting->admitted());
}

TEST_F(PendingUploadsTest, WhatTakesNoMemoryYetDoesNotGiveWay) {
  auto writer = *uploads_->Open(Key('2'), 6, Into(first_end_));
  auto waiting = *uploads_->Open(Key('3'), 6, Into(second_end_));
  ASSERT_TRUE(writer->Append(0, "ab").ok());
  uploads_->SetAdmitting(false);
  uploads_->CutYoungest(1);
  EXPECT_EQ(ReasonOf(first_end_), v1::REASON_OVERLOADED);
  EXPECT_TRUE(second_end_.ok());
}

TEST_F(PendingUploadsTest, TheYoungestGiveWayUntilThereIsRoomAndSealedOnesDoNot) {
  absl::Status third_end;
  auto sealed = *uploads_->Open(Key('2'), 1, Into(first_end_));
  auto older = *uploads_->Open(Key('4'), 3, Into(second_end_));
  auto younger = *uploads_->Open(Key('3'), 3, Into(third_end));
  ASSERT_TRUE(sealed->Append(0, "a").ok());
  ASSERT_TRUE(sealed->Seal().ok());
  ASSERT_TRUE(older->Append(0, "ab").ok());
  ASSERT_TRUE(younger->Append(0, "ab").ok());
  uploads_->CutYoungest(2);
  EXPECT_EQ(ReasonOf(third_end), v1::REASON_OVERLOADED);
  EXPECT_GT(RetryAfterOf(third_end), absl::ZeroDuration());
  EXPECT_EQ(ReasonOf(younger->Append(2, "c")), v1::REASON_OVERLOADED);
  EXPECT_TRUE(second_end_.ok());
  EXPECT_EQ(recorder_.rejections, 1);
  EXPECT_EQ(recorder_.bytes, 4);
  uploads_->CutYoungest(100);
  EXPECT_EQ(ReasonOf(second_end_), v1::REASON_OVERLOADED);
  EXPECT_TRUE(first_end_.ok());
  EXPECT_NE(uploads_->Take(Key('2')), nullptr);
}

// ---- Memory that uploads of some size share ----

class LargeUploadsTest : public PendingUploadsTest {
 protected:
  static constexpr size_t kSize = 1 << 20;

  // A whole upload; nullptr where it found no room.
  std::unique_ptr<UploadWriter> Sent(char client) {
    auto writer = *large_->Open(Key(client), kSize, Into(first_end_));
    EXPECT_TRUE(writer->Append(0, std::string(kSize, client)).ok());
    return writer;
  }
  std::unique_ptr<TakenUpload> Taken(char client) {
    EXPECT_TRUE(Sent(client)->Seal().ok());
    return large_->Take(Key(client));
  }
  // How much of one upload's bytes has memory.
  static size_t MemoryAt(const uint8_t* bytes) {
    unsigned char pages[kSize / 4096];
    EXPECT_EQ(mincore(const_cast<uint8_t*>(bytes), kSize, pages), 0);
    return std::count_if(std::begin(pages), std::end(pages), [](auto page) { return page & 1; });
  }

  const std::shared_ptr<PendingUploads> large_ =
      std::make_shared<PendingUploads>(4 * kSize, recorder_, [this] { return now_; });
};

TEST_F(LargeUploadsTest, TheirMemoryIsUsedAgainUntilNobodyNeedsIt) {
  auto upload = Taken('2');
  const uint8_t* const bytes = upload->bytes().data();
  upload.reset();
  EXPECT_GT(MemoryAt(bytes), 0u);
  upload = Taken('3');
  EXPECT_EQ(upload->bytes().data(), bytes);
  upload.reset();
  large_->DiscardSession("session", absl::AbortedError("over"));
  EXPECT_EQ(MemoryAt(bytes), 0u);
}

TEST_F(LargeUploadsTest, AFoldThatOutlivesItsSessionGivesItsMemoryBack) {
  auto upload = Taken('2');
  const uint8_t* const bytes = upload->bytes().data();
  large_->DiscardSession("session", absl::AbortedError("over"));
  EXPECT_GT(MemoryAt(bytes), 0u);
  upload.reset();
  EXPECT_EQ(MemoryAt(bytes), 0u);
}

TEST_F(LargeUploadsTest, WhereMemoryIsShortNothingIsKept) {
  auto upload = Taken('2');
  const uint8_t* const bytes = upload->bytes().data();
  const auto other = Sent('3');
  upload.reset();
  large_->SetAdmitting(false);
  EXPECT_EQ(MemoryAt(bytes), 0u);
  large_->CutYoungest(1);
  EXPECT_EQ(ReasonOf(first_end_), v1::REASON_OVERLOADED);
  EXPECT_EQ(MemoryAt(bytes + kSize), 0u);
}

TEST_F(PendingUploadsTest, MoreThanTheBudgetIsNeverLetIn) {
  EXPECT_EQ(ReasonOf(uploads_->Open(Key('2'), 11, Into(first_end_)).status()),
            v1::REASON_OVERLOADED);
}

}  // namespace
}  // namespace veilsum::aggregator
