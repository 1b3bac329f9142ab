#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# Memcheck finds nothing in the operations that must not tell their secrets, and finds each of the
# leaks that are there on purpose.
set -euo pipefail

binary="$1"
suppressions="tests/constant_time/boringssl.supp"
found=99

# Not a look for memory leaks: that is the sanitizers' job.
memcheck() {
  valgrind --quiet --tool=memcheck --leak-check=no --error-exitcode="${found}" \
    --suppressions="${suppressions}" "$@"
}

if ! memcheck "${binary}"; then
  echo "FAILED: time depends on a secret, or an operation failed: see above" >&2
  exit 1
fi

caught=0
while IFS= read -r leak; do
  status=0
  report="$(memcheck "${binary}" "${leak}" 2>&1)" || status=$?
  if [[ "${status}" -ne "${found}" ]]; then
    printf 'FAILED: "%s" was not caught (status %d)\n%s\n' "${leak}" "${status}" "${report}" >&2
    exit 1
  fi
  caught=$((caught + 1))
done < <("${binary}" --leaks)

if [[ "${caught}" -lt 4 ]]; then
  echo "FAILED: only ${caught} leaks to catch" >&2
  exit 1
fi
echo "nothing found where nothing may be; ${caught} leaks caught"
