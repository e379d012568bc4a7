#!/usr/bin/env bash
# trackd under load: POST /api/track of 1 KB over 32 connections from wrk, the service on one core and wrk on another,
# beside wrk's floor (a server that does nothing, tests/bench/http_floor.cpp), interleaved.
#
# A request's cost is the service's CPU time (all threads) divided by its requests, so that other load on the machine
# does not count against it; "per core" is a second divided by that.
# usage: scripts/bench.sh service [--build DIR] [--seconds 5] [--rounds 3] [--requests 1000000]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=build/release seconds=5 rounds=3 requests=1000000
while [ $# -gt 0 ]; do
  case "$1" in
    --build) build=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --rounds) rounds=$2; shift 2 ;;
    --requests) requests=$2; shift 2 ;;
    *) echo "bench: unknown option '$1'" >&2; exit 2 ;;
  esac
done
for tool in wrk taskset awk; do
  command -v $tool >/dev/null || { echo "bench: $tool is missing: apt-get install wrk util-linux" >&2; exit 2; }
done
cmake --build "$build" --target trackd bench_http_floor bench_service_costs >/dev/null

work=$(mktemp -d)
server=
cleanup() { [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT

cat >"$work/post.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local payload = string.rep("x", 930)
local n = 0
function request()
  n = n + 1
  return wrk.format(nil, "/api/track", nil,
    '{"user_id":"user_' .. (n * 7919 % 5000) .. '","events":[{"type":"click","n":' .. n .. ',"payload":"' .. payload .. '"}]}')
end
function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(99),
    summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
LUA

start() {  # command...: leaves $server and $port
  rm -f "$work/port"
  taskset -c 0 "$@" 2>"$work/log" &
  server=$!
  for _ in $(seq 200); do [ -s "$work/port" ] && break; sleep 0.05; done
  [ -s "$work/port" ] || { echo "bench: did not start: $*" >&2; cat "$work/log" >&2; exit 4; }
  port=$(cat "$work/port")
}
stop() { kill "$server"; wait "$server" 2>/dev/null || true; server=; }
cpu_ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$server/stat"; }
rss_kib() { awk '/VmRSS/ { print $2 }' "/proc/$server/status"; }
load() {  # seconds -> "requests duration_us p99_us errors"
  taskset -c 1 wrk -t1 -c32 -d"${1}s" -s "$work/post.lua" "http://127.0.0.1:$port" | awk '/^RESULT/ { print $2, $3, $4, $5 }'
}
trackd() { start "$build/bin/trackd" --listen 127.0.0.1:0 --port-file "$work/port" --threads 1 --mode bounded "$@"; }

one() {  # name command...
  local name=$1; shift
  "$@"
  load 1 >/dev/null
  local before after; before=$(cpu_ticks)
  read -r done us p99 errors <<<"$(load "$seconds")"
  after=$(cpu_ticks)
  stop
  awk -v name="$name" -v n="$done" -v us="$us" -v p99="$p99" -v e="$errors" -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" \
    'BEGIN { cpu = t * 1e6 / hz / n; printf "%-10s %9.0f %11.2f %12.0f %9.2f %7d\n", name, n * 1e6 / us, cpu, 1e6 / cpu, p99 / 1000, e }' |
    tee -a "$work/results"
}

echo "load of the machine: $(cut -d' ' -f1-3 /proc/loadavg) on $(nproc) cores (p99 means little unless this is quiet: compare with the floor's)"
echo "name       requests/s  CPU us/req  per core/s   p99 ms  errors"
for _ in $(seq "$rounds"); do
  one floor start "$build/bin/bench_http_floor" "$work/port"
  one store-off trackd --db none
  one store-on trackd --db "$work/events.db"
  rm -f "$work"/events.db*
done

echo
median() { awk -v name="$1" -v column="$2" '$1 == name { print $column }' "$work/results" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
goal() { awk -v what="$1" -v value="$2" -v relation="$3" -v bound="$4" \
  'BEGIN { ok = relation == ">=" ? value >= bound : value <= bound; printf "%-52s %10.2f  (goal %s %s) %s\n", what, value, relation, bound, ok ? "met" : "MISSED"; exit !ok }' || missed=1; }
missed=0
goal "POST/s per core, store off (median)" "$(median store-off 4)" ">=" 35000
goal "POST/s per core, store on, group commit (median)" "$(median store-on 4)" ">=" 15000
echo "p99 ms of the floor: $(median floor 5)"
goal "p99 ms at 32 connections, store off" "$(median store-off 5)" "<=" 5
goal "p99 ms at 32 connections, store on" "$(median store-on 5)" "<=" 5

read -r _ count <<<"$("$build/bin/bench_service_costs" | grep count)"
read -r _ watch <<<"$("$build/bin/bench_service_costs" | grep watch)"
share=$(awk -v c="$count" -v w="$watch" -v us="$(median store-off 3)" -v rate="$(median store-off 4)" \
  'BEGIN { print 100 * (c + w / rate) / (us * 1000) }')
goal "metrics and alerts, % of a request's CPU" "$share" "<=" 1

trackd --db none
sent=0 low= high=
while [ "$sent" -lt "$requests" ]; do
  read -r done _ <<<"$(load 2)"
  sent=$((sent + done))
  rss=$(rss_kib)
  [ -n "$low" ] || { low=$rss; high=$rss; }  # after the first two seconds the ring is full
  [ "$rss" -ge "$low" ] || low=$rss
  [ "$rss" -le "$high" ] || high=$rss
done
stop
goal "bounded: RSS range in MiB over $sent requests" "$(awk -v d=$((high - low)) 'BEGIN { print d / 1024 }')" "<=" 1
exit $missed
