# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Gives the parties of the reference what a transcript file says that they were given."""

import cohort
import header as headers
import hashes
import keys
import session
import wire


def policy_of(cast):
    """What the clients of a transcript insist on: "authority" is there in the malicious tier."""
    if "authority" not in cast:
        return headers.Policy(least_tier=cohort.SEMI_HONEST)
    header = wire.decode("SessionHeader", bytes.fromhex(cast["header"]))
    authority = bytes.fromhex(cast["authority"])
    model_hash = bytes.fromhex(cast["model_hash"])
    return headers.Policy(
        authorities=(authority,), roster_version=header.roster_version, model_hash=model_hash
    )


def enrolled_by(policy):
    """As an aggregator.Aggregator asks; None where anybody may take part."""
    if not policy.authorities:
        return None

    def enrolled(identity, signature):
        digest = hashes.enrolment_digest(identity, policy.roster_version)
        return keys.verify(policy.authorities[0], "enrolment signature", digest, signature)

    return enrolled


def parties_of(cast):
    """A session.Session that has not begun."""
    policy = policy_of(cast)
    actors = [
        session.Actor(
            bytes.fromhex(one["identity_seed"]),
            bytes.fromhex(one["session_secret"]),
            one["update"],
            one["weight"],
            policy,
            bytes.fromhex(one.get("enrolment_signature", "")),
        )
        for one in cast["clients"]
    ]
    return session.Session(bytes.fromhex(cast["header"]), actors, enrolled_by(policy))


def deliver(parties, step):
    """Gives one step to its party; returns what it emits."""
    if step["party"] == session.AGGREGATOR:
        return parties.aggregator_step(step["event"], step.get("client"), step)
    index = parties.index_of(step["party"])
    return parties.client_step(index, step["event"], bytes.fromhex(step["bytes"]))


def complaint(emits):
    """The first reason that is one."""
    reasons = (one["reason"] for one in emits if one["kind"] in ("reply", "finish"))
    return next((reason for reason in reasons if reason != "REASON_UNSPECIFIED"), None)


def answer_to_bad(transcript, bad):
    """How the party of a bad step answers it."""
    parties = parties_of(transcript["cast"])
    for step in transcript["steps"][: bad["after"]]:
        deliver(parties, step)
    *before, last = bad["steps"] if "steps" in bad else [bad["step"]]
    for step in before:
        assert complaint(deliver(parties, step)) is None, bad["name"]
    return complaint(deliver(parties, last))
