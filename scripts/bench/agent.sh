#!/bin/bash
# What leakline's agent costs in the program that it records, against nothing (twice: the difference is the noise), heaptrack and the
# profilers of jemalloc and gperftools where they are installed. Interleaved runs, medians of differences. From scripts/bench.sh agent, or
# by itself:
#
#   scripts/bench/agent.sh [--build DIR] [--rounds N] [--only pairs|requests|service|memory|read]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=build/release rounds=7 only=""
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$2; shift 2 ;;
    --rounds) rounds=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
done
bench=$build/bin/bench_agent agent=$build/lib/agent/libleakline_heap_agent.so
for file in "$bench" "$agent"; do
  [ -e "$file" ] || { echo "$file is missing: cmake --build $build --target bench_agent" >&2; exit 2; }
done
work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d); trap 'rm -rf "$work"' EXIT
export LC_ALL=C
first_of() { for file in "$@"; do [ -e "$file" ] && { echo "$file"; return; }; done; true; }
heaptrack=$(first_of /usr/lib/heaptrack/libheaptrack_preload.so /usr/local/lib/heaptrack/libheaptrack_preload.so)
jemalloc=$(first_of /usr/lib/*/libjemalloc.so.2) tcmalloc=$(first_of /usr/lib/*/libtcmalloc.so.4)
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# run VARIANT ARGUMENTS...: the bench's figure
run() {
  local variant=$1; shift
  case $variant in
    nothing | again) "$bench" "$@" ;;
    off) LD_PRELOAD=$agent "$bench" "$@" ;;
    heaptrack) DUMP_HEAPTRACK_OUTPUT=/dev/null LD_PRELOAD=$heaptrack "$bench" "$@" ;;
    jemalloc) LD_PRELOAD=$jemalloc "$bench" "$@" ;;
    jemalloc-prof) MALLOC_CONF=prof:true,lg_prof_sample:16,prof_prefix:$work/prof LD_PRELOAD=$jemalloc "$bench" "$@" 2> /dev/null ;;
    tcmalloc) LD_PRELOAD=$tcmalloc "$bench" "$@" ;;
    tcmalloc-prof) TCMALLOC_SAMPLE_PARAMETER=65536 LD_PRELOAD=$tcmalloc "$bench" "$@" ;;
    *) LEAKLINE_AGENT=$variant:$work LD_PRELOAD=$agent "$bench" "$@"; rm -f "$work"/[0-9]* ;;
  esac
}
variants="nothing again off 524288 65536 16384 1"
[ -z "$heaptrack" ] || variants="$variants heaptrack"
[ -z "$jemalloc" ] || variants="$variants jemalloc jemalloc-prof"
[ -z "$tcmalloc" ] || variants="$variants tcmalloc tcmalloc-prof"

# compare TITLE UNIT GOALS-OF-65536 COUNT-OF-FAST COUNT-OF-SLOW MODE
compare() {
  local title=$1 unit=$2 goal=$3 fast=$4 slow=$5 mode=$6 round variant count
  echo "$title ($rounds interleaved rounds; over 'nothing' of the same round)"
  for ((round = 0; round < rounds; ++round)); do
    for variant in $variants; do
      case $variant in 1 | heaptrack) count=$slow ;; *) count=$fast ;; esac
      run "$variant" "$mode" "$count" >> "$work/$mode.$variant"
    done
  done
  for variant in $variants; do
    paste "$work/$mode.$variant" "$work/$mode.nothing" | awk '{ print $1 - $2 }' | median > "$work/difference"
    printf '  %-14s %9.2f %s  %+9.2f  %+7.1f %%%s\n' "$variant" "$(median < "$work/$mode.$variant")" "$unit" "$(cat "$work/difference")" \
      "$(paste "$work/$mode.$variant" "$work/$mode.nothing" | awk '{ print ($1 / $2 - 1) * 100 }' | median)" \
      "$([ "$variant" != 65536 ] || echo "   goal $goal")"
  done
}

