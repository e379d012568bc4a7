#!/usr/bin/env bash
# Makes the Debian package, installs it in a debootstrapped Debian 12, runs the README's quick start there as a user who is not
# root, removes the package, and compares the files before and after. Needs root, debootstrap, an apt mirror, and lintian for its
# part. Can be repeated: the base system is kept in build/package.
# usage: scripts/package/check_deb.sh [--no-build]
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$PWD/build/package
base=$folder/bookworm
root=$folder/root
mirror=${LEAKLINE_MIRROR:-http://deb.debian.org/debian}

if [ "${1:-}" != --no-build ]; then
  [ -f build/release/build.ninja ] || cmake --preset release
  cmake --build build/release --target leakline_cli trackd leakline_manual_pages
fi
mkdir -p "$folder"
rm -f "$folder"/*.deb
cpack --config build/release/CPackConfig.cmake -G DEB -B "$folder" >/dev/null
rm -rf "$folder/_CPack_Packages"
deb=$(ls "$folder"/leakline_*.deb)
echo "== $(dpkg-deb -W --showformat='${Package} ${Version}, depends: ${Depends}' "$deb")"
ls -l "$folder"/*.deb
if command -v lintian >/dev/null; then
  echo "== lintian"
  lintian --allow-root --fail-on error,warning "$folder"/*.deb && echo "lintian: no error, no warning"
fi

[ -f "$base.tar" ] || {
  debootstrap --variant=minbase bookworm "$base" "$mirror" >/dev/null
  tar -cf "$base.tar" -C "$base" .
  rm -rf "$base"
}
rm -rf "$root" && mkdir "$root" && tar -xf "$base.tar" -C "$root"
mount -t proc proc "$root/proc"
trap 'umount "$root/proc"; rm -rf "$root"' EXIT
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"; }
# What packages leave: not the state of apt and dpkg.
files() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache -o -path ./var/log \) -prune -o -print | sort); }

echo "deb $mirror bookworm main" >"$root/etc/apt/sources.list"
cp /etc/resolv.conf "$root/etc/"
inside apt-get update -qq
inside useradd --create-home user
files >"$folder/before"
cp "$deb" "$root/tmp/leakline.deb"
echo "== install"
inside apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends /tmp/leakline.deb >/dev/null
rm "$root/tmp/leakline.deb"
inside leakline --version
inside chmod 555 /home/user
mkdir -m 777 "$root/tmp/a folder"
echo "== quick start, as a user whose home is read-only"
as_user() { inside setpriv --reuid user --regid user --init-groups env HOME=/home/user sh -c "cd '/tmp/a folder' && $1"; }
as_user 'leakline doctor'
code=0
as_user 'leakline diagnose -o report.html -o diagnosis.json' >"$folder/diagnosis.txt" || code=$?
sed -n '1,/detection limit/p' "$folder/diagnosis.txt"
if [ $code -ne 1 ] || ! grep -q 'top line .*lib/service/track_user_behavior.cpp:50' "$folder/diagnosis.txt"; then
  echo "check_deb: the quick start ended with $code, or without the leaking line" >&2
  exit 1
fi
rm -r "$root/tmp/a folder"
echo "== remove"
inside apt-get purge -y -qq -o Dpkg::Use-Pty=0 --autoremove leakline >/dev/null
files >"$folder/after"
diff "$folder/before" "$folder/after" || {
  echo "check_deb: files are left" >&2
  exit 1
}
echo "check_deb: installed, ran and removed; no file is left"
