#!/usr/bin/env bash
# Installs every Debian 12 package that building, running and testing need. Can be run again: skips what is there.
# usage: scripts/setup.sh [--build-only]     as root, or where sudo works
set -euo pipefail
cd "$(dirname "$0")/.."

build=(
  ca-certificates
  g++ cmake ninja-build pkg-config git
  libcli11-dev nlohmann-json3-dev libfmt-dev libboost-dev
  libsqlite3-dev libzstd-dev zlib1g-dev libssl-dev libcurl4-openssl-dev
  doctest-dev # the default build has the tests in it
  heaptrack   # at run time: the preload library and the interpreter
  python3     # the demo's table
)
tests=(
  binutils            # what real recordings are made of
  clang               # the second compiler of the line-exactness tests
  curl zstd sqlite3 procps
  python3-jsonschema python3-yaml libxml2-utils cmark-gfm   # what reports are validated with
  protobuf-compiler golang-github-google-pprof-dev   # reads profiles by pprof's own definition of them
  chromium nodejs     # opens the HTML report
  python3-memory-profiler   # the real memory_profiler and mprof: goldens and readers
  python3-matplotlib  # mprof plot draws with it
  wrk hey             # what scripts/bench/replay.sh compares with
  nginx-light apache2-bin   # real servers whose access logs are read back
  prometheus          # a real server that series are read back from; its promtool validates metrics and rules
  prometheus-alertmanager exim4-daemon-light openssl   # a real Alertmanager and mail server that alerts are sent to
)

wanted=("${build[@]}")
[ "${1:-}" = --build-only ] || wanted+=("${tests[@]}")

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
# What drives Chromium in the tests of HTML reports: one npm package without dependencies, by its checksum. It goes
# where the build goes; where it cannot be had, those tests are skipped.
fetch_playwright() {
  local version=1.52.0 digest=976a2c4e02d748c7ae2d938c2fda98383510a0f3e752c2ac6f9fcfe8b2767bab8f29751d3cae56621378cf4dc6f9835b5a618363860435ab8dbb864a733ade1e
  local to=build/npm/node_modules/playwright-core archive
  [ "${1:-}" != --build-only ] && [ ! -f "$to/package.json" ] || return 0
  if ! command -v npm >/dev/null; then
    echo "setup: no npm here; the tests of HTML reports will be skipped" >&2
    return 0
  fi
  folder=$(mktemp -d)
  archive=$folder/playwright-core-$version.tgz
  if (cd "$folder" && npm pack --silent "playwright-core@$version" >/dev/null) &&
    echo "$digest  $archive" | sha512sum --check --quiet -; then
    mkdir -p "$to"
    tar xzf "$archive" -C "$to" --strip-components=1
    echo "setup: playwright-core $version is in $to"
  else
    echo "setup: playwright-core cannot be fetched; the tests of HTML reports will be skipped" >&2
  fi
  rm -rf "$folder"
}

if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: all ${#wanted[@]} packages are there"
  fetch_playwright "${1:-}"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: not root and no sudo; install these as root: ${missing[*]}" >&2
    exit 2
  fi
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
# Tests start the servers that they need themselves, on ports of their own: a package must not start its daemon here.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
"${as_root[@]}" apt-get update -qq
# --no-install-recommends: heaptrack's recommends would bring a desktop
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fetch_playwright "${1:-}"
echo "setup: done"
