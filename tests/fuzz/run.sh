#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds one fuzz target with libFuzzer under the address and undefined behaviour sanitizers, and
# runs it: tests/fuzz/run.sh TARGET SECONDS [libFuzzer's own flags].
# What it finds goes to, and what it starts from comes from, the kept corpus of the target and the
# folder .fuzz/TARGET of the work tree, or of $FUZZ_DIR. $BAZEL is the command, with start-up flags.
set -euo pipefail

if [[ $# -lt 2 ]]; then
  echo "usage: $0 TARGET SECONDS [libFuzzer's flags]" >&2
  echo "targets: $(cd "$(dirname "$0")/corpus" && ls | tr '\n' ' ')" >&2
  exit 2
fi
target="$1"
seconds="$2"
shift 2

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
read -r -a bazel <<<"${BAZEL:-bazel}"
work="${FUZZ_DIR:-.fuzz}/${target}"
mkdir -p "${work}/corpus" "${work}/findings"

"${bazel[@]}" build --config=fuzz --symlink_prefix=/ "//tests/fuzz:${target}"
binary="$("${bazel[@]}" info --config=fuzz bazel-bin 2>/dev/null)/tests/fuzz/${target}"

flags=()
case "${target}" in
  # A short input disturbs the first messages of a conversation only.
  *_conversation) flags+=(-len_control=0 -max_len=300) ;;
esac

# Sums of the run: executions, coverage, features. A finding makes it fail and leaves its input.
exec "${binary}" -max_total_time="${seconds}" -timeout=20 -rss_limit_mb=3000 -print_final_stats=1 \
  -artifact_prefix="${work}/findings/" "${flags[@]}" "$@" "${work}/corpus" "tests/fuzz/corpus/${target}"
