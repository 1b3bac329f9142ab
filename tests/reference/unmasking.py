# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Round 4 at the aggregator: which shares are good, and how the masks come off."""

import hashes
import keys
import masking
import sharing
from reasons import Reason, Refusal, require


def check_revealed(session, holder, body):
    """{owner: share} of one holder; Refusal for what costs it the seat."""
    cohort = session.cohort
    owners = [one.owner for one in body.shares]
    due = session.sharers.intersection(cohort.holders(holder))
    ordered = all(a < b for a, b in zip(owners, owners[1:]))
    good = ordered and due.issuperset(owners)
    require(good, Reason.BAD_SHARE_LIST, "not the owners that are due")
    found = {}
    for one in body.shares:
        survived = one.owner in session.survivors
        share = one.self_mask_share if survived else one.mask_key_share
        require(share is not None, Reason.WRONG_SHARE_KIND, "a share of the other secret")
        dealt = session.sealed[one.owner][holder]
        digest = dealt.self_mask_share_digest if survived else dealt.mask_key_share_digest
        kind = hashes.KIND_B if survived else hashes.KIND_M
        parties = cohort.party(one.owner), cohort.party(holder)
        made = hashes.share_digest(cohort.t1, *parties, kind, share)
        require(made == digest, Reason.WRONG_SHARE, "not the dealer's digest")
        found[one.owner] = share
    return found


def secret_of(session, owner):
    """b of a survivor, m of a dropout, from t shares."""
    cohort, revealed = session.cohort, session.revealed
    shares = [(h + 1, found[owner]) for h, found in sorted(revealed.items()) if owner in found]
    asked = {h for h in revealed if h in cohort.holders(owner)}
    if len(shares) < cohort.threshold:
        cheated = len(asked) - len(shares) > cohort.corrupted
        reason = Reason.DEALER_CHEATED if cheated else Reason.BELOW_THRESHOLD
        raise Refusal(reason, f"fewer than t shares of client {owner}'s secret")
    try:
        secret = sharing.reconstruct(shares[: cohort.threshold])
    except sharing.BadShares as error:
        raise Refusal(Reason.DEALER_CHEATED, f"client {owner}: {error}") from error
    entry = session.entries[owner]
    if owner in session.survivors:
        made = hashes.b_commitment(cohort.header_hash, entry.identity, secret)
        good = made == entry.self_mask_commitment
    else:
        good = keys.public_of(keys.mask_private_key(secret)) == entry.mask_public_key
    require(good, Reason.DEALER_CHEATED, f"client {owner}'s secret is not the one it stands for")
    return secret


def unmask(session):
    """The sum of the survivors' inputs, d + 1 integers modulo 2^B."""
    cohort, spec = session.cohort, session.header.vector
    width, count = masking.lane_bits(spec.modulus_bits), spec.dimension + 1
    secrets = {owner: secret_of(session, owner) for owner in sorted(session.sharers)}
    total = [0] * count
    for masked in session.inputs.values():
        total = masking.add(total, masked, 1, width)
    for owner, secret in secrets.items():
        party = cohort.party(owner)
        if owner in session.survivors:
            seed = keys.self_mask_seed(secret, cohort.t1, party)
            total = masking.add(total, masking.mask(seed, width, count), -1, width)
            continue
        private = keys.mask_private_key(secret)
        for peer in session.survivors.intersection(cohort.neighbours[owner]):
            public = session.entries[peer].mask_public_key
            parties = party, cohort.party(peer)
            seed = keys.pairwise_mask_seed(private, public, cohort.t1, *parties)
            sign = 1 if owner > peer else -1  # What the peer did; it comes off again.
            total = masking.add(total, masking.mask(seed, width, count), -sign, width)
    return [one % 2**spec.modulus_bits for one in total]
