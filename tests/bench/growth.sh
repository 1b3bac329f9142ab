#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# growth.py with the binaries beside it: growth.sh AGGREGATOR VEILSUM SWARM OPTIONS...
set -euo pipefail
here=tests/bench  # Bazel starts what it runs and tests at the root.
aggregator=$1 veilsum=$2 swarm=$3
shift 3
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here:tests/load" exec /usr/bin/python3 "$here/growth.py" \
  --aggregator="$aggregator" --veilsum="$veilsum" --swarm="$swarm" "$@"
