#!/usr/bin/python3 -B
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""A swarm whose clients leave in every round of both tiers: sums are exact, and its report is right.

Usage: swarm_test.py AGGREGATOR VEILSUM SWARM
"""

import json
import os
import subprocess
import sys
import tempfile

import measure

CLIENTS = 40

CONFIGURATION = """
[server]
address = "127.0.0.1:{port}"
certificate = "{tls}/server.pem"
private_key = "{tls}/server.key"
[admin]
address = "127.0.0.1:{admin}"
[identities]
roster = "{roster}"
[log]
level = "warning"
"""

# A phase closes once those who stay so far have answered.
TASK = """
[[task]]
id = "{tier}"
dimension = 1000
clip = 1.0
max_clients = {clients}
tier = "{tier}"
graph = "complete"
min_survivors = 24
"""

PHASE = """
[task.{phase}]
least_ms = 0
deadline_ms = 60000
target_fraction = {target}
"""

# 2 of 40 each. The consistency check is a round of the malicious tier alone.
LEAVE = {
    "semi_honest": ["AdvertiseKeys", "ShareKeys", "MaskedInputCollection", "Unmasking"],
    "malicious": ["AdvertiseKeys", "ShareKeys", "MaskedInputCollection", "ConsistencyCheck",
                  "Unmasking"],
}
PHASES = {"AdvertiseKeys": "advertise_keys", "ShareKeys": "share_keys",
          "MaskedInputCollection": "masked_input", "ConsistencyCheck": "consistency_check",
          "Unmasking": "unmasking"}


def task(tier):
    text, here = TASK.format(tier=tier, clients=CLIENTS), CLIENTS
    for name in LEAVE[tier]:
        text += PHASE.format(phase=PHASES[name], target=(here - 2) / here)
        here -= 2
    return text


def play(swarm, port, tls, roster, tier, pid):
    dropout = ",".join(f"{name}:0.05" for name in LEAVE[tier])
    output = subprocess.run(
        [swarm, f"--target=127.0.0.1:{port}", f"--roots={tls}/authority.pem", f"--task={tier}",
         f"--clients={CLIENTS}", "--dimension=1000", "--sessions=2", f"--dropout={dropout}",
         "--identity-seed=test", f"--roster={roster}", f"--aggregator-pid={pid}",
         "--connections=45"], stdout=subprocess.PIPE, text=True).stdout
    reports = [json.loads(line) for line in output.splitlines()]
    assert len(reports) == 2, output
    for report in reports:
        check(report, tier)


def check(report, tier):
    print(json.dumps(report))
    leaving = 2 * len(LEAVE[tier])
    assert report["exact"] and report["has_mean"], report["trouble"]
    assert report["left"] == leaving and report["failed"] == 0
    assert report["stayed"] == CLIENTS - leaving
    # Those who left after their upload are in the sum.
    assert report["participants"] == CLIENTS - 6
    assert [phase["phase"] for phase in report["phases"]] == LEAVE[tier] + ["Result"]
    assert all(phase["seconds"] >= 0 for phase in report["phases"])
    seconds = report["client_seconds"]
    assert 0 < seconds["p50"] <= seconds["p90"] <= seconds["p99"] <= seconds["max"]
    assert report["sent_bytes_per_client"] > 1000 * 22 / 8
    assert report["aggregator_cpu_seconds"] > 0 and report["aggregator_peak_rss_bytes"] > 0


def main():
    aggregator_binary, veilsum, swarm = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR")) as folder:
        subprocess.run([veilsum, "init", f"{folder}/first", "--clients=3"], check=True,
                       stdout=subprocess.DEVNULL)
        tls, roster = f"{folder}/first/tls", f"{folder}/roster.toml"
        with open(roster, "w") as file:
            subprocess.run([swarm, "--print-roster", "--identity-seed=test",
                            f"--clients={CLIENTS}"], check=True, stdout=file)
        port, admin = measure.free_port(), measure.free_port()
        with open(f"{folder}/swarm.toml", "w") as file:
            file.write(CONFIGURATION.format(port=port, admin=admin, tls=tls, roster=roster))
            file.write("".join(task(tier) for tier in LEAVE))
        aggregator = subprocess.Popen([aggregator_binary, f"--config={folder}/swarm.toml"])
        try:
            measure.await_ready(aggregator, admin)
            for tier in LEAVE:
                play(swarm, port, tls, roster, tier, aggregator.pid)
        finally:
            aggregator.kill()
            aggregator.wait()


if __name__ == "__main__":
    main()
