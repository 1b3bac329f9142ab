#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# The reference's client and C++ clients in one session of the real aggregator, with the
# configuration that `veilsum init` makes: everybody must come to the same sum. Once with a roster
# file, once with an enrolment authority.
set -uo pipefail

aggregator=$PWD/$1 veilsum=$PWD/$2 client=$PWD/$3 reference=$PWD/tests/reference
. tests/end_to_end/processes.sh
export PYTHONPATH=$reference PYTHONDONTWRITEBYTECODE=1
cd "$TEST_TMPDIR" || exit 1
trap 'kill -9 $(jobs -p) 2>/dev/null' EXIT

# session NAME INIT_FLAGS...: three C++ clients, then the reference's.
session() {
  local name=$1 server operator admin pid i
  shift
  "$veilsum" init "$name" --clients=4 "$@" > "$name-init.log" 2>&1 || fail "veilsum init $*"
  server=$(free_port) operator=$(free_port) admin=$(free_port)
  "$aggregator" --config="$name/aggregator.toml" --server.address=127.0.0.1:"$server" \
    --operator.address=127.0.0.1:"$operator" --admin.address=127.0.0.1:"$admin" \
    > "$name-aggregator.log" 2>&1 &
  pid=$!
  until_true "readiness" curl --fail --silent http://127.0.0.1:"$admin"/readyz

  local waiting=()
  for i in 1 2 3 4; do
    local run=("$client")
    [ "$i" = 4 ] && run=(/usr/bin/python3 "$reference/live_client.py")
    "${run[@]}" 127.0.0.1:"$server" "$name/tls/authority.pem" "$name/clients/client-0$i" \
      example 1000 "0.$i" > "$name-$i.out" 2> "$name-$i.log" &
    waiting+=($!)
  done
  for i in 0 1 2 3; do wait "${waiting[$i]}" || fail "client $((i + 1)) failed"; done
  grep -qE '^4 clients took part; the mean begins with 0\.(25|2499|2500)' "$name-4.out" ||
    fail "a wrong sum: $(cat "$name-4.out")"
  for i in 1 2 3; do
    cmp "$name-$i.out" "$name-4.out" || fail "client $i has another sum than the reference"
  done
  grep -q 'tier = "malicious"' "$name/aggregator.toml" || fail "not of the malicious tier"
  kill -TERM "$pid"
  wait "$pid" || fail "the aggregator ended badly"
}

session roster
session enrolled --authority
echo "one sum for C++ and Python"
