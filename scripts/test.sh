#!/usr/bin/env bash
# Sets up the machine, builds, and runs all tests with ctest. Can be repeated: skips what is done.
# usage: scripts/test.sh [ctest arguments...]      e.g. scripts/test.sh -R heap
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${LEAKLINE_PRESET:-release}

scripts/setup.sh
[ -z "${CI:-}" ] || scripts/format.sh  # first: it takes seconds
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"
cmake --build --preset "$preset"
# Twice as many as processors: the long tests wait for half of their time.
ctest --preset "$preset" --parallel "${CTEST_PARALLEL_LEVEL:-$((2 * $(nproc)))}" "$@"
