#!/usr/bin/env bash
# Benchmarks one area against comparable tools, in interleaved runs; the results are ratios.
# usage: scripts/bench.sh AREA [options of that bench]      AREA: agent, audit, clock, heap, holders, python, replay, sample, service, trend or verdicts
set -euo pipefail
cd "$(dirname "$0")/.."
area=${1:-}
if [ -z "$area" ] || [ ! -x "scripts/bench/$area.sh" ]; then
  [ -z "$area" ] || echo "bench: unknown area '$area'" >&2
  echo "usage: scripts/bench.sh AREA; areas:" >&2
  for file in scripts/bench/*.sh; do [ -e "$file" ] && echo "  $(basename "$file" .sh)" >&2; done
  exit 2
fi
shift
exec "scripts/bench/$area.sh" "$@"
