#!/usr/bin/env bash
# Benchmarks of one area against the rivals that its issue names, in one interleaved run; the results are ratios.
# usage: scripts/bench.sh AREA [options of that bench]      AREA: a file of scripts/bench without its .sh
set -euo pipefail
cd "$(dirname "$0")/.."
area=${1:-}
if [ -z "$area" ] || [ ! -x "scripts/bench/$area.sh" ]; then
  [ -z "$area" ] || echo "bench: no bench '$area'" >&2
  echo "usage: scripts/bench.sh AREA; there is:" >&2
  for file in scripts/bench/*.sh; do [ -e "$file" ] && echo "  $(basename "$file" .sh)" >&2; done
  exit 2
fi
shift
exec "scripts/bench/$area.sh" "$@"
