// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/certificates/certificate_request.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "crypto/certificates/certificate_authority.h"
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

std::string Text(const SecretBuffer& secret) { return ToString(ExposeSecret(secret)); }

class CertificateRequestTest : public ::testing::Test {
 protected:
  CertificateRequestTest()
      : authority_(*CertificateAuthority::Create("Veilsum test", kYear)),
        made_(*MakeCertificateRequest("hospital-1")) {}

  static bssl::UniquePtr<X509> Parse(absl::string_view pem) {
    auto certificates = ParseCertificates(pem);
    EXPECT_TRUE(certificates.ok()) << certificates.status();
    return std::move(certificates->front());
  }
  int Verify(absl::string_view pem, int purpose) {
    const bssl::UniquePtr<X509> root = Parse(authority_.certificate_pem());
    const bssl::UniquePtr<X509> leaf = Parse(pem);
    const bssl::UniquePtr<X509_STORE> store(X509_STORE_new());
    EXPECT_TRUE(X509_STORE_add_cert(store.get(), root.get()));
    const bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
    EXPECT_TRUE(X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr));
    X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(kStart + absl::Hours(1)));
    X509_STORE_CTX_set_purpose(context.get(), purpose);
    X509_verify_cert(context.get());
    return X509_STORE_CTX_get_error(context.get());
  }
  bool IsFor(absl::string_view pem, const SecretBuffer& private_key) {
    const auto key = ParsePrivateKey(Text(private_key));
    return key.ok() && X509_check_private_key(Parse(pem).get(), key->get()) == 1;
  }

  CertificateAuthority authority_;
  RequestWithKey made_;
};

TEST_F(CertificateRequestTest, NamesWhoAsks) {
  const absl::StatusOr<std::string> name = CommonNameOfRequest(made_.request_pem);
  ASSERT_TRUE(name.ok()) << name.status();
  EXPECT_EQ(*name, "hospital-1");
  EXPECT_THAT(made_.request_pem, HasSubstr("BEGIN CERTIFICATE REQUEST"));
  EXPECT_THAT(made_.request_pem, ::testing::Not(HasSubstr("PRIVATE")));
}

TEST_F(CertificateRequestTest, AClientsCertificateIsForTheKeyThatStayedAway) {
  const auto certificate = authority_.SignClient(made_.request_pem, "hospital-1", kYear);
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_EQ(Verify(*certificate, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_NE(Verify(*certificate, X509_PURPOSE_SSL_SERVER), X509_V_OK);
  EXPECT_TRUE(IsFor(*certificate, made_.private_key_pem));
  EXPECT_FALSE(IsFor(*certificate, MakeCertificateRequest("hospital-1")->private_key_pem));
}

TEST_F(CertificateRequestTest, TheAuthorityDecidesNamesAndPurpose) {
  const auto certificate =
      authority_.SignServer(made_.request_pem, "aggregator", {{"sum.example.org"}, {}}, kYear);
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_EQ(Verify(*certificate, X509_PURPOSE_SSL_SERVER), X509_V_OK);
  EXPECT_TRUE(IsFor(*certificate, made_.private_key_pem));
  const bssl::UniquePtr<X509> leaf = Parse(*certificate);
  EXPECT_EQ(X509_check_host(leaf.get(), "sum.example.org", 15, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(leaf.get(), "hospital-1", 10, 0, nullptr), 0);
  EXPECT_FALSE(authority_.SignServer(made_.request_pem, "aggregator", {}, kYear).ok());
}

TEST_F(CertificateRequestTest, RefusesWhatIsNotSignedByItsOwnKey) {
  // The last bytes before the end are those of the signature.
  std::string forged = made_.request_pem;
  const size_t place = forged.find("-----END") - 8;
  forged[place] = forged[place] == 'A' ? 'B' : 'A';
  EXPECT_EQ(CommonNameOfRequest(forged).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(authority_.SignClient(forged, "hospital-1", kYear).ok());
}

TEST_F(CertificateRequestTest, RefusesWhatIsNoRequest) {
  for (const std::string& bad : {std::string(), std::string("hello"), authority_.certificate_pem(),
                                 Text(made_.private_key_pem)}) {
    EXPECT_EQ(CommonNameOfRequest(bad).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(authority_.SignClient(bad, "hospital-1", kYear).ok());
  }
  for (const std::string& name : {std::string(), std::string(65, 'a'), std::string("a\nb")}) {
    EXPECT_FALSE(MakeCertificateRequest(name).ok()) << name;
    EXPECT_FALSE(authority_.SignClient(made_.request_pem, name, kYear).ok()) << name;
  }
}

}  // namespace
}  // namespace veilsum::crypto
