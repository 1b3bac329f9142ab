# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""The aggregator of one session, without input and output: bytes in, effects out.

Effects are tuples: ("reply", identity, reason), ("message", identity, server message),
("drop", identity, reason), ("finish", reason). Phases close when everybody answered or when
close() is called, at a deadline.
"""

import closing
import hashes
import header as headers
import keys
import masking
import sharing
import unmasking
import wire
from reasons import Reason, Refusal, require

PHASES = ("advertise_keys", "share_keys", "upload", "consistency_check", "unmasking")
# Silence in these costs the seat; once the survivors are fixed it is only reported.
SILENT = {
    "share_keys": "no key shares came before the phase closed",
    "upload": "no masked input came before the phase closed",
}
COSTS_THE_SEAT = (
    Reason.BAD_SHARE_LIST,
    Reason.WRONG_SHARE,
    Reason.WRONG_SHARE_KIND,
)


class Aggregator:
    def __init__(self, header_bytes, enrolled=None):
        """enrolled(identity, enrolment signature) -> bool; None: anybody."""
        self.header_bytes = header_bytes
        self.header = wire.decode("SessionHeader", header_bytes)
        headers.check_form(self.header)
        self.header_hash = hashes.header_hash(header_bytes)
        self.enrolled = enrolled or (lambda identity, signature: True)
        self.phase, self.effects = "advertise_keys", []
        self.advertised = {}  # identity -> (AdvertiseKeys bytes, entry)
        self.cohort = None
        self.present = set()  # Positions that may still speak.
        self.missed = set()  # Those of them that were silent when the survivors were fixed.
        self.answers = {phase: {} for phase in PHASES}  # phase -> {position: what it said}
        self.sum = self.survivors = None

    # --- Events ----------------------------------------------------------------------------------

    def receive(self, identity, message_bytes):
        """Takes in a ClientMessage of somebody whose identity its connection has proved."""
        try:
            message = wire.decode("ClientMessage", message_bytes)
        except wire.Malformed:
            return [("reply", identity, Reason.MALFORMED)]
        name = wire.which(message)
        return self.step(identity, name, getattr(message, name) if name else None)

    def receive_upload(self, identity, opening, packed, ending):
        """Takes in a whole upload."""
        return self.step(identity, "upload", (opening, packed, ending))

    def step(self, identity, name, message):
        self.effects = []
        try:
            handler = self.HANDLERS.get(name)
            require(handler, Reason.MALFORMED, "not a client's message")
            if name == "advertise_keys":
                self.take_entry(identity, message)
            elif name == "withdraw" and not self.cohort:
                self.advertised.pop(identity, None)
            else:
                self.take_answer(identity, name, message, handler)
            replies = 2 if name == "upload" else 1  # Its opening has one of its own.
            self.effects += [("reply", identity, Reason.UNSPECIFIED)] * replies
        except (Refusal, wire.Malformed) as error:
            reason = getattr(error, "reason", Reason.MALFORMED)
            self.effects.append(("reply", identity, reason))
            wrong_root = name == "consistency_check" and reason == Reason.BAD_SIGNATURE
            if reason in COSTS_THE_SEAT or wrong_root:
                self.drop(self.position_of(identity), reason, str(error))
        self.close_if_complete()
        return self.effects

    def close(self):
        """The deadline of the present phase."""
        self.effects = []
        if self.phase:
            self.close_phase()
        return self.effects

    # --- Phases ----------------------------------------------------------------------------------

    def take_entry(self, identity, message):
        require(self.phase == "advertise_keys", Reason.LATE, "the roster is closed")
        encoded = wire.encode("AdvertiseKeys", message)
        if identity in self.advertised:
            require(self.advertised[identity][0] == encoded, Reason.SEAT_TAKEN, "other keys")
            return
        entry = wire.decode("AdvertiseKeysEntry", message.entry)
        lengths = (entry.identity, entry.channel_public_key, entry.mask_public_key)
        good = all(len(one) == 32 for one in (*lengths, entry.self_mask_commitment))
        require(good and len(entry.enrolment_signature) in (0, 64), Reason.MALFORMED, "lengths")
        require(entry.identity == identity, Reason.NOT_A_MEMBER, "somebody else's entry")
        digest = hashes.entry_digest(self.header_hash, hashes.entry_hash(message.entry))
        signed = keys.verify(identity, "entry signature", digest, message.signature)
        require(signed, Reason.BAD_SIGNATURE, "entry signature")
        enrolled = self.enrolled(identity, entry.enrolment_signature)
        require(enrolled, Reason.NOT_A_MEMBER, "nobody vouches for it")
        new = {entry.channel_public_key, entry.mask_public_key}
        used = {
            key
            for _, other in self.advertised.values()
            for key in (other.channel_public_key, other.mask_public_key)
        }
        good = len(new) == 2 and not new & used and all(map(keys.good_agreement_key, new))
        require(good, Reason.BAD_KEY, "a bad or used key")
        full = len(self.advertised) >= self.header.max_clients
        require(not full, Reason.SESSION_FULL, "no seat is left")
        self.advertised[identity] = encoded, entry

    def take_answer(self, identity, name, message, handler):
        position = self.position_of(identity)
        require(position is not None, Reason.NOT_A_MEMBER, "no seat")
        if name == "withdraw":
            self.drop(position, Reason.WITHDREW, message.detail)
            return
        before = self.answers[name].get(position)
        if before is not None:
            require(before == message, Reason.CONFLICT, "another message than before")
            return
        require(position in self.present, Reason.NOT_A_MEMBER, "lost its seat")
        late = self.phase is None or PHASES.index(name) < PHASES.index(self.phase)
        require(not late, Reason.LATE, "the phase has closed")
        require(name == self.phase, Reason.EARLY, "the phase has not begun")
        handler(self, position, message)
        self.answers[name][position] = message

    def position_of(self, identity):
        names = [name for name, _ in self.cohort.seats] if self.cohort else []
        return names.index(identity) if identity in names else None

    def body_of(self, position, protocol_round, message, kind):
        digest = hashes.message_digest(
            self.cohort.t1, protocol_round, hashes.sha256(message.body)
        )
        self.check_signed(position, "message signature", digest, message.signature)
        return wire.decode(kind, message.body)

    def check_signed(self, position, label, digest, signature):
        identity = self.cohort.seats[position][0]
        good = keys.verify(identity, label, digest, signature)
        require(good, Reason.BAD_SIGNATURE, label)

    def take_share_keys(self, position, message):
        body = self.body_of(position, 1, message, "ShareKeys")
        bad = Reason.BAD_SHARE_LIST
        holders = self.cohort.holders(position)
        require([one.peer for one in body.shares] == holders, bad, "not exactly the holders")
        for one in body.shares:
            own = one.peer == position
            sizes = (len(one.ciphertext), len(one.mask_key_share_digest))
            good = sizes == ((0, 0) if own else (2 * sharing.SHARE_BYTES + 16, 32))
            require(good and len(one.self_mask_share_digest) == 32, bad, "lengths")
        self.sealed[position] = {one.peer: one for one in body.shares}

    def take_upload(self, position, upload):
        opening = wire.decode("UploadOpen", upload[0])
        ending = wire.decode("UploadClose", upload[2])
        spec, packed, t1 = self.header.vector, upload[1], self.cohort.t1
        digest = hashes.upload_open_digest(t1, opening.total_bytes)
        self.check_signed(position, "upload open signature", digest, opening.signature)
        count, bad = spec.dimension + 1, Reason.BAD_UPLOAD
        size = masking.packed_bytes(count, spec.modulus_bits)
        require(opening.total_bytes == size == len(packed), bad, "another length")
        require(hashes.sha256(packed) == ending.digest, bad, "another digest than signed")
        digest = hashes.message_digest(t1, 2, ending.digest)
        self.check_signed(position, "message signature", digest, ending.signature)
        try:
            self.inputs[position] = masking.unpack(packed, spec.modulus_bits, count)
        except ValueError as error:
            raise Refusal(bad, str(error)) from error

    def take_consistency_check(self, position, message):
        root = self.cohort.survivor_root(self.survivors)
        signature = message.survivor_root_signature
        self.check_signed(position, "survivor signature", root, signature)

    def take_unmasking(self, position, message):
        body = self.body_of(position, 4, message, "Unmasking")
        self.revealed[position] = unmasking.check_revealed(self, position, body)

    # --- Closing ---------------------------------------------------------------------------------

    def close_if_complete(self):
        if self.phase == "advertise_keys":
            complete = len(self.advertised) == self.header.max_clients
        else:
            complete = self.phase and self.present <= self.answers[self.phase].keys()
        if complete:
            self.close_phase()

    def close_phase(self):
        if self.phase != "advertise_keys":
            for position in sorted(self.present - self.answers[self.phase].keys()):
                self.miss(position)
        try:
            closing.CLOSINGS[self.phase](self)
        except Refusal as refusal:
            self.abort(refusal)

    # --- Words -----------------------------------------------------------------------------------

    def tell(self, position, name, message):
        encoded = wire.encode("ServerMessage", {name: message})
        self.effects.append(("message", self.cohort.seats[position][0], encoded))

    def refuse(self, identity, scope, reason, detail):
        refused = wire.message("Refused", scope=scope, reason=reason, detail=detail)
        encoded = wire.encode("ServerMessage", {"refused": refused})
        self.effects.append(("message", identity, encoded))

    def drop(self, position, reason, detail):
        if position not in self.present:
            return
        self.present.discard(position)
        identity = self.cohort.seats[position][0]
        self.effects.append(("drop", identity, reason))
        self.refuse(identity, 2, reason, detail)

    def miss(self, position):
        if self.phase in SILENT:
            self.drop(position, Reason.NO_ANSWER, SILENT[self.phase])
        elif position not in self.missed:
            self.missed.add(position)
            self.effects.append(("drop", self.cohort.seats[position][0], Reason.NO_ANSWER))

    def abort(self, refusal):
        self.phase = None
        names = [self.cohort.seats[p][0] for p in sorted(self.present)] if self.cohort else []
        for identity in names or sorted(self.advertised):
            self.refuse(identity, 3, refusal.reason, refusal.detail)
        self.effects.append(("finish", refusal.reason))

    HANDLERS = {
        "advertise_keys": take_entry,
        "share_keys": take_share_keys,
        "upload": take_upload,
        "consistency_check": take_consistency_check,
        "unmasking": take_unmasking,
        "withdraw": drop,
    }
