# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Keys: who signs, who agrees with whom on which key, and what a session secret makes."""

import functools

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import hashes
from hashes import kdf

P = 2**255 - 19
EDWARDS_D = -121665 * pow(121666, P - 2, P) % P


def raw(public_key):
    return public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)


# --- Ed25519 -------------------------------------------------------------------------------------


def identity_of(seed):
    return raw(ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key())


def sign(seed, label, digest):
    """Sign(sk, label, digest)."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign(hashes.frame(label, digest))


def decompress(key):
    """The point (x, y) of an encoded Ed25519 key, RFC 8032, 5.1.3; None if there is none."""
    number = int.from_bytes(key, "little")
    sign_bit, y = number >> 255, number % 2**255
    if len(key) != 32 or y >= P:
        return None
    x_squared = (y * y - 1) * pow(EDWARDS_D * y * y + 1, P - 2, P) % P
    x = pow(x_squared, (P + 3) // 8, P)
    if (x * x - x_squared) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x_squared) % P or (x == 0 and sign_bit):
        return None
    return (P - x if x % 2 != sign_bit else x), y


def double(point):
    x, y = point
    product = EDWARDS_D * x * x * y * y
    return (
        2 * x * y * pow(1 + product, P - 2, P) % P,
        (y * y + x * x) * pow(1 - product, P - 2, P) % P,
    )


@functools.lru_cache(maxsize=None)
def good_identity(key):
    """A point in its canonical encoding whose order is not small."""
    point = decompress(key)
    return point is not None and double(double(double(point))) != (0, 1)


def verify(identity, label, digest, signature):
    if not good_identity(identity):
        return False
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(identity)
        key.verify(signature, hashes.frame(label, digest))
        return True
    except InvalidSignature:
        return False


# --- X25519 --------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=None)
def private_key(private):
    return x25519.X25519PrivateKey.from_private_bytes(private)  # Slow, so once for each.


def public_of(private):
    return raw(private_key(private).public_key())


def agree(private, public):
    """X25519; ValueError where the result is zero (a key of small order)."""
    return private_key(private).exchange(x25519.X25519PublicKey.from_public_bytes(public))


def good_agreement_key(key):
    """Canonical, not of small order."""
    if len(key) != 32 or int.from_bytes(key, "little") >= P:
        return False
    try:
        return bool(agree(bytes(32), key))
    except ValueError:
        return False


# --- Sealing -------------------------------------------------------------------------------------


def seal(key, plaintext, associated_data):
    return AESGCM(key).encrypt(bytes(12), plaintext, associated_data)


def unseal(key, ciphertext, associated_data):
    """None if it does not open."""
    try:
        return AESGCM(key).decrypt(bytes(12), ciphertext, associated_data)
    except (InvalidTag, ValueError):
        return None


def share_key(private, public, t1, dealer, holder):
    return kdf(agree(private, public), t1, "share key", *dealer, *holder)


def share_context(t1, dealer, holder, digest_m, digest_b):
    return hashes.frame("share", *dealer, *holder, t1, digest_m, digest_b)


# --- Mask seeds ----------------------------------------------------------------------------------


def pairwise_mask_seed(private, public, t1, one, other):
    """s_uv of two parties (position, identity), in either order."""
    low, high = sorted((one, other))
    return kdf(agree(private, public), t1, "pairwise mask", *low, *high)


def self_mask_seed(b, t1, party):
    return kdf(b, t1, "self mask", *party)


def mask_private_key(m):
    return kdf(m, b"", "mask key")


class SessionKeys:
    """All that a client draws for one session, from its session secret."""

    def __init__(self, session_secret, header_hash):
        self.secret = session_secret
        self.channel_private = kdf(session_secret, header_hash, "channel key")
        self.m = kdf(session_secret, header_hash, "m")
        self.b = kdf(session_secret, header_hash, "b")
        self.mask_private = mask_private_key(self.m)

    def polynomials(self, t1, kind):
        return hashes.deterministic_stream(
            kdf(self.secret, t1, "polynomials", kind), "polynomials"
        )

    def rounding_seed(self, t1):
        return kdf(self.secret, t1, "rounding")
