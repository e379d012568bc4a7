#!/usr/bin/env bash
# Finding holders beside LeakSanitizer's search of the same heap, in interleaved rounds: a list of N blocks of 100 bytes, which is a chain of as many
# pointers, and N/6 objects of strings in containers. Reports seconds of CPU, the pause of the process, and bytes of our memory per block beyond the
# copy of the program's own.
# Goals: 10 million blocks in 10 s of CPU, 64 bytes per block, 1 GiB of heap per second of CPU for the search.
# usage: scripts/bench.sh holders [--build DIR] [--blocks N] [--rounds N]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=build/release blocks=10000000 rounds=3
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$2 ;;
    --blocks) blocks=$2 ;;
    --rounds) rounds=$2 ;;
    *) echo "bench: unknown option '$1'" >&2; exit 2 ;;
  esac
  shift 2
done
work=$(mktemp -d)
pid=
finish() {
  [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

cat >"$work/heap.cpp" <<'CPP'
#include <unistd.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <string>
#include <vector>
struct Link { Link* next; char data[92]; };
struct Event { std::string user; std::vector<std::string> texts; };
Link* chain;
std::list<Event> events;
#ifdef LEAK_CHECK
extern "C" int __lsan_do_recoverable_leak_check();
#endif
int main(int argc, char** argv) {
  const bool objects = argv[1][0] == 'o';
  const long count = std::atol(argv[2]);
  if (!objects) for (long i = 0; i < count; ++i) chain = new Link{chain, {}};
  else for (long i = 0; i < count / 6; ++i) events.push_back({std::string(40, 'u'), std::vector<std::string>(3, std::string(50, 't'))});
#ifdef LEAK_CHECK
  timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  __lsan_do_recoverable_leak_check();
  clock_gettime(CLOCK_MONOTONIC, &b);
  std::printf("%.2f\n", (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9);
  std::fflush(stdout);
  _exit(0);
#endif
  std::puts("ready");
  std::fflush(stdout);
  for (;;) pause();
}
CPP
g++ -O2 -g "$work/heap.cpp" -o "$work/heap"
lsan=yes
g++ -O2 -g -DLEAK_CHECK -fsanitize=leak "$work/heap.cpp" -o "$work/heap_lsan" 2>/dev/null || lsan=no

printf '%-8s %5s %9s %9s %9s %12s %12s %12s\n' shape round cpu_s wall_s paused_ms heap_MiB bytes/block lsan_wall_s
for round in $(seq "$rounds"); do
  for shape in chain objects; do
    mkfifo "$work/ready"
    "$work/heap" "$shape" "$blocks" >"$work/ready" &
    pid=$!
    head -1 "$work/ready" >/dev/null
    rm "$work/ready"
    /usr/bin/time -o "$work/time" -f '%U %S %e %M' "$build/bin/leakline" holders --pid "$pid" --format json >"$work/report"
    kill "$pid"
    wait "$pid" 2>/dev/null || true
    pid=
    other=-
    [ $lsan = no ] || other=$("$work/heap_lsan" "$shape" "$blocks" 2>/dev/null || echo -)
    python3 - "$work" "$shape" "$round" "$other" <<'PY'
import json, sys
work, shape, each, lsan = sys.argv[1:]
report = json.load(open(work + "/report"))
user, system, wall, peak = map(float, open(work + "/time").read().split())
ours = (peak * 1024 - report["copied_bytes"]) / max(report["blocks"], 1)
print(f'{shape:8} {each:>5} {user + system:9.2f} {wall:9.2f} {report["paused_s"] * 1e3:9.0f} {report["bytes"] / 2**20:12.0f} {ours:12.0f} {lsan:>12}')
PY
  done
done
