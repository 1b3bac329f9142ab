#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Veilsum Authors
# SPDX-License-Identifier: Apache-2.0
#
# Usage: debian_fetch.sh source|binary PACKAGE
#
# Downloads a Debian package into ./apt and prints the path of its .orig.tar or .deb. The archive is the
# one that the system's apt sources name; its configuration and lists stay untouched (a fresh machine's
# lists know no source packages), so that no root is needed.
set -euo pipefail

kind="$1"
package="$2"
root="${PWD}/apt"
codename="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"

# Writes the system's apt sources to ${root}/sources with source packages turned on. Suites other than
# this release's are left out, so that somebody's third-party list can neither fail nor slow this.
write_sources() {
  local file
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -r "${file}" ]] || continue
    awk -v codename="${codename}" '
      BEGIN { RS = ""; ORS = "\n\n" }
      {
        wanted = 0; body = ""; count = split($0, lines, "\n")
        for (i = 1; i <= count; i++) {
          line = lines[i]
          if (line ~ /^#/) continue
          if (tolower(line) ~ /^enabled:[ \t]*(no|false|off|0)/) { wanted = 0; break }
          if (tolower(line) ~ /^types:/) line = "Types: deb deb-src"
          if (tolower(line) ~ /^suites:/) {
            words = split(line, word, /[ \t]+/)
            for (j = 2; j <= words; j++) {
              if (word[j] ~ "^(" codename "|stable|oldstable)(-updates|-security)?/?$") wanted = 1
            }
          }
          body = body line "\n"
        }
        if (wanted) print body
      }' "${file}" >"${root}/sources/$(basename "${file}")"
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -r "${file}" ]] || continue
    awk -v codename="${codename}" '
      /^deb[ \t]/ {
        rest = $0; sub(/^deb[ \t]+/, "", rest)
        bare = rest; sub(/^\[[^]]*\][ \t]*/, "", bare); split(bare, word, /[ \t]+/)
        if (word[2] ~ "^(" codename "|stable|oldstable)([-/](updates|security))?$") {
          print "deb " rest; print "deb-src " rest
        }
      }' "${file}" >"${root}/sources/$(basename "${file}" .list).list"
  done
}

apt() {
  apt-get -q -o Dir::Etc::sourcelist=/nonexistent -o Dir::Etc::sourceparts="${root}/sources" \
    -o Dir::State::lists="${root}/lists" -o Dir::Cache="${root}/cache" -o APT::Sandbox::User=root \
    -o Acquire::Retries=2 -o Acquire::Languages=none "$@" >>"${root}/log" 2>&1 </dev/null
}

# An update that fails for one list may still have brought what is wanted: the download tells.
fetch() {
  apt update || true
  if [[ "${kind}" == source ]]; then
    (cd "${root}/files" && apt source --download-only "${package}")
  else
    (cd "${root}/files" && apt download "${package}")
  fi
}

rm -rf "${root}"
mkdir -p "${root}"/{sources,lists/partial,cache/archives/partial,files}
write_sources
fetched=no
for _ in 1 2 3; do
  if fetch; then
    fetched=yes
    break
  fi
done
if [[ "${fetched}" == no ]]; then
  tail -n 20 "${root}/log" >&2
  printf 'debian_fetch.sh: cannot fetch %s package %s.\n' "${kind}" "${package}" >&2
  printf 'Veilsum needs Debian 12 (bookworm) with an archive in its apt sources that can be reached.\n' >&2
  exit 1
fi
if [[ "${kind}" == source ]]; then
  ls apt/files/*.orig.tar.*[!c]
else
  ls apt/files/*.deb
fi
