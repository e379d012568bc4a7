#!/usr/bin/env bash
# Sets up the machine, builds, and diagnoses the reference service twice with the same traffic: leaky (keeps every record)
# and bounded (keeps the newest 1000). Can be repeated: skips what is done.
# usage: scripts/demo.sh
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh --build-only
[ -f build/release/build.ninja ] || cmake --preset release
# 2.5 s of a core for each step of the build, where nothing else runs.
steps=$(cmake --build --preset release --target leakline_cli trackd -- -n | sed -n 's|^\[[0-9]*/\([0-9]*\)\].*|\1|p' | tail -1)
cores=$(nproc)
echo "demo: ${steps:-0} steps to build take about $(((${steps:-0} * 5 / 2 / cores + 59) / 60)) min on $cores idle cores; two diagnoses follow, of about 1 min each"
cmake --build --preset release --target leakline_cli trackd

leakline=build/release/bin/leakline
traffic=testdata/logs/track_small.jsonl
reports=build/demo
mkdir -p "$reports"

# diagnose MODE WANTED_EXIT_CODE
diagnose() {
  echo
  echo "== leakline diagnose --mode $1 --traffic $traffic --memory-limit 512MiB"
  echo
  local code=0
  "$leakline" diagnose --mode "$1" --traffic "$traffic" --memory-limit 512MiB \
    -o "$reports/$1.txt" -o "$reports/$1.json" -o "$reports/$1.md" -o "$reports/$1.html" || code=$?
  if [ "$code" -ne "$2" ]; then
    echo "demo: $1 mode ended with exit code $code, expected $2" >&2
    exit 1
  fi
}
diagnose leaky 1
diagnose bounded 0

echo
python3 - "$reports/leaky.json" "$reports/bounded.json" <<'PYTHON'
import json, sys

def cells(path):
    d = json.load(open(path))
    trend, lines = d["trend"], d["lines"]
    per_request, limit = trend.get("bytes_per_request"), trend.get("time_to_limit_h")
    top = lines[0] if lines else None
    return [
        d["verdict"],
        "-" if per_request is None else "%d [%d, %d] B" % tuple(round(per_request[key]) for key in ("estimate", "low", "high")),
        "-" if limit is None else "%.1f h" % limit["estimate"],
        "-" if top is None else "%s:%d, %s" % (top["file"].split("/")[-1], top["line"], top["class"]),
    ]

names = ["verdict", "growth per request", "512 MiB reached in", "fastest growing line"]
rows = [["", "leaky", "bounded"]] + [list(row) for row in zip(names, cells(sys.argv[1]), cells(sys.argv[2]))]
widths = [max(len(row[i]) for row in rows) for i in range(3)]
for i, row in enumerate(rows):
    print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    if i == 0:
        print("  ".join("-" * width for width in widths))
PYTHON
echo
echo "reports: $reports/leaky.{txt,json,md,html} $reports/bounded.{txt,json,md,html}"
