// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/uploader.h"

#include <grpcpp/channel.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client_sdk/transport/fake_aggregator.h"
#include "crypto/masking/packing.h"
#include "gtest/gtest.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::client {
namespace {

constexpr uint32_t kBits = 21;
// Two whole chunks and a part of a third.
constexpr uint64_t kChunk = ElementsPerChunk(kBits, limits::kChunkBytes);
constexpr uint64_t kElements = 2 * kChunk + 1001;
const uint64_t kChunkSize = crypto::PackedSize(kChunk, kBits);
const uint64_t kTotal = crypto::PackedSize(kElements, kBits);

class UploaderTest : public testing::Test {
 protected:
  ~UploaderTest() override { pool_.join(); }

  void Start(Hooks hooks = {}) {
    lanes_.Visit([](auto lanes) {
      for (size_t i = 0; i < lanes.size(); ++i) lanes[i] = static_cast<decltype(+lanes[0])>(i * 7);
    });
    const auto plan = std::make_shared<const MaskingPlan>(std::vector<MaskingPlan::Mask>{}, kBits);
    ASSERT_TRUE(plan->MaskAndPack(lanes_, 0, kElements, packed_).ok());

    Uploader::Options options;
    options.plan = plan;
    options.input = std::make_shared<LaneSource>(lanes_);
    options.open.set_total_bytes(kTotal);
    options.close = [](const crypto::Digest& digest) {
      v1::UploadClose close;
      close.set_digest(crypto::ToString(digest));
      return close;
    };
    options.observe = [this](uint64_t offset, absl::string_view bytes) {
      EXPECT_EQ(offset, observed_.size());
      observed_.append(bytes.data(), bytes.size());
    };
    options.on_progress = [](uint64_t) {};
    options.on_trouble = [this](const absl::Status&) { ++troubles_; };
    options.on_done = [this](absl::StatusOr<v1::UploadReceipt> outcome) {
      done_.set_value(std::move(outcome));
    };
    options.hooks = std::move(hooks);
    options.on_fault = [this](Fault fault) {
      if (fault == Fault::kCutConnection) uploader_->Cut();
    };
    uploader_ = std::make_shared<Uploader>(
        MakeCallContext(strand_, MakeChannel(aggregator_.channel_options()), 0),
        std::move(options));
    asio::post(strand_, [this] { uploader_->Start(); });
  }

  // Accepts an attempt and lets it go on from `offset`.
  std::shared_ptr<FakeAggregator::Upload> Proceed(uint64_t offset) {
    auto upload = aggregator_.AcceptUpload();
    const auto open = upload->Receive();
    EXPECT_EQ(open->open().total_bytes(), kTotal);
    v1::UploadReply reply;
    reply.mutable_proceed()->set_offset(offset);
    upload->Send(reply);
    return upload;
  }

  // What an attempt sends from `offset` until UploadClose, whose digest goes to `digest`.
  static std::string Collect(FakeAggregator::Upload& upload, uint64_t offset, std::string& digest) {
    std::string bytes;
    while (auto request = upload.Receive()) {
      if (request->has_close()) {
        digest = request->close().digest();
        continue;
      }
      EXPECT_EQ(request->data().offset(), offset + bytes.size());
      bytes += request->data().payload();
    }
    return bytes;
  }

  static void GiveReceipt(FakeAggregator::Upload& upload, const std::string& digest) {
    v1::UploadReply reply;
    reply.mutable_receipt()->set_digest(digest);
    reply.mutable_receipt()->set_durability(v1::DURABILITY_IN_MEMORY);
    upload.Send(reply);
    upload.End(absl::OkStatus());
  }

  // CANCELLED where it would go on without end.
  absl::StatusOr<v1::UploadReceipt> SoonDone() {
    std::future<absl::StatusOr<v1::UploadReceipt>> done = done_.get_future();
    if (done.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
      asio::post(strand_, [this] { uploader_->Stop(); });
    }
    return done.get();
  }

