#!/usr/bin/env bash
# How often `leakline diagnose` is right: each of 8 healthy kinds of services and of 20 kinds of leaks is diagnosed several times, with
# the default options. Goals: no healthy service is called leaking, no leak is missed, at most 5 % of the leaks are inconclusive.
# Kinds whose compiler, runtime or allocator is not installed are named and left out.
# usage: scripts/bench.sh verdicts [--runs N] [--jobs N] [--only REGEX] [--keep DIR]
#   --runs N      runs of each kind (default 20)
#   --jobs N      runs at the same time (default 1; more is a busier machine)
#   --only REGEX  kinds whose name matches
#   --keep DIR    reports of the runs that went wrong (default build/verdicts)
# Ctrl-C prints the table of the runs so far.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${BUILD:-build/release} runs=20 jobs=1 only=. keep=build/verdicts
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=$2; shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --keep) keep=$2; shift 2 ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
done
leakline=$PWD/$build/bin/leakline programs=$PWD/$build/tests/programs sources=$PWD/tests/programs
[ -x "$leakline" ] && [ -x "$programs/growth_modes" ] || { echo "verdicts: cmake --build $build comes first" >&2; exit 2; }
mkdir -p "$keep"
keep=$(cd "$keep" && pwd)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

"$leakline" traffic --requests 1500 --seed 11 -o "$work/track.jsonl" 2>/dev/null
awk 'BEGIN { for (i = 0; i < 2000; ++i) printf "{\"ts_ns\":%d000000,\"method\":\"GET\",\"url\":\"/items/%d\"}\n", i * 5, i % 300 }' >"$work/gets.jsonl"
awk 'BEGIN { for (i = 0; i < 2000; ++i) printf "{\"ts_ns\":%d000000,\"method\":\"POST\",\"url\":\"/orders\",\"headers\":{\"Content-Type\":\"application/json\"},\"conn\":%d,\"body\":\"{\\\"request_id\\\":\\\"%08x-%04x-4%03x-a%03x-%012x\\\",\\\"user\\\":\\\"u%d\\\"}\"}\n",
  i * 5, i / 25, i * 2654435761 % 4294967296, i * 40503 % 65536, i * 977 % 4096, i * 331 % 4096, i * 99991, i % 40 }' >"$work/posts.jsonl"

names=() wanted=() logs=() commands=()
# kind NAME leak|no_leak LOG COMMAND...: what {port} is served by
kind() {
  [[ $1 =~ $only ]] || return 0
  local name=$1 verdict=$2 log=$3
  shift 3
  names+=("$name") wanted+=("$verdict") logs+=("$work/$log.jsonl") commands+=("$*")
}
# left_out WHAT KINDS...
left_out() { echo "verdicts: without $1: $2" >&2; }
# allocated_by NAME LIBRARY: a kind with and without a leak, linked with that allocator
allocated_by() {
  local library
  library=$(find /usr/lib /usr/local/lib -name "$2" -print -quit)
  if [ -z "$library" ]; then left_out "$2" "$1"; return; fi
  g++ -std=c++20 -O2 -g -pthread "$sources/growth_modes.cpp" -Wl,--no-as-needed "$library" -o "$work/$1"
  kind "$1-lru" no_leak gets "$work/$1" "{port}" lru 1000
  kind "$1-leak" leak gets "$work/$1" "{port}" leak
}
# runs_on NAME PROGRAM SCRIPT
runs_on() {
  if ! command -v "$2" >/dev/null; then left_out "$2" "$1"; return; fi
  kind "$1-bounded" no_leak gets "$2" "$3" "{port}" bounded
  kind "$1-leak" leak gets "$2" "$3" "{port}" leak
}
kind glibc-lru no_leak gets "$programs/growth_modes" "{port}" lru 1000
kind glibc-leak leak gets "$programs/growth_modes" "{port}" leak
allocated_by jemalloc "libjemalloc.so.2"
allocated_by tcmalloc "libtcmalloc_minimal.so.4"
allocated_by mimalloc "libmimalloc.so.2*"
if [ -x "$programs/rust_service" ]; then
  kind rust-bounded no_leak gets "$programs/rust_service" "{port}" bounded
  kind rust-leak leak gets "$programs/rust_service" "{port}"
else
  left_out rustc rust
fi
runs_on node node "$sources/node_service.js"
runs_on python python3 "$sources/python_service.py"
runs_on java java "$sources/JavaService.java"
kind trackd leak track "$PWD/$build/bin/trackd" --mode leaky --db none --listen "127.0.0.1:{port}"
kind late leak gets "$programs/growth_modes" "{port}" late 1500
kind timer leak gets "$programs/growth_modes" "{port}" timer
for mode in connection id order; do kind "$mode" leak posts "$programs/traffic_service" "{port}" "$mode"; done
for mode in files close_wait threads mappings zombies prefork; do kind "$mode" leak gets "$PWD/$build/bin/resource_service" "{port}" "$mode"; done

# one INDEX RUN: appends "exit-code wall cpu" to the kind's file
one() {
  local name=${names[$1]} code=0 report=$work/$1.$2.txt
  TIMEFORMAT='%R %U %S'
  # Each word of a command is one argument: no path here has spaces.
  { time "$leakline" diagnose --traffic "${logs[$1]}" --quiet -o "$report" -- ${commands[$1]} >/dev/null 2>"$work/$1.$2.err"; } 2>"$work/$1.$2.time" || code=$?
  echo "$code $(tail -1 "$work/$1.$2.time")" >>"$work/result.$1"
  local right=0
  [ "${wanted[$1]}" = no_leak ] || right=1
  if [ "$code" != "$right" ]; then cat "$report" "$work/$1.$2.err" >"$keep/$name.$2.txt" 2>/dev/null || true; fi
  rm -f "$work/$1.$2".*
}

print_table() {
  printf '%-18s %-8s %5s %5s %8s %13s %6s %10s %10s\n' kind right runs leak no_leak inconclusive other "median s" "CPU s/run"
  for index in "${!names[@]}"; do
    [ -s "$work/result.$index" ] || continue
    sort -k2,2n "$work/result.$index" | awk -v name="${names[$index]}" -v right="${wanted[$index]}" '
      { ++count[$1]; wall[NR] = $2; cpu += $3 + $4 }
      END {
        known = count[0] + count[1] + count[3]
        printf "%-18s %-8s %5d %5d %8d %13d %6d %10.1f %10.1f\n", name, right, NR, count[1], count[0], count[3], NR - known, wall[int((NR + 1) / 2)], cpu / NR
      }'
  done | tee "$work/table"
  awk '
    $2 == "no_leak" { healthy += $3; alarms += $4 }
    $2 == "leak" { leaking += $3; missed += $5; undecided += $6 }
    END {
      printf "healthy: %d of %d called leaking (goal 0)\n", alarms, healthy
      printf "leaks: %d of %d missed (goal 0), %d inconclusive: %.1f %% (goal at most 5 %%)\n", missed, leaking, undecided, leaking ? undecided * 100 / leaking : 0
    }' "$work/table"
}
# Kinds take turns, so that a table that is cut short by Ctrl-C holds about as many runs of each.
trap 'print_table; exit 130' INT TERM
for ((run = 1; run <= runs; ++run)); do
  for index in "${!names[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
    one "$index" "$run" &
  done
  [ ! -t 2 ] || printf '\rrun %d of %d started' "$run" "$runs" >&2
done
wait
print_table
