#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# Every figure of the scoreboard is there, once, and its line is what it should be.
set -euo pipefail
board=$TEST_TMPDIR/board.tsv
tests/bench/scoreboard.sh "$@" --quick --json="$TEST_TMPDIR/board.json" > "$board"
cat "$board"
/usr/bin/python3 - "$board" "$TEST_TMPDIR/board.json" << 'END'
import json, sys

FIGURES = """mask_vs_library mask_vs_ceiling client_encode_vs_floor client_mask_ns unmask_vs_ceiling
unmask_session_vs_ceiling unmask_ns shamir_share_us shamir_reconstruct_us shamir_cached_us
secure_vs_plain_cpu secure_vs_plain_cpu_malicious secure_vs_packed_cpu
secure_vs_packed_cpu_malicious wire_vs_floor session_10k rss_mb""".split()

rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1])]
assert [row[0] for row in rows] == FIGURES, rows
for name, value, unit, better, compared in rows:
    assert float(value) > 0, name
    assert unit in ("ratio", "ns", "us", "s", "MB"), name
    assert better in ("higher", "lower"), name
    assert compared, name
raw = json.load(open(sys.argv[2]))
assert list(raw["figures"]) == FIGURES
END
