#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# The arrows of docs/design.md, asked of the build itself; and no clock, thread, socket, file or
# hidden randomness in the pure folders. Runs `bazel query` on the real work tree with an output
# base of its own, since the server that runs this test is busy.
set -uo pipefail

workspace=$(dirname "$(readlink -f "$PWD/WORKSPACE")")
# Arrows need no sources: an empty stand-in saves fetching BoringSSL again.
boringssl="$TEST_TMPDIR/boringssl"
mkdir -p "$boringssl"
touch "$boringssl/WORKSPACE"
echo 'cc_library(name = "crypto", visibility = ["//visibility:public"])' > "$boringssl/BUILD.bazel"
failures=0

fail() {
  echo "FAIL: $1"
  failures=$((failures + 1))
}

# $HOME is empty in a test; Bazel wants one.
export HOME="$TEST_TMPDIR"
startup=(--output_user_root="$TEST_TMPDIR/bazel" --max_idle_secs=30)
trap 'cd "$workspace" && bazel "${startup[@]}" shutdown 2>/dev/null' EXIT
query() {
  (cd "$workspace" && bazel "${startup[@]}" query \
    --noimplicit_deps --keep_going --override_repository=boringssl="$boringssl" \
    --noshow_progress "$1" 2>"$TEST_TMPDIR/query.log")
  # With --keep_going, 3 says that some package did not load; anything worse is this script's fault.
  case $? in 0 | 3) ;; *) cat "$TEST_TMPDIR/query.log" >> "$TEST_TMPDIR/broken" ;; esac
}

[ -n "$(query 'kind("cc_library rule", //crypto/...)')" ] || {
  cat "$TEST_TMPDIR/query.log"
  fail "bazel query gave nothing"
  exit 1
}

# forbidden FROM TO WHY: no path from any target of FROM (tests apart) to TO.
forbidden() {
  local path
  path=$(query "somepath(kind('cc_(library|binary) rule', $1), $2)")
  [ -z "$path" ] || fail "$3:
$path"
}

grpc="'//third_party:grpc++'"
protobuf=//third_party:protobuf
shells="$grpc + //third_party:prometheus + //third_party:asio + //third_party:spdlog + //third_party:sqlite"
# Not //...: that would walk into the bazel-* links of the other output base.
house="//:all + //aggregator/... + //client_sdk/... + //crypto/... + //examples/... + //metrics/... + //proto/... + //tests/..."
pure="//client_sdk/protocol/... + //client_sdk/encoding/... + //aggregator/protocol/... + //aggregator/accumulate/..."

forbidden "//crypto/..." "$shells + $protobuf + //proto/... + //metrics/..." "crypto/ is below everything"
forbidden "$pure" "$shells + //metrics/..." "the cores are pure"
forbidden "//client_sdk/..." "//aggregator/..." "the client does not know the aggregator"
forbidden "//aggregator/..." "//client_sdk/..." "the aggregator does not know the client"
forbidden "//metrics/..." "//aggregator/... + //client_sdk/... + $grpc" "metrics/ is below the runtime"
forbidden "//aggregator/runtime/..." "$grpc" "gRPC is a thin adapter around the runtime"
forbidden "//aggregator/... + //client_sdk/... + //crypto/... + //metrics/... + //proto/..." "//tests/..." \
  "nothing sees tests/"

# Who names gRPC directly.
while read -r target; do
  case "$target" in
    //aggregator/transport* | //aggregator/cli* | //client_sdk/transport* | //proto:* | //proto/rpc_error* | \
      //tests/* | //examples/* | //third_party*) ;;
    *) fail "gRPC outside the transport folders: $target" ;;
  esac
done < <(query "rdeps($house, $grpc, 1)")

# Only primitives/, masking/ and certificates/ speak BoringSSL.
while read -r target; do
  case "$target" in
    //crypto/primitives* | //crypto/certificates* | //crypto/masking* | //tests/* | @boringssl*) ;;
    *) fail "BoringSSL outside crypto/: $target" ;;
  esac
done < <(query "rdeps($house, @boringssl//:crypto, 1)")

# Words of clocks, threads, sockets, files and ambient randomness in the pure folders.
words='grpcpp/|prometheus/|absl::Now\(|absl/time/clock|std::thread|std::mutex|<mutex>|<thread>|<chrono>|<asio|system_clock|steady_clock|<fstream>|fopen\(|<sys/socket|getenv\(|std::random_device|[^A-Za-z]rand\('
while read -r hit; do
  fail "not pure: $hit"
done < <(cd "$workspace" && grep -rnE "$words" crypto client_sdk/protocol client_sdk/encoding \
  aggregator/protocol aggregator/accumulate --include='*.h' --include='*.cc' |
  grep -vE '_(test|testing|benchmark)\.(cc|h):')
# The system's randomness is called by shells only.
while read -r hit; do
  fail "system randomness in a pure folder: $hit"
done < <(cd "$workspace" && grep -rnE '\bRandomBytes\(' client_sdk/protocol client_sdk/encoding \
  aggregator/protocol aggregator/accumulate crypto --include='*.h' --include='*.cc' |
  grep -vE '_(test|benchmark)\.(cc|h):|crypto/primitives/random\.')

[ ! -s "$TEST_TMPDIR/broken" ] || fail "a query did not run: $(cat "$TEST_TMPDIR/broken")"
[ "$failures" = 0 ] && echo "the house stands"
exit "$((failures > 0))"
