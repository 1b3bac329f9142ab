# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md, "Encoding of hashes, signatures and key derivation" and "Who holds what": one
function per row of the table, and the streams."""

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PREFIX = "veilsum/1 "
KIND_M, KIND_B = 1, 2


def sha256(data):
    return hashlib.sha256(data).digest()


def frame(label, *fields):
    """F(label; fields)."""
    out = b""
    for field in ((PREFIX + label).encode(), *fields):
        if isinstance(field, int):
            field = struct.pack(">Q", field)
        out += struct.pack(">Q", len(field)) + field
    return out


def labelled_hash(label, *fields):
    """H(label; fields)."""
    return sha256(frame(label, *fields))


def hkdf(ikm, salt, info, size=32):
    """HKDF-SHA256, RFC 5869."""
    pseudorandom_key = hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()
    out, block, counter = b"", b"", 0
    while len(out) < size:
        counter += 1
        block = hmac.new(pseudorandom_key, block + info + bytes([counter]), hashlib.sha256).digest()
        out += block
    return out[:size]


def kdf(ikm, salt, label, *fields):
    return hkdf(ikm, salt, frame(label, *fields))


def key_stream(key_and_counter, first_byte=0):
    """AES-128-CTR's key stream from a byte on, as an endless reader: read(size) -> bytes."""
    key, counter = key_and_counter[:16], int.from_bytes(key_and_counter[16:], "big")
    start = (counter + first_byte // 16) % 2**128
    encryptor = Cipher(algorithms.AES(key), modes.CTR(start.to_bytes(16, "big"))).encryptor()
    encryptor.update(bytes(first_byte % 16))
    return lambda size: encryptor.update(bytes(size))


def deterministic_stream(seed, label):
    """"A stream seeded with s, with a label"."""
    return key_stream(kdf(seed, b"", "deterministic random", (PREFIX + label).encode()))


def header_hash(header):
    return labelled_hash("header", header)


def entry_hash(entry):
    return labelled_hash("entry", entry)


def roster_root(seats):
    """Of [(identity, entry hash)]."""
    return labelled_hash("roster root", len(seats), *(field for seat in seats for field in seat))


def transcript(header_hash_, roster_root_):
    """T1."""
    return labelled_hash("transcript", header_hash_, roster_root_)


def survivor_root(t1, survivors):
    return labelled_hash("survivor root", t1, survivors)


def enrolment_digest(identity, roster_version):
    return labelled_hash("enrolment signature", identity, roster_version)


def entry_digest(header_hash_, entry_hash_):
    return labelled_hash("entry signature", header_hash_, entry_hash_)


def b_commitment(header_hash_, identity, b):
    return labelled_hash("b commitment", header_hash_, identity, b)


def share_digest(t1, dealer, holder, kind, share):
    """A party is (position, identity)."""
    return labelled_hash("share digest", t1, *dealer, *holder, kind, share)


def message_digest(t1, protocol_round, body_digest):
    """Rounds as docs/protocol.md numbers them: 1 ShareKeys, 2 masked input, 4 Unmasking."""
    return labelled_hash("message signature", t1, protocol_round, body_digest)


def upload_open_digest(t1, total_bytes):
    return labelled_hash("upload open signature", t1, total_bytes)


def download_digest(t1):
    return labelled_hash("result download signature", t1)


def hello_digest(nonce, task_id, session_id, identity):
    return labelled_hash("hello signature", nonce, task_id.encode(), session_id, identity)


def graph_seed(t1):
    return labelled_hash("graph", t1)


def bitmap(positions, n):
    out = bytearray((n + 7) // 8)
    for position in positions:
        out[position // 8] |= 1 << position % 8
    return bytes(out)


def positions_of(bits, n):
    """The set that a bitmap over n positions names, or None if it is none."""
    found = {p for p in range(8 * len(bits)) if bits[p // 8] >> p % 8 & 1}
    return found if bitmap({p for p in found if p < n}, n) == bits else None
