#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
"""Takes each defence out, one at a time, and shows the test that goes red without it.

  tests/adversary/without_defences.py                   all, in a copy of the work tree under /tmp
  tests/adversary/without_defences.py --only=replay     those whose attack or defence says so
  tests/adversary/without_defences.py --check           only: does every edit still apply?

Prints a table for README.md. Exits with 1 if a test stays green, an edit does not apply or does not
compile. The work tree is never changed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from defences import DEFENCES, Defence  # noqa: E402


def apply_to(text: str, defence: Defence) -> str:
    found = text.count(defence.old)
    if found != 1:
        raise ValueError(f"{defence.file}: {found} times instead of once:\n    {defence.old}")
    return text.replace(defence.old, defence.new)


def check(root: str) -> int:
    """How many edits do not apply."""
    wrong = 0
    for defence in DEFENCES:
        try:
            with open(os.path.join(root, defence.file), encoding="utf-8") as source:
                apply_to(source.read(), defence)
        except (OSError, ValueError) as error:
            print(f"{defence.attack}, {defence.defence}: {error}")
            wrong += 1
    print(f"{len(DEFENCES) - wrong} of {len(DEFENCES)} edits apply")
    return wrong


def copy_tree(root: str, to: str) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=root, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        source, target = os.path.join(root, name), os.path.join(to, name)
        if not os.path.exists(source):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(source, target)


class Build:
    def __init__(self, tree: str, output_base: str, flags: list):
        self.tree, self.output_base, self.flags = tree, output_base, flags

    def run(self, target: str, tests: str) -> tuple:
        """Which tests failed, and what Bazel said; None where it did not build."""
        command = ["bazel", f"--output_base={self.output_base}", "test", "--test_output=all",
                   "--nocache_test_results", f"--test_filter={tests}", *self.flags, target]
        done = subprocess.run(command, cwd=self.tree, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        if "FAILED TO BUILD" in output or "Build did NOT complete" in output:
            return None, output
        if done.returncode == 0:
            return [], output
        failed = sorted(set(re.findall(r"\[  FAILED  \] (\S+?)(?:,| \(|$)", output, re.M)))
        # A crash is no pass either.
        running = re.findall(r"\[ RUN      \] (\S+)", output)
        return [name for name in failed if "." in name] or running[-1:] or ["(crash)"], output

    def shutdown(self) -> None:
        subprocess.run(["bazel", f"--output_base={self.output_base}", "shutdown"], cwd=self.tree,
                       check=False, capture_output=True)


def all_named_failed(tests: str, failed: list) -> bool:
    """Each pattern of the filter has a failed test."""
    patterns = [re.escape(one).replace(r"\*", ".*") for one in tests.split(":")]
    return all(any(re.fullmatch(pattern, name) for name in failed) for pattern in patterns)


def play(defence: Defence, build: Build) -> tuple:
    """Whether the tests went red, and what they were."""
    path = os.path.join(build.tree, defence.file)
    with open(path, encoding="utf-8") as source:
        original = source.read()
    try:
        edited = apply_to(original, defence)
    except ValueError as error:
        return False, f"DOES NOT APPLY: {error}"
    try:
        with open(path, "w", encoding="utf-8") as target:
            target.write(edited)
        failed, output = build.run(defence.target, defence.tests)
    finally:
        with open(path, "w", encoding="utf-8") as target:
            target.write(original)
    if failed is None:
        return False, "DOES NOT BUILD: " + "; ".join(
            line for line in output.splitlines() if "error:" in line)[:300]
    if not all_named_failed(defence.tests, failed):
        return False, f"STAYED GREEN: of {defence.tests} only {failed} failed"
    return True, ", ".join(failed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only see whether every edit applies")
    parser.add_argument("--only", default="", help="part of an attack's or a defence's name")
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                       "..", ".."))
    parser.add_argument("--scratch", help="keep the copy and its build here, for the next time")
    parser.add_argument("flags", nargs="*", help="for bazel, after --")
    options = parser.parse_args()
    root = os.path.abspath(options.root)
    if options.check:
        return 1 if check(root) else 0
    scratch = options.scratch or tempfile.mkdtemp(prefix="veilsum-without-defences-")
    tree = os.path.join(scratch, "tree")
    shutil.rmtree(tree, ignore_errors=True)
    copy_tree(root, tree)
    build = Build(tree, os.path.join(scratch, "output"), options.flags)
    chosen = [one for one in DEFENCES if options.only in one.attack + " " + one.defence]
    for target in sorted({one.target for one in chosen}):
        named = ":".join(one.tests for one in chosen if one.target == target)
        failed, output = build.run(target, named)
        if failed != []:
            print(output)
            print(f"{target} must pass with all defences in place", file=sys.stderr)
            return 1
    green = 0
    print("| attack | defence | edit | test that goes red |")
    print("| --- | --- | --- | --- |")
    for defence in chosen:
        red, tests = play(defence, build)
        green += not red
        edit = " ".join(defence.new.split()).replace("|", "\\|")
        print(f"| {defence.attack} | {defence.defence} | `{os.path.basename(defence.file)}`: "
              f"`{edit}` | {tests} |", flush=True)
    build.shutdown()
    if options.scratch is None:
        subprocess.run(["chmod", "-R", "u+w", scratch], check=False)
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{len(chosen) - green} of {len(chosen)} went red", file=sys.stderr)
    return 1 if green else 0


if __name__ == "__main__":
    sys.exit(main())
