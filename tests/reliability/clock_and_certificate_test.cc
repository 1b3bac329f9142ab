// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A real aggregator whose wall clock jumps, and whose certificate is replaced or ends while
// sessions run.

#include <grpcpp/channel.h>

#include <chrono>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client_sdk/transport/channel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/operator.pb.h"
#include "tests/reliability/wall_clock.h"
#include "tests/reliability/world.h"

namespace veilsum::reliability {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr absl::Duration kDay = absl::Hours(24);

std::string aggregator_binary;

InstallationOptions Options(bool tls) {
  InstallationOptions options;
  options.data_directory = "data";
  options.tls = tls;
  return options;
}

std::string Log(const World& world) {
  std::ifstream file(world.installation.folder() + "/aggregator.log", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void ExpectMoreSessions(World& world, size_t count) {
  const absl::Status ended = world.WaitForSessions(world.auditor.sessions().size() + count);
  EXPECT_TRUE(ended.ok()) << ended << "\n" << Log(world);
}

// All of them: no deadline passed because a clock was set. Then the clients stop, which may leave
// one more session with too few.
void ExpectAllCompleted(World& world) {
  for (const auto& [id, view] : world.auditor.sessions()) {
    EXPECT_EQ(view.session.state(), v1::SESSION_STATE_COMPLETED)
        << Hex(id) << ": " << v1::Reason_Name(view.session.abort_reason()) << " "
        << view.session.abort_detail();
  }
  world.Finish();
  EXPECT_THAT(world.Judged(), IsEmpty());
}

// Until a session runs that clients are in.
bool Runs(World& world) {
  const absl::Time last = absl::Now() + absl::Minutes(1);
  do {
    if (world.auditor.Read(false).ok() && world.auditor.running() > 0) return true;
    Pause(absl::Milliseconds(5));
  } while (absl::Now() < last);
  return false;
}

bool Becomes(World& world, int readiness) {
  const absl::Time last = absl::Now() + absl::Minutes(1);
  while (world.process.Readiness() != readiness) {
    if (absl::Now() > last || !world.process.running()) return false;
    Pause(absl::Milliseconds(20));
  }
  return true;
}

// Does a client get through who trusts this authority alone?
bool Greets(const World& world, int authority) {
  client::ChannelOptions options =
      world.installation.channel_options(world.installation.participant_port());
  options.root_certificates_pem = world.installation.authority_pem(authority);
  return client::MakeChannel(options)->WaitForConnected(std::chrono::system_clock::now() +
                                                        std::chrono::seconds(1));
}

TEST(ClockTest, ItsJumpsEndNoSession) {
  World world(aggregator_binary, "clock", Options(false));
  WallClock clock(world.installation.folder() + "/wall_clock");
  ASSERT_TRUE(world.Start({clock.environment()}).ok()) << Log(world);
  world.population.Start();
  for (const absl::Duration ahead : {kDay, -kDay, 3650 * kDay, absl::ZeroDuration()}) {
    ASSERT_TRUE(Runs(world)) << Log(world);
    clock.Set(ahead);
    ExpectMoreSessions(world, 1);
  }
  ExpectAllCompleted(world);
}

// How long a session has left, when it is taken up again, is counted by the wall clock: its jump
// must not cost a session the time that its clients need to come back, nor give it days.
TEST(ClockTest, ItsJumpsOverARestartEndNoSession) {
  World world(aggregator_binary, "clock-restart", Options(false));
  WallClock clock(world.installation.folder() + "/wall_clock");
  ASSERT_TRUE(world.Start({clock.environment()}).ok()) << Log(world);
  world.population.Start();
  for (const absl::Duration ahead : {kDay, -kDay, absl::ZeroDuration()}) {
    ASSERT_TRUE(Runs(world)) << Log(world);
    world.process.Kill();
    world.history.Killed();
    clock.Set(ahead);
    ASSERT_TRUE(world.Start({clock.environment()}).ok()) << Log(world);
    ExpectMoreSessions(world, 2);
  }
  ExpectAllCompleted(world);
  EXPECT_GT(world.history.outlived_kills(), 0);
}

TEST(CertificateTest, IsReplacedUnderSessionsThatGoOn) {
  World world(aggregator_binary, "renewal", Options(true));
  ASSERT_TRUE(world.Start().ok()) << Log(world);
  world.population.Start();
  ExpectMoreSessions(world, 1);
  ASSERT_TRUE(Runs(world)) << Log(world);
  EXPECT_TRUE(Greets(world, 0));
  const uint64_t connections = world.proxy.accepted();
  world.installation.RenewCertificate();
  const absl::Time last = absl::Now() + absl::Minutes(1);
  while (!Greets(world, 1) && absl::Now() < last) {
  }
  EXPECT_TRUE(Greets(world, 1)) << Log(world);
  EXPECT_FALSE(Greets(world, 0));
  ExpectMoreSessions(world, 2);
  EXPECT_EQ(world.proxy.accepted(), connections) << "a client had to connect again";
  ExpectAllCompleted(world);
}

TEST(CertificateTest, OneThatHasEndedIsSaidAndItsRenewalIsEnough) {
  World world(aggregator_binary, "expiry", Options(true));
  WallClock clock(world.installation.folder() + "/wall_clock");
  ASSERT_TRUE(world.Start({clock.environment()}).ok()) << Log(world);
  EXPECT_THAT(Log(world), Not(HasSubstr("has ended")));
  clock.Set(kDay);
  EXPECT_TRUE(Becomes(world, 503)) << Log(world);
  EXPECT_THAT(Log(world), HasSubstr("the server's certificate has ended"));
  world.installation.RenewCertificate(2 * kDay);
  EXPECT_TRUE(Becomes(world, 200)) << Log(world);
  world.population.Start();
  ExpectMoreSessions(world, 1);
  ExpectAllCompleted(world);
}

}  // namespace
}  // namespace veilsum::reliability

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc < 2) return 2;
  veilsum::reliability::aggregator_binary = argv[1];
  return RUN_ALL_TESTS();
}
