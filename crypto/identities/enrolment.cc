// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/identities/enrolment.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/identities/settings.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/transcript.h"

namespace veilsum::crypto {
namespace {

constexpr char kHeading[] =
    R"(# An authority's word that this identity takes part in sessions of this roster version. No secret.
# Made by `veilsum enroll sign`; the participant that owns the identity keeps it beside its key.
)";

absl::StatusOr<Signature> SignatureFromHex(absl::string_view hex) {
  const bool all_digits = std::all_of(hex.begin(), hex.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  });
  if (hex.size() != 2 * Signature::kSize || !all_digits) {
    return absl::InvalidArgumentError(
        absl::StrCat("a signature in text is ", 2 * Signature::kSize, " hexadecimal digits"));
  }
  return Signature::Parse(AsBytes(absl::HexStringToBytes(hex)));
}

struct Parts {
  std::optional<IdentityPublicKey> identity;
  std::optional<uint64_t> version;
  std::optional<Signature> signature;
};

template <class T>
absl::Status Keep(absl::string_view file, const internal::Setting& setting,
                  const absl::StatusOr<T>& value, std::optional<T>& kept) {
  if (!value.ok()) {
    return internal::SettingError(
        file, setting,
        absl::StrCat("does not read: ", value.status().message(),
                     "; ask the authority for the file again (`veilsum enroll sign`)"));
  }
  kept = *value;
  return absl::OkStatus();
}

absl::Status ReadSetting(absl::string_view file, const internal::Setting& setting, Parts& parts) {
  if (setting.table.empty() && setting.key == "identity") {
    return Keep(file, setting, IdentityPublicKey::FromHex(setting.value), parts.identity);
  }
  if (setting.table.empty() && setting.key == "signature") {
    return Keep(file, setting, SignatureFromHex(setting.value), parts.signature);
  }
  if (setting.table.empty() && setting.key == "version") {
    const absl::StatusOr<uint64_t> version = internal::ReadVersion(file, setting);
    if (version.ok()) parts.version = *version;
    return version.status();
  }
  return internal::SettingError(
      file, setting, "is not known; an enrolment has identity, version and signature alone");
}

}  // namespace

Enrolment SignEnrolment(const IdentityKeyPair& authority, const IdentityPublicKey& identity,
                        uint64_t version) {
  return {identity, version,
          Sign(authority, kLabelEnrolmentSignature, EnrolmentSignatureDigest(identity, version))};
}

absl::Status CheckEnrolment(absl::Span<const IdentityPublicKey> authorities,
                            const IdentityPublicKey& identity, uint64_t version,
                            ByteSpan signature) {
  const absl::StatusOr<Signature> parsed = Signature::Parse(signature);
  const Digest digest = EnrolmentSignatureDigest(identity, version);
  const bool vouched =
      parsed.ok() && std::any_of(authorities.begin(), authorities.end(), [&](const auto& key) {
        return Verify(key, kLabelEnrolmentSignature, digest, *parsed).ok();
      });
  if (vouched) return absl::OkStatus();
  return absl::UnauthenticatedError(
      absl::StrCat("no enrolment authority's signature over the identity ", identity.ToHex(),
                   " and roster version ", version,
                   "; the authority makes one with `veilsum enroll sign`, anew for each version"));
}

absl::StatusOr<Enrolment> ParseEnrolmentFile(absl::string_view text, absl::string_view file) {
  const auto settings = internal::ParseSettings(text, file);
  if (!settings.ok()) return settings.status();
  Parts parts;
  for (const internal::Setting& setting : *settings) {
    if (absl::Status read = ReadSetting(file, setting, parts); !read.ok()) return read;
  }
  if (!parts.identity || !parts.version || !parts.signature) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ":1: lacks ",
                     !parts.identity  ? "identity"
                     : !parts.version ? "version"
                                      : "signature",
                     "; ask the authority for the file again (`veilsum enroll sign`)"));
  }
  return Enrolment{*parts.identity, *parts.version, *parts.signature};
}

std::string FormatEnrolmentFile(const Enrolment& enrolment) {
  return absl::StrCat(kHeading, "identity = \"", enrolment.identity.ToHex(),
                      "\"\nversion = ", enrolment.version, "\nsignature = \"",
                      absl::BytesToHexString(AsStringView(enrolment.signature.bytes())), "\"\n");
}

}  // namespace veilsum::crypto
