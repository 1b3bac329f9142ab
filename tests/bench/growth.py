#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""How an aggregator's cost grows with clients, elements, degree and dropouts.

Plays sessions of a real aggregator and a swarm in which one of them changes at a time. Prints a
line for each, separated by tabs, and at the end the coefficients that a sizing needs: processor
time of a client, and of a gigabyte of uploads. Medians of --turns sessions.
"""

import argparse
import resource
import statistics
import sys
import tempfile

import live_runs

BASE = {"clients": 200, "dimension": 100_000, "graph": "harary", "dropout": 0.05}
CHANGES = [{}] + [{"clients": n} for n in (100, 400, 800)] \
    + [{"dimension": d} for d in (1_000, 10_000, 1_000_000)] \
    + [{"graph": "complete"}] \
    + [{"dropout": f} for f in (0, 0.10)] \
    + [{"graph": "complete", "dropout": 0.10}]
SMALL_CHANGES = [{"clients": 20}, {"clients": 20, "dimension": 10_000}]

COLUMNS = ["clients", "dimension", "graph", "dropout", "cpu_seconds", "peak_rss_mb", "seconds",
           "received_bytes_per_client", "sent_bytes_per_client"]


def measure_one(runs, shape, turns):
    costs = [runs.secure(**shape, roster=False) for _ in range(turns)]
    middle = {"cpu_seconds": statistics.median(cost["cpu_seconds"] for cost in costs),
              "seconds": statistics.median(cost["seconds"] for cost in costs)}
    report = costs[0]["swarms"][0]
    middle["peak_rss_mb"] = report["aggregator_peak_rss_bytes"] / (1 << 20)
    for key in ("received_bytes_per_client", "sent_bytes_per_client"):
        middle[key] = report[key]
    return {**shape, **middle}


def coefficients(rows):
    """From sessions that are alike but for the dimension."""
    alike = [row for row in rows if all(row[key] == rows[0][key]
                                        for key in ("clients", "graph", "dropout"))]
    small = min(alike, key=lambda row: row["dimension"])
    large = max(alike, key=lambda row: row["dimension"])
    bytes_more = (large["sent_bytes_per_client"] - small["sent_bytes_per_client"]) \
        * large["clients"] * (1 - large["dropout"])
    if bytes_more <= 0:
        raise RuntimeError("the larger vectors did not send more")
    per_gigabyte = (large["cpu_seconds"] - small["cpu_seconds"]) / bytes_more * 1e9
    print("cpu_ms_of_a_client", f"{small['cpu_seconds'] / small['clients'] * 1e3:.3g}",
          f"n = {small['clients']}, d = {small['dimension']}", sep="\t")
    print("cpu_seconds_of_a_gigabyte", f"{per_gigabyte:.3g}",
          f"n = {large['clients']}, d from {small['dimension']} to {large['dimension']}", sep="\t")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for tool in ("aggregator", "veilsum", "swarm"):
        parser.add_argument("--" + tool, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    return parser.parse_args()


def main():
    options = parse()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(*COLUMNS, sep="\t")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        runs = live_runs.Runs(options, folder)
        for change in SMALL_CHANGES if options.quick else CHANGES:
            rows.append(measure_one(runs, {**BASE, **change}, options.turns))
            print(*(f"{value:.4g}" if isinstance(value, float) else value
                    for value in (rows[-1][column] for column in COLUMNS)), sep="\t", flush=True)
    coefficients(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
