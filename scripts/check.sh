#!/usr/bin/env bash
# Runs what CI runs, with warnings as errors. --sanitizers adds the tests under the address and undefined-behavior
# sanitizers, then under the thread sanitizer (about four times as long).
# usage: scripts/check.sh [--sanitizers]
set -euo pipefail
cd "$(dirname "$0")/.."
CI=true bash .ci/run
if [ "${1:-}" = --sanitizers ]; then
  for preset in asan tsan; do
    LEAKLINE_PRESET=$preset scripts/test.sh -LE 'slow|unsanitized'
  done
fi
