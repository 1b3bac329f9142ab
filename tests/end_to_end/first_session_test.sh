#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# The README's first session, as a new user runs it: init, a real aggregator, three clients; then
# what an operator looks at, and a SIGTERM.
set -uo pipefail

aggregator=$PWD/$1 veilsum=$PWD/$2 client=$PWD/$3
cd "$TEST_TMPDIR"
trap 'kill -9 $(jobs -p) 2>/dev/null' EXIT

fail() {
  echo "FAIL: $1"
  tail -n 30 ./*.log
  exit 1
}

# until_true DESCRIPTION COMMAND...: polls, since processes tell nobody when they are ready.
until_true() {
  local what=$1
  shift
  for _ in $(seq 600); do
    "$@" >/dev/null 2>&1 && return
    read -rt 0.1 <> <(:)
  done
  fail "$what did not happen within a minute"
}

free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

"$veilsum" init first --clients=3 > init.log 2>&1 || fail "veilsum init"
[ "$(stat -c %a first/clients/client-01/identity.pem)" = 600 ] || fail "a private key that others can read"
"$veilsum" init first --clients=3 > again.log 2>&1 && fail "init overwrote a folder"

server=$(free_port) operator=$(free_port) admin=$(free_port)
"$aggregator" --config=first/aggregator.toml --server.address=127.0.0.1:"$server" \
  --operator.address=127.0.0.1:"$operator" --admin.address=127.0.0.1:"$admin" \
  > aggregator.log 2>&1 &
pid=$!
operate() {
  "$veilsum" "$@" --config first/operator.toml --operator 127.0.0.1:"$operator"
}
until_true "readiness" curl --fail --silent http://127.0.0.1:"$admin"/readyz

waiting=()
for i in 1 2 3; do
  "$client" 127.0.0.1:"$server" first/tls/authority.pem "first/clients/client-0$i" example 1000 "0.$i" \
    > "client-$i.log" 2>&1 &
  waiting+=($!)
done
for job in "${waiting[@]}"; do wait "$job" || fail "a client failed"; done
for i in 1 2 3; do
  grep -qE '3 clients took part; the mean begins with 0\.(2|1999|2000)' "client-$i.log" || fail "client $i: wrong mean"
done

operate task list > task.log || fail "task list"
grep -q example task.log || fail "the task is not listed"
operate session list > session.log || fail "session list"
grep -qi completed session.log || fail "no completed session is listed"
operate session result --format csv > result.csv || fail "session result"
grep -q '0.[12]' result.csv || fail "the result holds no mean"

curl --fail --silent http://127.0.0.1:"$admin"/metrics > metrics.txt || fail "no metrics"
promtool check metrics < metrics.txt > promtool.log 2>&1 || fail "promtool: $(cat promtool.log)"
grep -q '^secagg_sessions_total{outcome="completed",reason="none"} 1' metrics.txt ||
  fail "the session is not counted: $(grep '^secagg_sessions_total' metrics.txt | grep -v ' 0$')"
curl --fail --silent http://127.0.0.1:"$admin"/healthz > healthz.txt || fail "not healthy"

# A good certificate is not enough: the identity must be on the roster.
"$veilsum" init stranger --clients=2 > stranger.log 2>&1 || fail "second init"
cp -r first/clients/client-01 intruder
cp -f stranger/clients/client-01/identity.pem intruder/
"$client" 127.0.0.1:"$server" first/tls/authority.pem intruder example 1000 0.5 > refused.log 2>&1 &&
  fail "a stranger took part"
grep -q NOT_A_MEMBER refused.log || fail "a stranger was refused for another reason"

kill -TERM "$pid"
wait "$pid"
code=$?
[ "$code" = 0 ] || fail "after SIGTERM the aggregator ended with $code"
grep -qiE 'crash-safe|in memory' aggregator.log || fail "it does not say that receipts are in memory"
grep -qE 'BEGIN (EC |)PRIVATE' aggregator.log && fail "a secret in the log"
echo "a first session, as the README has it"
