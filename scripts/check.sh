#!/usr/bin/env bash
# All that CI runs, as CI runs it: warnings are errors. With --sanitizers also the tests under the address and
# undefined-behaviour, then the thread sanitizer (about four times as long).
# usage: scripts/check.sh [--sanitizers]
set -euo pipefail
cd "$(dirname "$0")/.."
CI=true bash .ci/run
if [ "${1:-}" = --sanitizers ]; then
  for preset in asan tsan; do
    LEAKLINE_PRESET=$preset scripts/test.sh -LE 'slow|unsanitized'
  done
fi
