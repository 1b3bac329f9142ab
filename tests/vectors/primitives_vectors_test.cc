// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Holds crypto/primitives, crypto/sharing and crypto/transcript to v1/primitives.json, which
// tests/reference computed independently. Cases under "bad_…" must be refused.

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "crypto/primitives/aead.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/hex_testing.h"
#include "crypto/primitives/hkdf.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/secret.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/sharing/shamir.h"
#include "crypto/transcript/key_schedule.h"
#include "crypto/transcript/transcript.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace veilsum::crypto {
namespace {

using Json = nlohmann::json;

std::string Text(const Json& object, const char* key) { return object.at(key).get<std::string>(); }
Bytes BytesAt(const Json& object, const char* key) { return FromHex(Text(object, key)); }

Digest DigestAt(const Json& object, const char* key) {
  const Bytes bytes = BytesAt(object, key);
  Digest digest = {};
  EXPECT_EQ(bytes.size(), digest.size());
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

template <class S>
S SecretAt(const Json& object, const char* key) {
  return S::FromBytes(BytesAt(object, key)).value();
}

template <class S>
std::string HexOf(const S& secret) {
  return Hex(ExposeSecret(secret));
}

class PrimitivesVectorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file("tests/vectors/v1/primitives.json");
    vectors_ = Json::parse(file);
    ASSERT_EQ(vectors_.at("version"), 1);
  }

  // The cases of one kind; a file without any would pass every test.
  const Json& Cases(const char* kind) {
    const Json& cases = vectors_.at(kind);
    EXPECT_FALSE(cases.empty());
    return cases;
  }

  Json vectors_;
};

CanonicalEncoding EncodingOf(const Json& vector) {
  CanonicalEncoding encoding(Text(vector, "label"));
  for (const Json& field : vector.at("fields")) encoding.Add(FromHex(field.get<std::string>()));
  return encoding;
}

TEST_F(PrimitivesVectorsTest, Encodings) {
  for (const Json& vector : Cases("encodings")) {
    EXPECT_EQ(Hex(EncodingOf(vector).bytes()), Text(vector, "encoding"));
    TranscriptHash hash(Text(vector, "label"));
    for (const Json& field : vector.at("fields")) hash.Add(FromHex(field.get<std::string>()));
    EXPECT_EQ(Hex(hash.Finish()), Text(vector, "hash"));
  }
}

TEST_F(PrimitivesVectorsTest, Derivations) {
  for (const Json& vector : Cases("derivations")) {
    const auto derived = DeriveSecret<MaskSeed>(BytesAt(vector, "secret"), BytesAt(vector, "salt"),
                                                EncodingOf(vector));
    EXPECT_EQ(HexOf(derived), Text(vector, "output"));
  }
}

TEST_F(PrimitivesVectorsTest, RandomStreams) {
  for (const Json& vector : Cases("random_streams")) {
    DeterministicRandom random(BytesAt(vector, "seed"), Text(vector, "label"));
    Bytes stream(Text(vector, "stream").size() / 2);
    random.Fill(absl::MakeSpan(stream));
    EXPECT_EQ(Hex(stream), Text(vector, "stream"));
  }
}

TEST_F(PrimitivesVectorsTest, KeyPairsAndAgreements) {
  for (const Json& vector : Cases("key_pairs")) {
    const MaskKeyPair pair = DeriveMaskKeyPair(SecretAt<MaskPrivateSeed>(vector, "m"));
    EXPECT_EQ(HexOf(pair.private_key), Text(vector, "private"));
    EXPECT_EQ(Hex(pair.public_key.bytes()), Text(vector, "public"));
  }
  for (const Json& vector : Cases("agreements")) {
    const auto peer = ChannelPublicKey::Parse(BytesAt(vector, "public"));
    ASSERT_TRUE(peer.ok());
    const auto shared = AgreeChannel(SecretAt<ChannelPrivateKey>(vector, "private"), *peer);
    ASSERT_TRUE(shared.ok());
    EXPECT_EQ(HexOf(*shared), Text(vector, "shared"));
  }
}

TEST_F(PrimitivesVectorsTest, BadAgreementKeys) {
  for (const Json& vector : Cases("bad_agreement_keys")) {
    EXPECT_FALSE(ChannelPublicKey::Parse(BytesAt(vector, "key")).ok()) << vector.at("why");
    EXPECT_FALSE(MaskPublicKey::Parse(BytesAt(vector, "key")).ok()) << vector.at("why");
  }
}

TEST_F(PrimitivesVectorsTest, Signatures) {
  for (const Json& vector : Cases("signatures")) {
    const auto key = IdentityKeyPair::FromSeed(SecretAt<IdentityPrivateKey>(vector, "seed"));
    EXPECT_EQ(key.public_key().ToHex(), Text(vector, "identity"));
    const Digest digest = DigestAt(vector, "digest");
    const Signature signature = Sign(key, Text(vector, "label"), digest);
    EXPECT_EQ(Hex(signature.bytes()), Text(vector, "signature"));
    EXPECT_TRUE(Verify(key.public_key(), Text(vector, "label"), digest, signature).ok());
  }
}

