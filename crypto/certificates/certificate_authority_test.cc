// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/certificates/certificate_authority.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "crypto/certificates/pem.h"
#include "crypto/primitives/bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

using ::testing::HasSubstr;

// 2026-01-01, and a year.
const absl::Time kStart = absl::FromUnixSeconds(1767225600);
const Validity kYear = {kStart, kStart + 365 * absl::Hours(24)};
const ServerNames kLocal = {{"localhost"}, {"127.0.0.1", "::1"}};

std::string Text(const SecretBuffer& secret) { return ToString(ExposeSecret(secret)); }

CertificateAuthority MakeAuthority() {
  auto authority = CertificateAuthority::Create("Veilsum development", kYear);
  EXPECT_TRUE(authority.ok()) << authority.status();
  return *std::move(authority);
}

bssl::UniquePtr<X509> Parse(absl::string_view pem) {
  auto certificates = ParseCertificates(pem);
  EXPECT_TRUE(certificates.ok()) << certificates.status();
  return std::move(certificates->front());
}

// What a TLS stack does with the peer's certificate. Returns X509_V_OK or why not.
int VerifyAt(absl::Time now, absl::string_view root_pem, absl::string_view leaf_pem, int purpose) {
  const bssl::UniquePtr<X509> root = Parse(root_pem);
  const bssl::UniquePtr<X509> leaf = Parse(leaf_pem);
  const bssl::UniquePtr<X509_STORE> store(X509_STORE_new());
  EXPECT_TRUE(X509_STORE_add_cert(store.get(), root.get()));
  const bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  EXPECT_TRUE(X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr));
  X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(now));
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_verify_cert(context.get());
  return X509_STORE_CTX_get_error(context.get());
}

int Verify(absl::string_view root_pem, absl::string_view leaf_pem, int purpose) {
  return VerifyAt(kStart + absl::Hours(1), root_pem, leaf_pem, purpose);
}

