#!/usr/bin/env bash
# Runs each fuzz target with libFuzzer and sanitizers, from its corpus in testdata/fuzz, for SECONDS (60 unless given).
# What it finds goes to build/fuzz/found; the corpus is not changed.
# usage: scripts/fuzz.sh [SECONDS [TARGET...]]     TARGET: request_log, http_request, ...; all unless given
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
[ -f build/fuzz/build.ninja ] || cmake --preset fuzz
mapfile -t targets < <(ls testdata/fuzz)
[ $# -eq 0 ] || targets=("$@")
cmake --build --preset fuzz --target "${targets[@]/#/fuzz_}"
found=build/fuzz/found
mkdir -p "$found"
failed=0
for target in "${targets[@]}"; do
  scratch=$(mktemp -d)
  echo "== $target, $seconds s"
  "build/fuzz/bin/fuzz_$target" -max_total_time="$seconds" -timeout=20 -print_final_stats=1 -artifact_prefix="$found/$target-" \
    "$scratch" "testdata/fuzz/$target" > "$found/$target.log" 2>&1 || { failed=1; tail -n 40 "$found/$target.log"; }
  grep number_of_executed_units "$found/$target.log" || true
  rm -rf "$scratch"
done
exit "$failed"
