// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Every limit of the wire, with its reason. Checked before memory is spent.
#ifndef VEILSUM_PROTO_LIMITS_H_
#define VEILSUM_PROTO_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace veilsum::limits {

// Of the rules in docs/protocol.md; it also stands in every label (crypto/primitives/labels.h).
inline constexpr uint32_t kProtocolVersion = 1;

inline constexpr size_t kSessionIdBytes = 16;
inline constexpr size_t kIdentityBytes = 32;
inline constexpr size_t kPublicKeyBytes = 32;
inline constexpr size_t kDigestBytes = 32;
inline constexpr size_t kSignatureBytes = 64;
inline constexpr size_t kNonceBytes = 32;

// Five field elements of 8 bytes (crypto/sharing/shamir.h).
inline constexpr size_t kShareBytes = 40;
// The share of m, the share of b, the tag of AES-256-GCM.
inline constexpr size_t kSealedSharesBytes = 2 * kShareBytes + 16;

// One AdvertiseKeysEntry: four fields of 32 bytes with their two bytes of framing each, and with an
// enrolment signature where an authority vouches for identities.
inline constexpr size_t kEntryBytes = 4 * (2 + 32);
inline constexpr size_t kMaxEntryBytes = kEntryBytes + 2 + kSignatureBytes;

// Seats of one session. A roster of this many (68 bytes a seat) is a message of 680 KB.
// Larger populations run in cohorts.
inline constexpr uint32_t kMaxClients = 10'000;

// On the complete graph the aggregator passes on n² sealed shares of 180 bytes: 180 MB at this
// many. More clients take the Harary graph.
inline constexpr uint32_t kMaxCompleteClients = 1'000;

// A sum of fewer than two inputs is one client's input. In the malicious tier that holds for the
// inputs that are left when those of the corrupted clients are taken away.
inline constexpr uint32_t kMinSurvivors = 2;

// 100 M parameters at 32 bits: 400 MB an upload.
inline constexpr uint64_t kMaxDimension = 100'000'000;

// Lanes are at most 64 bits wide; one bit is kept so that decoding needs no 128-bit arithmetic.
inline constexpr uint32_t kMaxModulusBits = 63;

// float32 has 24 significant bits; more levels than that carry nothing.
inline constexpr uint32_t kMaxQuantisationBits = 24;

// Counted in the bit budget; above this it leaves too little room for the values.
inline constexpr uint64_t kMaxWeight = uint64_t{1} << 32;

inline constexpr size_t kMaxTaskIdBytes = 64;
inline constexpr size_t kMaxDetailBytes = 512;

// Below gRPC's default of 4 MB, so that stock proxies work.
inline constexpr size_t kMaxMessageBytes = 4 * 1000 * 1000;
// One chunk of an upload or a result.
inline constexpr size_t kMaxChunkBytes = 1 << 20;
inline constexpr size_t kChunkBytes = 256 << 10;

// A client's journal of one session holds what it was sent once: a roster, neighbours' entries,
// shares and signatures of kMaxClients each at most.
inline constexpr size_t kMaxJournalEntryBytes = kMaxMessageBytes + 1024;

// A silent connection is pinged this often by the client, so that a dead one shows; the aggregator
// must not take that for abuse (gRPC's own default is a ping in five minutes).
inline constexpr int kKeepaliveMs = 30'000;

// A serialised header is about 200 bytes.
inline constexpr size_t kMaxHeaderBytes = 4096;

// A phase of more than a week is a mistake.
inline constexpr uint64_t kMaxDeadlineMs = uint64_t{7} * 24 * 3600 * 1000;

inline constexpr size_t kMaxTasks = 10'000;
inline constexpr size_t kMaxListedSessions = 1'000;
inline constexpr size_t kMaxListedRefusals = 100;

}  // namespace veilsum::limits

#endif  // VEILSUM_PROTO_LIMITS_H_
