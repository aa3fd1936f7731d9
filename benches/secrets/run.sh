#!/bin/bash
# Measures the search for secrets over a directory, and gitleaks over the same where it is installed.
#
#   benches/secrets/run.sh [WORK_DIRECTORY]
#
# Needs a Rust toolchain, GNU time and mmdebstrap. The directory is a real Debian 12 root with git,
# curl and python3; it is made once and then reused.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(realpath -m "${1:-target/bench-scan}")
mkdir -p "$work"
for tool in mmdebstrap /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "could not measure: '$tool' is not installed" >&2; exit 2; }
done
INCLUDE=git,curl,python3 scripts/debian-image "$work/debian"
cargo build --quiet --release -p cofferdam-posture --example secrets
root=$work/debian/root
echo "root: $(du -sb "$root" | cut -f1) bytes, $(find "$root" -type f | wc -l) files"
format='%e s wall, %U s user, %S s system, %M KiB'
for _ in 1 2 3; do
    /usr/bin/time -f "secrets: $format" target/release/examples/secrets "$root"
done
if command -v gitleaks >/dev/null; then
    /usr/bin/time -f "gitleaks: $format" \
        gitleaks detect --no-git --no-banner --exit-code 0 -s "$root"
else
    echo "gitleaks is not installed, and is not measured"
fi
