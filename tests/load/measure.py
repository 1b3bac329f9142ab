#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""What a live aggregator costs with many connections and large uploads.

Starts the aggregator as a process, idle connections from load processes, and sessions of real SDK
clients among them; watches the aggregator's resident set and CPU in /proc; prints one JSON object.
With --check it fails where a connection is missing, a session is not exact, or the resident set is
above its bound.

The bound: 32 MB + 128 KB for each connection + what waits to be sent + 3 accumulators + the budget
of pending uploads.
"""

import argparse
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

MB = 1 << 20
KB = 1 << 10

CONFIGURATION = """
[server]
address = "127.0.0.1:{port}"
certificate = "{tls}/server.pem"
private_key = "{tls}/server.key"
{data}
[admin]
address = "127.0.0.1:{admin}"
[identities]
open = true
[limits]
pending_upload_bytes = {pending}
max_connections = {max_connections}
[log]
level = "warning"
[[task]]
id = "waiting"
dimension = 10
clip = 1.0
max_clients = 10
tier = "semi_honest"
sessions_on_demand = false
[[task]]
id = "load"
dimension = {dimension}
clip = 1.0
max_clients = {clients}
tier = "semi_honest"
graph = "{graph}"
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """The aggregator, seen through /proc."""

    def __init__(self, pid):
        self.pid = pid
        self.ticks = os.sysconf("SC_CLK_TCK")
        self.peak = 0
        self.stopped = threading.Event()

    def resident(self):
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * KB

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / self.ticks

    def watch(self, metrics):
        """The greatest resident set, and of what waits to be sent, until stop()."""
        self.mailbox = 0

        def look():
            while not self.stopped.wait(0.05):
                self.peak = max(self.peak, self.resident())
                self.mailbox = max(self.mailbox, metrics()("mailbox"))

        self.thread = threading.Thread(target=look, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopped.set()
        self.thread.join()


def start_idle(options, target, roots, count):
    command = [options.idle, f"--target={target}", f"--roots={roots}", "--task=waiting",
               f"--connections={count}", f"--at-once={options.at_once}"]
    if options.silent:
        command.append("--silent")
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def play(options, target, roots, sessions, on_session):
    command = [options.swarm, f"--target={target}", f"--roots={roots}", "--task=load",
               f"--clients={options.clients}", f"--dimension={options.dimension}",
               f"--sessions={sessions}"]
    swarm = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    reports = []
    for line in swarm.stdout:
        reports.append(json.loads(line))
        on_session(reports[-1])
    swarm.wait()
    return reports


def buffers(admin):
    """The bytes of a pool, from the aggregator's own metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    def of(pool):
        found = re.search(rf'^secagg_buffer_bytes{{pool="{pool}"}} (\S+)', text, re.MULTILINE)
        return int(float(found.group(1)))
    return of


def measure(options, folder):
    subprocess.run([options.veilsum, "init", f"{folder}/first", "--clients=3"], check=True,
                   stdout=subprocess.DEVNULL)
    tls = f"{folder}/first/tls"
    port, admin = free_port(), free_port()
    pending = options.pending_upload_bytes or max(
        options.clients * (options.dimension + 1) * 4, 1 << 20)
    with open(f"{folder}/load.toml", "w") as configuration:
        configuration.write(CONFIGURATION.format(
            port=port, admin=admin, tls=tls, pending=pending, dimension=options.dimension,
            clients=options.clients,
            data=f'data_directory = "{folder}/data"' if options.durable else "",
            max_connections=options.connections + options.clients + 100,
            graph="complete" if options.clients <= 100 else "harary"))
    log = open(f"{folder}/aggregator.log", "w")
    aggregator = subprocess.Popen([options.aggregator, f"--config={folder}/load.toml"], stderr=log,
                                  stdout=log)
    children = [aggregator]
    try:
        return measure_live(options, aggregator, children, port, admin, tls, pending)
    except BaseException:
        sys.stderr.write(open(log.name).read()[-4000:])
        raise
    finally:
        for child in children:
            child.kill()
            child.wait()


def await_ready(aggregator, admin):
    while aggregator.poll() is None:
        try:
            buffers(admin)
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the aggregator did not start")


def measure_live(options, aggregator, children, port, admin, tls, pending):
    await_ready(aggregator, admin)
    target, roots = f"127.0.0.1:{port}", f"{tls}/authority.pem"
    process = Process(aggregator.pid)
    report = {"connections": options.connections, "clients": options.clients,
              "dimension": options.dimension, "load_average_before": os.getloadavg()[0],
              "rss_at_start": process.resident()}

    start, cpu = time.monotonic(), process.cpu_seconds()
    share, rest = divmod(options.connections, options.processes)
    idle = [start_idle(options, target, roots, share + (1 if i < rest else 0))
            for i in range(options.processes)] if options.connections else []
    children += idle
    standing = sum(json.loads(child.stdout.readline())["standing"] for child in idle)
    report["connected"] = standing
    report["connect_seconds"] = time.monotonic() - start
    report["connect_cpu_seconds"] = process.cpu_seconds() - cpu
    report["rss_connected"] = process.resident()
    if standing:
        report["rss_per_connection"] = (
            report["rss_connected"] - report["rss_at_start"]) / standing

    start, cpu = time.monotonic(), process.cpu_seconds()
    time.sleep(options.rest_seconds)
    report["cpu_at_rest"] = (process.cpu_seconds() - cpu) / (time.monotonic() - start)

    after_each = []
    process.watch(lambda: buffers(admin))
    cpu = process.cpu_seconds()
    sessions = play(options, target, roots, options.sessions,
                    lambda _: after_each.append(process.resident()))
    process.stop()
    report["session_cpu_seconds"] = (process.cpu_seconds() - cpu) / max(1, options.sessions)
    report["exact"] = len(sessions) == options.sessions and all(s["exact"] for s in sessions)
    report["trouble"] = next((s["trouble"] for s in sessions if s["trouble"]), "")
    report["session_seconds"] = statistics.median(s["seconds"] for s in sessions)
    report["rss_peak"] = process.peak
    report["mailbox_peak"] = process.mailbox
    report["rss_after_sessions"] = after_each
    everybody = options.connections + options.clients
    # Lanes of 32 bits, which is what 16 bits and at most 65,536 clients take.
    report["rss_bound"] = int(32 * MB + 128 * KB * everybody + process.mailbox
                              + 3 * 4 * (options.dimension + 1) + pending)

    for child in idle:
        child.stdin.close()
    report["standing_at_the_end"] = sum(json.loads(child.stdout.readline())["standing"]
                                        for child in idle)
    report["load_average_after"] = os.getloadavg()[0]
    return report


def parse():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--aggregator", required=True)
    parser.add_argument("--veilsum", required=True)
    parser.add_argument("--idle", required=True)
    parser.add_argument("--swarm", required=True)
    parser.add_argument("--connections", type=int, default=10_000, help="that are idle")
    parser.add_argument("--processes", type=int, default=2, help="that hold them")
    parser.add_argument("--at-once", type=int, default=64, help="most of each that are being made")
    parser.add_argument("--silent", action="store_true", help="idle ones do not say hello")
    parser.add_argument("--clients", type=int, default=20, help="of the sessions among them")
    parser.add_argument("--dimension", type=int, default=1_000)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--pending-upload-bytes", type=int, default=0,
                        help="0: room for all clients' uploads at once")
    parser.add_argument("--durable", action="store_true", help="sessions outlive the aggregator")
    parser.add_argument("--rest-seconds", type=float, default=10)
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


def main():
    options = parse()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        report = measure(options, folder)
    print(json.dumps(report, indent=2))
    if not options.check:
        return 0
    failures = []
    if report["connected"] != options.connections:
        failures.append("not everybody was connected")
    if report["standing_at_the_end"] != options.connections:
        failures.append("idle connections were lost")
    if not report["exact"]:
        failures.append("a session was not exact: " + report["trouble"])
    if report["rss_peak"] > report["rss_bound"]:
        failures.append("the resident set went beyond its bound")
    for failure in failures:
        print("FAIL:", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
