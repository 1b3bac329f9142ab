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

COMPLETE = "transcript_complete.json"
MALICIOUS = "transcript_malicious.json"
FIRST_LANES = 8


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
        "Messages are serialised protobufs of package veilsum.v1, in hexadecimal. "
        "Written by //tests/vectors:generate_transcript."
    )
    return transcript(about, semi_honest().run())


def text(value):
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
