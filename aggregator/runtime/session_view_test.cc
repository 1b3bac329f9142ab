// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/session_view.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/limits.h"

namespace veilsum::aggregator {
namespace {

const IdentityPublicKey kSomebody = *IdentityPublicKey::FromHex(std::string(64, '2'));

v1::SessionHeader HeaderFor(v1::Audience audience) {
  v1::SessionHeader header;
  header.set_audience(audience);
  return header;
}

TEST(SessionViewTest, FitsAMessageWhateverClientsSayWhenTheyLeave) {
  SessionView view(HeaderFor(v1::AUDIENCE_BOTH));
  ClientDropped leaves{kSomebody, Phase::kUnmasking, v1::REASON_WITHDREW, "the client left: "};
  while (leaves.detail.size() < limits::kMaxDetailBytes) leaves.detail += "\xe2\x82\xac";  // €
  for (uint32_t i = 0; i < limits::kMaxClients + 1; ++i) {
    view.Apply(leaves);
    view.Apply(ClientRefused{kSomebody, leaves.phase, v1::REASON_HEADER_REFUSED, leaves.detail});
  }
  Finished finished;
  finished.included.assign(limits::kMaxClients, kSomebody);
  view.Apply(finished);
  view.Publish();

  const v1::Session& session = *view.Get();
  EXPECT_EQ(session.dropouts_size(), static_cast<int>(limits::kMaxClients));
  EXPECT_GT(session.dropouts(0).detail().size(), 200u);
  const std::string encoded = session.SerializeAsString();
  EXPECT_LT(encoded.size(), limits::kMaxMessageBytes);
  // Text that was cut within a character does not parse.
  EXPECT_TRUE(v1::Session().ParseFromString(encoded));
}

TEST(SessionViewTest, ListsTheLastRefusalsAndCountsAll) {
  SessionView view(HeaderFor(v1::AUDIENCE_BOTH));
  for (size_t i = 0; i <= limits::kMaxListedRefusals; ++i) {
    view.Apply(ClientRefused{kSomebody, Phase::kShareKeys, v1::REASON_NOT_ENROLLED,
                             "refusal " + std::to_string(i)});
  }
  const v1::Session& session = view.present();
  EXPECT_EQ(session.refusals_total(), limits::kMaxListedRefusals + 1);
  ASSERT_EQ(session.refusals_size(), static_cast<int>(limits::kMaxListedRefusals));
  EXPECT_EQ(session.refusals(0).detail(), "refusal 1");
  const v1::Refusal& last = session.refusals(session.refusals_size() - 1);
  EXPECT_EQ(last.detail(), "refusal 100");
  EXPECT_EQ(last.identity().size(), limits::kIdentityBytes);
  EXPECT_EQ(last.round(), v1::ROUND_SHARE_KEYS);
  EXPECT_EQ(last.reason(), v1::REASON_NOT_ENROLLED);
}

TEST(SessionViewTest, GivesTheSumsDigestToItsAudience) {
  for (const auto& [audience, digest_bytes] : {std::pair(v1::AUDIENCE_OPERATOR, 32u),
                                               {v1::AUDIENCE_BOTH, 32u},
                                               {v1::AUDIENCE_PARTICIPANTS, 0u}}) {
    SessionView view(HeaderFor(audience));
    view.Apply(UnmaskOutcome{Digest{1}, 77});
    EXPECT_EQ(view.present().result_digest().size(), digest_bytes) << audience;
    EXPECT_EQ(view.present().result_bytes(), 77u);
  }
}

}  // namespace
}  // namespace veilsum::aggregator