TEST_F(PrimitivesVectorsTest, BadSignatures) {
  for (const Json& vector : Cases("bad_signatures")) {
    const auto identity = IdentityPublicKey::FromHex(Text(vector, "identity"));
    ASSERT_TRUE(identity.ok());
    const auto signature = Signature::Parse(BytesAt(vector, "signature"));
    const bool accepted =
        signature.ok() &&
        Verify(*identity, Text(vector, "label"), DigestAt(vector, "digest"), *signature).ok();
    EXPECT_FALSE(accepted) << vector.at("why");
  }
}

TEST_F(PrimitivesVectorsTest, BadIdentities) {
  for (const Json& vector : Cases("bad_identities")) {
    EXPECT_FALSE(IdentityPublicKey::Parse(BytesAt(vector, "key")).ok()) << vector.at("why");
  }
}

TEST_F(PrimitivesVectorsTest, Ciphertexts) {
  for (const Json& vector : Cases("ciphertexts")) {
    const auto key = SecretAt<AeadKey>(vector, "key");
    const Bytes associated_data = BytesAt(vector, "associated_data");
    const auto sealed = AeadSeal(key, BytesAt(vector, "plaintext"), associated_data);
    ASSERT_TRUE(sealed.ok());
    EXPECT_EQ(Hex(*sealed), Text(vector, "ciphertext"));
    const auto opened = AeadOpen(key, *sealed, associated_data);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(HexOf(*opened), Text(vector, "plaintext"));
  }
}

TEST_F(PrimitivesVectorsTest, BadCiphertexts) {
  for (const Json& vector : Cases("bad_ciphertexts")) {
    EXPECT_FALSE(AeadOpen(SecretAt<AeadKey>(vector, "key"), BytesAt(vector, "ciphertext"),
                          BytesAt(vector, "associated_data"))
                     .ok())
        << vector.at("why");
  }
}

TEST_F(PrimitivesVectorsTest, Sharings) {
  for (const Json& vector : Cases("sharings")) {
    DeterministicRandom random(BytesAt(vector, "seed"), Text(vector, "label"));
    const auto xs = vector.at("xs").get<std::vector<uint32_t>>();
    const size_t threshold = vector.at("threshold").get<size_t>();
    auto shares = Split(BytesAt(vector, "secret"), threshold, xs, random);
    ASSERT_TRUE(shares.ok()) << shares.status();
    ASSERT_EQ(shares->size(), vector.at("shares").size());
    for (size_t i = 0; i < shares->size(); ++i) {
      EXPECT_EQ(HexOf((*shares)[i].Serialize()), vector.at("shares")[i].get<std::string>());
    }
    const auto coefficients =
        LagrangeCoefficients::ForIndices(absl::MakeConstSpan(xs).first(threshold));
    ASSERT_TRUE(coefficients.ok());
    const auto secret =
        Reconstruct<SelfMaskSeed>(*coefficients, absl::MakeConstSpan(*shares).first(threshold));
    ASSERT_TRUE(secret.ok()) << secret.status();
    EXPECT_EQ(HexOf(*secret), Text(vector, "secret"));
  }
}

TEST_F(PrimitivesVectorsTest, BadShares) {
  for (const Json& vector : Cases("bad_shares")) {
    const uint32_t x = vector.at("x").get<uint32_t>();
    EXPECT_FALSE(Share::Parse(x, BytesAt(vector, "share")).ok()) << vector.at("why");
  }
}

// Whether the shares, each at its index, give a secret at all.
bool Reconstructs(const Json& vector) {
  const auto xs = vector.at("xs").get<std::vector<uint32_t>>();
  std::vector<Share> shares;
  for (size_t i = 0; i < xs.size(); ++i) {
    shares.push_back(
        Share::Parse(xs[i], FromHex(vector.at("shares")[i].get<std::string>())).value());
  }
  const auto coefficients = LagrangeCoefficients::ForIndices(xs);
  return coefficients.ok() && Reconstruct<SelfMaskSeed>(*coefficients, shares).ok();
}

TEST_F(PrimitivesVectorsTest, BadReconstructions) {
  for (const Json& vector : Cases("bad_reconstructions")) {
    EXPECT_FALSE(Reconstructs(vector)) << vector.at("why");
  }
}

class KeyScheduleVectorsTest : public PrimitivesVectorsTest {
 protected:
  void SetUp() override {
    PrimitivesVectorsTest::SetUp();
    session_ = vectors_.at("key_schedule");
    header_hash_ = DigestAt(session_, "header_hash");
    transcript_ = DigestAt(session_, "transcript");
  }

