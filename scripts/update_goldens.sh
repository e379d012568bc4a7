#!/usr/bin/env bash
# Regenerates the expected outputs in testdata/golden from fixed input. Review the diff: a changed name breaks users.
# usage: scripts/update_goldens.sh [BUILD_DIR]     (default build/release)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}

scripts/golden_line_table.py testdata/golden/line_table/cases.json > testdata/golden/line_table/expected.txt.new
mv testdata/golden/line_table/expected.txt.new testdata/golden/line_table/expected.txt
LEAKLINE_UPDATE_GOLDEN=1 "$build/bin/test_report" --test-case='what schema 1 wrote*' > /dev/null
git diff --stat -- testdata/golden
