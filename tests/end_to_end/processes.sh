# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# What tests of real processes share; to be sourced. Logs are *.log of the working folder.

fail() {
  echo "FAIL: $1"
  tail -n 30 ./*.log
  exit 1
}

# until_true DESCRIPTION COMMAND...: polls, since processes tell nobody when they are ready.
until_true() {
  local what=$1
  shift
  for _ in $(seq 600); do
    "$@" >/dev/null 2>&1 && return
    read -rt 0.1 <> <(:)
  done
  fail "$what did not happen within a minute"
}

free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
