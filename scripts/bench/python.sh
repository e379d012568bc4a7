#!/bin/bash
# What leakline's agent costs in a Python service, against nothing (twice: the difference is the noise), tracemalloc with 1 and 25 frames,
# memory_profiler's @profile on the handler, and memray where it is installed. CPU per request of a Flask application, called as a WSGI
# server calls it (which a server's own work would only add to). Interleaved rounds, medians of ratios. From scripts/bench.sh python, or by itself:
#
#   scripts/bench/python.sh [--build DIR] [--rounds N] [--requests N]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=build/release rounds=7 requests=2000 python=/usr/bin/python3
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$2; shift 2 ;;
    --rounds) rounds=$2; shift 2 ;;
    --requests) requests=$2; shift 2 ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
done
agent=$build/lib/agent/libleakline_heap_agent.so
has() { "$python" -c "import $1" 2> /dev/null; }
[ -e "$agent" ] || { echo "$agent is missing: cmake --build $build --target leakline_heap_agent" >&2; exit 2; }
has flask || { echo "python3-flask is not installed" >&2; exit 2; }
work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d); trap 'rm -rf "$work"' EXIT
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD/testdata/python:$work
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

cat > "$work/service.py" <<'PY'
import os, sys
sys.argv = ["service", "0", "deque"]
from tracking_service import app
if os.environ.get("BENCH_PROFILE"):
    from memory_profiler import profile
    app.view_functions["track"] = profile(app.view_functions["track"], stream=open(os.devnull, "w"))
PY
cat > "$work/requests.py" <<'PY'
import io, json, sys, time
count, figure = int(sys.argv[1]), sys.argv[2]
from service import app
body = json.dumps({"user_id": "u17", "events": [{"type": "click", "page": "/cart", "at": i} for i in range(8)]}).encode()
def request():
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/api/track", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SCRIPT_NAME": "",
               "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
               "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http", "wsgi.version": (1, 0),
               "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False}
    return b"".join(app.wsgi_app(environ, lambda status, headers, error=None: None))
for _ in range(count // 5):
    request()
begin = time.process_time()
for _ in range(count):
    request()
print((time.process_time() - begin) / count * 1e6, file=open(figure, "w"))
PY

# with VARIANT COMMAND...: runs it so
with() {
  local variant=$1; shift
  case $variant in
    nothing | again) "$@" ;;
    tracemalloc-*) PYTHONTRACEMALLOC=${variant#tracemalloc-} "$@" ;;
    memory_profiler) BENCH_PROFILE=1 "$@" ;;
    *) LEAKLINE_AGENT=$variant:$work LD_PRELOAD=$agent "$@" ;;
  esac
}
variants="nothing again 65536 524288 tracemalloc-1 tracemalloc-25"
if has memory_profiler; then variants="$variants memory_profiler"; else echo "python3-memory-profiler is not installed"; fi

# us per request of the application in a loop
flask() {
  local count=$requests
  case $1 in tracemalloc-25 | memory_profiler) count=$((requests / 4)) ;; esac
  if [ "$1" = memray ]; then
    "$python" -m memray run -q -f -o "$work/memray.bin" "$work/requests.py" "$count" "$work/figure" > /dev/null
  else
    with "$1" "$python" "$work/requests.py" "$count" "$work/figure"
  fi
  rm -f "$work"/[0-9]* "$work"/memray.bin
  cat "$work/figure"
}
# compare TITLE FUNCTION VARIANTS
compare() {
  local title=$1 figure=$2 all=$3 round variant
  echo "$title ($rounds interleaved rounds; over 'nothing' of the same round)"
  for ((round = 0; round < rounds; ++round)); do
    for variant in $all; do "$figure" "$variant" >> "$work/$figure.$variant"; done
  done
  for variant in $all; do
    paste "$work/$figure.$variant" "$work/$figure.nothing" | awk '{ print $1 / $2 }' | median > "$work/ratio"
    printf '  %-16s %9.1f us  x %.3f  %+7.1f %%\n' "$variant" "$(median < "$work/$figure.$variant")" "$(cat "$work/ratio")" \
      "$(awk '{ print ($1 - 1) * 100 }' "$work/ratio")"
  done
}
if has memray; then variants="$variants memray"; else echo "memray is not installed"; fi
compare "CPU of a Flask application per request" flask "$variants"
