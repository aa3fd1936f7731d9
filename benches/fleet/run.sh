#!/bin/bash
# Measures what an update of the advisory database costs for a fleet of invented images.
#
#   benches/fleet/run.sh [IMAGES]
#
# Needs a Rust toolchain. The promise: 10,000 images are matched again after a day's change in at
# most 1 s, from reading the index to having it back on the disk.
set -euo pipefail
cd "$(dirname "$0")/../.."

images=${1:-10000}
cargo build --quiet --profile release-fast -p cofferdam
cargo build --quiet --profile release-fast -p cofferdam-vuln --examples
built=target/release-fast
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$built/examples/generation" data/starter.cdb "$work/before.cdb" "$work/after.cdb"
"$built/examples/fleet" "$work/before.cdb" "$work/data" "$images"
ls -l "$work/data/fleet/index.cfl"
cp "$work/data/fleet/index.cfl" "$work/index.cfl"
export COFFERDAM_DATA_DIR=$work/data
for _ in 1 2 3; do
    cp "$work/index.cfl" "$work/data/fleet/index.cfl"
    time "$built/cofferdam" fleet rematch --db "$work/after.cdb" > "$work/changes.txt"
done
head -n 3 "$work/changes.txt"
time "$built/cofferdam" fleet affected CVE-2026-90000 | tail -n 1
