#!/usr/bin/env bash
# Unpacks the portable package in debootstrapped distributions where nothing is installed for it, and diagnoses there, as a user
# who is not root: the reference service, and a small service of the distribution's Python. Needs root, debootstrap and the result of
# portable.sh. The base systems are kept in build/portable.
# usage: scripts/package/check_portable.sh [SUITE...]     default: jammy (Ubuntu 22.04, glibc 2.35) bookworm trixie (Debian 12, 13)
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$PWD/build/portable
debian=${LEAKLINE_MIRROR:-http://deb.debian.org/debian}
ubuntu=${LEAKLINE_UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu}
archive=$(ls "$folder"/leakline-*-portable.tar.gz)
[ $# -gt 0 ] || set -- jammy bookworm trixie

fail() {
  echo "check_portable: $1" >&2
  exit 1
}
# diagnose WANTED_LINE COMMAND: a leak in WANTED_LINE
diagnose() {
  local code=0
  as_user "$2" >"$folder/diagnosis.txt" 2>"$folder/diagnosis.err" || code=$?
  sed -n '1,/detection limit/p' "$folder/diagnosis.txt"
  if [ "$code" -ne 1 ] || ! grep -q "top line .*$1" "$folder/diagnosis.txt"; then
    cat "$folder/diagnosis.err" >&2
    fail "diagnose ended with $code, or without $1"
  fi
}
for suite in "$@"; do
  case $suite in
    focal | jammy | noble) mirror=$ubuntu ;;
    *) mirror=$debian ;;
  esac
  base=$folder/$suite.tar
  root=$folder/root
  [ -f "$base" ] || {
    debootstrap --variant=minbase --include=python3 "$suite" "$folder/$suite" "$mirror" >/dev/null
    tar -cf "$base" -C "$folder/$suite" .
    rm -rf "${folder:?}/$suite"
  }
  rm -rf "$root" && mkdir "$root" && tar -xf "$base" -C "$root"
  mount -t proc proc "$root/proc"
  mount -t tmpfs tmpfs "$root/dev/shm"
  trap 'umount "$root/proc" "$root/dev/shm"; rm -rf "$root"' EXIT
  inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"; }
  as_user() { inside setpriv --reuid user --regid user --init-groups env HOME=/home/user PATH=/opt/leakline/bin:/usr/bin:/bin sh -c "cd '/tmp/a folder' && $1"; }
  inside useradd --create-home user
  mkdir -p "$root/opt/leakline"
  tar -xf "$archive" -C "$root/opt/leakline" --strip-components=1
  mkdir -m 777 "$root/tmp/a folder"
  cat >"$root/tmp/a folder/service.py" <<'PYTHON'
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

kept = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        kept.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
PYTHON
  echo "== $suite, glibc $(inside getconf GNU_LIBC_VERSION | cut -d' ' -f2)"
  as_user 'leakline --version'
  as_user 'leakline doctor'
  diagnose lib/service/track_user_behavior.cpp:50 'leakline diagnose -o report.html'
  as_user 'leakline traffic --duration 10m -o traffic.jsonl'
  diagnose service.py:11 'leakline diagnose --traffic traffic.jsonl -- python3 service.py {port}'
  umount "$root/proc" "$root/dev/shm"
  rm -rf "$root"
  trap - EXIT
done
echo "check_portable: ran in $*"
