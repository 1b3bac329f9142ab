#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# bazel run //tests/reference:write_vectors
exec env PYTHONPATH="$PWD/tests/reference" PYTHONDONTWRITEBYTECODE=1 \
  /usr/bin/python3 tests/reference/write_vectors.py