if [ -z "$only" ] || [ "$only" = pairs ]; then
  compare "a malloc/free pair, one block" ns "+2 ns" 2000000 200000 hot
  compare "a malloc/free pair, 1,000 live blocks" ns "+2 ns" 2000000 200000 many
  compare "the same, on two threads" ns "+2 ns" 4000000 200000 threads
fi
if [ -z "$only" ] || [ "$only" = requests ]; then
  compare "processor per request that builds a tree of 90 blocks (allocation is most of its work)" ns "none" 50000 5000 requests
fi
# serve VARIANT COUNT: us of CPU per request of trackd, which answers COUNT requests
serve() {
  local variant=$1 count=$2 pid preload="" extra=()
  case $variant in
    nothing | again) ;;
    heaptrack) preload=$heaptrack extra=(DUMP_HEAPTRACK_OUTPUT=/dev/null) ;;
    off) preload=$agent ;;
    *) preload=$agent extra=("LEAKLINE_AGENT=$variant:$work") ;;
  esac
  rm -f "$work/port"
  env "${extra[@]}" ${preload:+LD_PRELOAD="$preload"} "$build/bin/trackd" --mode bounded --db none --listen 127.0.0.1:0 \
    --port-file "$work/port" > /dev/null 2>&1 &
  pid=$!
  for ((tries = 0; tries < 500; ++tries)); do [ -s "$work/port" ] && break; sleep 0.02; done
  local target before after
  target=http://127.0.0.1:$(cat "$work/port")
  replay() { "$build/bin/leakline" replay "$work/traffic.jsonl" --target "$target" --pace max --rounds "$1" --format json > "$work/replay.json"; }
  spent() { cat "/proc/$pid"/task/*/schedstat | awk '{ ns += $1 } END { printf "%.0f", ns }'; }
  replay 1  # connections, caches and the heap settle
  before=$(spent)
  replay "$count"
  after=$(spent)
  kill "$pid"; wait "$pid" 2> /dev/null || true
  rm -f "$work"/[0-9]*
  awk -v ns=$((after - before)) -v requests=$((count * 2000)) 'BEGIN { print ns / requests / 1000 }'
}
if [ -z "$only" ] || [ "$only" = service ]; then
  [ -x "$build/bin/trackd" ] && [ -x "$build/bin/leakline" ] || { echo "cmake --build $build --target leakline_cli trackd" >&2; exit 2; }
  "$build/bin/leakline" traffic --requests 2000 --seed 7 -o "$work/traffic.jsonl" 2> /dev/null
  echo "CPU of trackd per request ($rounds interleaved rounds; over 'nothing' of the same round)"
  service_variants="nothing again 524288 65536 1${heaptrack:+ heaptrack}"
  for ((round = 0; round < rounds; ++round)); do
    for variant in $service_variants; do serve "$variant" 40 >> "$work/service.$variant"; done
  done
  for variant in $service_variants; do
    case $variant in 65536) goal="   goal +2 %" ;; 524288) goal="   goal +1 %" ;; *) goal="" ;; esac
    printf '  %-14s %9.2f us  %+7.1f %%%s\n' "$variant" "$(median < "$work/service.$variant")" \
      "$(paste "$work/service.$variant" "$work/service.nothing" | awk '{ print ($1 / $2 - 1) * 100 }' | median)" "$goal"
  done
fi
# RSS that the agent adds to a program that allocates: small at first, bounded in the end.
if [ -z "$only" ] || [ "$only" = memory ]; then
  echo "memory added by the agent"
  for variant in 65536 1024 64; do
    for blocks in 100000 2000000; do
      LEAKLINE_AGENT=$variant:$work LD_PRELOAD=$agent "$bench" keep $blocks
      printf '  %-8s %9s live blocks: %6s KiB of samples and stacks   goal 2048 at 65536, at most 16384\n' "$variant" "$blocks" \
        "$(du -sk "$work"/[0-9]* | awk '{ print $1 }')"
      rm -f "$work"/[0-9]*
    done
  done
fi
if [ -z "$only" ] || [ "$only" = read ]; then
  echo "reading a segment"
  LEAKLINE_AGENT=512:$work LD_PRELOAD=$agent "$bench" keep 90000
  "$bench" read "$(first_of "$work"/[0-9]*)"
fi
