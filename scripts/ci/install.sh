#!/usr/bin/env bash
# Installs leakline's Debian package on the machine of a CI job. Nothing is built. Environment:
#   LEAKLINE_PACKAGE         path or URL of the package; "installed": nothing to do; empty: that of the release
#   LEAKLINE_RELEASE         address of the release's files
#   LEAKLINE_PACKAGE_SHA256  its checksum; empty: not checked
set -euo pipefail

package=${LEAKLINE_PACKAGE:-}
[ "$package" != installed ] || exit 0
[ -n "$package" ] || package=${LEAKLINE_RELEASE:?no LEAKLINE_PACKAGE and no LEAKLINE_RELEASE}/leakline_amd64.deb
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
case $package in
  https://* | http://*) curl -fsSL --retry 3 -o "$folder/leakline.deb" "$package" ;;
  *) cp "$package" "$folder/leakline.deb" ;;
esac
if [ -n "${LEAKLINE_PACKAGE_SHA256:-}" ]; then
  echo "$LEAKLINE_PACKAGE_SHA256  $folder/leakline.deb" | sha256sum --check --quiet -
fi
chmod 755 "$folder"  # apt reads it as another user
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$folder/leakline.deb"
leakline --version
