#!/usr/bin/env bash
# Installs the Debian 12 packages that are needed to build, run and test. Can be repeated: skips what is installed.
# usage: scripts/setup.sh [--build-only]     as root, or where sudo works
set -euo pipefail
cd "$(dirname "$0")/.."

build=(
  ca-certificates
  g++ cmake ninja-build pkg-config git
  libcli11-dev nlohmann-json3-dev libfmt-dev libboost-dev
  libsqlite3-dev libzstd-dev zlib1g-dev libssl-dev libcurl4-openssl-dev
  libpcre2-dev # regular expressions of --allow-path and the like, without std::regex's recursion
  libnghttp2-dev # HTTP/2 of the replay
  libdw-dev # debug info: which functions the compiler made
  libclang-14-dev    # leakline audit: the header; the library is loaded at run time
  libtree-sitter-dev # leakline audit: the parser of Python
  doctest-dev # the default build has the tests in it
  heaptrack   # at run time: the preload library and the interpreter
  python3     # the demo's table
)
tests=(
  binutils            # programs that are recorded
  clang               # the second compiler of the line-exactness tests
  libc++-dev libc++abi-dev  # programs with another standard library, whose holders are found
  clang-format clang-tidy   # scripts/check.sh
  shellcheck unzip          # the scripts of the CI gate
  libgtest-dev catch2       # LEAKLINE_LOOP in tests of other frameworks
  curl zstd sqlite3 procps
  man-db fish zsh     # man pages and completions
  gdb                 # its gcore writes the core files that are examined
  libtcmalloc-minimal4 libmimalloc2.0   # allocators whose blocks are found
  libjemalloc-dev rustc default-jdk-headless   # services with another allocator, in Rust and in Java that are diagnosed
  python3-jsonschema python3-yaml libxml2-utils cmark-gfm   # validate reports
  protobuf-compiler golang-github-google-pprof-dev   # reads profiles with pprof's own definition
  chromium nodejs     # opens the HTML report
  python3-flask python3-apscheduler   # the service of the post-mortem
  uwsgi-core uwsgi-plugin-python3   # a server that loads the Python interpreter as a plugin
  python3-memory-profiler   # the real memory_profiler and mprof: goldens and readers
  python3-matplotlib  # mprof plot draws with it
  wrk hey nghttp2-client   # load generators that scripts/bench/replay.sh compares with
  nghttp2-server python3-grpcio   # real servers of HTTP/2 and gRPC
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
# npm packages by their checksums: they go where the build goes. Where one cannot be had, what needs it is left out.
# fetch_npm NAME VERSION SHA512
fetch_npm() {
  local name=$1 version=$2 digest=$3 to=build/npm/node_modules/$1 archive folder
  [ ! -f "$to/package.json" ] || return 0
  folder=$(mktemp -d)
  archive=$folder/$(tr / - <<<"${name#@}")-$version.tgz
  if (cd "$folder" && npm pack --silent "$name@$version" >/dev/null) &&
    echo "$digest  $archive" | sha512sum --check --quiet -; then
    mkdir -p "$to"
    tar xzf "$archive" -C "$to" --strip-components=1
    echo "setup: $name $version is in $to"
  else
    echo "setup: $name cannot be downloaded; what needs it will be left out" >&2
  fi
  rm -rf "$folder"
}

# The packages that FOLDER's package-lock.json lists with their checksums, into TO.
# fetch_npm_tree FOLDER TO
fetch_npm_tree() {
  cmp -s "$1/package-lock.json" "$2/package-lock.json" && [ -d "$2/node_modules" ] && return 0
  mkdir -p "$2"
  cp "$1/package.json" "$1/package-lock.json" "$2"
  if (cd "$2" && npm ci --ignore-scripts --no-audit --no-fund --silent >/dev/null); then
    echo "setup: the packages of $1 are in $2"
  else
    rm -rf "$2"
    echo "setup: the packages of $1 cannot be downloaded; what needs them will be left out" >&2
  fi
}

# tree-sitter-python is the grammar that leakline audit reads Python with (later versions need a later libtree-sitter);
# playwright-core drives Chromium; @actions/core is GitHub's own writer of workflow commands; speedscope opens our exports;
# the packages of tests/mcp are the official client of the Model Context Protocol.
fetch_npm_packages() {
  if ! command -v npm >/dev/null; then
    echo "setup: npm not found; leakline audit will not read Python, and tests that use Chromium or workflow commands will be skipped" >&2
    return 0
  fi
  fetch_npm tree-sitter-python 0.23.6 c8833dcf4a31288c53edb02d3ce860a1597a8135e59a5221b9eee58854f8a013c5fe585aec76b8750052f3602fea130c459a159c5248f0cea62fe4b05a82c3dc
  [ "${1:-}" != --build-only ] || return 0
  fetch_npm playwright-core 1.52.0 976a2c4e02d748c7ae2d938c2fda98383510a0f3e752c2ac6f9fcfe8b2767bab8f29751d3cae56621378cf4dc6f9835b5a618363860435ab8dbb864a733ade1e
  fetch_npm @actions/core 1.11.1 8572424ab9307c0e3a55df59deae1ca44a47075acbe4d1b4e3efeb6ea5bd777f824afb41d6d61ef144e90258b16b5be3d26fd42e095f10ad942b1306c42c6fe4
  fetch_npm_tree tests/mcp build/npm/mcp
  fetch_npm speedscope 1.20.0 2a3627c488d72223ef1ecd0e30d634bd415771a576682cc7da2c85e367db5cf229264a8a2f763802bc860c28f4e3586b6c8627384727f9397e9870015866c35d
}

if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: all ${#wanted[@]} packages are installed"
  fetch_npm_packages "${1:-}"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: not root, and sudo not found; install these packages as root: ${missing[*]}" >&2
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
fetch_npm_packages "${1:-}"
echo "setup: done"
