// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Round 0 up to the entry: what a client signs, and the headers that it refuses.

#include <functional>
#include <limits>
#include <string>

#include "client_sdk/protocol/conversation_testing.h"
#include "crypto/primitives/labels.h"
#include "gtest/gtest.h"
#include "proto/limits.h"

namespace veilsum::client {
namespace {

using ::testing::HasSubstr;

TEST(AdvertiseKeysTest, SendsASignedEntry) {
  Joining joining;
  const v1::SessionHeader header = TestHeader(5);
  const auto message = Find<Send>(joining.Offer(header)).message.advertise_keys();

  v1::AdvertiseKeysEntry entry;
  ASSERT_TRUE(entry.ParseFromString(message.entry()));
  EXPECT_EQ(message.entry().size(), limits::kEntryBytes);
  EXPECT_EQ(entry.identity(), crypto::ToString(joining.identity.public_key().bytes()));
  EXPECT_NE(entry.channel_public_key(), entry.mask_public_key());
  const crypto::Digest digest =
      crypto::EntrySignatureDigest(crypto::HeaderHash(crypto::AsBytes(header.SerializeAsString())),
                                   crypto::EntryHash(crypto::AsBytes(message.entry())));
  EXPECT_TRUE(crypto::Verify(joining.identity.public_key(), crypto::kLabelEntrySignature, digest,
                             *crypto::Signature::Parse(crypto::AsBytes(message.signature())))
                  .ok());
}

TEST(AdvertiseKeysTest, PutsTheEnrolmentSignatureIntoTheEntry) {
  Joining joining;
  joining.enrolment_signature = std::string(limits::kSignatureBytes, 'e');
  const auto message = Find<Send>(joining.Offer(TestHeader(5))).message.advertise_keys();
  EXPECT_EQ(message.entry().size(), limits::kMaxEntryBytes);
  v1::AdvertiseKeysEntry entry;
  ASSERT_TRUE(entry.ParseFromString(message.entry()));
  EXPECT_EQ(entry.enrolment_signature(), joining.enrolment_signature);

  joining.enrolment_signature.pop_back();
  EXPECT_EQ(joining.Create().status().code(), absl::StatusCode::kInvalidArgument);
}

// Keys are fresh for each session even if a caller should use one session secret twice.
TEST(AdvertiseKeysTest, AnotherHeaderGivesOtherKeys) {
  Joining joining;
  v1::SessionHeader header = TestHeader(5);
  const auto first = Find<Send>(joining.Offer(header)).message.advertise_keys().entry();
  header.set_session_id("another session!");
  EXPECT_NE(Find<Send>(joining.Offer(header)).message.advertise_keys().entry(), first);
}

struct BadHeader {
  std::string name;
  v1::Reason reason;
  std::string text;
  std::function<void(v1::SessionHeader&)> bend;
};

class BadHeaderTest : public testing::TestWithParam<BadHeader> {};

TEST_P(BadHeaderTest, IsDeclined) {
  Joining joining;
  v1::SessionHeader header = TestHeader(5);
  EXPECT_TRUE(Find<Send>(joining.Offer(header)).message.has_advertise_keys());
  GetParam().bend(header);
  const Effects effects = joining.Offer(header);
  EXPECT_THAT(effects, Declines(GetParam().reason));
  EXPECT_THAT(Find<Send>(effects).message.withdraw().detail(), HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadHeaderTest,
    testing::Values(BadHeader{"Version", v1::REASON_UNSUPPORTED, "version 2",
                              [](auto& header) { header.set_protocol_version(2); }},
                    BadHeader{"NoTier", v1::REASON_HEADER_REFUSED, "tier",
                              [](auto& header) { header.clear_tier(); }},
                    BadHeader{"SessionId", v1::REASON_HEADER_REFUSED, "session_id",
                              [](auto& header) { header.set_session_id("short"); }},
                    BadHeader{"OtherTask", v1::REASON_HEADER_REFUSED, "task 'other'",
                              [](auto& header) { header.set_task_id("other"); }},
                    BadHeader{"Modulus", v1::REASON_HEADER_REFUSED, "modulus_bits",
                              [](auto& header) { header.mutable_vector()->set_modulus_bits(13); }},
                    BadHeader{"Clip", v1::REASON_HEADER_REFUSED, "clip",
                              [](auto& header) {
                                header.mutable_vector()->set_clip(
                                    std::numeric_limits<float>::infinity());
                              }},
                    BadHeader{"NotANumber", v1::REASON_HEADER_REFUSED, "corruption_rate",
                              [](auto& header) { header.set_corruption_rate(std::nan("")); }}),
    [](const auto& info) { return info.param.name; });

TEST(AdvertiseKeysTest, RefusesBytesThatAreNoHeader) {
  Joining joining;
  EXPECT_THAT(joining.Offer(std::string("\xff\xff\xff")), Declines(v1::REASON_HEADER_REFUSED));
}

TEST(AdvertiseKeysTest, RefusesHeadersAboveTheLimit) {
  Joining joining;
  // A field that nobody knows, number 100, makes a good header as long as one likes.
  const auto padded = [](size_t padding) {
    std::string bytes = TestHeader(5).SerializeAsString() + "\xa2\x06";
    bytes += static_cast<char>(0x80 | (padding & 0x7f));
    bytes += static_cast<char>(padding >> 7);
    return bytes + std::string(padding, 'x');
  };
  EXPECT_TRUE(Find<Send>(joining.Offer(padded(1000))).message.has_advertise_keys());
  EXPECT_THAT(joining.Offer(padded(limits::kMaxHeaderBytes)), Declines(v1::REASON_HEADER_REFUSED));
}

TEST(AdvertiseKeysTest, NeedsAnIdentityAndATask) {
  const crypto::IdentityKeyPair identity = TestIdentity(1);
  EXPECT_FALSE(ParticipantProtocol::Create(
                   ParticipantOptions{nullptr, TestSecret(1), TestPolicy(), "test-task"})
                   .ok());
  EXPECT_FALSE(ParticipantProtocol::Create(
                   ParticipantOptions{&identity, TestSecret(1), TestPolicy(), "No Task"})
                   .ok());
}

}  // namespace
}  // namespace veilsum::client