  std::string PackedDigest() { return crypto::ToString(crypto::Sha256(crypto::AsBytes(packed_))); }

  FakeAggregator aggregator_;
  asio::thread_pool pool_{2};
  Strand strand_{pool_.get_executor()};
  crypto::LaneVector lanes_ = crypto::LaneVector::ForModulus(kBits, kElements);
  std::string packed_;
  std::string observed_;
  int troubles_ = 0;
  std::promise<absl::StatusOr<v1::UploadReceipt>> done_;
  std::shared_ptr<Uploader> uploader_;
};

TEST_F(UploaderTest, SendsAllBytesInOrderAndTakesTheReceipt) {
  Start();
  const auto upload = Proceed(0);
  std::string digest;
  EXPECT_EQ(Collect(*upload, 0, digest), packed_);
  EXPECT_EQ(digest, PackedDigest());
  GiveReceipt(*upload, digest);
  const auto outcome = done_.get_future().get();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->durability(), v1::DURABILITY_IN_MEMORY);
  EXPECT_EQ(observed_, packed_);
}

TEST_F(UploaderTest, GoesOnFromTheOffsetAfterABreakWithTheSameBytes) {
  Start();
  const auto broken = Proceed(0);
  ASSERT_TRUE(broken->Receive()->has_data());
  broken->End(absl::UnavailableError("gone"));
  // In the middle of the first chunk: not even where a chunk begins.
  const auto upload = Proceed(1000);
  std::string digest;
  EXPECT_EQ(Collect(*upload, 1000, digest), packed_.substr(1000));
  EXPECT_EQ(digest, PackedDigest());
  GiveReceipt(*upload, digest);
  EXPECT_TRUE(done_.get_future().get().ok());
  EXPECT_EQ(observed_, packed_);
  EXPECT_EQ(troubles_, 1);
}

// As after the loss of this side's memory of the digest: the aggregator has more than was hashed.
TEST_F(UploaderTest, HashesWhatTheAggregatorHasWithoutSendingIt) {
  Start();
  const auto upload = Proceed(kChunkSize + 5);
  std::string digest;
  EXPECT_EQ(Collect(*upload, kChunkSize + 5, digest), packed_.substr(kChunkSize + 5));
  EXPECT_EQ(digest, PackedDigest());
  GiveReceipt(*upload, digest);
  EXPECT_TRUE(done_.get_future().get().ok());
}

// The difference of two inputs under the same masks is no secret any more.
TEST_F(UploaderTest, SendsNoOtherBytesInTheSamePlace) {
  Start();
  const auto first = Proceed(0);
  std::string digest;
  EXPECT_EQ(Collect(*first, 0, digest), packed_);
  std::promise<void> changed;
  asio::post(strand_, [&] {
    lanes_.Visit([](auto lanes) { ++lanes[5]; });
    changed.set_value();
  });
  changed.get_future().wait();
  first->End(absl::UnavailableError("before the receipt got out"));
  const auto second = Proceed(0);
  EXPECT_EQ(Collect(*second, 0, digest), "");
  const absl::Status status = SoonDone().status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(ReasonOf(status), v1::REASON_INVALID_ARGUMENT);
}

TEST_F(UploaderTest, ClosesAtOnceWhenTheAggregatorHasEverything) {
  Start();
  const auto upload = Proceed(kTotal);
  std::string digest;
  EXPECT_EQ(Collect(*upload, kTotal, digest), "");
  EXPECT_EQ(digest, PackedDigest());
  GiveReceipt(*upload, digest);
  EXPECT_TRUE(done_.get_future().get().ok());
}

TEST_F(UploaderTest, LostReceiptIsGivenAgainOnTheNextAttempt) {
  Start();
  const auto first = Proceed(0);
  std::string digest;
  Collect(*first, 0, digest);
  first->End(absl::UnavailableError("before the receipt got out"));
  const auto second = aggregator_.AcceptUpload();
  ASSERT_TRUE(second->Receive()->has_open());
  GiveReceipt(*second, digest);
  EXPECT_TRUE(done_.get_future().get().ok());
}

