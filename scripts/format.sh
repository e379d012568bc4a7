#!/usr/bin/env bash
# Checks that C++ files are as clang-format 14 writes them by .clang-format; fails where one is not and shows the difference.
# usage: scripts/format.sh [--fix] [BASE]
#   BASE    commit to compare with: only files that differ from it are checked; all files unless given
#   --fix   write the files instead
set -euo pipefail
cd "$(dirname "$0")/.."
fix= base=
for word in "$@"; do
  case $word in
    --fix) fix=1 ;;
    -*)
      sed -n 's/^# usage/usage/p' "$0" >&2
      exit 2
      ;;
    *) base=$word ;;
  esac
done

# Other versions break lines in other places.
format=
for name in clang-format-14 clang-format; do
  if [ -z "$format" ] && command -v "$name" >/dev/null && "$name" --version | grep -q 'version 14\.'; then format=$name; fi
done
if [ -z "$format" ]; then
  echo "format: clang-format 14 is not installed (scripts/setup.sh installs it)" >&2
  exit 2
fi

patterns=('lib/*.cpp' 'lib/*.hpp' 'apps/*.cpp' 'apps/*.hpp' 'tests/*.cpp' 'tests/*.hpp')
if [ -n "$base" ]; then
  mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- "${patterns[@]}")
else
  # A release has no git.
  mapfile -t files < <(git ls-files "${patterns[@]}" 2>/dev/null || find lib apps tests -name '*.cpp' -o -name '*.hpp')
fi
[ ${#files[@]} -gt 0 ] && [ -n "${files[0]}" ] || { echo "format: no file to check"; exit 0; }

if [ -n "$fix" ]; then
  printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 20 "$format" -i
  exit 0
fi
if printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 20 "$format" --dry-run -Werror; then
  echo "format: ${#files[@]} files are as clang-format writes them"
else
  echo "format: scripts/format.sh --fix writes the files above as they should be" >&2
  exit 1
fi
