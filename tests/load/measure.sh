#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# measure.py with the binaries beside it: measure.sh AGGREGATOR VEILSUM IDLE SWARM OPTIONS...
# Bazel starts what it runs and tests at the root of the sources.
set -euo pipefail
aggregator=$1 veilsum=$2 idle=$3 swarm=$4
shift 4
exec /usr/bin/python3 tests/load/measure.py --aggregator="$aggregator" --veilsum="$veilsum" \
  --idle="$idle" --swarm="$swarm" "$@"
