#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""The figures that Veilsum stands for, each with what it is compared with.

Prints one line a figure, separated by tabs: name, value, unit, whether higher or lower is better,
and what it is compared with, with the spread and what is to be reached. A value is the median of
its turns; what is compared takes turns. Raw samples go to a file of JSON. A sum that is not exact
is a failure: its cost says nothing.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import live_runs

# What quick runs are made with, and what full ones are.
SIZES = {
    False: {"turns": 5, "clients": 200, "dimension": 1_000_000, "unmask_clients": 1000,
            "wire_clients": 101, "many": 10_000, "many_dimension": 10_000, "connections": 1000,
            "uploading": 100, "sessions": 3},
    True: {"turns": 2, "clients": 20, "dimension": 20_000, "unmask_clients": 200,
           "wire_clients": 11, "many": 80, "many_dimension": 1000, "connections": 30,
           "uploading": 5, "sessions": 2},
}

BITS_OF_ELEMENT = 16


class Board:
    """Prints figures as they come, and keeps the raw samples."""

    def __init__(self, only):
        self.only = only
        self.raw = {"date": time.strftime("%Y-%m-%d %H:%M:%S"), "cores": os.cpu_count(),
                    "load_average_before": os.getloadavg()[0], "figures": {}}

    def wants(self, *names):
        return not self.only or any(name in self.only for name in names)

    def figure(self, name, samples, unit, better, compared, reach):
        if not self.wants(name):
            return
        value = statistics.median(samples)
        self.raw["figures"][name] = {"value": value, "unit": unit, "better": better,
                                     "compared_with": compared, "reach": reach,
                                     "samples": samples}
        text = compared
        if len(samples) > 1:
            text += f"; {min(samples):.4g} to {max(samples):.4g} in {len(samples)} turns"
        if reach:
            text += f"; to reach: {reach}"
        print(name, f"{value:.4g}", unit, better, text, sep="\t", flush=True)


PURE = [
    ("mask_vs_library", "ratio", "higher",
     "throughput of BoringSSL's EVP AES-128-CTR into a buffer and a separate add, u32, one core",
     ">= 4 with VAES, >= 0.95 everywhere"),
    ("mask_vs_ceiling", "ratio", "higher",
     "throughput of the bare key stream of the same kernel", ">= 0.85"),
    ("client_encode_vs_floor", "ratio", "lower",
     "CPU of the bare key stream of 101 masks; clip, quantise, mask and pack, k = 100", "<= 1.3"),
    ("client_mask_ns", "ns", "lower",
     "per element and mask, k = 100, d = 1,048,576, u32; a C++ peer: 2.6", "<= 0.13 with VAES"),
    ("unmask_vs_ceiling", "ratio", "lower",
     "time of the bare key stream on all cores at once; mask removal alone, n = 1,000, "
     "(0.10, 0.10) Harary, 5 % dropouts", "<= 1.25"),
    ("unmask_session_vs_ceiling", "ratio", "lower",
     "the same, with reconstruction, key agreement and output", "<= 1.6"),
    ("unmask_ns", "ns", "lower",
     "CPU per element and mask, all in, n = 100 complete, 10 dropouts, d = 1,048,576; a C++ peer: "
     "6.6", "<= 0.2"),
    ("shamir_share_us", "us", "lower", "100 shares, threshold 51, 32 bytes; a C++ peer: 300",
     "<= 60"),
    ("shamir_reconstruct_us", "us", "lower", "51 shares, new indices; a C++ peer: 33", "<= 10"),
    ("shamir_cached_us", "us", "lower", "51 shares, coefficients cached; a C++ peer: 2", "<= 1"),
]


def pure(board, tools, sizes):
    names = [row[0] for row in PURE if board.wants(row[0])]
    if not names:
        return
    command = [tools.pure_figures, f"--only={','.join(names)}", f"--turns={sizes['turns']}",
               f"--dimension={sizes['dimension']}", f"--clients={sizes['unmask_clients']}"]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True,
                                         text=True).stdout)
    board.raw["pure"] = measured
    for name, *rest in PURE:
        if name in names:
            board.figure(name, measured["samples"][name], *rest)


def packed_bits(clients):
    """Of an element of a sum of so many, weights 1: proto/session.proto, modulus_bits."""
    return (clients * ((1 << BITS_OF_ELEMENT) - 1)).bit_length()


AGGREGATOR_CPU = [
    ("secure_vs_plain_cpu", "secure", "plain", "aggregator, semi_honest ÷ a plain float32 sum",
     "<= 1.0"),
    ("secure_vs_plain_cpu_malicious", "malicious", "plain",
     "aggregator, malicious on the complete graph ÷ a plain float32 sum", ""),
    ("secure_vs_packed_cpu", "secure", "packed",
     "aggregator, semi_honest ÷ a plain sum of the same packed integers", ""),
    ("secure_vs_packed_cpu_malicious", "malicious", "packed",
     "aggregator, malicious on the complete graph ÷ a plain sum of the same packed integers", ""),
]


