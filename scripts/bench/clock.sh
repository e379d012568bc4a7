#!/usr/bin/env bash
# What a scaled clock costs a service: ns that a call of clock_gettime takes longer than the C library's own, in turns with it. As
# the program is (noise), and under `leakline record` with a clock 1800 times as fast.
# usage: scripts/bench.sh clock [ROUNDS]
set -euo pipefail
build=${BUILD:-build/release}
rounds=${1:-300}
recording=$(mktemp)
trap 'rm -f "$recording"' EXIT
for _ in 1 2 3; do
  echo "machine's clock: $("$build/bin/clock_reader" "$rounds")"
  echo "scaled:          $("$build/bin/leakline" record --time-scale 1800 -o "$recording" -- "$build/bin/clock_reader" "$rounds" 2>/dev/null)"
done
