# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""v1/primitives.json: hashes, keys, signatures, ciphertexts and shares by themselves.

Cases under "bad_..." (bad_primitive_vectors.py) must be refused.
"""

import json

import bad_primitive_vectors as bad
import hashes
import keys
import sharing
from bad_primitive_vectors import test_bytes


def stream(seed, label):
    """A deterministic stream, with the whole label given: one of the cases has none."""
    return hashes.key_stream(hashes.kdf(seed, b"", "deterministic random", label.encode()))


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
                "encoding": hashes.frame(label, *fields).hex(),
                "hash": hashes.labelled_hash(label, *fields).hex(),
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
                    "output": hashes.hkdf(secret, salt, hashes.frame(label, field)).hex(),
                }
            )
    return cases


def random_streams():
    return [
        {"seed": seed.hex(), "label": label, "stream": stream(seed, label)(600).hex()}
        for seed, label in [
            (bytes(32), "veilsum/1 polynomials"),
            (bytes(32), "veilsum/1 rounding"),
            (test_bytes("seed"), ""),
        ]
    ]


def key_pairs():
    cases = []
    for m in (bytes(32), test_bytes("m"), bytes([255] * 32)):
        private = keys.mask_private_key(m)
        public = keys.public_of(private)
        cases.append({"m": m.hex(), "private": private.hex(), "public": public.hex()})
    return cases


def agreements():
    own, peer = test_bytes("own"), keys.public_of(test_bytes("peer"))
    return [{"private": own.hex(), "public": peer.hex(), "shared": keys.agree(own, peer).hex()}]


def signatures():
    cases = []
    for name in ("alice", "bob"):
        for label in ("entry signature", "message signature", "survivor signature"):
            seed, digest = test_bytes(name), test_bytes(label)
            cases.append(
                {
                    "seed": seed.hex(),
                    "identity": keys.identity_of(seed).hex(),
                    "label": "veilsum/1 " + label,
                    "digest": digest.hex(),
                    "signature": keys.sign(seed, label, digest).hex(),
                }
            )
    return cases


def ciphertexts():
    cases = []
    for size in (0, 1, 80):
        key, plaintext, context = test_bytes("key"), bytes(range(size)), test_bytes("context", 20)
        cases.append(
            {
                "key": key.hex(),
                "plaintext": plaintext.hex(),
                "associated_data": context.hex(),
                "ciphertext": keys.seal(key, plaintext, context).hex(),
            }
        )
    return cases


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
        shares = sharing.split(secret, threshold, xs, stream(seed, label))
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


def key_schedule_client(name, header_hash):
    """What one client of a session hashes and derives before the roster is there."""
    secret, identity = test_bytes("session secret of " + name), keys.identity_of(test_bytes(name))
    own, entry = keys.SessionKeys(secret, header_hash), b"entry of " + name.encode()
    return {
        "identity": identity,
        "session_secret": secret,
        "channel_private": own.channel_private,
        "m": own.m,
        "b": own.b,
        "mask_private": own.mask_private,
        "b_commitment": hashes.b_commitment(header_hash, identity, own.b),
        "entry": entry,
        "entry_hash": hashes.entry_hash(entry),
    }


def key_schedule():
    """Two clients of one session, everything that each hashes and derives."""
    header = b"header bytes"
    header_hash = hashes.header_hash(header)
    clients = [key_schedule_client(name, header_hash) for name in ("alice", "bob")]
    clients.sort(key=lambda client: client["identity"])
    roster_root = hashes.roster_root([(c["identity"], c["entry_hash"]) for c in clients])
    t1 = hashes.transcript(header_hash, roster_root)
    low, high = parties = [(place, c["identity"]) for place, c in enumerate(clients)]
    for party, client in zip(parties, clients):
        secret = client["session_secret"]
        client["polynomials_m"] = hashes.kdf(secret, t1, "polynomials", hashes.KIND_M)
        client["polynomials_b"] = hashes.kdf(secret, t1, "polynomials", hashes.KIND_B)
        client["rounding"] = hashes.kdf(secret, t1, "rounding")
        client["self_mask"] = keys.self_mask_seed(client["b"], t1, party)
    channel = clients[0]["channel_private"], keys.public_of(clients[1]["channel_private"])
    mask = clients[1]["mask_private"], keys.public_of(clients[0]["mask_private"])
    share_m, share_b = test_bytes("m", 32) + bytes(8), test_bytes("b", 32) + bytes(8)
    digest_m = hashes.share_digest(t1, low, high, hashes.KIND_M, share_m)
    digest_b = hashes.share_digest(t1, low, high, hashes.KIND_B, share_b)
    body_digest = hashes.sha256(b"body")
    session = {
        "header": header,
        "header_hash": header_hash,
        "roster_root": roster_root,
        "transcript": t1,
        "graph_seed": hashes.graph_seed(t1),
        "survivors": bytes([1]),
        "survivor_root": hashes.survivor_root(t1, bytes([1])),
        "share_key": keys.share_key(*channel, t1, low, high),
        "pairwise_mask": keys.pairwise_mask_seed(*mask, t1, high, low),
        "share_m": share_m,
        "share_b": share_b,
        "share_digest_m": digest_m,
        "share_digest_b": digest_b,
        "share_associated_data": keys.share_context(t1, low, high, digest_m, digest_b),
        "body_digest": body_digest,
        "message_digest": hashes.message_digest(t1, 1, body_digest),
    }
    return {
        "clients": [{key: value.hex() for key, value in client.items()} for client in clients],
        **{key: value.hex() for key, value in session.items()},
    }


def text():
    vectors = {
        "version": 1,
        "encodings": encodings(),
        "derivations": derivations(),
        "random_streams": random_streams(),
        "key_pairs": key_pairs(),
        "agreements": agreements(),
        "bad_agreement_keys": bad.bad_agreement_keys(),
        "signatures": signatures(),
        "bad_signatures": bad.bad_signatures(),
        "bad_identities": bad.bad_identities(),
        "ciphertexts": ciphertexts(),
        "bad_ciphertexts": bad.bad_ciphertexts(),
        "sharings": sharings(),
        "bad_shares": bad.bad_shares(),
        "bad_reconstructions": bad.bad_reconstructions(),
        "key_schedule": key_schedule(),
    }
    return json.dumps(vectors, indent=1) + "\n"
