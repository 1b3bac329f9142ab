# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""The transcripts of tests/vectors/v1: whole sessions, written from the reference."""

import json

import cohort
import encoding
import graph
import hashes
import header as headers
import keys
import masking
import session
import wire

FIRST_LANES = 8
AUTHORITY_SEED = bytes([7]) * 32
ROSTER_VERSION = 3
MODEL_HASH = hashes.sha256(b"the model that everybody trained")
FORMAT = "Messages are serialised protobufs of package veilsum.v1, in hexadecimal. "


def header_of(**fields):
    deadlines = wire.message(
        "PhaseDeadlines",
        advertise_keys_ms=60000,
        share_keys_ms=60000,
        masked_input_ms=600000,
        unmasking_ms=60000,
        consistency_check_ms=fields.pop("consistency_check_ms", 0),
    )
    spec = wire.message("VectorSpec", dimension=6, clip=2.0, quantisation_bits=12, max_weight=100)
    spec.modulus_bits = encoding.modulus_bits(fields["max_clients"], 100, 12)
    header = wire.message(
        "SessionHeader",
        protocol_version=1,
        session_id=b"transcript-00001",
        task_id="golden",
        vector=spec,
        deadlines=deadlines,
        **{"graph": graph.COMPLETE, "audience": cohort.BOTH, **fields},
    )
    return wire.encode("SessionHeader", header)


def vector_of(place):
    update = [-1.75 + 0.5 * i + 0.375 * place for i in range(5)]
    return update + [2.5], 1 + 11 * place


def semi_honest():
    """n = 4; client 2 falls silent before its masked input."""
    header = header_of(
        tier=cohort.SEMI_HONEST,
        corruption_rate=0.25,
        dropout_rate=0.25,
        min_survivors=3,
        max_clients=4,
    )
    policy = headers.Policy(least_tier=cohort.SEMI_HONEST)
    return session.Session(header, session.cast_of(4, policy, vector_of, {2: 2}))


def enrol(identity, version=ROSTER_VERSION, authority_seed=AUTHORITY_SEED):
    """The enrolment authority's signature for somebody."""
    digest = hashes.enrolment_digest(identity, version)
    return keys.sign(authority_seed, "enrolment signature", digest)


def malicious_header(**fields):
    defaults = {
        "corruption_rate": 0.125,
        "dropout_rate": 0.375,
        "min_survivors": 3,
        "max_clients": 6,
        "consistency_check_ms": 60000,
        "model_hash": MODEL_HASH,
        "roster_version": ROSTER_VERSION,
    }
    return header_of(tier=cohort.MALICIOUS, **{**defaults, **fields})


def malicious_policy():
    return headers.Policy(
        authorities=(keys.identity_of(AUTHORITY_SEED),),
        roster_version=ROSTER_VERSION,
        model_hash=MODEL_HASH,
    )


def malicious_session(silent=None, **fields):
    cast = session.cast_of(6, malicious_policy(), vector_of, silent, enrol)
    return session.Session(malicious_header(**fields), cast)


def lanes(seed, spec):
    width = masking.lane_bits(spec.modulus_bits)
    return masking.mask(seed, width, min(FIRST_LANES, spec.dimension + 1))


def client_secrets(party):
    spec = party.header.vector
    (_, _, self_seed), *pairwise = party.masks()
    return {
        "b": party.keys.b.hex(),
        "channel_private_key": party.keys.channel_private.hex(),
        "m": party.keys.m.hex(),
        "mask_private_key": party.keys.mask_private.hex(),
        "pairwise_masks": [
            {"first_lanes": lanes(seed, spec), "peer": peer, "seed": seed.hex(), "sign": sign}
            for peer, sign, seed in pairwise
        ],
        "quantised": party.quantised(),
        "rounding_seed": party.keys.rounding_seed(party.cohort.t1).hex(),
        "self_mask_first_lanes": lanes(self_seed, spec),
        "self_mask_seed": self_seed.hex(),
    }


def transcript(about, played):
    """What a transcript file holds, of a Session that has run and closed its roster."""
    core = played.aggregator
    cast = [
        {
            "identity": keys.identity_of(actor.identity_seed).hex(),
            "identity_seed": actor.identity_seed.hex(),
            "session_secret": actor.session_secret.hex(),
            "update": actor.update,
            "weight": actor.weight,
        }
        for actor in played.cast
    ]
    survivors = core.survivors
    result = {
        "mean": encoding.mean(core.header.vector, core.sum),
        "packed_sum": core.packed_sum.hex(),
        "result_digest": hashes.sha256(core.packed_sum).hex(),
        "sum": core.sum,
        "survivor_root": core.cohort.survivor_root(survivors).hex(),
        "survivors": hashes.bitmap(survivors, core.cohort.n).hex(),
        "weight_sum": core.sum[-1],
    }
    return {
        "about": about,
        "cast": {"clients": cast, "header": played.header.hex()},
        "clients": [client_secrets(one) for one in played.clients],
        "degree": core.cohort.degree,
        "header_hash": core.header_hash.hex(),
        "result": result,
        "steps": played.steps,
        "t1": core.cohort.t1.hex(),
        "threshold": core.cohort.threshold,
        "version": 1,
    }


def complete():
    about = (
        "One session: n = 4, complete graph, client 2 drops out in MaskedInputCollection. "
        + FORMAT
        + "Written by //tests/vectors:generate_transcript."
    )
    return transcript(about, semi_honest().run())


def malicious():
    about = (
        "One session of the malicious tier: n = 6, t = 4. Client 1 drops out after ShareKeys, "
        "client 4 before Unmasking. " + FORMAT + "Written by //tests/reference:write_vectors."
    )
    written = transcript(about, malicious_session({1: 2, 4: 4}).run())
    written["cast"]["authority"] = keys.identity_of(AUTHORITY_SEED).hex()
    written["cast"]["model_hash"] = MODEL_HASH.hex()
    for one in written["cast"]["clients"]:
        one["enrolment_signature"] = enrol(bytes.fromhex(one["identity"])).hex()
    return written


def text(value):
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
