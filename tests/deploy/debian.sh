#!/usr/bin/env bash
# Programs of Debian that the checks need, unpacked into a folder of their own: nothing is installed, no root is needed.
#
#     tests/deploy/debian.sh FOLDER [PROGRAM ...]        puts them into FOLDER/bin
#
# A program that this release has is taken from it. A newer suite is asked for what it has not: the mirror, and the keys
# that vouch for it, are those of the machine's own sources. What cannot be had is named, and is no failure: the
# checks that need it say that they were skipped.
set -uo pipefail
folder=$(mkdir -p "$1/bin" && cd "$1" && pwd)
shift

# program  package  suite
known() {
  cat <<'TABLE'
promtool                 promtool                 forky
amtool                   prometheus-alertmanager  forky
prometheus               prometheus               forky
prometheus-alertmanager  prometheus-alertmanager  forky
etcd                     etcd-server              forky
TABLE
}

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || {
  echo "NO APT HERE: the programs of Debian are not there, and their checks say so"
  exit 0
}

# The mirror of the main archive, in either of the two forms in which apt keeps its sources.
mirror=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '/^URIs:/ && $2 !~ /security/ { print $2; exit }')
[ -n "$mirror" ] || mirror=$(awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^(https?|file|copy|mirror)/ && $i !~ /security/) { print $i; exit } }' \
  /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -n "$mirror" ] && [ -r "$keys" ] || { echo "NO DEBIAN MIRROR HERE: its programs are not there, and their checks say so"; exit 0; }

# A state of apt's own for each suite, so that the machine's lists and packages are left as they are.
state() { # suite
  local at=$folder/apt/$1
  [ -r "$at/ready" ] && return 0
  mkdir -p "$at"/{lists/partial,archives/partial,parts}
  : >"$at/status"
  echo "deb [signed-by=$keys] $mirror $1 main" >"$at/sources.list"
  apt "$1" update -qq && touch "$at/ready"
}

apt() { # suite, arguments
  local at=$folder/apt/$1
  shift
  apt-get -o Dir::State::Lists="$at/lists" -o Dir::State::status="$at/status" -o Dir::Cache::archives="$at/archives" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Dir::Etc::SourceList="$at/sources.list" \
    -o Dir::Etc::SourceParts="$at/parts" -o APT::Get::List-Cleanup=false -o APT::Sandbox::User="$(id -un)" "$@"
}

fetch() { # program, package, suite
  state "$3" || return 1
  local into=$folder/packages/$2
  if [ ! -d "$into" ]; then
    mkdir -p "$folder/download" && (cd "$folder/download" && apt "$3" download -qq "$2") || return 1
    mkdir -p "$into" && dpkg-deb -x "$folder/download/$2"_*.deb "$into" || return 1
    rm -rf "$folder/download"
  fi
  local found
  found=$(find "$into" -path "*/bin/$1" | head -1)
  [ -n "$found" ] && "$found" --version >/dev/null 2>&1 && ln -sf "$found" "$folder/bin/$1"
}

known | while read -r program package suite; do
  [ $# -eq 0 ] || case " $* " in *" $program "*) ;; *) continue ;; esac
  fetch "$program" "$package" "$suite" || echo "$program: Debian's $suite does not give it here, or it does not run on this release"
done
