#!/usr/bin/env bash
# Renders the README's picture, .github/report.png: the HTML report of the leaky reference service in Chromium, with the
# 256 most frequent colors (which halves the file).
# usage: scripts/report_picture.sh        needs the release build and chromium
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

code=0
build/release/bin/leakline diagnose --memory-limit 512MiB --traffic testdata/logs/track_small.jsonl \
  -o "$scratch/report.html" >/dev/null || code=$?
[ "$code" -eq 1 ] || { echo "report_picture: diagnose ended with exit code $code, expected 1" >&2; exit 1; }
sed -i "s|$PWD/||g" "$scratch/report.html"
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
  --user-data-dir="$scratch/profile" --hide-scrollbars --window-size=1060,1110 \
  --screenshot="$scratch/report.png" "file://$scratch/report.html" 2>/dev/null
python3 - "$scratch/report.png" .github/report.png <<'PYTHON'
import collections, struct, sys, zlib

def chunks(data):
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + size]
        at += 12 + size

def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]

parts = list(chunks(open(sys.argv[1], "rb").read()))
width, height, depth, kind = struct.unpack(">IIBB", parts[0][1][:10])
assert depth == 8 and kind in (2, 6), "8 bits per channel, RGB or RGBA"
step = 3 if kind == 2 else 4
raw = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
above, pixels = bytearray(width * step), []
for y in range(height):
    begin = y * (width * step + 1)
    method, row = raw[begin], bytearray(raw[begin + 1:begin + 1 + width * step])
    for i in range(len(row) if method else 0):
        left = row[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        row[i] = (row[i] + (0, left, above[i], (left + above[i]) // 2, paeth(left, above[i], corner))[method]) & 255
    pixels.append([bytes(row[i:i + 3]) for i in range(0, len(row), step)])
    above = row
counts = collections.Counter(pixel for row in pixels for pixel in row)
palette = [color for color, _ in counts.most_common(256)]
nearest = {color: min(range(len(palette)), key=lambda i: sum((a - b) ** 2 for a, b in zip(color, palette[i]))) for color in counts}
packed = zlib.compress(b"".join(b"\0" + bytes(nearest[pixel] for pixel in row) for row in pixels), 9)
with open(sys.argv[2], "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)) +
               chunk(b"PLTE", b"".join(palette)) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))
PYTHON
ls -l .github/report.png
