# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""One client of one session, without input and output: bytes in, effects out.

Effects are tuples: ("send", client message), ("upload", open, packed, close), ("download",
request), ("finish", reason, packed sum or None).
"""

import cohort
import dealing
import encoding
import hashes
import header as headers
import keys
import masking
import wire
from reasons import Reason, Refusal, require

MESSAGE = "message signature"


class Client:
    def __init__(self, identity_seed, session_secret, contribution, policy, enrolment=b""):
        """contribution: (update, weight); enrolment: the authority's signature, if there is one."""
        self.seed, self.identity = identity_seed, keys.identity_of(identity_seed)
        self.session_secret, self.contribution = session_secret, contribution
        self.policy, self.enrolment = policy, enrolment
        self.header = self.cohort = self.seats = self.entries = None
        self.sharers = self.survivors = self.result = None
        self.taken = {}  # Outcome -> the message that was taken in.
        self.finished = None

    def receive(self, message_bytes):
        """Takes in one ServerMessage."""
        if self.finished is not None:
            return []
        try:
            message = wire.decode("ServerMessage", message_bytes)
            name = wire.which(message)
            if name == "refused":
                return self.refused(message.refused)
            step = self.STEPS.get(name)
            if step is None:  # Waiting, accepted, progress: news, nothing to do.
                return []
            if name in self.taken:
                refused = Reason.SURVIVORS_REFUSED if name == "survivors" else Reason.CONFLICT
                require(self.taken[name] == message_bytes, refused, f"another {name} than before")
                return []
            self.check_order(name)
            effects = step(self, getattr(message, name))
            self.taken[name] = message_bytes
            return effects
        except wire.Malformed as error:
            return self.give_up(Refusal(Reason.MALFORMED, str(error)))
        except Refusal as refusal:
            return self.give_up(refusal)

    def check_order(self, name):
        order = list(self.STEPS)
        if self.header and self.header.tier == cohort.SEMI_HONEST:
            order.remove("consistency")
        good = name in order and order[: order.index(name)] == list(self.taken)
        require(good, Reason.UNSUPPORTED, f"{name} out of order")

    def refused(self, refused):
        if refused.scope == 1:  # SCOPE_MESSAGE
            return []
        return self.finish(refused.reason)

    def give_up(self, refusal):
        withdraw = wire.message("Withdraw", reason=refusal.reason, detail=refusal.detail)
        return [self.send("withdraw", withdraw)] + self.finish(refusal.reason)

    def finish(self, reason, packed=None):
        self.finished = reason
        return [("finish", reason, packed)]

    def send(self, name, message):
        return ("send", wire.encode("ClientMessage", {name: message}))

    def signed(self, protocol_round, body):
        digest = hashes.message_digest(self.cohort.t1, protocol_round, hashes.sha256(body))
        signature = keys.sign(self.seed, MESSAGE, digest)
        return wire.message("SignedMessage", body=body, signature=signature)

    # --- Round 0 ---------------------------------------------------------------------------------

    def offer(self, offer):
        self.header_bytes = offer.header
        self.header = wire.decode("SessionHeader", offer.header)
        headers.check_form(self.header)
        headers.check_policy(self.header, self.policy)
        header_hash = hashes.header_hash(offer.header)
        self.keys = keys.SessionKeys(self.session_secret, header_hash)
        entry = wire.message(
            "AdvertiseKeysEntry",
            identity=self.identity,
            channel_public_key=keys.public_of(self.keys.channel_private),
            mask_public_key=keys.public_of(self.keys.mask_private),
            self_mask_commitment=hashes.b_commitment(header_hash, self.identity, self.keys.b),
            enrolment_signature=self.enrolment,
        )
        self.entry = wire.encode("AdvertiseKeysEntry", entry)
        self.entry_hash = hashes.entry_hash(self.entry)
        digest = hashes.entry_digest(header_hash, self.entry_hash)
        signature = keys.sign(self.seed, "entry signature", digest)
        advertised = wire.message("AdvertiseKeys", entry=self.entry, signature=signature)
        return [self.send("advertise_keys", advertised)]

    def roster(self, announcement):
        bad = Reason.ROSTER_REFUSED
        require(announcement.roster, bad, "empty")
        seats = [(seat.identity, seat.entry_hash) for seat in announcement.roster.seats]
        names = [identity for identity, _ in seats]
        require(all(a < b for a, b in zip(names, names[1:])), bad, "not strictly ascending")
        require((self.identity, self.entry_hash) in seats, bad, "without this client's entry")
        fits = self.header.min_survivors <= len(seats) <= self.header.max_clients
        require(fits, bad, "too few or too many clients")
        require(all(len(i) == 32 and len(h) == 32 for i, h in seats), bad, "lengths")
        if self.policy.roster is not None:
            for name in names:
                headers.check_vouched(self.policy, name, b"")
        self.seats = seats
        return []

    def neighbour_entries(self, message):
        self.cohort = cohort.Cohort(self.header_bytes, self.seats)
        self.position = [name for name, _ in self.seats].index(self.identity)
        self.me = self.cohort.party(self.position)
        expected = self.cohort.neighbours[self.position]
        given = [neighbour.position for neighbour in message.neighbours]
        require(given == expected, Reason.ROSTER_REFUSED, "not exactly the neighbours")
        self.entries, agreement_keys = {}, []
        for neighbour in message.neighbours:
            entry = self.check_neighbour(neighbour)
            self.entries[neighbour.position] = entry
            agreement_keys += [entry.channel_public_key, entry.mask_public_key]
        own = [self.keys.channel_private, self.keys.mask_private]
        agreement_keys += [keys.public_of(private) for private in own]
        once = len(set(agreement_keys)) == len(agreement_keys)
        require(once, Reason.ROSTER_REFUSED, "a key that is used twice")
        return [self.send("share_keys", self.share_keys())]

    def check_neighbour(self, neighbour):
        bad, advertised = Reason.ROSTER_REFUSED, neighbour.advertised
        identity, entry_hash = self.seats[neighbour.position]
        require(advertised is not None, bad, "a neighbour without an entry")
        require(hashes.entry_hash(advertised.entry) == entry_hash, bad, "not the roster's entry")
        entry = wire.decode("AdvertiseKeysEntry", advertised.entry)
        digest = hashes.entry_digest(self.cohort.header_hash, entry_hash)
        good = keys.verify(identity, "entry signature", digest, advertised.signature)
        require(good and entry.identity == identity, bad, "a bad entry signature")
        headers.check_vouched(self.policy, identity, entry.enrolment_signature)
        for key in (entry.channel_public_key, entry.mask_public_key):
            require(keys.good_agreement_key(key), bad, "a key of small order")
        return entry

    # --- Round 1 ---------------------------------------------------------------------------------

    def share_keys(self):
        channel_keys = {peer: entry.channel_public_key for peer, entry in self.entries.items()}
        body, self.own_share = dealing.deal(self.cohort, self.position, self.keys, channel_keys)
        return self.signed(1, body)

    def shares(self, delivered):
        bad, own = Reason.BAD_SHARE_LIST, self.position
        sharers = hashes.positions_of(delivered.sharers, self.cohort.n)
        require(sharers is not None and own in sharers, bad, "no bitmap with this client")
        enough = self.cohort.counted(own, sharers) >= self.cohort.threshold
        require(enough, bad, "too few neighbours shared their keys")
        dealers = sorted(sharers.intersection(self.cohort.neighbours[own]))
        given = [one.peer for one in delivered.shares]
        require(given == dealers, bad, "not exactly the neighbours that shared")
        self.held = {}
        for one in delivered.shares:
            channel = self.keys.channel_private, self.entries[one.peer].channel_public_key
            pair = dealing.open_sealed(self.cohort, own, *channel, one)
            if pair:
                self.held[one.peer] = pair
        self.sharers = sharers
        return [self.upload()]

    # --- Round 2 ---------------------------------------------------------------------------------

    def masks(self):
        """[(peer or None for the self mask, sign, seed)]."""
        t1, own = self.cohort.t1, self.position
        found = [(None, 1, keys.self_mask_seed(self.keys.b, t1, self.me))]
        for peer in sorted(self.sharers.intersection(self.cohort.neighbours[own])):
            public, party = self.entries[peer].mask_public_key, self.cohort.party(peer)
            private = self.keys.mask_private
            seed = keys.pairwise_mask_seed(private, public, t1, self.me, party)
            found.append((peer, 1 if peer > own else -1, seed))
        return found

    def quantised(self):
        rounding_seed = self.keys.rounding_seed(self.cohort.t1)
        return encoding.quantise(self.header.vector, *self.contribution, rounding_seed)

    def upload(self):
        spec, t1 = self.header.vector, self.cohort.t1
        width = masking.lane_bits(spec.modulus_bits)
        masked = self.quantised()
        for _, sign, seed in self.masks():
            masked = masking.add(masked, masking.mask(seed, width, len(masked)), sign, width)
        packed = masking.pack(masked, spec.modulus_bits)
        digest = hashes.upload_open_digest(t1, len(packed))
        opening = wire.message(
            "UploadOpen",
            session_id=self.header.session_id,
            identity=self.identity,
            total_bytes=len(packed),
            signature=keys.sign(self.seed, "upload open signature", digest),
        )
        packed_digest = hashes.sha256(packed)
        message_digest = hashes.message_digest(t1, 2, packed_digest)
        signature = keys.sign(self.seed, MESSAGE, message_digest)
        closing = wire.message("UploadClose", digest=packed_digest, signature=signature)
        encoded = wire.encode("UploadOpen", opening), wire.encode("UploadClose", closing)
        return ("upload", encoded[0], packed, encoded[1])

    # --- Rounds 3 and 4, and the result ---------------------------------------------------------

    def survivor_set(self, message):
        bad, own = Reason.SURVIVORS_REFUSED, self.position
        survivors = hashes.positions_of(message.survivors, self.cohort.n)
        require(survivors is not None and own in survivors, bad, "no bitmap with this client")
        require(survivors <= self.sharers, bad, "somebody who shared no keys")
        enough = self.cohort.counted(own, survivors) >= self.cohort.threshold
        require(enough, bad, "fewer than t neighbours are left")
        require(len(survivors) >= self.header.min_survivors, bad, "fewer than n_min are left")
        self.survivors, self.root = survivors, self.cohort.survivor_root(survivors)
        if self.header.tier == cohort.MALICIOUS:
            signature = keys.sign(self.seed, "survivor signature", self.root)
            check = wire.message("ConsistencyCheck", survivor_root_signature=signature)
            return [self.send("consistency_check", check)]
        return [self.send("unmasking", self.unmasking())]

    def consistency(self, message):
        bad = Reason.TOO_FEW_SIGNATURES
        given = [one.position for one in message.signatures]
        ordered = all(a < b for a, b in zip(given, given[1:]))
        sized = all(len(one.survivor_root_signature) == 64 for one in message.signatures)
        require(ordered and sized, Reason.MALFORMED, "not strictly ascending, or too short")
        signers = {self.position} if self.cohort.is_complete else set()
        for one in message.signatures:
            if one.position in self.survivors.intersection(self.cohort.neighbours[self.position]):
                signed = "survivor signature", self.root, one.survivor_root_signature
                if keys.verify(self.seats[one.position][0], *signed):
                    signers.add(one.position)
        require(len(signers) >= self.cohort.threshold, bad, "fewer than t signed the survivors")
        return [self.send("unmasking", self.unmasking())]

    def unmasking(self):
        revealed = []
        for owner in sorted(self.sharers.intersection(self.cohort.holders(self.position))):
            if owner == self.position:
                share = {"self_mask_share": self.own_share}
            elif owner not in self.held:
                continue
            elif owner in self.survivors:
                share = {"self_mask_share": self.held[owner][1]}
            else:
                share = {"mask_key_share": self.held[owner][0]}
            revealed.append(wire.message("RevealedShare", owner=owner, **share))
        self.held = self.own_share = None
        return self.signed(4, wire.encode("Unmasking", {"shares": revealed}))

    def session_result(self, result):
        bad = Reason.RESULT_REFUSED
        require(result.survivor_root == self.root, bad, "another survivor root")
        require(result.included == len(self.survivors), bad, "another number of inputs")
        self.result = result
        if self.header.audience == cohort.OPERATOR:
            return self.finish(Reason.UNSPECIFIED)
        digest = hashes.download_digest(self.cohort.t1)
        request = wire.message(
            "DownloadResultRequest",
            session_id=self.header.session_id,
            identity=self.identity,
            signature=keys.sign(self.seed, "result download signature", digest),
        )
        return [("download", wire.encode("DownloadResultRequest", request))]

    def receive_result(self, packed):
        """Takes in the sum that the download gave."""
        if hashes.sha256(packed) != self.result.result_digest:
            return self.give_up(Refusal(Reason.RESULT_REFUSED, "not the digest's bytes"))
        return self.finish(Reason.UNSPECIFIED, packed)

    STEPS = {
        "offer": offer,
        "roster": roster,
        "neighbours": neighbour_entries,
        "shares": shares,
        "survivors": survivor_set,
        "consistency": consistency,
        "result": session_result,
    }
