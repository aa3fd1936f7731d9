#!/bin/bash
# Measures what a day's change of the advisory database costs those who follow a publication.
#
#   benches/publication/run.sh [RECORDS]
#
# Needs a Rust toolchain. The promise: the difference of a normal day has at most 1 % of the bytes of
# the whole.
set -euo pipefail
cd "$(dirname "$0")/../.."

records=${1:-17}
cargo build --quiet --profile release-fast -p cofferdam-vuln --examples
built=target/release-fast/examples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$built/generation" data/starter.cdb "$work/before.cdb" "$work/after.cdb" "$records"
for _ in 1 2 3; do
    "$built/delta" "$work/before.cdb" "$work/after.cdb"
done
