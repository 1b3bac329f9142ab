# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Writes every file of tests/vectors/v1 that the reference makes.

    bazel run //tests/reference:write_vectors
changes nothing as long as the protocol stays what it is.
"""

import os
import pathlib

import bad_transcripts
import masking_vectors
import primitive_vectors
import transcripts

FILES = {
    "masking.json": masking_vectors.text,
    "primitives.json": primitive_vectors.text,
    "transcript_complete.json": lambda: transcripts.text(transcripts.complete()),
    "transcript_malicious.json": lambda: transcripts.text(transcripts.malicious()),
    "transcript_malicious_bad.json": lambda: transcripts.text(bad_transcripts.malicious()),
}


def main():
    folder = pathlib.Path(os.environ["BUILD_WORKSPACE_DIRECTORY"], "tests/vectors/v1")
    for name, text in FILES.items():
        (folder / name).write_text(text())


if __name__ == "__main__":
    main()
