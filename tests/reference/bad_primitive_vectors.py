# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""v1/primitives.json: what must be refused."""

import struct

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import hashes
import keys
import sharing


def test_bytes(name, size=32):
    """Bytes that mean nothing, different for every name."""
    return hashes.sha256(name.encode())[:size]


def share_of(*values):
    return struct.pack("<5Q", *values)


def bad_agreement_keys():
    key = keys.public_of(test_bytes("peer"))
    return [
        {"key": bytes(32).hex(), "why": "small order: 0"},
        {"key": (1).to_bytes(32, "little").hex(), "why": "small order: 1"},
        {"key": (2**255 - 20).to_bytes(32, "little").hex(), "why": "small order: -1"},
        {"key": (2**255 - 19).to_bytes(32, "little").hex(), "why": "not canonical: p"},
        {"key": (2**255 - 10).to_bytes(32, "little").hex(), "why": "not canonical: p + 9"},
        {"key": (key[:31] + bytes([key[31] | 128])).hex(), "why": "not canonical: top bit"},
        {"key": key[:31].hex(), "why": "too short"},
        {"key": (key + b"\0").hex(), "why": "too long"},
    ]


def bad_signatures():
    alice, bob, digest = test_bytes("alice"), test_bytes("bob"), test_bytes("digest")
    label = "entry signature"
    good = keys.sign(alice, label, digest)
    bare = ed25519.Ed25519PrivateKey.from_private_bytes(alice).sign(digest)
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = good[:32] + (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little")
    cases = [
        (keys.sign(bob, label, digest), "another identity"),
        (keys.sign(alice, "message signature", digest), "another label"),
        (keys.sign(alice, label, test_bytes("other")), "another digest"),
        (bare, "signature over the bare digest"),
        (good[:63] + bytes([good[63] ^ 1]), "one bit altered"),
        (malleable, "S not reduced"),
        (bytes(64), "zeros"),
        (good[:63], "too short"),
    ]
    return [
        {
            "identity": keys.identity_of(alice).hex(),
            "label": "veilsum/1 " + label,
            "digest": digest.hex(),
            "signature": signature.hex(),
            "why": why,
        }
        for signature, why in cases
    ]


def bad_identities():
    key = keys.identity_of(test_bytes("alice"))
    return [
        {"key": (1).to_bytes(32, "little").hex(), "why": "the identity point"},
        {"key": bytes(32).hex(), "why": "order 4"},
        {"key": (2**255 - 20).to_bytes(32, "little").hex(), "why": "order 2"},
        {"key": (2**255 - 19 + 1).to_bytes(32, "little").hex(), "why": "not canonical: p + 1"},
        {"key": (2**256 - 16).to_bytes(32, "little").hex(), "why": "not canonical, sign set"},
        {"key": key[:31].hex(), "why": "too short"},
    ]


def bad_ciphertexts():
    key, context = test_bytes("key"), test_bytes("context", 20)
    good = keys.seal(key, bytes(80), context)
    other_nonce = AESGCM(key).encrypt(bytes([1] * 12), bytes(80), context)
    cases = [
        (keys.seal(test_bytes("other"), bytes(80), context), "another key"),
        (keys.seal(key, bytes(80), b"other"), "other associated data"),
        (other_nonce, "another nonce"),
        (bytes([good[0] ^ 1]) + good[1:], "first bit altered"),
        (good[:-1] + bytes([good[-1] ^ 128]), "last bit altered"),
        (good[:-1], "truncated"),
        (good[:15], "shorter than a tag"),
        (b"", "empty"),
    ]
    return [
        {
            "key": key.hex(),
            "associated_data": context.hex(),
            "ciphertext": ciphertext.hex(),
            "why": why,
        }
        for ciphertext, why in cases
    ]


def bad_shares():
    return [
        {"x": 0, "share": share_of(1, 2, 3, 4, 5).hex(), "why": "index 0"},
        {"x": 1, "share": share_of(1, 2, 3, 4, sharing.PRIME).hex(), "why": "the prime"},
        {"x": 1, "share": share_of(2**63, 2, 3, 4, 5).hex(), "why": "top bit"},
        {"x": 1, "share": share_of(1, 2, 2**64 - 1, 4, 5).hex(), "why": "all bits"},
        {"x": 1, "share": share_of(1, 2, 3, 4, 5)[:39].hex(), "why": "too short"},
        {"x": 1, "share": (share_of(1, 2, 3, 4, 5) + b"\0").hex(), "why": "too long"},
    ]


def bad_reconstructions():
    read = hashes.deterministic_stream(test_bytes("polynomials"), "polynomials")
    shares = sharing.split(test_bytes("shared"), 3, [1, 2, 3], read)
    cases = [
        ([1], [share_of(2**56, 0, 0, 0, 0)], "first limb of 57 bits"),
        ([1], [share_of(0, 0, 0, 0, 2**32)], "last limb of 33 bits"),
        ([1, 2], shares[:2], "one share too few"),
        ([1, 2, 3], [shares[1], shares[0], shares[2]], "shares at each other's index"),
        ([1, 1, 2], [shares[0], shares[0], shares[1]], "repeated index"),
        ([], [], "no shares"),
    ]
    return [
        {"xs": xs, "shares": [share.hex() for share in given], "why": why}
        for xs, given, why in cases
    ]
