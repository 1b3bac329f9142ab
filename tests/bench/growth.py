#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""How an aggregator's cost grows with clients, elements, degree and dropouts.

Plays sessions of a real aggregator and a swarm in which one of them changes at a time. Prints a
line for each, separated by tabs, then the coefficients that a sizing needs (processor time of a
client, and of a gigabyte of uploads), and a table of sizes from them. Medians of --turns sessions.
"""

import argparse
import math
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
SMALL_CHANGES = [{"clients": 20}, {"clients": 20, "dimension": 10_000}, {"clients": 30}]

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


def alike(rows, *keys):
    """Those that are as the first row, but for these."""
    return [row for row in rows if all(row[key] == rows[0][key] for key in BASE if key not in keys)]


def uploads(row):
    return row["clients"] * (1 - row["dropout"])


def coefficients(rows):
    """What a sizing needs, each from sessions that are alike but for one thing."""
    by_dimension = sorted(alike(rows, "dimension"), key=lambda row: row["dimension"])
    small, large = by_dimension[0], by_dimension[-1]
    bytes_more = (large["sent_bytes_per_client"] - small["sent_bytes_per_client"]) * uploads(large)
    if bytes_more <= 0:
        raise RuntimeError("the larger vectors did not send more")
    per_byte = (large["cpu_seconds"] - small["cpu_seconds"]) / bytes_more

    # Of the largest session: the nearest to a cohort of a sizing.
    many = max(alike(rows, "clients"), key=lambda row: row["clients"])
    rest = many["cpu_seconds"] - per_byte * many["sent_bytes_per_client"] * uploads(many)
    of_a_client = rest / many["clients"]
    print("cpu_ms_of_a_client", f"{of_a_client * 1e3:.3g}",
          f"n = {many['clients']}, without the bytes of uploads", sep="\t")
    print("cpu_seconds_of_a_gigabyte", f"{per_byte * 1e9:.3g}",
          f"n = {large['clients']}, d from {small['dimension']} to {large['dimension']}", sep="\t")
    return of_a_client, per_byte


# ---- How large a machine ----

COHORT = 1_000
SIZES = [(clients, dimension) for clients in (1_000, 10_000, 100_000, 1_000_000)
         for dimension in (10_000, 100_000, 1_000_000)]
ROUND_SECONDS = 600  # Of one FL round: all clients, in cohorts.
LOAD = 0.5  # Of the cores, so that there is room for what comes unevenly.
BITS = 26  # Of an element: 16 bits each, a thousand clients, weights of 1.
LANE_BYTES = 4
CONNECTION_BYTES = 128 << 10
EMPTY_BYTES = 32 << 20
PENDING_BYTES = 256 << 20  # limits.pending_upload_bytes, of all sessions together.


def sizing(of_a_client, of_a_byte):
    """For rounds of ten minutes, one process, one client in twenty leaving."""
    print("clients", "dimension", "cohorts", "uploads_gb", "cpu_seconds", "cores", "memory_gb",
          "received_mbit_per_second", sep="\t")
    for clients, dimension in SIZES:
        upload = dimension * BITS / 8
        cpu = clients * (of_a_client + upload * of_a_byte)
        cores = math.ceil(cpu / ROUND_SECONDS / LOAD)
        at_once = min(cores, clients // COHORT)  # Cohorts; the others have their turn.
        memory = EMPTY_BYTES + PENDING_BYTES \
            + at_once * (COHORT * CONNECTION_BYTES + 3 * dimension * LANE_BYTES)
        print(clients, dimension, clients // COHORT, f"{clients * upload / 1e9:.3g}", f"{cpu:.3g}",
              cores, f"{memory / 1e9:.2g}", f"{clients * upload * 8 / ROUND_SECONDS / 1e6:.3g}",
              sep="\t")


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
    sizing(*coefficients(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
