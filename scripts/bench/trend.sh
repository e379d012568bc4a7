#!/usr/bin/env bash
# The trend verdict, in one run on one machine:
#   - CPU of a verdict on 10 M samples (goal: <= 0.3 s), and on 2,000
#   - speed of reading them from CSV (goal: >= 400 MB/s), beside reading the bytes alone and beside wc -l
#   - resident memory of reading a file four times as long (it is bounded)
#   - precision, recall, coverage and the power curve on simulated traces
# usage: scripts/bench/trend.sh [BUILD_DIR]   (default build/release)
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
bin=$build/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rows=10000000
"$bin/bench_trend" generate "$rows" "$work/samples.csv"
"$bin/bench_trend" judge "$rows" | tee "$work/judge"
"$bin/bench_trend" read "$work/samples.csv" | tee "$work/read"
TIMEFORMAT='%U %S'
lines_s=$( { time wc -l "$work/samples.csv" >/dev/null; } 2>&1 | awk '{print $1 + $2}')
awk -v lines="$lines_s" '
  { value[$1] = $2 }
  END {
    printf "== %.3f s of CPU for 10 M samples (goal <= 0.3)\n", value["judge_s"]
    printf "== %.0f MB/s from CSV (goal >= 400); the bytes alone %.0f MB/s: ratio %.2f; wc -l %.0f MB/s\n",
      value["bytes"] / value["read_s"] / 1e6, value["bytes"] / value["bytes_s"] / 1e6,
      value["read_s"] / value["bytes_s"], value["bytes"] / (lines > 0 ? lines : 0.001) / 1e6
  }' "$work/judge" "$work/read"

# The same rows four times, each part later in time: what a file four times as long costs in memory.
awk -F, 'NR == 1 { print; next } { for (k = 0; k < 4; ++k) printf "%.0f,%s\n", $1 * 4 + k, $2 }' "$work/samples.csv" \
  >"$work/long.csv"
for file in samples long; do
  peak=$( { /usr/bin/env python3 - "$bin/leakline" "$work/$file.csv" <<'PY'
import resource, subprocess, sys
subprocess.run([sys.argv[1], "trend", sys.argv[2], "--inconclusive", "pass", "--quiet"], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PY
  } )
  printf '== %s.csv, %d MB: peak %s MiB resident\n' "$file" $(($(stat -c %s "$work/$file.csv") / 1000000)) "$peak"
done

"$bin/leakline" trend --self-test --traces "${TRACES:-50}" --seed 7 --inconclusive pass
