#!/usr/bin/env bash
# The README's table: trackd's four cache modes over 72 hours of the story's traffic, each replayed at two speeds.
#
#     scripts/soak.sh [SOAK_TIME]      # real time a mode, both speeds together; default 10m
#
# TRAFFIC=day.jsonl takes another log (leakline traffic --duration 24h -o day.jsonl has the daily curve); BUILD is the build's
# folder. Reports go to BUILD/../soak.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/release}
out=$(dirname "$build")/soak
mkdir -p "$out"
traffic=()
[ -z "${TRAFFIC:-}" ] || traffic=(--traffic "$TRAFFIC")
for mode in leaky bounded lru ttl; do
    code=0
    "$build/bin/leakline" diagnose --mode "$mode" --soak 72h --time-scale auto --soak-time "${1:-10m}" --memory-limit 512MiB \
        "${traffic[@]}" -o "$out/$mode.json" -o "$out/$mode.txt" -o "$out/$mode.html" >/dev/null || code=$?
    case $code in 0 | 1 | 3) ;; *) echo "soak.sh: $mode ended with $code, see $out/$mode.txt" >&2; exit "$code" ;; esac
done
python3 - "$out" <<'PYTHON'
import json, sys

def mib(value):
    return f"{value['estimate'] / 2**20:,.0f} MiB" if value else "not extrapolated"

print("| `--mode` | growth | replayed | after 72 h | 512 MiB after |\n| --- | --- | --- | ---: | ---: |")
for mode in ("leaky", "bounded", "lru", "ttl"):
    soak = json.load(open(f"{sys.argv[1]}/{mode}.json"))["soak"]
    runs = " and ".join(f"{run['hours']:.1f} h at {run['time_scale']:.0f}x" for run in soak["runs"])
    limit = soak["time_to_limit_h"]
    hours = f"{limit['estimate']:.1f} h ({limit['low']:.1f} to {limit['high']:.1f})" if limit else "-"
    print(f"| `{mode}` | {soak['growth']} | {runs} | {mib(soak['level_bytes'])} | {hours} |")
PYTHON
