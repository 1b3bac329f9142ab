#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs the unit tests of one Python module of this folder, with Debian's Python: another one may
# stand before it in PATH, without the packages of third_party/debian-packages.txt.
export PYTHONPATH=$PWD/tests/reference PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 -m unittest "$1"