TEST_F(UploaderTest, ReceiptForOtherBytesIsNone) {
  Start();
  const auto upload = Proceed(0);
  std::string digest;
  Collect(*upload, 0, digest);
  GiveReceipt(*upload, std::string(limits::kDigestBytes, 'x'));
  const auto again = Proceed(kTotal);
  Collect(*again, kTotal, digest);
  GiveReceipt(*again, digest);
  EXPECT_TRUE(done_.get_future().get().ok());
}

// As in a new process: the one before had uploaded everything and ended before the receipt came.
TEST_F(UploaderTest, ReceiptThatComesAtOnceIsTakenByItsDigest) {
  Start();
  const auto upload = aggregator_.AcceptUpload();
  ASSERT_TRUE(upload->Receive()->has_open());
  GiveReceipt(*upload, PackedDigest());
  const auto outcome = SoonDone();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->digest(), PackedDigest());
  EXPECT_EQ(observed_, packed_);
  EXPECT_EQ(troubles_, 0);
}

TEST_F(UploaderTest, ReceiptForOtherBytesThatComesAtOnceIsNone) {
  Start();
  const auto upload = aggregator_.AcceptUpload();
  ASSERT_TRUE(upload->Receive()->has_open());
  GiveReceipt(*upload, std::string(limits::kDigestBytes, 'x'));
  const auto again = Proceed(0);
  std::string digest;
  EXPECT_EQ(Collect(*again, 0, digest), packed_);
  GiveReceipt(*again, digest);
  EXPECT_TRUE(done_.get_future().get().ok());
  EXPECT_EQ(observed_, packed_);
  EXPECT_EQ(troubles_, 1);
}

TEST_F(UploaderTest, RefusalWithAReasonIsFinal) {
  Start();
  const auto upload = Proceed(0);
  upload->End(MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_LATE, "phase closed"));
  const absl::Status status = done_.get_future().get().status();
  EXPECT_EQ(ReasonOf(status), v1::REASON_LATE);
  EXPECT_EQ(status.message(), "phase closed");
  EXPECT_EQ(troubles_, 0);
}

TEST_F(UploaderTest, StopEndsItInTheMiddle) {
  Start();
  const auto upload = Proceed(0);
  ASSERT_TRUE(upload->Receive()->has_data());
  asio::post(strand_, [this] { uploader_->Stop(); });
  EXPECT_EQ(done_.get_future().get().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(UploaderTest, HookCutsInTheMiddleAndTheNextAttemptGoesOn) {
  Hooks hooks;
  hooks.at = [cut = false](const Point& point) mutable {
    EXPECT_EQ(point.moment, Point::Moment::kMidUpload);
    return std::exchange(cut, true) ? Fault::kNone : Fault::kCutConnection;
  };
  Start(std::move(hooks));
  const auto broken = Proceed(0);
  while (broken->Receive().has_value()) {
  }
  const auto upload = Proceed(0);
  std::string digest;
  EXPECT_EQ(Collect(*upload, 0, digest), packed_);
  GiveReceipt(*upload, digest);
  EXPECT_TRUE(done_.get_future().get().ok());
}

TEST_F(UploaderTest, HookTampersWithWhatIsSent) {
  Hooks hooks;
  hooks.outgoing_upload = [](v1::UploadRequest request) {
    if (request.has_close()) request.mutable_close()->set_digest("lie");
    return std::optional<v1::UploadRequest>(std::move(request));
  };
  Start(std::move(hooks));
  const auto upload = Proceed(0);
  std::string digest;
  Collect(*upload, 0, digest);
  EXPECT_EQ(digest, "lie");
  upload->End(MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_BAD_UPLOAD, "wrong digest"));
  EXPECT_EQ(ReasonOf(done_.get_future().get().status()), v1::REASON_BAD_UPLOAD);
}

}  // namespace
}  // namespace veilsum::client
