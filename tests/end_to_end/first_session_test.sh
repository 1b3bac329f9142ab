#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# The README's first session, as a new user runs it, in the malicious tier: init, a real aggregator,
# three clients; then what an operator looks at, who is refused, who refuses, and a SIGTERM.
set -uo pipefail

source "$(dirname "$0")/processes.sh"
aggregator=$PWD/$1 veilsum=$PWD/$2 client=$PWD/$3
cd "$TEST_TMPDIR"
trap 'kill -9 $(jobs -p) 2>/dev/null' EXIT

"$veilsum" init first --clients=3 > init.log 2>&1 || fail "veilsum init"
[ "$(stat -c %a first/clients/client-01/identity.pem)" = 600 ] || fail "a private key that others can read"
[ -s first/clients/client-01/roster.toml ] || fail "a client that must believe the aggregator"
"$veilsum" init first --clients=3 > again.log 2>&1 && fail "init overwrote a folder"

"$aggregator" --config=first/aggregator.toml --server.mask_kernel=fastest > kernel.log 2>&1 &&
  fail "it runs with a mask kernel that there is none of"
grep -q 'server.mask_kernel: .*fastest.*portable' kernel.log || fail "it does not say which kernels there are"

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
operate session watch --format json > session.json || fail "session watch"
grep -q '"tier":"malicious","roster_version":1' session.json || fail "another tier: $(cat session.json)"
grep -q '"phase":"consistency_check","answered":3' session.json || fail "nobody signed the survivors"
operate session result --format csv > result.csv || fail "session result"
grep -q '0.[12]' result.csv || fail "the result holds no mean"

curl --fail --silent http://127.0.0.1:"$admin"/metrics > metrics.txt || fail "no metrics"
promtool check metrics < metrics.txt > promtool.log 2>&1 || fail "promtool: $(cat promtool.log)"
grep -q '^secagg_sessions_total{outcome="completed",reason="none"} 1' metrics.txt ||
  fail "the session is not counted: $(grep '^secagg_sessions_total' metrics.txt | grep -v ' 0$')"
curl --fail --silent http://127.0.0.1:"$admin"/healthz > healthz.txt || fail "not healthy"

# A good certificate is not enough: the identity must be on the roster.
"$veilsum" init stranger --clients=3 > stranger.log 2>&1 || fail "second init"
cp -r first/clients/client-01 intruder
cp -f stranger/clients/client-01/{identity.pem,roster.toml} intruder/
rm -rf intruder/state
"$client" 127.0.0.1:"$server" first/tls/authority.pem intruder example 1000 0.5 > refused.log 2>&1 &&
  fail "a stranger took part"
grep -q NOT_A_MEMBER refused.log || fail "a stranger was refused for another reason"

# A client that believes in another roster refuses, and the operator reads why.
"$veilsum" enroll roster first/clients/client-01/roster.toml --revoke client-03 > roster.log 2>&1 ||
  fail "enroll roster"
"$client" 127.0.0.1:"$server" first/tls/authority.pem first/clients/client-01 example 1000 0.5 > other.log 2>&1 &&
  fail "a client took part in sessions of another roster than its own"
grep -q "HEADER_REFUSED.*roster_version" other.log || fail "it refused for another reason: $(cat other.log)"
operate session watch > watch.log 2>&1 &
until_true "a refusal on the operator's screen" grep -q 'refused in advertise keys (HEADER_REFUSED): "' watch.log
session=$(operate session list --format json | grep -o '"id":"[0-9a-f]*"' | head -n 1 | cut -d '"' -f 4)
operate session abort "$session" > abort.log 2>&1 || fail "session abort"

kill -TERM "$pid"
wait "$pid"
code=$?
[ "$code" = 0 ] || fail "after SIGTERM the aggregator ended with $code"
grep -qiE 'crash-safe|in memory' aggregator.log || fail "it does not say that receipts are in memory"
grep -qE 'BEGIN (EC |)PRIVATE' aggregator.log && fail "a secret in the log"
echo "a first session, as the README has it"
