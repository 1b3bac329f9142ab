# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Round 1, ShareKeys: a dealer's sealed shares, and what a holder makes of one."""

import hashes
import keys
import sharing
import wire

KINDS = (hashes.KIND_M, hashes.KIND_B)


def deal(cohort, position, own_keys, channel_keys):
    """A ShareKeys body and, on the complete graph, the dealer's own share of b.

    channel_keys: public keys by position.
    """
    t1, dealer, own_share = cohort.t1, cohort.party(position), None
    xs = [holder + 1 for holder in cohort.holders(position)]
    dealt = [
        sharing.split(secret, cohort.threshold, xs, own_keys.polynomials(t1, kind))
        for kind, secret in zip(KINDS, (own_keys.m, own_keys.b))
    ]
    sealed = []
    for holder, share_m, share_b in zip(cohort.holders(position), *dealt):
        party = cohort.party(holder)
        digest_m = hashes.share_digest(t1, dealer, party, hashes.KIND_M, share_m)
        digest_b = hashes.share_digest(t1, dealer, party, hashes.KIND_B, share_b)
        one = wire.message("SealedShares", peer=holder, self_mask_share_digest=digest_b)
        if holder == position:
            own_share = share_b
        else:
            channel = own_keys.channel_private, channel_keys[holder]
            key = keys.share_key(*channel, t1, dealer, party)
            context = keys.share_context(t1, dealer, party, digest_m, digest_b)
            one.mask_key_share_digest = digest_m
            one.ciphertext = keys.seal(key, share_m + share_b, context)
        sealed.append(one)
    return wire.encode("ShareKeys", {"shares": sealed}), own_share


def open_sealed(cohort, position, channel_private, channel_public, one):
    """(share of m, share of b) from the dealer one.peer; None if there is nothing good in it."""
    t1, dealer, holder = cohort.t1, cohort.party(one.peer), cohort.party(position)
    digests = (one.mask_key_share_digest, one.self_mask_share_digest)
    key = keys.share_key(channel_private, channel_public, t1, dealer, holder)
    context = keys.share_context(t1, dealer, holder, *digests)
    plaintext = keys.unseal(key, one.ciphertext, context)
    if plaintext is None or len(plaintext) != 2 * sharing.SHARE_BYTES:
        return None
    pair = plaintext[: sharing.SHARE_BYTES], plaintext[sharing.SHARE_BYTES :]
    found = tuple(
        hashes.share_digest(t1, dealer, holder, kind, share) for kind, share in zip(KINDS, pair)
    )
    return pair if found == digests else None
