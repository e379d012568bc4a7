#!/usr/bin/env bash
# The replayer against wrk, hey and h2load, its reader against cat, its timing, its memory. Every figure is a median of
# interleaved runs, and every comparison a ratio: machines are noisy.
# usage: scripts/bench.sh replay [BUILD_DIR [RUNS [SECONDS]]]      (nginx, wrk, hey and h2load: see scripts/setup.sh)
set -euo pipefail

build=${1:-build/release}  # its bin/leakline is measured
runs=${2:-3}
seconds=${3:-5}
leakline=$(realpath "$build")/bin/leakline
work=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
cd "$work"

cores=$(nproc)
client=(taskset -c 0)
[ "$cores" -gt 1 ] && serve=(taskset -c "1-$((cores - 1))") || serve=()
port=$((20000 + RANDOM % 20000))

# One body of 1 KB, the same for everybody.
python3 - <<'PY'
import json
body = {"user_id": "user_00075", "events": []}
while len(json.dumps(body)) < 1024 - 90:
    body["events"].append({"type": "page_view", "page": "/products/13123", "load_ms": 1111})
text = json.dumps(body)
text = text[:-1] + ', "pad": "' + "x" * (1024 - len(text) - 11) + '"}'
assert len(text) == 1024, len(text)
open("body.json", "w").write(text)
open("wrk.lua", "w").write("wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\n"
                           "local f = io.open('body.json')\nwrk.body = f:read('*a')\nf:close()\n")
separator = "\n\U0001F435\U0001F648\U0001F649\n"
with open("log.gor", "w") as gor, open("log.jsonl", "w") as jsonl:
    for i in range(100_000):
        ts = 1_700_000_000_000_000_000 + i * 50_000
        gor.write(f"1 {i:024x} {ts} 0\nPOST /api/track HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                  f"Content-Length: 1024\r\n\r\n{text}{separator}")
        jsonl.write(json.dumps({"ts_ns": ts, "method": "POST", "url": "/api/track",
                                "headers": {"Content-Type": "application/json"}, "body": text},
                               separators=(",", ":")) + "\n")
PY
pad=$(printf 'x%.0s' $(seq 300))  # with shorter responses nginx takes 20,000 requests over HTTP/2 for a flood, and closes the connection
cat > nginx.conf <<CONF
daemon off; master_process off; worker_processes 1; pid $work/nginx.pid; error_log $work/error.log;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; client_body_temp_path $work/b; proxy_temp_path $work/p;
  fastcgi_temp_path $work/f; uwsgi_temp_path $work/u; scgi_temp_path $work/s;
  server { listen 127.0.0.1:$port; location / { default_type application/json; return 200 '{"status":"success"}'; } }
  server { listen 127.0.0.1:$((port + 1)) http2; location / { default_type application/json; return 200 '{"pad":"$pad"}'; } } }
CONF
"${serve[@]}" nginx -c "$work/nginx.conf" &
server=$!
for _ in $(seq 50); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.1; done

url=http://127.0.0.1:$port
http2=http://127.0.0.1:$((port + 1))
median() { sort -g | awk '{v[NR]=$1} END {print NR % 2 ? v[(NR+1)/2] : (v[NR/2]+v[NR/2+1])/2}'; }
field() { python3 -c 'import json,sys; d=json.load(sys.stdin); print(eval("d"+sys.argv[1]))' "$1"; }
replay() { "${client[@]}" "$leakline" replay "$1" --target "$url" --format json "${@:2}" 2>/dev/null || true; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }

# timed NAME COMMAND...: keeps the command's output in NAME.out and appends its processor time, in seconds, to NAME.cpu
timed() {
  local name=$1 TIMEFORMAT='%U %S'; shift
  { time "$@" > "$name.out" 2> "$name.err"; } 2>&1 | awk '{print $1 + $2}' >> "$name.cpu"
}
cost() { paste "$1.cpu" "$1.rate" | awk -v s="$seconds" '{print 1e6 * $1 / ($2 * s)}' | median; }

echo "max pace, 1 KB POST, 32 connections, client on one core, $runs interleaved runs of $seconds s"
for run in $(seq "$runs"); do
  for log in gor jsonl; do
    timed $log replay log.$log --pace max --connections 32 --rounds 0 --duration "${seconds}s"
    field '["rate"]' < $log.out >> $log.rate
  done
  timed wrk "${client[@]}" wrk -t1 -c32 -d"${seconds}s" -s wrk.lua "$url/api/track"
  awk '/Requests\/sec/ {print $2}' wrk.out >> wrk.rate
  GOMAXPROCS=1 timed hey "${client[@]}" hey -z "${seconds}s" -c 32 -m POST -T application/json -D body.json "$url/api/track"
  awk '/Requests\/sec/ {print $2}' hey.out >> hey.rate
