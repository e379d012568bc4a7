#!/usr/bin/env bash
# Makes build/portable/leakline-VERSION-x86_64-portable.tar.gz, which needs glibc 2.35 or later and no package.
#
# 2.35 is what the recorder needs: it finds call frame information by glibc's _dl_find_object, because the older way takes a lock,
# which a library that runs within malloc must not wait for. All other libraries are linked statically, as Debian 12 has them. Only
# curl, which Debian has for many protocols and with as many libraries, is built from Debian's source, with fewer of them. heaptrack's
# interpreter, which names addresses, is that of Debian's package.
#
# Needs Debian 12, dpkg-dev, libbz2-dev and scripts/setup.sh --build-only. Where the mirror has no sources of Debian's security updates:
# LEAKLINE_SECURITY=no.
# usage: scripts/package/portable.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$PWD/build/portable
build=$folder/build
mirror=${LEAKLINE_MIRROR:-http://deb.debian.org/debian}
glibc=2.35

make_curl() {
  local apt=(apt-get -qq -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$folder/lists")
  mkdir -p "$folder/lists/partial"
  echo "deb-src $mirror bookworm main" >"$folder/sources.list"
  [ "${LEAKLINE_SECURITY:-yes}" = no ] || echo "deb-src $mirror-security bookworm-security main" >>"$folder/sources.list"
  "${apt[@]}" update
  rm -rf "$folder/curl-source"
  (cd "$folder" && "${apt[@]}" source --download-only curl && dpkg-source --no-check -x curl_*.dsc curl-source)
  cd "$folder/curl-source"
  # HTTP stays: Debian's security fixes do not compile without it.
  ./configure --prefix="$folder/curl" --disable-shared --with-openssl --without-zlib --without-brotli --without-zstd --without-libidn2 \
    --without-libpsl --without-librtmp --without-nghttp2 --without-libssh2 --without-gssapi --disable-ldap --disable-manual \
    --disable-ftp --disable-file --disable-dict --disable-telnet --disable-tftp --disable-rtsp --disable-pop3 --disable-imap \
    --disable-smb --disable-gopher --disable-mqtt --enable-smtp
  make -j"$(nproc)" -C lib install
  make -C include install
}
mkdir -p "$folder"
if [ ! -f "$folder/curl/lib/libcurl.a" ]; then
  echo "portable: curl"
  set +e
  (set -e; make_curl) >"$folder/curl.log" 2>&1
  set -e
  [ -f "$folder/curl/lib/libcurl.a" ] || { tail -20 "$folder/curl.log" >&2; exit 1; }
fi

echo "portable: leakline"
cmake -S . -B "$build" -G Ninja -D CMAKE_BUILD_TYPE=RelWithDebInfo -D LEAKLINE_TESTS=OFF -D LEAKLINE_PORTABLE=ON \
  -D CURL_INCLUDE_DIR="$folder/curl/include" -D CURL_LIBRARY="$folder/curl/lib/libcurl.a" -D CURL_NO_CURL_CMAKE=ON >"$folder/leakline.log"
cmake --build "$build" --target leakline_cli trackd leakline_manual_pages >>"$folder/leakline.log"
version=$(sed -n 's/^project(leakline VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
name=leakline-$version-x86_64-portable
stage=$folder/stage/$name
rm -rf "$folder/stage"
cmake --install "$build" --prefix "$stage" >/dev/null
install -D /usr/lib/heaptrack/libexec/heaptrack_interpret "$stage/lib/heaptrack/libexec/heaptrack_interpret"

# The licenses of what is in the programs.
licenses=$stage/share/doc/leakline/licenses
mkdir -p "$licenses"
for package in libboost1.74-dev libbz2-dev libcli11-dev libcurl4-openssl-dev libdw-dev libelf-dev libfmt-dev libgcc-12-dev libheaptrack liblzma-dev \
  libnghttp2-dev libpcre2-dev libsqlite3-dev libssl-dev libstdc++-12-dev libtree-sitter-dev libzstd-dev nlohmann-json3-dev zlib1g-dev; do
  cp "/usr/share/doc/$package/copyright" "$licenses/$package"
done
cat >"$licenses/README" <<README
The libraries in the programs of this package, and lib/heaptrack/libexec/heaptrack_interpret, by the names of the Debian 12 packages
that they are from. Their sources are Debian's: apt-get source NAME.
README

# No program asks for a later glibc or for another library, and neither do the libraries that leakline has inside.
check() {
  local headers newest others
  headers=$(objdump -p "$1")
  newest=$(grep -oE 'GLIBC_([0-9.]+|ABI\w+)' <<<"$headers" | sort -Vu | tail -1 || true)  # those of the ABI need 2.36
  others=$(awk '/NEEDED/ {print $2}' <<<"$headers" | grep -vE "^(libc\.so\.6|libm\.so\.6|ld-linux-x86-64\.so\.2${2:+|$2})$" | tr '\n' ' ' || true)
  if [ -n "$others" ] || [ "$(printf '%s\n' "GLIBC_$glibc" "$newest" | sort -V | tail -1)" != "GLIBC_$glibc" ]; then
    echo "portable: $1 needs ${newest:-no glibc}${others:+ and $others}" >&2
    exit 1
  fi
}
check "$stage/bin/leakline"
check "$stage/libexec/leakline/trackd"
check "$stage/lib/heaptrack/libexec/heaptrack_interpret" 'libstdc\+\+\.so\.6|libgcc_s\.so\.1'
mapfile -t inside < <(find "$build/lib" -name 'libleakline_*.so')
[ "${#inside[@]}" -gt 0 ] || { echo "portable: no libleakline_*.so in $build/lib" >&2; exit 1; }
for file in "${inside[@]}"; do check "$file"; done
tar czf "$folder/$name.tar.gz" -C "$folder/stage" --owner=0 --group=0 --sort=name "$name"
ls -l "$folder/$name.tar.gz"
