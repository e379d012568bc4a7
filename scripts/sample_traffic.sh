#!/usr/bin/env bash
# Writes sample traffic as a log: 5,000 users, 11 requests per second on average, a daily curve; the same seed gives the same log.
# usage: scripts/sample_traffic.sh [DURATION] [FILE] [SEED]      # default: 24h day.jsonl 1, some 950,000 requests in 1.1 GB
set -euo pipefail
build=${BUILD:-$(dirname "$0")/../build/release}
exec "$build/bin/leakline" traffic --duration "${1:-24h}" --users 5000 --seed "${3:-1}" -o "${2:-day.jsonl}"
