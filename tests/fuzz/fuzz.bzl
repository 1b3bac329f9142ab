# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0

"""One target of the fuzzer, and the test that plays its kept inputs."""

def fuzz_target(name, deps, mutations = 300):
    """From NAME.cc, which defines FuzzOne, and corpus/NAME.

    Args:
      name: of the target for libFuzzer: build it with --config=fuzz only, or tests/fuzz/run.sh.
      deps: of NAME.cc, besides the harness.
      mutations: of each kept input that NAME_test plays.
    """
    native.cc_library(
        name = name + "_one",
        testonly = True,
        srcs = [name + ".cc"],
        deps = deps + [
            ":harness",
            "//crypto/primitives",
            "//third_party:absl",
        ],
        alwayslink = True,
    )
    native.cc_binary(
        name = name,
        testonly = True,
        tags = ["manual"],
        deps = [":" + name + "_one"],
    )
    native.cc_test(
        name = name + "_test",
        size = "small",
        srcs = ["corpus_test.cc"],
        args = [
            "tests/fuzz/corpus/" + name,
            str(mutations),
        ],
        data = native.glob(["corpus/" + name + "/**"]),
        deps = [
            ":" + name + "_one",
            ":harness",
            "//third_party:gtest",
        ],
    )
