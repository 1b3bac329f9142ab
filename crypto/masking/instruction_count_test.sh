#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# Instructions for each element (and mask), counted by callgrind: what a busy machine does not move.
# Kernels that valgrind knows, so no AVX-512.
set -euo pipefail

binary="$1"

# Thousandths of an instruction: what g++ 12 makes of the code, and a tenth more. Whoever makes one
# faster lowers its bound.
bounds='
portable/mask/u16 5150
portable/mask/u32 10360
portable/mask/u64 20710
aes-ni/mask/u16 2770
aes-ni/mask/u32 5540
aes-ni/mask/u64 11070
avx2/pack/u16 1860
avx2/unpack/u16 1450
avx2/unpack_add/u16 1520
avx2/pack/u32 3170
avx2/unpack/u32 2340
avx2/unpack_add/u32 2480
portable/pack/u64 7700
portable/unpack/u64 8390
portable/unpack_add/u64 8390
'

valgrind --tool=callgrind --callgrind-out-file="${TEST_TMPDIR}/counts" "${binary}" \
  >"${TEST_TMPDIR}/elements" 2>"${TEST_TMPDIR}/log" || {
  cat "${TEST_TMPDIR}/log" >&2
  exit 1
}

# One dump each, in the order of the lines that were printed; its description has the name again.
has_aes="$(grep -c '^aes-ni/' "${TEST_TMPDIR}/elements" || true)"
number=0
checked=0
failed=0
while read -r name elements; do
  number=$((number + 1))
  dump="${TEST_TMPDIR}/counts.${number}"
  grep -q "Client Request: ${name}\$" "${dump}"
  instructions="$(awk '/^(summary|totals):/ { print $2; exit }' "${dump}")"
  each=$((instructions * 1000 / elements))
  bound="$(awk -v name="${name}" '$1 == name { print $2 }' <<<"${bounds}")"
  # Without AES instructions BoringSSL's cipher is another; without AVX2 packing is the portable one.
  if [[ "${name}" == portable/mask/* && "${has_aes}" -eq 0 ]]; then bound=''; fi
  if [[ -z "${bound}" ]]; then
    echo "${name}: ${each}, without a bound on this processor"
    continue
  fi
  checked=$((checked + 1))
  echo "${name}: ${each} of at most ${bound}"
  if [[ "${each}" -gt "${bound}" ]]; then
    echo "FAILED: ${name} takes ${each} thousandths of an instruction, ${bound} at most" >&2
    failed=1
  fi
done <"${TEST_TMPDIR}/elements"

# Packing into 64-bit lanes is the same everywhere.
if [[ "${checked}" -lt 3 ]]; then
  echo "FAILED: only ${checked} operations counted" >&2
  exit 1
fi
exit "${failed}"
