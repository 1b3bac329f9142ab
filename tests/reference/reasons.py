# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""The reasons of proto/reason.proto that the reference gives; wire_test.py holds them to it."""

from enum import IntEnum


class Reason(IntEnum):
    UNSPECIFIED = 0
    MALFORMED = 1
    BAD_SIGNATURE = 3
    NOT_A_MEMBER = 4
    LATE = 8
    EARLY = 9
    CONFLICT = 10
    SESSION_FULL = 13
    SEAT_TAKEN = 14
    UNSUPPORTED = 15
    NO_ANSWER = 30
    WITHDREW = 31
    BAD_KEY = 32
    BAD_SHARE_LIST = 33
    WRONG_SHARE = 34
    WRONG_SHARE_KIND = 35
    BAD_UPLOAD = 36
    TOO_FEW_NEIGHBOURS = 37
    TOO_FEW_CLIENTS = 60
    BELOW_THRESHOLD = 61
    DEALER_CHEATED = 62
    INFEASIBLE_PARAMETERS = 63
    HEADER_REFUSED = 80
    MODEL_MISMATCH = 81
    ROSTER_REFUSED = 82
    SURVIVORS_REFUSED = 83
    RESULT_REFUSED = 84
    NOT_ENROLLED = 86
    TOO_FEW_SIGNATURES = 87


class Refusal(Exception):
    """A message, or a session, that is not taken; nothing of it counts."""

    def __init__(self, reason, detail):
        super().__init__(f"{reason.name}: {detail}")
        self.reason, self.detail = reason, detail


def require(condition, reason, detail):
    if not condition:
        raise Refusal(reason, detail)
