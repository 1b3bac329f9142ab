#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# scoreboard.py with the binaries beside it: scoreboard.sh AGGREGATOR VEILSUM IDLE SWARM
# PLAIN_SUM_SERVER PLAIN_SUM_CLIENT PURE_FIGURES OPTIONS...
set -euo pipefail
here=tests/bench  # Bazel starts what it runs and tests at the root.
tools=()
for tool in aggregator veilsum idle swarm plain-sum-server plain-sum-client pure-figures; do
  tools+=("--$tool=$1")
  shift
done
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here:tests/load" \
  exec /usr/bin/python3 "$here/scoreboard.py" "${tools[@]}" "$@"
