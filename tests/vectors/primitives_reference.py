#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Writes v1/primitives.json: docs/protocol.md's hashes, keys, signatures, ciphertexts and shares,
computed without any code of Veilsum.

X25519, Ed25519, AES come from Python's cryptography package (Debian: python3-cryptography), which
stands on OpenSSL; the rest is written out here. Cases under "bad_..." must be refused. Run it in
this folder only to change the protocol on purpose:
    ./primitives_reference.py > v1/primitives.json
"""

import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PRIME = 2**61 - 1
LIMB_SIZES = [7, 7, 7, 7, 4]


def sha256(data):
    return hashlib.sha256(data).digest()


def test_bytes(name, size=32):
    """Bytes that mean nothing, different for every name."""
    return sha256(name.encode())[:size]


# --- Encoding and key derivation -----------------------------------------------------------------


def frame(label, *fields):
    """F(label; fields): lengths first; an integer is an 8-byte big-endian field."""
    encoded = b""
    for field in (("veilsum/1 " + label).encode(),) + fields:
        if isinstance(field, int):
            field = struct.pack(">Q", field)
        encoded += struct.pack(">Q", len(field)) + field
    return encoded


def labelled_hash(label, *fields):
    return sha256(frame(label, *fields))


def hkdf(secret, salt, info, size=32):
    pseudorandom_key = hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()
    out, block, counter = b"", b"", 0
    while len(out) < size:
        counter += 1
        block = hmac.new(pseudorandom_key, block + info + bytes([counter]), hashlib.sha256).digest()
        out += block
    return out[:size]


def stream(seed, label, size):
    derived = hkdf(seed, b"", frame("deterministic random", label))
    cipher = Cipher(algorithms.AES(derived[:16]), modes.CTR(derived[16:]))
    return cipher.encryptor().update(bytes(size))


# --- Keys ----------------------------------------------------------------------------------------


def raw(public_key):
    return public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def x25519_public(private):
    return raw(x25519.X25519PrivateKey.from_private_bytes(private).public_key())


def agree(private, public):
    peer = x25519.X25519PublicKey.from_public_bytes(public)
    return x25519.X25519PrivateKey.from_private_bytes(private).exchange(peer)


def identity(seed):
    return raw(ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key())


def sign(seed, label, digest):
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign(frame(label, digest))


def seal(key, plaintext, associated_data):
    return AESGCM(key).encrypt(bytes(12), plaintext, associated_data)


# --- Shamir --------------------------------------------------------------------------------------


def split(secret, threshold, xs, seed, label):
    drawn = stream(seed, label, 8 * 5 * (threshold - 1))
    coefficients = [c & PRIME for (c,) in struct.iter_unpack("<Q", drawn)]
    assert PRIME not in coefficients  # Would be drawn again; never seen.
    shares = []
    for x in xs:
        share = b""
        for limb in range(5):
            constant = int.from_bytes(secret[7 * limb :][: LIMB_SIZES[limb]], "little")
            polynomial = [constant] + coefficients[limb::5]
            value = sum(c * pow(x, i, PRIME) for i, c in enumerate(polynomial)) % PRIME
            share += struct.pack("<Q", value)
        shares.append(share)
    return shares


def share_of(*values):
    return struct.pack("<5Q", *values)


# --- Cases ---------------------------------------------------------------------------------------


def encodings():
    cases = []
    for label, fields in [
        ("transcript", []),
        ("transcript", [b""]),
        ("transcript", [b"ab", b"c"]),
        ("transcript", [b"a", b"bc"]),
        ("header", [bytes(range(256))]),
    ]:
        cases.append(
            {
                "label": "veilsum/1 " + label,
                "fields": [field.hex() for field in fields],
                "encoding": frame(label, *fields).hex(),
                "hash": labelled_hash(label, *fields).hex(),
            }
        )
    return cases


def derivations():
    cases = []
    for label in ("channel key", "share key", "pairwise mask", "mask stream"):
        for salt in (b"", test_bytes("salt")):
            secret, field = test_bytes("secret of " + label), test_bytes("field", 5)
            cases.append(
                {
                    "secret": secret.hex(),
                    "salt": salt.hex(),
                    "label": "veilsum/1 " + label,
                    "fields": [field.hex()],
                    "output": hkdf(secret, salt, frame(label, field)).hex(),
                }
            )
    return cases


def random_streams():
    return [
        {"seed": seed.hex(), "label": label, "stream": stream(seed, label.encode(), 600).hex()}
        for seed, label in [
            (bytes(32), "veilsum/1 polynomials"),
            (bytes(32), "veilsum/1 rounding"),
            (test_bytes("seed"), ""),
        ]
    ]


def key_pairs():
    cases = []
    for m in (bytes(32), test_bytes("m"), bytes([255] * 32)):
        private = hkdf(m, b"", frame("mask key"))
        cases.append({"m": m.hex(), "private": private.hex(), "public": x25519_public(private).hex()})
    return cases


def agreements():
    own, peer = test_bytes("own"), x25519_public(test_bytes("peer"))
    return [{"private": own.hex(), "public": peer.hex(), "shared": agree(own, peer).hex()}]


def bad_agreement_keys():
    key = x25519_public(test_bytes("peer"))
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


def signatures():
    cases = []
    for name in ("alice", "bob"):
        for label in ("entry signature", "message signature", "survivor signature"):
            seed, digest = test_bytes(name), test_bytes(label)
            cases.append(
                {
                    "seed": seed.hex(),
                    "identity": identity(seed).hex(),
                    "label": "veilsum/1 " + label,
                    "digest": digest.hex(),
                    "signature": sign(seed, label, digest).hex(),
                }
            )
    return cases


def bad_signatures():
    alice, bob, digest = test_bytes("alice"), test_bytes("bob"), test_bytes("digest")
    label = "entry signature"
    good = sign(alice, label, digest)
    bare = ed25519.Ed25519PrivateKey.from_private_bytes(alice).sign(digest)
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = good[:32] + (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little")
    cases = [
        (sign(bob, label, digest), "another identity"),
        (sign(alice, "message signature", digest), "another label"),
        (sign(alice, label, test_bytes("other")), "another digest"),
        (bare, "signature over the bare digest"),
        (good[:63] + bytes([good[63] ^ 1]), "one bit altered"),
        (malleable, "S not reduced"),
        (bytes(64), "zeros"),
        (good[:63], "too short"),
    ]
    return [
        {
            "identity": identity(alice).hex(),
            "label": "veilsum/1 " + label,
            "digest": digest.hex(),
            "signature": signature.hex(),
            "why": why,
        }
        for signature, why in cases
    ]


def bad_identities():
    key = identity(test_bytes("alice"))
    return [
        {"key": (1).to_bytes(32, "little").hex(), "why": "the identity point"},
        {"key": bytes(32).hex(), "why": "order 4"},
        {"key": (2**255 - 20).to_bytes(32, "little").hex(), "why": "order 2"},
        {"key": (2**255 - 19 + 1).to_bytes(32, "little").hex(), "why": "not canonical: p + 1"},
        {"key": (2**256 - 16).to_bytes(32, "little").hex(), "why": "not canonical, sign set"},
        {"key": key[:31].hex(), "why": "too short"},
    ]


def ciphertexts():
    cases = []
    for size in (0, 1, 80):
        key, plaintext, context = test_bytes("key"), bytes(range(size)), test_bytes("context", 20)
        cases.append(
            {
                "key": key.hex(),
                "plaintext": plaintext.hex(),
                "associated_data": context.hex(),
                "ciphertext": seal(key, plaintext, context).hex(),
            }
        )
    return cases


def bad_ciphertexts():
    key, context = test_bytes("key"), test_bytes("context", 20)
    good = seal(key, bytes(80), context)
    other_nonce = AESGCM(key).encrypt(bytes([1] * 12), bytes(80), context)
    cases = [
        (seal(test_bytes("other"), bytes(80), context), "another key"),
        (seal(key, bytes(80), b"other"), "other associated data"),
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


def sharings():
    cases = []
    for secret, threshold, xs in [
        (bytes(32), 2, [1, 2]),
        (bytes([255] * 32), 2, [1, 2, 3]),
        (test_bytes("shared"), 3, [5, 1, 4, 2, 3]),
        (bytes(range(32)), 4, [2**32 - 1, 7, 2**31, 2**32 - 2, 1000]),
        (test_bytes("many"), 51, list(range(1, 61))),
    ]:
        seed, label = test_bytes("polynomials"), "veilsum/1 polynomials"
        shares = split(secret, threshold, xs, seed, label.encode())
        cases.append(
            {
                "secret": secret.hex(),
                "threshold": threshold,
                "xs": xs,
                "seed": seed.hex(),
                "label": label,
                "shares": [share.hex() for share in shares],
            }
        )
    return cases


def bad_shares():
    return [
        {"x": 0, "share": share_of(1, 2, 3, 4, 5).hex(), "why": "index 0"},
        {"x": 1, "share": share_of(1, 2, 3, 4, PRIME).hex(), "why": "the prime"},
        {"x": 1, "share": share_of(2**63, 2, 3, 4, 5).hex(), "why": "top bit"},
        {"x": 1, "share": share_of(1, 2, 2**64 - 1, 4, 5).hex(), "why": "all bits"},
        {"x": 1, "share": share_of(1, 2, 3, 4, 5)[:39].hex(), "why": "too short"},
        {"x": 1, "share": (share_of(1, 2, 3, 4, 5) + b"\0").hex(), "why": "too long"},
    ]


def bad_reconstructions():
    secret, seed = test_bytes("shared"), test_bytes("polynomials")
    shares = split(secret, 3, [1, 2, 3], seed, b"veilsum/1 polynomials")
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


def key_schedules():
    """Two clients of one session, everything that each hashes and derives."""
    header, header_hash = b"header bytes", labelled_hash("header", b"header bytes")
    names = ("alice", "bob")
    secrets = {name: test_bytes("session secret of " + name) for name in names}
    identities = {name: identity(test_bytes(name)) for name in names}
    order = sorted(names, key=lambda name: identities[name])
    clients = []
    for name in order:
        secret = secrets[name]
        m = hkdf(secret, header_hash, frame("m"))
        b = hkdf(secret, header_hash, frame("b"))
        entry = b"entry of " + name.encode()
        clients.append(
            {
                "identity": identities[name],
                "session_secret": secret,
                "channel_private": hkdf(secret, header_hash, frame("channel key")),
                "m": m,
                "b": b,
                "mask_private": hkdf(m, b"", frame("mask key")),
                "b_commitment": labelled_hash("b commitment", header_hash, identities[name], b),
                "entry": entry,
                "entry_hash": labelled_hash("entry", entry),
            }
        )
    seats = [field for c in clients for field in (c["identity"], c["entry_hash"])]
    roster_root = labelled_hash("roster root", len(clients), *seats)
    transcript = labelled_hash("transcript", header_hash, roster_root)
    for position, client in enumerate(clients):
        secret, party = client["session_secret"], (position, client["identity"])
        client["polynomials_m"] = hkdf(secret, transcript, frame("polynomials", 1))
        client["polynomials_b"] = hkdf(secret, transcript, frame("polynomials", 2))
        client["rounding"] = hkdf(secret, transcript, frame("rounding"))
        client["self_mask"] = hkdf(client["b"], transcript, frame("self mask", *party))
    pair = (0, clients[0]["identity"], 1, clients[1]["identity"])
    channel = agree(clients[0]["channel_private"], x25519_public(clients[1]["channel_private"]))
    mask = agree(clients[1]["mask_private"], x25519_public(clients[0]["mask_private"]))
    share_m, share_b = test_bytes("m", 32) + bytes(8), test_bytes("b", 32) + bytes(8)
    digest_m = labelled_hash("share digest", transcript, *pair, 1, share_m)
    digest_b = labelled_hash("share digest", transcript, *pair, 2, share_b)
    body_digest = sha256(b"body")
    session = {
        "header": header,
        "header_hash": header_hash,
        "roster_root": roster_root,
        "transcript": transcript,
        "graph_seed": labelled_hash("graph", transcript),
        "survivors": bytes([1]),
        "survivor_root": labelled_hash("survivor root", transcript, bytes([1])),
        "share_key": hkdf(channel, transcript, frame("share key", *pair)),
        "pairwise_mask": hkdf(mask, transcript, frame("pairwise mask", *pair)),
        "share_m": share_m,
        "share_b": share_b,
        "share_digest_m": digest_m,
        "share_digest_b": digest_b,
        "share_associated_data": frame("share", *pair, transcript, digest_m, digest_b),
        "body_digest": body_digest,
        "message_digest": labelled_hash("message signature", transcript, 1, body_digest),
    }
    return {
        "clients": [{key: value.hex() for key, value in client.items()} for client in clients],
        **{key: value.hex() for key, value in session.items()},
    }


def main():
    vectors = {
        "version": 1,
        "encodings": encodings(),
        "derivations": derivations(),
        "random_streams": random_streams(),
        "key_pairs": key_pairs(),
        "agreements": agreements(),
        "bad_agreement_keys": bad_agreement_keys(),
        "signatures": signatures(),
        "bad_signatures": bad_signatures(),
        "bad_identities": bad_identities(),
        "ciphertexts": ciphertexts(),
        "bad_ciphertexts": bad_ciphertexts(),
        "sharings": sharings(),
        "bad_shares": bad_shares(),
        "bad_reconstructions": bad_reconstructions(),
        "key_schedule": key_schedules(),
    }
    print(json.dumps(vectors, indent=1))


if __name__ == "__main__":
    main()