def aggregator_cpu(board, runs, sizes):
    """Processor time of servers from the first connection to the sum. TLS; a twentieth of the
    clients leave before any byte of their uploads."""
    wanted = [row for row in AGGREGATOR_CPU if board.wants(row[0])]
    clients, dimension = sizes["clients"], sizes["dimension"]
    uploads = clients - clients // 20
    play = {
        "secure": lambda: runs.secure(clients, dimension),
        "malicious": lambda: runs.secure(clients, dimension, tier="malicious", graph="complete"),
        "plain": lambda: runs.plain(clients, uploads, dimension),
        "packed": lambda: runs.plain(clients, uploads, dimension, packed_bits(clients)),
    }
    kinds = [kind for kind in play if any(kind in row[1:3] for row in wanted)]
    costs = {kind: [] for kind in kinds}
    for _ in range(sizes["turns"]) if wanted else ():
        for kind in kinds:
            costs[kind].append(play[kind]())
    board.raw["aggregator_cpu"] = costs
    shape = f"n = {clients}, d = {dimension:,}, {clients - uploads} dropouts"
    for name, above, below, compared, reach in wanted:
        ratios = [one["cpu_seconds"] / other["cpu_seconds"]
                  for one, other in zip(costs[above], costs[below])]
        board.figure(name, ratios, "ratio", "lower", f"CPU of the {compared}; {shape}", reach)


def wire(board, runs, sizes):
    if not board.wants("wire_vs_floor"):
        return
    clients, dimension = sizes["wire_clients"], sizes["dimension"]
    cost = runs.secure(clients, dimension, graph="complete", dropout=0)
    floor = dimension * packed_bits(clients) / 8
    board.raw["wire"] = cost
    board.figure("wire_vs_floor", [cost["received_bytes"] / clients / floor], "ratio", "lower",
                 f"d·B/8 bytes; all messages of a client, as gRPC counts them, k = {clients - 1}, "
                 f"d = {dimension:,}, B = {packed_bits(clients)}", "<= 1.02")


def many(board, runs, sizes):
    if not board.wants("session_10k"):
        return
    clients, dimension = sizes["many"], sizes["many_dimension"]
    cost = runs.secure(clients, dimension, audience="participants", processes=2, roster=False,
                       at_once=64)
    board.raw["session_10k"] = cost
    memory = max(report["aggregator_peak_rss_bytes"] for report in cost["swarms"]) / (1 << 20)
    board.figure("session_10k", [cost["seconds"]], "s", "lower",
                 f"a session of {clients:,} connections, d = {dimension:,}, 5 % dropouts, exact; "
                 f"aggregator: {cost['cpu_seconds']:.3g} s of CPU, {memory:.4g} MB", "completes")


def memory(board, runs, sizes):
    if not board.wants("rss_mb"):
        return
    report = runs.memory(sizes["connections"], sizes["uploading"], sizes["dimension"],
                         sizes["sessions"])
    board.raw["rss"] = report
    bound = report["rss_bound"] / (1 << 20)
    board.figure("rss_mb", [report["rss_peak"] / (1 << 20)], "MB", "lower",
                 f"peak of the aggregator, {sizes['connections']:,} connections, "
                 f"{sizes['uploading']} uploading d = {sizes['dimension']:,} at once",
                 f"<= {bound:.4g}: 32 MB + 128 KB a connection + mailbox + 3 accumulators + "
                 "pending budget")


TOOLS = ["aggregator", "veilsum", "idle", "swarm", "plain_sum_server", "plain_sum_client",
         "pure_figures"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for tool in TOOLS:
        parser.add_argument("--" + tool.replace("_", "-"), required=True, help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="names of figures, with commas")
    parser.add_argument("--quick", action="store_true",
                        help="small sizes and few turns: does it run at all?")
    parser.add_argument("--turns", type=int, help="samples of each ratio, 5 if not said")
    parser.add_argument("--json", default=os.path.join(tempfile.gettempdir(),
                                                       "veilsum-scoreboard.json"),
                        help="where raw samples go")
    options = parser.parse_args()
    # `bazel run` starts this elsewhere than where the caller is.
    options.json = os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", "."), options.json)
    return options


def main():
    options = parse()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sizes = dict(SIZES[options.quick])
    if options.turns:
        sizes["turns"] = options.turns
    board = Board({name for name in options.only.split(",") if name})
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        runs = live_runs.Runs(options, folder)
        pure(board, options, sizes)
        aggregator_cpu(board, runs, sizes)
        wire(board, runs, sizes)
        many(board, runs, sizes)
        memory(board, runs, sizes)
    board.raw["seconds"] = time.monotonic() - start
    board.raw["load_average_after"] = os.getloadavg()[0]
    with open(options.json, "w") as file:
        json.dump(board.raw, file, indent=1)
    print(f"scoreboard: {board.raw['seconds']:.0f} s; raw samples: {options.json}",
          file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
