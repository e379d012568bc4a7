#!/usr/bin/env bash
# What CI runs, as CI runs it (warnings are errors), after a check of the files that changed: clang-format and clang-tidy.
# usage: scripts/check.sh [--style | --sanitizers] [BASE]
#   BASE           commit to compare with: files that differ from it are checked; origin/main or else HEAD unless given
#   --style        check the files that changed and stop there
#   --sanitizers   also run the tests under the address, undefined-behavior and thread sanitizers (about four times as long)
set -euo pipefail
cd "$(dirname "$0")/.."
style_only= sanitizers= base=
for word in "$@"; do
  case $word in
    --style) style_only=1 ;;
    --sanitizers) sanitizers=1 ;;
    -*)
      sed -n 's/^# usage/usage/p' "$0" >&2
      exit 2
      ;;
    *) base=$word ;;
  esac
done
[ -n "$base" ] || base=$(git rev-parse --verify --quiet origin/main || git rev-parse HEAD)

scripts/format.sh "$base"

mapfile -t changed < <(git diff --name-only --diff-filter=d "$base" -- 'lib/*.cpp' 'apps/*.cpp')
if [ ${#changed[@]} -eq 0 ]; then
  echo "check: no source file differs from $base"
elif ! command -v clang-tidy >/dev/null; then
  echo "check: clang-tidy is not installed (scripts/setup.sh installs it)" >&2
  exit 2
else
  # Without precompiled headers: those of gcc are none for clang.
  [ -f build/tidy/compile_commands.json ] ||
    cmake --preset clang -B build/tidy -DLEAKLINE_PCH=OFF -DLEAKLINE_TESTS=OFF >/dev/null
  printf '%s\n' "${changed[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy -p build/tidy --quiet --warnings-as-errors='*' || {
    echo "check: clang-tidy found faults in the files above" >&2
    exit 1
  }
  echo "check: clang-tidy found nothing in ${#changed[@]} files"
fi
[ -z "$style_only" ] || exit 0

CI=true bash .ci/run
[ -n "$sanitizers" ] || exit 0
for preset in asan tsan; do
  LEAKLINE_PRESET=$preset scripts/test.sh -LE 'slow|unsanitized'
done
