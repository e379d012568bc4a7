#!/usr/bin/env bash
# Rebuilds the chart libraries inside HTML reports (lib/report/assets) from pinned npm packages. They are committed,
# because a report must open without network and a build must not download: run this only to update them (change
# scripts/report_assets/package.json, and `npm install --package-lock-only` there).
# Needs npm. usage: scripts/report_assets.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
assets=$here/../lib/report/assets
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# The lock file holds the hash of every package: what is installed is what was reviewed, or nothing.
cp "$here"/report_assets/package.json "$here"/report_assets/package-lock.json .
npm ci --no-audit --no-fund --silent
cat > flame.js <<'JS'
export { default as flamegraph } from 'd3-flame-graph';
export { select } from 'd3-selection';
JS
npx esbuild flame.js --bundle --minify --format=iife --global-name=leaklineFlame --legal-comments=none --log-level=warning \
  --outfile=flame.min.js
cp flame.min.js "$assets/flamegraph.min.js"
cp node_modules/uplot/dist/uPlot.iife.min.js "$assets/uplot.min.js"
cp node_modules/uplot/dist/uPlot.min.css "$assets/uplot.min.css"

{
  echo "Third-party code in leakline's HTML reports: uplot.min.js and uplot.min.css are of uPlot as published;"
  echo "flamegraph.min.js is a bundle, made by scripts/report_assets.sh, of d3-flame-graph, d3-selection and what they need."
  for package in node_modules/*/; do
    name=$(basename "$package")
    case $name in esbuild | @esbuild) continue ;; esac
    echo
    printf '=%.0s' {1..100}
    printf '\n%s\n' "$(node -p 'const p = require(process.argv[1]); `${p.name} ${p.version} (${p.license})`' "./$package/package.json")"
    printf '=%.0s' {1..100}
    printf '\n'
    cat "$package"/LICENSE*
  done
} > "$assets/LICENSES.txt"
ls -l "$assets"
