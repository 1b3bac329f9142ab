# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""The reference's client over gRPC: takes part in the next session of a task, as
examples/minimal_client.cc does, and prints the same line.

    live_client.py HOST:PORT AUTHORITY.pem FOLDER TASK DIMENSION VALUE

It remembers nothing between two runs and does not come back after a lost connection.
"""

import os
import pathlib
import queue
import sys
import tomllib

import grpc
from cryptography.hazmat.primitives import serialization

import client
import encoding
import hashes
import header as headers
import keys
import masking
import wire

SERVICE = "/veilsum.v1.ParticipantService/"
CHUNK_BYTES = 256 * 1024


class Calls:
    """The three RPCs, in bytes."""

    def __init__(self, target, folder, authority):
        credentials = grpc.ssl_channel_credentials(
            root_certificates=authority.read_bytes(),
            private_key=(folder / "private_key.pem").read_bytes(),
            certificate_chain=(folder / "certificate.pem").read_bytes(),
        )
        options = [("grpc.enable_http_proxy", 0)]
        self.channel = grpc.secure_channel(target, credentials, options)

    def participate(self, requests):
        return self.channel.stream_stream(SERVICE + "Participate")(requests, wait_for_ready=True)

    def upload(self, opening, packed, closing):
        """Returns once the input is in the sum."""
        requests = queue.SimpleQueue()
        self.send(requests, open=wire.decode("UploadOpen", opening))
        stub = self.channel.stream_stream(SERVICE + "UploadMaskedInput")
        for reply in stub(iter(requests.get, None)):
            reply = wire.decode("UploadReply", reply)
            if reply.receipt:
                assert reply.receipt.digest == hashes.sha256(packed)
                requests.put(None)
                continue
            for offset in range(reply.proceed.offset, len(packed), CHUNK_BYTES):
                payload = packed[offset : offset + CHUNK_BYTES]
                self.send(requests, data=wire.message("UploadData", offset=offset, payload=payload))
            self.send(requests, close=wire.decode("UploadClose", closing))

    @staticmethod
    def send(requests, **part):
        requests.put(wire.encode("UploadRequest", part))

    def download(self, request):
        packed = b""
        for chunk in self.channel.unary_stream(SERVICE + "DownloadResult")(request):
            chunk = wire.decode("ResultChunk", chunk)
            assert chunk.offset == len(packed)
            packed += chunk.payload
        return packed


def public_keys(path):
    """Of a file with one PEM below the other."""
    end = b"-----END PUBLIC KEY-----\n"
    pems = [one + end for one in path.read_bytes().split(end) if one.strip()]
    return tuple(keys.raw(serialization.load_pem_public_key(pem)) for pem in pems)


def identity_root(folder):
    """(Policy, own enrolment signature) of a folder that `veilsum init` made."""
    roster = folder / "roster.toml"
    if roster.exists():
        file = tomllib.loads(roster.read_text())
        identities = frozenset(map(bytes.fromhex, file["identities"].values()))
        return headers.Policy(roster=identities, roster_version=file["version"]), b""
    enrolment = tomllib.loads((folder / "enrolment.toml").read_text())
    authorities = public_keys(folder / "enrolment_authority.pem")
    policy = headers.Policy(authorities=authorities, roster_version=enrolment["version"])
    return policy, bytes.fromhex(enrolment["signature"])


def identity_seed(folder):
    pem = (folder / "identity.pem").read_bytes()
    raw = serialization.Encoding.Raw, serialization.PrivateFormat.Raw
    key = serialization.load_pem_private_key(pem, password=None)
    return key.private_bytes(*raw, serialization.NoEncryption())


def hello(participant, task, challenge):
    message = wire.message(
        "Hello", identity=participant.identity, task_id=task, protocol_version=1
    )
    digest = hashes.hello_digest(challenge.nonce, task, b"", participant.identity)
    message.signature = keys.sign(participant.seed, "hello signature", digest)
    return wire.encode("ClientMessage", {"hello": message})


def take_part(participant, task, calls):
    """Returns the packed sum, or None where the session did not come to one."""
    said, packed = queue.SimpleQueue(), None
    for message in calls.participate(iter(said.get, None)):
        challenge = wire.decode("ServerMessage", message).challenge
        if challenge:
            said.put(hello(participant, task, challenge))
            continue
        effects = participant.receive(message)
        while effects:
            kind, *rest = effects.pop(0)
            if kind == "send":
                said.put(rest[0])
            elif kind == "upload":
                calls.upload(*rest)
            elif kind == "download":
                effects += participant.receive_result(calls.download(rest[0]))
            elif kind == "finish":
                packed = rest[1]
                said.put(None)
    return packed


def main(target, authority, folder, task, dimension, value):
    folder = pathlib.Path(folder)
    policy, enrolment = identity_root(folder)
    contribution = [float(value)] * int(dimension), 1
    secret = os.urandom(32)
    participant = client.Client(identity_seed(folder), secret, contribution, policy, enrolment)
    packed = take_part(participant, task, Calls(target, folder, pathlib.Path(authority)))
    if packed is None:
        sys.exit(f"no sum: {participant.finished!r}")
    spec = participant.header.vector
    sums = masking.unpack(packed, spec.modulus_bits, spec.dimension + 1)
    mean = encoding.mean(spec, sums)
    print(f"{participant.result.included} clients took part; the mean begins with {mean[0]:g}")


if __name__ == "__main__":
    main(*sys.argv[1:])
