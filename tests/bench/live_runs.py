# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Whole processes for the scoreboard: an aggregator and its swarm, a plain sum and its clients.

Each function plays one run, checks that its sum is exact, and returns what it cost.
"""

import contextlib
import json
import os
import re
import subprocess
import time
import types
import urllib.request

import measure  # tests/load/measure.py

CONFIGURATION = """
[server]
address = "127.0.0.1:{port}"
certificate = "{tls}/server.pem"
private_key = "{tls}/server.key"
[operator]
address = "127.0.0.1:{operator}"
insecure = true
[admin]
address = "127.0.0.1:{admin}"
[identities]
{identities}
[limits]
max_connections = {clients_and_more}
[log]
level = "warning"
[[task]]
id = "load"
dimension = {dimension}
clip = 1.0
max_clients = {clients}
tier = "{tier}"
graph = "{graph}"
audience = "{audience}"
[task.advertise_keys]
deadline_ms = 600000
[task.share_keys]
deadline_ms = 600000
[task.masked_input]
deadline_ms = 600000
target_fraction = {target}
[task.consistency_check]
deadline_ms = 600000
[task.unmasking]
deadline_ms = 600000
"""

# Before any byte of their uploads.
LEAVES = "MaskedInputCollection"


class Inexact(Exception):
    """A run whose sum is wrong: its cost says nothing."""


def cpu_seconds(pid):
    """Processor time of a process, to the nanosecond (clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


@contextlib.contextmanager
def process(command, **options):
    child = subprocess.Popen(command, text=True, **options)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def lines_of(child):
    """The next line of JSON; an error where the process ended without one."""
    line = child.stdout.readline()
    if not line:
        raise RuntimeError(f"{child.args[0]} ended without a word")
    return json.loads(line)


class Runs:
    def __init__(self, tools, folder):
        self.tools = tools
        self.folder = folder
        subprocess.run([tools.veilsum, "init", f"{folder}/first", "--clients=3"], check=True,
                       stdout=subprocess.DEVNULL)
        self.tls = f"{folder}/first/tls"
        self.number = 0

    # ---- Secure ----

    def configure(self, session):
        ports = types.SimpleNamespace(server=measure.free_port(), operator=measure.free_port(),
                                      admin=measure.free_port())
        roster = f"{self.folder}/roster-{session.clients}.toml"
        if session.roster and not os.path.exists(roster):
            with open(roster, "w") as file:
                subprocess.run([self.tools.swarm, "--print-roster", "--identity-seed=scoreboard",
                                f"--clients={session.clients}"], check=True, stdout=file)
        session.identities = ["--identity-seed=scoreboard", f"--roster={roster}"] \
            if session.roster else []
        # As each swarm rounds it: Dropouts::Of.
        leaving = session.processes * int(
            session.clients // session.processes * session.dropout + 0.5)
        staying = session.clients - leaving
        path = f"{self.folder}/load.toml"
        with open(path, "w") as file:
            file.write(CONFIGURATION.format(
                port=ports.server, operator=ports.operator, admin=ports.admin, tls=self.tls,
                identities=f'roster = "{roster}"' if session.roster else "open = true",
                clients_and_more=session.clients + session.clients // 5 + 100,
                dimension=session.dimension, clients=session.clients, tier=session.tier,
                graph=session.graph, audience=session.audience,
                target=staying / session.clients))
        return path, ports

    def swarm_command(self, session, target, pid, extra):
        return [self.tools.swarm, f"--target={target}", f"--roots={self.tls}/authority.pem",
                "--task=load", f"--clients={session.clients // session.processes}",
                f"--dimension={session.dimension}", f"--dropout={LEAVES}:{session.dropout}",
                f"--at-once={session.at_once}", f"--aggregator-pid={pid}",
                "--timeout-seconds=900"] + session.identities + extra

    def swarms(self, session, target, pid):
        self.number += 1
        share = f"{self.folder}/share-{self.number}"
        os.mkdir(share)
        with contextlib.ExitStack() as stack:
            children = []
            for i in range(session.processes):
                extra = [f"--processes={session.processes}", f"--process={i}", f"--share={share}"]
                children.append(stack.enter_context(process(
                    self.swarm_command(session, target, pid, extra), stdout=subprocess.PIPE)))
            reports = [lines_of(child) for child in children]
            for child in children:
                child.wait()
        return reports

    def result_digest(self, operator):
        answer = subprocess.run(
            [self.tools.veilsum, "session", "list", f"--operator=127.0.0.1:{operator}",
             "--insecure", "--format=json"], check=True, capture_output=True, text=True).stdout
        return re.search(r'"result_digest":\s*"([0-9a-f]*)"', answer).group(1)

    def secure(self, clients, dimension, tier="semi_honest", graph="harary", audience="operator",
               dropout=0.05, processes=1, roster=True, at_once=200):
        session = types.SimpleNamespace(**{k: v for k, v in locals().items() if k != "self"})
        path, ports = self.configure(session)
        with open(f"{self.folder}/aggregator.log", "w") as log, \
                process([self.tools.aggregator, f"--config={path}"], stdout=log,
                        stderr=log) as aggregator:
            measure.await_ready(aggregator, ports.admin)
            start, cpu = time.monotonic(), cpu_seconds(aggregator.pid)
            reports = self.swarms(session, f"127.0.0.1:{ports.server}", aggregator.pid)
            cost = {"cpu_seconds": cpu_seconds(aggregator.pid) - cpu,
                    "seconds": time.monotonic() - start, "swarms": reports,
                    "received_bytes": self.received_bytes(ports.admin)}
            for report in reports:
                if not report["exact"]:
                    raise Inexact(report["trouble"])
            if audience != "participants" and \
                    self.result_digest(ports.operator) != reports[0]["sum_digest"]:
                raise Inexact("the aggregator's sum is not that of the inputs")
            return cost

    @staticmethod
    def received_bytes(admin):
        """Of all messages, as gRPC counts them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        found = re.findall(r"^secagg_received_bytes_total{method=\"(?:Participate|"
                           r"UploadMaskedInput)\"} (\S+)", text, re.MULTILINE)
        return sum(float(value) for value in found)

    # ---- Plain ----

    def plain(self, connections, uploads, dimension, bits=0):
        form = [f"--dimension={dimension}", f"--uploads={uploads}", f"--bits={bits}"]
        server_command = [self.tools.plain_sum_server, f"--certificate={self.tls}/server.pem",
                          f"--key={self.tls}/server.key"] + form
        with process(server_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            port = lines_of(server)["port"]
            start, cpu = time.monotonic(), cpu_seconds(server.pid)
            client_command = [self.tools.plain_sum_client, f"--target=127.0.0.1:{port}",
                              f"--roots={self.tls}/authority.pem",
                              f"--connections={connections}"] + form
            with process(client_command, stdout=subprocess.PIPE) as client:
                lines_of(server)
                cost = {"cpu_seconds": cpu_seconds(server.pid) - cpu,
                        "seconds": time.monotonic() - start}
                expected = lines_of(client)
            server.stdin.close()
            if lines_of(server)["digest"] != expected["digest"]:
                raise Inexact("the plain sum is not that of the inputs")
            return cost

    # ---- Memory ----

    def memory(self, connections, clients, dimension, sessions):
        options = types.SimpleNamespace(
            aggregator=self.tools.aggregator, veilsum=self.tools.veilsum, idle=self.tools.idle,
            swarm=self.tools.swarm, connections=connections - clients, processes=2, at_once=64,
            silent=False, clients=clients, dimension=dimension, sessions=sessions,
            pending_upload_bytes=0, durable=False, rest_seconds=0)
        folder = f"{self.folder}/memory"
        os.makedirs(folder, exist_ok=True)
        report = measure.measure(options, folder)
        if not report["exact"]:
            raise Inexact(report["trouble"])
        return report