done
for tool in gor jsonl wrk hey; do
  printf '  %-8s %10.0f requests/s %8.2f us of the client a request\n' "$tool" "$(median < $tool.rate)" "$(cost $tool)"
done
gor=$(median < gor.rate) jsonl=$(median < jsonl.rate) wrk=$(median < wrk.rate) hey=$(median < hey.rate)
echo "  .gor / wrk $(ratio "$gor" "$wrk") (goal 1.0), JSONL / wrk $(ratio "$jsonl" "$wrk") (goal 0.9), .gor / hey $(ratio "$gor" "$hey") (goal 3.5)"
# Where the server's core is the slower one, rates tell of the server; what a request costs the client does not.
echo "  by the client's processor time: $(ratio "$(cost wrk)" "$(cost gor)"), $(ratio "$(cost wrk)" "$(cost jsonl)"), $(ratio "$(cost hey)" "$(cost gor)")"

echo "HTTP/2: max pace, 1 KB POST, 1 connection with 32 streams, client on one core, $runs interleaved runs of $seconds s, h2load twice"
rm -f ./*.cpu ./*.rate
for run in $(seq "$runs"); do
  for log in gor jsonl; do
    url=$http2 timed $log replay log.$log --pace max --rounds 0 --duration "${seconds}s" --http2 --connections 1 --streams 32
    field '["rate"]' < $log.out >> $log.rate
  done
  for tool in h2load again; do
    timed $tool "${client[@]}" h2load -t1 -c1 -m32 -D "$seconds" -d body.json -H 'content-type: application/json' "$http2/api/track"
    awk '/^finished in/ {print $4}' $tool.out >> $tool.rate
  done
done
for tool in gor jsonl h2load again; do
  printf '  %-8s %10.0f requests/s %8.2f us of the client per request\n' "$tool" "$(median < $tool.rate)" "$(cost $tool)"
done
echo "  by the client's processor time: .gor / h2load $(ratio "$(cost h2load)" "$(cost gor)") (goal 1.0), JSONL / h2load $(ratio "$(cost h2load)" "$(cost jsonl)"), h2load / h2load $(ratio "$(cost h2load)" "$(cost again)")"

echo "reader (read, parse, serialize; no network), against cat of the same file"
for log in log.gor log.jsonl; do
  for copy in 1 2 3 4; do cat $log; done > large  # long enough for the start of the program not to count
  bytes=$(stat -c %s large)
  : > cat.s; : > read.s
  for run in $(seq "$runs"); do
    /usr/bin/env bash -c "TIMEFORMAT=%R; time cat large > /dev/null" 2>> cat.s
    /usr/bin/env bash -c "TIMEFORMAT=%R; time $leakline replay --dry-run large --target $url > /dev/null" 2>> read.s
  done
  awk -v b="$bytes" -v c="$(median < cat.s)" -v r="$(median < read.s)" -v n=$log \
    'BEGIN {c = c > 0 ? c : 0.001; printf "  %-10s %6.0f MB/s, cat %6.0f MB/s, ratio %.2f\n", n, b/r/1e6, b/c/1e6, c/r}'
done

echo "open loop, send lag in us"
for rate in 5000 20000; do
  for precise in "" --precise; do
    replay log.gor --pace "$rate/s" --connections 32 --rounds 0 --duration "${seconds}s" $precise > open.json
    printf '  %6s/s %-10s p50 %8.1f  p99 %8.1f  max %9.1f  achieved %8.0f/s\n' "$rate" "$precise" \
      "$(field '["send_lag_us"]["p50"]' < open.json)" "$(field '["send_lag_us"]["p99"]' < open.json)" \
      "$(field '["send_lag_us"]["max"]' < open.json)" "$(field '["rate"]' < open.json)"
  done
done

echo "memory: largest resident set"
rss() { python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1))' "$@"; }
for connections in 32 1000; do
  for rounds in 1 10; do
    printf '  %4d connections, %4d MB of log: %s MB\n' "$connections" "$((rounds * $(stat -c %s log.gor) / 1000000))" \
      "$(rss bash -c "for i in \$(seq $rounds); do cat log.gor; done | exec $leakline replay - --target $url --pace max --connections $connections")"
  done
done
