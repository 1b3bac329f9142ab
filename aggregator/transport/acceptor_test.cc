// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/acceptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "aggregator/transport/few_files_testing.h"
#include "aggregator/transport/stranger_testing.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// How often something has happened, on whatever thread.
class Count {
 public:
  void Add() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  int Get() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return count_;
  }
  bool Reaches(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return count_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

class RejectionCount : public metrics::Recorder, public Count {
  void OverloadRejection(metrics::Overload reason) override {
    if (reason == metrics::Overload::kInflight) Add();
  }
};

// What is logged while it lives.
class Log {
 public:
  Log() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
  }
  ~Log() { spdlog::set_default_logger(before_); }

  // Once nobody writes any more.
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  const std::shared_ptr<spdlog::logger> before_;
};

class AcceptorTest : public ::testing::Test {
 protected:
  ~AcceptorTest() override {
    acceptor_.reset();
    executors_.Join();
    for (const int fd : fds_) ::close(fd);
  }

  absl::Status Listen(AcceptorOptions options) {
    auto listening = Acceptor::Listen(std::move(options), executors_.control(), rejections_);
    if (!listening.ok()) return listening.status();
    acceptor_ = *std::move(listening);
    return absl::OkStatus();
  }
  absl::Status Listen(const std::string& address) {
    AcceptorOptions options;
    options.address = address;
    return Listen(std::move(options));
  }

  // Keeps what is taken in.
  void Start() {
    acceptor_->Start([this](int, int fd) {
      fds_.push_back(fd);
      taken_in_.Add();
    });
  }

  // Nobody writes the log any more.
  void End() {
    acceptor_->Stop();
    executors_.Join();
  }

  Log log_;
  Executors executors_{1};
  RejectionCount rejections_;
  Count taken_in_;
  std::vector<int> fds_;  // On the executor.
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, TakesConnectionsInFromItsStartUntilItStops) {
  ASSERT_TRUE(Listen("127.0.0.1:0").ok());
  Stranger early;
  ASSERT_TRUE(early.Connect(acceptor_->port()));
  EXPECT_EQ(taken_in_.Get(), 0);
  Start();
  ASSERT_TRUE(taken_in_.Reaches(1));
  Stranger late;
  ASSERT_TRUE(late.Connect(acceptor_->port()));
  ASSERT_TRUE(taken_in_.Reaches(2));
  const int port = acceptor_->port();
  acceptor_->Stop();
  Stranger too_late;
  EXPECT_FALSE(too_late.Connect(port));
  End();
  EXPECT_THAT(log_.text(), IsEmpty());
}

TEST_F(AcceptorTest, EndsWithoutAStart) {
  ASSERT_TRUE(Listen("127.0.0.1:0").ok());
  Stranger stranger;
  ASSERT_TRUE(stranger.Connect(acceptor_->port()));
}

TEST_F(AcceptorTest, GoesOnOnceThereAreDescriptorsAgain) {
  AcceptorOptions options;
  options.address = "127.0.0.1:0";
  options.reserved_files = 0;
  options.pause = std::chrono::milliseconds(1);
  ASSERT_TRUE(Listen(std::move(options)).ok());
  Start();
  for (int burst = 1; burst <= 2; ++burst) {
    Stranger stranger;
    {
      const FewFiles none(0);
      ASSERT_TRUE(stranger.Connect(acceptor_->port()));
      ASSERT_TRUE(rejections_.Reaches(rejections_.Get() + 3));
      EXPECT_EQ(taken_in_.Get(), burst - 1);
    }
    EXPECT_TRUE(taken_in_.Reaches(burst));
  }
  End();
  EXPECT_THAT(log_.text(), HasSubstr("127.0.0.1:0: no connection can be taken in: "));
  EXPECT_THAT(log_.text(), HasSubstr("Too many open files. Look who"));
  const std::string text = log_.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

TEST_F(AcceptorTest, LeavesTheLastDescriptorsToOthers) {
  AcceptorOptions options;
  options.address = "127.0.0.1:0";
  options.reserved_files = 4;
  ASSERT_TRUE(Listen(std::move(options)).ok());
  Start();
  std::deque<Stranger> strangers(5);
  const FewFiles few(6);
  for (Stranger& stranger : strangers) ASSERT_TRUE(stranger.Connect(acceptor_->port()));
  for (size_t i = 2; i < strangers.size(); ++i) EXPECT_TRUE(strangers[i].IsTurnedAway()) << i;
  EXPECT_EQ(taken_in_.Get(), 2);
  EXPECT_EQ(rejections_.Get(), 3);
  EXPECT_GE(NextDescriptor(), 0);
  End();
  EXPECT_THAT(log_.text(), HasSubstr(absl::StrCat("may have ", few.first() + 6, " files open")));
}

TEST_F(AcceptorTest, EveryKindOfAddressIsListenedOn) {
  for (const char* address : {"0.0.0.0:0", "[::]:0", "localhost:0", "127.0.0.1:0"}) {
    ASSERT_TRUE(Listen(address).ok()) << address;
    Stranger stranger;
    EXPECT_TRUE(stranger.Connect(acceptor_->port())) << address;
  }
}

TEST_F(AcceptorTest, TheSecondOnAPortIsRefused) {
  ASSERT_TRUE(Listen("127.0.0.1:0").ok());
  const std::string taken = absl::StrCat(":", acceptor_->port());
  for (const char* host : {"127.0.0.1", "0.0.0.0", "[::]", "localhost"}) {
    const absl::Status refused = Listen(host + taken);
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << host;
    EXPECT_THAT(std::string(refused.message()),
                StartsWith(absl::StrCat("cannot listen on ", host, taken,
                                        ": Address already in use; another process has it")));
  }
  EXPECT_TRUE(acceptor_ != nullptr);
}

TEST_F(AcceptorTest, AnAddressThatIsNoneIsRefused) {
  struct Bad {
    const char* address;
    const char* what;
  };
  for (const Bad& bad :
       {Bad{"localhost", "must be host:port"}, Bad{":7443", "must be host:port"},
        Bad{"::1:7443", "in brackets, as in [::1]:7443"}, Bad{"[::1", "in brackets"},
        Bad{"localhost:", "port must be a number"}, Bad{"localhost:65536", "port must be a number"},
        Bad{"localhost:x", "port must be a number"},
        Bad{"nobody.invalid:0", "nobody.invalid cannot be resolved: "},
        Bad{"192.0.2.1:0", "it is none of this machine's"}}) {
    EXPECT_THAT(std::string(Listen(bad.address).message()), HasSubstr(bad.what)) << bad.address;
  }
}

}  // namespace
}  // namespace veilsum::aggregator
