# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""A tiny codec for the protobuf messages of proto/*.proto, which wire_test.py holds it to.

A message is a SimpleNamespace with every field of its type: scalars default to zero, repeated
fields to [], messages and members of a oneof to None. Fields are written in ascending order.
"""

import struct
from types import SimpleNamespace

VARINTS = ("uint32", "uint64", "enum")
FIXED = {"float": (5, "<f"), "double": (1, "<d")}

# Type -> {field number: (name, type, how)}; how: "" one, "*" repeated, "?" a member of a oneof.
MESSAGES = {
    "AdvertiseKeysEntry": {
        1: ("identity", "bytes", ""),
        2: ("channel_public_key", "bytes", ""),
        3: ("mask_public_key", "bytes", ""),
        4: ("self_mask_commitment", "bytes", ""),
        5: ("enrolment_signature", "bytes", ""),
    },
    "AdvertiseKeys": {1: ("entry", "bytes", ""), 2: ("signature", "bytes", "")},
    "Roster": {1: ("seats", "Roster.Seat", "*")},
    "Roster.Seat": {1: ("identity", "bytes", ""), 2: ("entry_hash", "bytes", "")},
    "NeighbourEntries": {1: ("neighbours", "NeighbourEntries.Neighbour", "*")},
    "NeighbourEntries.Neighbour": {
        1: ("position", "uint32", ""),
        2: ("advertised", "AdvertiseKeys", ""),
    },
    "SignedMessage": {1: ("body", "bytes", ""), 2: ("signature", "bytes", "")},
    "SealedShares": {
        1: ("peer", "uint32", ""),
        2: ("ciphertext", "bytes", ""),
        3: ("mask_key_share_digest", "bytes", ""),
        4: ("self_mask_share_digest", "bytes", ""),
    },
    "ShareKeys": {1: ("shares", "SealedShares", "*")},
    "DeliveredShares": {1: ("sharers", "bytes", ""), 2: ("shares", "SealedShares", "*")},
    "SurvivorSet": {1: ("survivors", "bytes", "")},
    "ConsistencyCheck": {1: ("survivor_root_signature", "bytes", "")},
    "ConsistencySignatures": {1: ("signatures", "ConsistencySignatures.NeighbourSignature", "*")},
    "ConsistencySignatures.NeighbourSignature": {
        1: ("position", "uint32", ""),
        2: ("survivor_root_signature", "bytes", ""),
    },
    "RevealedShare": {
        1: ("owner", "uint32", ""),
        2: ("self_mask_share", "bytes", "?"),
        3: ("mask_key_share", "bytes", "?"),
    },
    "Unmasking": {1: ("shares", "RevealedShare", "*")},
    "SessionResult": {
        1: ("included", "uint32", ""),
        2: ("survivor_root", "bytes", ""),
        3: ("result_digest", "bytes", ""),
        4: ("total_bytes", "uint64", ""),
    },
    "VectorSpec": {
        1: ("dimension", "uint64", ""),
        2: ("clip", "float", ""),
        3: ("norm_clip", "float", ""),
        4: ("quantisation_bits", "uint32", ""),
        5: ("max_weight", "uint64", ""),
        6: ("modulus_bits", "uint32", ""),
    },
    "PhaseDeadlines": {
        1: ("advertise_keys_ms", "uint64", ""),
        2: ("share_keys_ms", "uint64", ""),
        3: ("masked_input_ms", "uint64", ""),
        4: ("consistency_check_ms", "uint64", ""),
        5: ("unmasking_ms", "uint64", ""),
    },
    "SessionHeader": {
        1: ("protocol_version", "uint32", ""),
        2: ("session_id", "bytes", ""),
        3: ("task_id", "string", ""),
        4: ("vector", "VectorSpec", ""),
        5: ("tier", "enum", ""),
        6: ("graph", "enum", ""),
        7: ("corruption_rate", "double", ""),
        8: ("dropout_rate", "double", ""),
        9: ("min_survivors", "uint32", ""),
        10: ("max_clients", "uint32", ""),
        11: ("deadlines", "PhaseDeadlines", ""),
        12: ("audience", "enum", ""),
        13: ("model_hash", "bytes", ""),
        14: ("roster_version", "uint64", ""),
    },
    "Challenge": {1: ("nonce", "bytes", "")},
    "Hello": {
        1: ("identity", "bytes", ""),
        2: ("task_id", "string", ""),
        3: ("session_id", "bytes", ""),
        4: ("last_outcome", "enum", ""),
        5: ("signature", "bytes", ""),
        6: ("protocol_version", "uint32", ""),
    },
    "Withdraw": {1: ("reason", "enum", ""), 2: ("detail", "string", "")},
    "ClientMessage": {
        1: ("hello", "Hello", "?"),
        2: ("advertise_keys", "AdvertiseKeys", "?"),
        3: ("share_keys", "SignedMessage", "?"),
        4: ("consistency_check", "ConsistencyCheck", "?"),
        5: ("unmasking", "SignedMessage", "?"),
        6: ("withdraw", "Withdraw", "?"),
    },
    "Waiting": {1: ("detail", "string", "")},
    "SessionOffer": {1: ("header", "bytes", "")},
    "RosterAnnouncement": {1: ("roster", "Roster", "")},
    "Accepted": {1: ("round", "enum", "")},
    "Refused": {
        1: ("scope", "enum", ""),
        2: ("reason", "enum", ""),
        3: ("detail", "string", ""),
        4: ("retry_after_ms", "uint64", ""),
        5: ("round", "enum", ""),
    },
    "PhaseProgress": {
        1: ("round", "enum", ""),
        2: ("answered", "uint32", ""),
        3: ("expected", "uint32", ""),
    },
    "ServerMessage": {
        1: ("challenge", "Challenge", "?"),
        2: ("waiting", "Waiting", "?"),
        3: ("offer", "SessionOffer", "?"),
        4: ("roster", "RosterAnnouncement", "?"),
        5: ("neighbours", "NeighbourEntries", "?"),
        6: ("shares", "DeliveredShares", "?"),
        7: ("survivors", "SurvivorSet", "?"),
        8: ("consistency", "ConsistencySignatures", "?"),
        9: ("result", "SessionResult", "?"),
        10: ("accepted", "Accepted", "?"),
        11: ("refused", "Refused", "?"),
        12: ("progress", "PhaseProgress", "?"),
    },
    "UploadOpen": {
        1: ("session_id", "bytes", ""),
        2: ("identity", "bytes", ""),
        3: ("total_bytes", "uint64", ""),
        4: ("signature", "bytes", ""),
    },
    "UploadData": {1: ("offset", "uint64", ""), 2: ("payload", "bytes", "")},
    "UploadClose": {1: ("digest", "bytes", ""), 2: ("signature", "bytes", "")},
    "UploadRequest": {
        1: ("open", "UploadOpen", "?"),
        2: ("data", "UploadData", "?"),
        3: ("close", "UploadClose", "?"),
    },
    "UploadProceed": {1: ("offset", "uint64", "")},
    "UploadReceipt": {1: ("digest", "bytes", ""), 2: ("durability", "enum", "")},
    "UploadReply": {
        1: ("proceed", "UploadProceed", "?"),
        2: ("receipt", "UploadReceipt", "?"),
    },
    "DownloadResultRequest": {
        1: ("session_id", "bytes", ""),
        2: ("identity", "bytes", ""),
        3: ("offset", "uint64", ""),
        4: ("signature", "bytes", ""),
    },
    "ResultChunk": {1: ("offset", "uint64", ""), 2: ("payload", "bytes", "")},
}


class Malformed(ValueError):
    """Bytes that are no message of the type."""


def default(kind, how):
    if how == "*":
        return []
    if how == "?" or kind in MESSAGES:
        return None
    return {"bytes": b"", "string": ""}.get(kind, 0)


def message(kind, **fields):
    """A message of the type with the fields given."""
    values = {name: default(k, how) for name, k, how in MESSAGES[kind].values()}
    assert fields.keys() <= values.keys(), (kind, fields.keys() - values.keys())
    return SimpleNamespace(**{**values, **fields})


def varint(number):
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def encode_field(number, kind, value):
    if kind in VARINTS:
        return varint(number << 3) + varint(value)
    if kind in FIXED:
        wire_type, form = FIXED[kind]
        return varint(number << 3 | wire_type) + struct.pack(form, value)
    if kind == "string":
        value = value.encode()
    elif kind != "bytes":
        value = encode(kind, value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def encode(kind, fields):
    """The bytes of a message, or of one made from a dictionary of fields."""
    if isinstance(fields, dict):
        fields = message(kind, **fields)
    out = b""
    for number, (name, field_kind, how) in MESSAGES[kind].items():
        value = getattr(fields, name)
        if how == "*":
            out += b"".join(encode_field(number, field_kind, one) for one in value)
        elif value != default(field_kind, how):
            out += encode_field(number, field_kind, value)
    return out


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size > len(self.data) - self.at:
            raise Malformed("ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def varint(self):
        number = 0
        for shift in range(0, 70, 7):
            (byte,) = self.take(1)
            number |= (byte & 127) << shift
            if byte < 128:
                return number % 2**64
        raise Malformed("an endless varint")

    def value(self, wire_type):
        if wire_type == 0:
            return self.varint()
        if wire_type in (1, 5):
            return self.take(8 if wire_type == 1 else 4)
        if wire_type == 2:
            return self.take(self.varint())
        raise Malformed("an unknown wire type")


def decode_value(kind, value):
    if kind in VARINTS:
        return value if kind == "uint64" else value % 2**32
    if kind in FIXED:
        return struct.unpack(FIXED[kind][1], value)[0]
    if kind == "string":
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise Malformed("a string that is not UTF-8") from error
    return value if kind == "bytes" else decode(kind, value)


def decode(kind, data):
    """The message that the bytes hold; unknown fields are skipped."""
    fields, reader = message(kind), Reader(data)
    while reader.at < len(data):
        tag = reader.varint()
        value = reader.value(tag & 7)
        name, field_kind, how = MESSAGES[kind].get(tag >> 3, (None, None, None))
        expected = 0 if field_kind in VARINTS else FIXED.get(field_kind, (2,))[0]
        if name is None or tag & 7 != expected:
            continue
        value = decode_value(field_kind, value)
        if how == "*":
            getattr(fields, name).append(value)
            continue
        if how == "?":  # The last member of a oneof wins.
            for other, _, other_how in MESSAGES[kind].values():
                if other_how == "?":
                    setattr(fields, other, None)
        setattr(fields, name, value)
    return fields


def which(fields):
    """The name of the member that is there, of a message that is one oneof; None if none is."""
    return next((name for name, value in vars(fields).items() if value is not None), None)
