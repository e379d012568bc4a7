#!/bin/bash
# Reading and recording heaps, against heaptrack's tools and the floor that zstd sets: ratios of interleaved runs, since
# machines are noisy and their neighbors too. From scripts/bench.sh heap, or by itself:
#
#   scripts/bench/heap.sh [--build DIR] [--events N] [--rounds N] [--only read|record|long]
#
# "long" (10 minutes at 100,000 events a second, and 2 million distinct (size, stack) pairs) runs only when asked for.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=build/release events=44000000 rounds=5 only=""
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$2; shift 2 ;;
    --events) events=$2; shift 2 ;;
    --rounds) rounds=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
done
bench=$build/bin/bench_heap leakline=$build/bin/leakline
for program in "$bench" "$leakline"; do
  [ -x "$program" ] || { echo "$program is missing: cmake --build $build --target bench_heap leakline_cli" >&2; exit 2; }
done
for tool in heaptrack heaptrack_print zstd; do
  command -v "$tool" > /dev/null || { echo "$tool is missing: scripts/setup.sh installs it" >&2; exit 2; }
done
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
export LC_ALL=C
TIMEFORMAT='%R %U %S'

# measure NAME COMMAND...: appends "wall cpu" to NAME's file
measure() {
  local name=$1 out; shift
  out=$({ time "$@" > "$work/out" 2> "$work/err"; } 2>&1) || { cat "$work/err" >&2; exit 1; }
  awk '{ print $1, $2 + $3 }' <<< "$out" >> "$work/$name.times"
}
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
wall() { awk '{ print $1 }' "$work/$1.times" | median; }
cpu() { awk '{ print $2 }' "$work/$1.times" | median; }
# ratio A B COLUMN: the median of the quotients of runs that followed each other
ratio() { paste "$work/$1.times" "$work/$2.times" | awk -v c="$3" '{ print $c / $(c + 2) }' | median; }
row() { printf '  %-44s %8s   goal %s\n' "$1" "$2" "$3"; }
# compare TEXT A B GOAL: by wall time, which the goal is about, and by cpu time, which busy neighbors do not change
compare() {
  printf '  %-44s %8.2f   goal %s   (cpu time: %.2f)\n' "$1" "$(ratio "$2" "$3" 1)" "$4" "$(ratio "$2" "$3" 2)"
}

read_files() {
  local infos=$1 count=$2 file=$work/made.zst
  echo "reading: $count events, $infos distinct (size, trace) pairs, $rounds interleaved rounds"
  "$bench" generate "$infos" "$count" | zstd -q -o "$file" -f
  rm -f "$work"/*.times
  for ((round = 0; round < rounds; ++round)); do
    measure floor zstd -qdc "$file"
    measure one "$bench" read "$file" 1
    cp "$work/out" "$work/one.out"
    measure two "$bench" read "$file" 2
    cp "$work/out" "$work/two.out"
    # heaptrack_print takes minutes: two rounds of it are enough to see a factor of ten
    [ "$round" -ge 2 ] || measure print heaptrack_print "$file"
  done
  cat "$work/one.out"
  printf '  zstd -dc %s s, one thread %s s, two threads %s s, heaptrack_print %s s (medians)\n' \
    "$(wall floor)" "$(wall one)" "$(wall two)" "$(wall print)"
  head -2 "$work/one.times" > "$work/one2.times"; head -2 "$work/two.times" > "$work/two2.times"
  if [ "$infos" -gt 1000000 ]; then
    compare "heaptrack_print / one thread" print one2 ">= 4"
    row "memory, MiB, one thread" "$(awk '{ print $NF / 1024 }' "$work/one.out")" "<= 100"
    row "memory, MiB, two threads" "$(awk '{ print $NF / 1024 }' "$work/two.out")" "<= 100"
  else
    compare "heaptrack_print / one thread" print one2 ">= 8"
    compare "heaptrack_print / two threads" print two2 ">= 12"
    compare "one thread / zstd -dc" one floor "<= 2"
    compare "two threads / zstd -dc" two floor "<= 1.3"
    row "memory, MiB, one thread" "$(awk '{ print $NF / 1024 }' "$work/one.out")" "<= 32"
    row "memory, MiB, two threads" "$(awk '{ print $NF / 1024 }' "$work/two.out")" "<= 32"
  fi
}

# Both tools end by naming the addresses, by the same interpreter: a third of a second that a program of any length costs.
# The program is long enough that recording is what is measured; that part is shown by itself.
record_program() {
  local count=$1
  echo "recording: an allocation-bound program of $count events, $rounds interleaved rounds"
  measure_recorders "$count"
  printf '  bare %s s, leakline record %s s (cpu %s s), heaptrack %s s (cpu %s s) (medians)\n' \
    "$(wall bare)" "$(wall leakline)" "$(cpu leakline)" "$(wall heaptrack)" "$(cpu heaptrack)"
  compare "leakline record / heaptrack, wall time" leakline heaptrack "<= 0.7"
  row "leakline record / heaptrack, total cpu" "$(printf %.2f "$(ratio leakline heaptrack 2)")" "<= 0.6"
  printf '  of which the unwinder: with libunwind in its place wall time %.2f, total cpu %.2f of heaptrack\n' \
    "$(ratio libunwind heaptrack 1)" "$(ratio libunwind heaptrack 2)"
  measure_recorders 100
  printf '  of which naming: leakline %s s (cpu %s s), heaptrack %s s (cpu %s s)\n' \
    "$(wall leakline)" "$(cpu leakline)" "$(wall heaptrack)" "$(cpu heaptrack)"
}

measure_recorders() {
  rm -f "$work"/*.times
  for ((round = 0; round < rounds; ++round)); do
    measure bare "$bench" churn "$1"
    measure leakline "$leakline" record -o "$work/run.leak" -- "$bench" churn "$1"
    measure libunwind env LEAKLINE_UNWINDER=libunwind "$leakline" record -o "$work/run.leak" -- "$bench" churn "$1"
    measure heaptrack heaptrack -o "$work/run" "$bench" churn "$1"
    rm -f "$work"/run.*
  done
}

# Prints the collecting process's memory every `step` seconds while a program is recorded.
watch_memory() {
  local step=$1; shift
  "$leakline" record -o "$work/long.leak" -- "$@" > /dev/null 2> "$work/err" &
  local recorder=$! collector=""
  while kill -0 "$recorder" 2> /dev/null; do
    sleep "$step"
    [ -n "$collector" ] || collector=$(pgrep -P "$recorder" -x heap-collector || true)
    [ -z "$collector" ] || awk -v at="$SECONDS" '/VmRSS/ { printf "  %4d s: collector %.1f MiB\n", at, $2 / 1024 }' \
      "/proc/$collector/status" 2> /dev/null || true
  done
  wait "$recorder"
  sed 's/^/  /' "$work/err"
  ls -l "$work/long.leak" | awk '{ printf "  recording file: %.2f MiB\n", $5 / 1048576 }'
}

case $only in
  "" | read) read_files 20000 "$events"; read_files 1200000 "$((events / 4))" ;;
esac
case $only in
  "" | record) record_program 20000000 ;;
esac
if [ "$only" = long ]; then
  echo "long: 2,000,000 distinct (size, stack) pairs"
  watch_memory 2 "$bench" pairs 2000000
  echo "long: 100,000 events per second for ten minutes"
  watch_memory 30 "$bench" steady 100000 600
fi
