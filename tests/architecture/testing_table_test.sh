#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# The tables of docs/testing.md name tests. A test that is renamed or removed must not leave its
# name behind there.
set -uo pipefail

workspace=$(dirname "$(readlink -f "$PWD/WORKSPACE")")
cd "$workspace" || exit 1
table=docs/testing.md

checked=0
failures=0
missing() {
  echo "FAIL: $table names $1, which is not there"
  failures=$((failures + 1))
}

while read -r name; do
  checked=$((checked + 1))
  grep -rqE --include='*_test.cc' --include='*_testing.cc' "TEST(_F|_P)?\(${name%.*},[[:space:]]*${name#*.}\)" \
    aggregator client_sdk crypto metrics proto tests || missing "$name"
done < <(grep '^|' "$table" | grep -oE '`[A-Z][A-Za-z]*\.[A-Z][A-Za-z0-9]*`' | tr -d '`' | sort -u)

while read -r scenario; do
  checked=$((checked + 1))
  grep -rqF --include='*.cc' "(\"$scenario\")" tests/scenarios || missing "the scenario $scenario"
done < <(grep '^|' "$table" | grep -oE '\*[A-Z][A-Za-z]+\*' | tr -d '*' | sort -u)

while read -r label; do
  checked=$((checked + 1))
  package=${label%:*}
  grep -qF "name = \"${label#*:}\"" "${package#//}/BUILD.bazel" 2>/dev/null || missing "the target $label"
done < <(grep '^|' "$table" | grep -oE '//[a-z_/]+:[a-z_]+' | sort -u)

# The search itself may have gone wrong.
[ "$checked" -gt 50 ] || { echo "FAIL: only $checked names found in $table"; exit 1; }
echo "$checked names, $failures missing"
exit "$((failures > 0))"