TEST(CertificateAuthorityTest, AServerCertificateVerifiesForItsNames) {
  const CertificateAuthority authority = MakeAuthority();
  const auto server = authority.IssueServer("aggregator", kLocal, kYear);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(Verify(authority.certificate_pem(), server->certificate_pem, X509_PURPOSE_SSL_SERVER),
            X509_V_OK);
  const bssl::UniquePtr<X509> leaf = Parse(server->certificate_pem);
  EXPECT_EQ(X509_check_host(leaf.get(), "localhost", 9, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(leaf.get(), "example.org", 11, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(leaf.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(leaf.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(leaf.get(), "127.0.0.2", 0), 0);
  const auto key = ParsePrivateKey(Text(server->private_key_pem));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_TRUE(X509_check_private_key(leaf.get(), key->get()));
}

TEST(CertificateAuthorityTest, AClientCertificateIsNoServerCertificate) {
  const CertificateAuthority authority = MakeAuthority();
  const auto client = authority.IssueClient("hospital-1", kYear);
  ASSERT_TRUE(client.ok()) << client.status();
  const std::string root = authority.certificate_pem();
  EXPECT_EQ(Verify(root, client->certificate_pem, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_EQ(Verify(root, client->certificate_pem, X509_PURPOSE_SSL_SERVER),
            X509_V_ERR_INVALID_PURPOSE);
}

TEST(CertificateAuthorityTest, AnotherAuthorityDoesNotVouch) {
  const auto client = MakeAuthority().IssueClient("hospital-1", kYear);
  ASSERT_TRUE(client.ok());
  EXPECT_NE(
      Verify(MakeAuthority().certificate_pem(), client->certificate_pem, X509_PURPOSE_SSL_CLIENT),
      X509_V_OK);
}

TEST(CertificateAuthorityTest, CertificatesAreValidInTheirTimeOnly) {
  const CertificateAuthority authority = MakeAuthority();
  const auto client = authority.IssueClient("hospital-1", kYear);
  ASSERT_TRUE(client.ok());
  const std::string root = authority.certificate_pem();
  EXPECT_EQ(VerifyAt(kYear.not_before - absl::Seconds(1), root, client->certificate_pem,
                     X509_PURPOSE_SSL_CLIENT),
            X509_V_ERR_CERT_NOT_YET_VALID);
  EXPECT_EQ(VerifyAt(kYear.not_after + absl::Seconds(1), root, client->certificate_pem,
                     X509_PURPOSE_SSL_CLIENT),
            X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST(CertificateAuthorityTest, ASelfSignedClientVouchesForItselfAlone) {
  const auto one = MakeSelfSignedClient("operator", kYear);
  const auto other = MakeSelfSignedClient("operator", kYear);
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_EQ(Verify(one->certificate_pem, one->certificate_pem, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_NE(Verify(one->certificate_pem, other->certificate_pem, X509_PURPOSE_SSL_CLIENT),
            X509_V_OK);
  EXPECT_FALSE(
      CertificateAuthority::FromPem(one->certificate_pem, Text(one->private_key_pem)).ok());
}

TEST(CertificateAuthorityTest, GoesThroughPemAndStillIssues) {
  const CertificateAuthority authority = MakeAuthority();
  const std::string root = authority.certificate_pem();
  const auto again = CertificateAuthority::FromPem(root, Text(authority.private_key_pem()));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->certificate_pem(), root);
  EXPECT_EQ(Text(again->private_key_pem()), Text(authority.private_key_pem()));
  const auto client = again->IssueClient("hospital-2", kYear);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(Verify(root, client->certificate_pem, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
}

TEST(CertificateAuthorityTest, RefusesAKeyOfAnother) {
  const CertificateAuthority one = MakeAuthority();
  const CertificateAuthority other = MakeAuthority();
  const absl::Status refused =
      CertificateAuthority::FromPem(one.certificate_pem(), Text(other.private_key_pem())).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("does not belong"));
  EXPECT_TRUE(CheckKeyFits(one.certificate_pem(), Text(one.private_key_pem())).ok());
  EXPECT_FALSE(CheckKeyFits(one.certificate_pem(), Text(other.private_key_pem())).ok());
  EXPECT_FALSE(CheckKeyFits("hello", Text(one.private_key_pem())).ok());
  EXPECT_FALSE(CheckKeyFits(one.certificate_pem(), "hello").ok());
}

TEST(CertificateAuthorityTest, RefusesGarbage) {
  const CertificateAuthority authority = MakeAuthority();
  const std::string good = authority.certificate_pem();
  const std::string cut = good.substr(0, good.size() / 2);
  std::string flipped = good;
  flipped[40] = '!';
  for (const std::string& bad : {std::string(), std::string("hello"), cut, flipped, good + cut,
                                 Text(authority.private_key_pem())}) {
    EXPECT_EQ(NotAfter(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_FALSE(CertificateAuthority::FromPem(bad, Text(authority.private_key_pem())).ok());
    if (bad != Text(authority.private_key_pem())) {
      EXPECT_FALSE(CertificateAuthority::FromPem(good, bad).ok());
    }
  }
}

TEST(CertificateAuthorityTest, RefusesBadNamesAndTimes) {
  const CertificateAuthority authority = MakeAuthority();
  for (const ServerNames& bad :
       {ServerNames{}, ServerNames{{"a,email:b"}, {}}, ServerNames{{""}, {}},
        ServerNames{{}, {"localhost"}}, ServerNames{{}, {"1.2.3"}}, ServerNames{{"a"}, {""}}}) {
    EXPECT_EQ(authority.IssueServer("server", bad, kYear).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  for (const std::string& bad : {std::string(), std::string(65, 'a'), std::string("a\nb")}) {
    EXPECT_EQ(authority.IssueClient(bad, kYear).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  for (const Validity& bad :
       {Validity{kYear.not_after, kYear.not_before}, Validity{kStart, absl::InfiniteFuture()},
        Validity{absl::InfinitePast(), kStart}}) {
    EXPECT_EQ(authority.IssueClient("client", bad).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(NotAfterTest, IsTheEarliestOfAll) {
  const CertificateAuthority authority = MakeAuthority();
  const auto sooner =
      authority.IssueClient("client", {kStart, kStart + absl::Hours(36) + absl::Seconds(7)});
  const auto far = MakeSelfSignedClient("operator", {kStart, kStart + absl::Hours(24) * 36500});
  ASSERT_TRUE(sooner.ok() && far.ok());
  EXPECT_EQ(*NotAfter(authority.certificate_pem()), kYear.not_after);
  EXPECT_EQ(*NotAfter(absl::StrCat(authority.certificate_pem(), sooner->certificate_pem)),
            kStart + absl::Hours(36) + absl::Seconds(7));
  EXPECT_EQ(*NotAfter(far->certificate_pem), kStart + absl::Hours(24) * 36500);
}

TEST(CheckKeyPairTest, TellsTheKeyOfTheFirstCertificateFromOthers) {
  const CertificateAuthority authority = MakeAuthority();
  const auto one = authority.IssueServer("one", {{"localhost"}, {}}, kYear);
  const auto other = authority.IssueServer("other", {{"localhost"}, {}}, kYear);
  ASSERT_TRUE(one.ok() && other.ok());
  const std::string chain = absl::StrCat(one->certificate_pem, authority.certificate_pem());
  EXPECT_TRUE(CheckKeyPair(chain, Text(one->private_key_pem)).ok());
  EXPECT_EQ(CheckKeyPair(chain, Text(other->private_key_pem)).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CheckKeyPair(chain, Text(authority.private_key_pem())).code(),
            absl::StatusCode::kFailedPrecondition);
  for (const std::string& half :
       {std::string(), chain.substr(0, 100), Text(one->private_key_pem).substr(0, 100)}) {
    EXPECT_EQ(CheckKeyPair(half, Text(one->private_key_pem)).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(CheckKeyPair(chain, half).code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace veilsum::crypto