  Party PartyAt(uint32_t position) {
    const Json& client = session_.at("clients").at(position);
    return {position, IdentityPublicKey::FromHex(Text(client, "identity")).value()};
  }

  Json session_;
  Digest header_hash_;
  Digest transcript_;
};

TEST_F(KeyScheduleVectorsTest, TheSession) {
  EXPECT_EQ(HeaderHash(BytesAt(session_, "header")), header_hash_);
  std::vector<RosterSeat> roster;
  for (uint32_t position : {0u, 1u}) {
    const Json& client = session_.at("clients").at(position);
    const Digest entry_hash = EntryHash(BytesAt(client, "entry"));
    EXPECT_EQ(Hex(entry_hash), Text(client, "entry_hash"));
    roster.push_back({PartyAt(position).identity, entry_hash});
  }
  EXPECT_EQ(Hex(RosterRoot(roster)), Text(session_, "roster_root"));
  EXPECT_EQ(TranscriptDigest(header_hash_, RosterRoot(roster)), transcript_);
  EXPECT_EQ(Hex(GraphSeed(transcript_)), Text(session_, "graph_seed"));
  EXPECT_EQ(Hex(SurvivorRoot(transcript_, BytesAt(session_, "survivors"))),
            Text(session_, "survivor_root"));
  EXPECT_EQ(Hex(MessageSignatureDigest(transcript_, ProtocolRound::kShareKeys,
                                       DigestAt(session_, "body_digest"))),
            Text(session_, "message_digest"));
}

TEST_F(KeyScheduleVectorsTest, EachClient) {
  for (uint32_t position : {0u, 1u}) {
    const Json& client = session_.at("clients").at(position);
    const auto secret = SecretAt<SessionSecret>(client, "session_secret");
    const Party party = PartyAt(position);
    EXPECT_EQ(HexOf(DeriveChannelKeyPair(secret, header_hash_).private_key),
              Text(client, "channel_private"));
    const MaskPrivateSeed m = DeriveMaskPrivateSeed(secret, header_hash_);
    EXPECT_EQ(HexOf(m), Text(client, "m"));
    EXPECT_EQ(HexOf(DeriveMaskKeyPair(m).private_key), Text(client, "mask_private"));
    const SelfMaskSeed b = DeriveSelfMaskSeed(secret, header_hash_);
    EXPECT_EQ(HexOf(b), Text(client, "b"));
    EXPECT_EQ(Hex(SelfMaskCommitment(header_hash_, party.identity, b)),
              Text(client, "b_commitment"));
    EXPECT_EQ(HexOf(DeriveSelfMaskStreamSeed(b, transcript_, party)), Text(client, "self_mask"));
    EXPECT_EQ(HexOf(DerivePolynomialSeed(secret, transcript_, ShareKind::kMaskKey)),
              Text(client, "polynomials_m"));
    EXPECT_EQ(HexOf(DerivePolynomialSeed(secret, transcript_, ShareKind::kSelfMask)),
              Text(client, "polynomials_b"));
    EXPECT_EQ(HexOf(DeriveRoundingSeed(secret, transcript_)), Text(client, "rounding"));
  }
}

TEST_F(KeyScheduleVectorsTest, ThePair) {
  const Party one = PartyAt(0);
  const Party other = PartyAt(1);
  const Json& first = session_.at("clients").at(0);
  const Json& second = session_.at("clients").at(1);
  const auto channel_peer =
      ChannelPublicKey::FromPrivate(SecretAt<ChannelPrivateKey>(second, "channel_private"));
  const auto channel =
      AgreeChannel(SecretAt<ChannelPrivateKey>(first, "channel_private"), channel_peer);
  ASSERT_TRUE(channel.ok());
  EXPECT_EQ(HexOf(DeriveShareKey(*channel, transcript_, one, other)), Text(session_, "share_key"));
  const auto mask_peer =
      MaskPublicKey::FromPrivate(SecretAt<MaskPrivateKey>(second, "mask_private"));
  const auto mask = AgreeMask(SecretAt<MaskPrivateKey>(first, "mask_private"), mask_peer);
  ASSERT_TRUE(mask.ok());
  EXPECT_EQ(HexOf(DerivePairwiseSeed(*mask, transcript_, other, one)),
            Text(session_, "pairwise_mask"));

  const Digest digest_m =
      ShareDigest(transcript_, one, other, ShareKind::kMaskKey, BytesAt(session_, "share_m"));
  const Digest digest_b =
      ShareDigest(transcript_, one, other, ShareKind::kSelfMask, BytesAt(session_, "share_b"));
  EXPECT_EQ(Hex(digest_m), Text(session_, "share_digest_m"));
  EXPECT_EQ(Hex(digest_b), Text(session_, "share_digest_b"));
  EXPECT_EQ(Hex(ShareAssociatedData(transcript_, one, other, digest_m, digest_b)),
            Text(session_, "share_associated_data"));
}

}  // namespace
}  // namespace veilsum::crypto
