#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# An enrolment authority, and a participant that joins with keys of its own making: `veilsum enroll`
# as it is used in earnest, then a session in the malicious tier.
set -uo pipefail

source "$(dirname "$0")/processes.sh"
aggregator=$PWD/$1 veilsum=$PWD/$2 client=$PWD/$3
cd "$TEST_TMPDIR"
trap 'kill -9 $(jobs -p) 2>/dev/null' EXIT

"$veilsum" init house --clients=3 --authority > init.log 2>&1 || fail "veilsum init"
server=$(free_port) admin=$(free_port)
"$aggregator" --config=house/aggregator.toml --server.address=127.0.0.1:"$server" \
  --operator.address=127.0.0.1:"$(free_port)" --admin.address=127.0.0.1:"$admin" \
  > aggregator.log 2>&1 &
until_true "readiness" curl --fail --silent http://127.0.0.1:"$admin"/readyz

# On the new participant's machine: its keys. What leaves it: $identity and request.csr.
mkdir hospital
identity=$("$veilsum" enroll identity hospital/identity.pem 2> identity.log) || fail "enroll identity"
"$veilsum" enroll request hospital/private_key.pem request.csr --name=hospital > request.log 2>&1 ||
  fail "enroll request"
# At the authorities, who answer with enrolment.toml and certificate.pem.
"$veilsum" enroll sign hospital/enrolment.toml --authority=house/enrolment/authority.key --version=1 \
  --identity="$identity" > sign.log 2>&1 || fail "enroll sign"
"$veilsum" enroll certificate request.csr hospital/certificate.pem --ca=house/tls/authority.pem \
  --ca-key=house/tls/authority.key > certificate.log 2>&1 || fail "enroll certificate"
cp house/enrolment/authority.pem hospital/enrolment_authority.pem
"$veilsum" enroll show hospital/enrolment.toml --authority=hospital/enrolment_authority.pem \
  > show.log 2>&1 || fail "enroll show"

take_part() {  # FOLDER
  "$client" 127.0.0.1:"$server" house/tls/authority.pem "$1" example 1000 0.5
}

waiting=()
for folder in hospital house/clients/client-01 house/clients/client-02; do
  take_part "$folder" > "client-${folder##*/}.log" 2>&1 &
  waiting+=($!)
done
for job in "${waiting[@]}"; do wait "$job" || fail "a client failed"; done
grep -q '3 clients took part' client-hospital.log || fail "the new participant was not in the sum"
# Nobody vouches for an outsider in the version that counts: it gets no seat.
mkdir outsider
cp hospital/*.pem outsider/
"$veilsum" enroll sign outsider/enrolment.toml --authority=house/enrolment/authority.key --version=2 \
  --identity="$identity" >> sign.log 2>&1 || fail "enroll sign"
take_part outsider > outsider.log 2>&1 && fail "an enrolment for another version was good enough"
grep -q 'HEADER_REFUSED.*roster_version' outsider.log || fail "refused for another reason"

grep -h 'PRIVATE' ./*.log && fail "a private key in the output"
echo "a participant joined with keys of its own"
