#!/usr/bin/env bash
# The table in lib/analysis/README.md: trackd's four cache modes over 72 hours of sample traffic (5,000 users, 11 requests
# per second, a daily curve), each replayed at two speeds.
#
#     scripts/soak.sh [MODE...]        # default: leaky bounded lru ttl; about 20 minutes per mode, leaky 5
#     scripts/soak.sh --table          # only the table, from existing reports
#
# Environment: TIME_SCALE (default: auto), TRAFFIC (a log of scripts/sample_traffic.sh), BUILD (the build folder).
# Reports go to BUILD/../soak. Modes that run at the same time slow each other down; their memory is not affected.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/release}
out=$(dirname "$build")/soak
mkdir -p "$out"
modes=(leaky bounded lru ttl)
run=("$@")
[ $# -gt 0 ] || run=("${modes[@]}")
[ "${1:-}" != --table ] || run=()

traffic=${TRAFFIC:-$out/day.jsonl}
if [ ${#run[@]} -gt 0 ] && [ ! -e "$traffic" ]; then BUILD=$build scripts/sample_traffic.sh 24h "$traffic"; fi
for mode in "${run[@]}"; do
    code=0
    "$build/bin/leakline" diagnose --mode "$mode" --soak 72h --time-scale "${TIME_SCALE:-auto}" --memory-limit 512MiB \
        --traffic "$traffic" -o "$out/$mode.json" -o "$out/$mode.txt" -o "$out/$mode.html" >/dev/null || code=$?
    case $code in 0 | 1 | 3) ;; *) echo "soak.sh: $mode ended with $code, see $out/$mode.txt" >&2; exit "$code" ;; esac
done
python3 - "$out" "${modes[@]}" <<'PYTHON'
import json, os, sys

ENDS = {"whole": "", "decided": "", "limit": " (then at its limit)", "killed": " (then OOM-killed)", "time": " (cut off)"}

def mib(value):
    return f"{value['estimate'] / 2**20:,.0f} MiB" if value else "not extrapolated"

def replayed(run):
    return f"{run['hours']:.1f} h at {run['time_scale']:.0f}x{ENDS.get(run['end'], ' (stopped)')}"

print("| `--mode` | verdict | growth | replayed | after 72 h | 512 MiB after, predicted | and seen |")
print("| --- | --- | --- | --- | ---: | ---: | ---: |")
for mode in sys.argv[2:]:
    path = f"{sys.argv[1]}/{mode}.json"
    if not os.path.exists(path):
        continue
    report = json.load(open(path))
    soak = report["soak"]
    limit = soak["time_to_limit_h"]
    hours = f"{limit['estimate']:.1f} h ({limit['low']:.1f} to {limit['high']:.1f})" if limit else "-"
    seen = [run["limit_reached_h"] for run in soak["runs"] if run["limit_reached_h"]]
    print(f"| `{mode}` | {report['verdict'].replace('_', ' ')} | {soak['growth']} | {' and '.join(map(replayed, soak['runs']))} "
          f"| {mib(soak['level_bytes'])} | {hours} | {f'{seen[0]:.1f} h' if seen else '-'} |")
PYTHON
