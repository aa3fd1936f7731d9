#!/bin/bash
# Measures the analysis of networks on a synthetic cluster.
#
#   benches/netpol/run.sh [PODS [POLICIES]]
#
# Needs a Rust toolchain. The promise: 10,000 pods and 5,000 policies, from a JSON dump to every
# connection, in at most 1 s and 300 MB.
set -euo pipefail
cd "$(dirname "$0")/../.."

pods=${1:-10000} policies=${2:-5000}
cargo build --quiet --profile release-fast -p cofferdam-kube --example network
network=target/release-fast/examples/network
dump=$(mktemp --suffix .json)
trap 'rm -f "$dump"' EXIT
"$network" write "$pods" "$policies" > "$dump"
for _ in 1 2 3; do
    time "$network" read "$dump"
done
