#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# Every defence is still where without_defences.py looks for it, so that its table can be made again.
set -euo pipefail

workspace=$(dirname "$(readlink -f "$PWD/WORKSPACE")")
exec python3 tests/adversary/without_defences.py --check --root="$workspace"
