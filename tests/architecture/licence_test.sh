#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# Every file that can hold a comment says in its first lines whose it is and under which licence:
# the two lines above, one after the other, after "#!" if there is one.
set -uo pipefail

workspace=$(dirname "$(readlink -f "$PWD/WORKSPACE")")
cd "$workspace" || exit 1

comment='(//|#|<!--) '
copyright="^${comment}SPDX-FileCopyrightText: 2026 The Veilsum Authors( -->)?\$"
licence="^${comment}SPDX-License-Identifier: Apache-2\.0( -->)?\$"

checked=0
failures=0
while IFS= read -r -d '' file; do
  checked=$((checked + 1))
  mapfile -t -n 3 first <"$file"
  [[ "${first[0]-}" == '#!'* ]] && first=("${first[@]:1}")
  [[ "${first[0]-}" =~ $copyright && "${first[1]-}" =~ $licence ]] && continue
  echo "FAIL: $file does not begin with the two SPDX lines (see the top of this test)"
  failures=$((failures + 1))
# JSON, CSV and inputs of fuzzers have no comments; the links bazel-* lead into its output.
done < <(find . -name .git -prune -o -type f ! -name LICENSE ! -name .gitignore \
  ! -name '*.json' ! -name '*.csv' ! -name 'user.bazelrc' ! -path './tests/fuzz/corpus/*' -print0)

# The search itself may have gone wrong.
[ "$checked" -gt 300 ] || { echo "FAIL: only $checked files found in $workspace"; exit 1; }
echo "$checked files, $failures without a licence"
exit "$((failures > 0))"
