// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/downloader.h"

#include <grpcpp/channel.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "client_sdk/transport/fake_aggregator.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"

namespace veilsum::client {
namespace {

class DownloaderTest : public testing::Test {
 protected:
  ~DownloaderTest() override { pool_.join(); }

  void Start(uint64_t total_bytes) {
    Downloader::Options options;
    options.request.set_identity("who");
    options.total_bytes = total_bytes;
    options.on_progress = [](uint64_t) {};
    options.on_trouble = [](const absl::Status&) {};
    options.on_done = [this](absl::StatusOr<std::string> outcome) {
      done_.set_value(std::move(outcome));
    };
    downloader_ = std::make_shared<Downloader>(
        MakeCallContext(strand_, MakeChannel(aggregator_.channel_options()), 0),
        std::move(options));
    asio::post(strand_, [this] { downloader_->Start(); });
  }

  FakeAggregator aggregator_;
  asio::thread_pool pool_{1};
  Strand strand_{pool_.get_executor()};
  std::promise<absl::StatusOr<std::string>> done_;
  std::shared_ptr<Downloader> downloader_;
};

TEST_F(DownloaderTest, PutsChunksTogether) {
  Start(6);
  const auto download = aggregator_.AcceptDownload();
  EXPECT_EQ(download->request().identity(), "who");
  EXPECT_EQ(download->request().offset(), 0u);
  download->Send(0, "abcd");
  download->Send(4, "ef");
  download->End(absl::OkStatus());
  EXPECT_EQ(done_.get_future().get().value(), "abcdef");
}

TEST_F(DownloaderTest, ResumesWhereItBroke) {
  Start(6);
  const auto broken = aggregator_.AcceptDownload();
  broken->Send(0, "abcd");
  broken->End(absl::UnavailableError("gone"));
  const auto download = aggregator_.AcceptDownload();
  EXPECT_EQ(download->request().offset(), 4u);
  download->Send(4, "ef");
  download->End(absl::OkStatus());
  EXPECT_EQ(done_.get_future().get().value(), "abcdef");
}

TEST_F(DownloaderTest, ChunkOutOfPlaceOrTooMuchIsNotTakenIn) {
  Start(6);
  const auto gap = aggregator_.AcceptDownload();
  gap->Send(2, "cd");
  const auto surplus = aggregator_.AcceptDownload();
  EXPECT_EQ(surplus->request().offset(), 0u);
  surplus->Send(0, "abcdefg");
  const auto download = aggregator_.AcceptDownload();
  EXPECT_EQ(download->request().offset(), 0u);
  download->Send(0, "abcdef");
  download->End(absl::OkStatus());
  EXPECT_EQ(done_.get_future().get().value(), "abcdef");
}

TEST_F(DownloaderTest, RefusalIsFinal) {
  Start(6);
  aggregator_.AcceptDownload()->End(
      MakeError(absl::StatusCode::kPermissionDenied, v1::REASON_NOT_FOR_YOU, "operators only"));
  EXPECT_EQ(ReasonOf(done_.get_future().get().status()), v1::REASON_NOT_FOR_YOU);
}

TEST_F(DownloaderTest, StopEndsIt) {
  Start(6);
  const auto download = aggregator_.AcceptDownload();
  asio::post(strand_, [this] { downloader_->Stop(); });
  EXPECT_EQ(done_.get_future().get().status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace veilsum::client
