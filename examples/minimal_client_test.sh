#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# The example starts, and says what is wrong with its arguments.
set -uo pipefail

client="$1"
usage="$("${client}" 2>&1)"
[[ $? -eq 2 && "${usage}" == usage:* ]] || { echo "no usage: ${usage}"; exit 1; }

error="$("${client}" localhost:1 /nonexistent /nonexistent task 1 0.5 2>&1)"
[[ $? -eq 2 && "${error}" == *"cannot read /nonexistent"* ]] || { echo "unexpected: ${error}"; exit 1; }
