#!/bin/bash
# Measures starting a container with `cofferdam run` against crun and runc doing the same: an
# unpacked root, all namespaces, a user namespace with the same ids, pids limit, Podman's default
# seccomp profile (Cofferdam brings its own, stricter one), /bin/true.
#
#   benches/run/run.sh [WORK_DIRECTORY]
#
# As root. Needs a Rust toolchain and Debian's packages crun, runc, hyperfine, jq, busybox-static,
# uidmap and golang-github-containers-common (Podman's seccomp profile).
set -euo pipefail
cd "$(dirname "$0")/../.."
# crun does not start where cgroup v2 has controllers beside cgroup v1. Without that mount, in a mount
# namespace of this script's own, all measure on cgroup v1.
if [ -d /sys/fs/cgroup/unified ] && [ -z "${BENCH_UNSHARED-}" ]; then
    BENCH_UNSHARED=1 exec unshare --mount sh -c 'umount /sys/fs/cgroup/unified && exec "$0" "$@"' \
        "$(realpath benches/run/run.sh)" "$@"
fi
work=$(realpath -m "${1:-target/bench-run}")
profile=/usr/share/containers/seccomp.json
for tool in crun runc hyperfine jq busybox; do
    command -v "$tool" >/dev/null || { echo "could not measure: '$tool' is not installed" >&2; exit 2; }
done
[ -r $profile ] || { echo "could not measure: '$profile' is missing" >&2; exit 2; }

cargo build --quiet --release -p cofferdam
scripts/build-runtime
cofferdam=$PWD/target/release/cofferdam

# Ids far from those of accounts, as Cofferdam uses for root without a line in /etc/subuid.
first=1879048192
rm -rf "$work"
mkdir -p "$work/root/bin" "$work/crun" "$work/runc" "$work/data"
for directory in proc dev sys etc tmp; do mkdir "$work/root/$directory"; done
cp "$(command -v busybox)" "$work/root/bin/busybox"
for applet in true sh; do ln -s busybox "$work/root/bin/$applet"; done
# The peers map owners by what the files are; Cofferdam maps the mount.
cp -a "$work/root" "$work/shifted"
chown -hR $first:$first "$work/shifted"
chmod 755 "$work" "$work/shifted"

# The names of architectures and conditions of Podman's profile are made what runtime-spec has, as
# for a container without capabilities on x86-64.
seccomp=$(jq '{defaultAction: .defaultAction, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    syscalls: [.syscalls[]
        | select((.includes.caps // []) == [])
        | select((.includes.arches // ["amd64"]) | index("amd64"))
        | select((.excludes.arches // []) | index("amd64") | not)
        | {names, action, args: (.args // [])} + (if .errnoRet then {errnoRet} else {} end)]}' $profile)
for peer in crun runc; do
    (cd "$work/$peer" && $peer spec)
    jq --argjson seccomp "$seccomp" --arg root "$work/shifted" --argjson first $first '
        .process.terminal = false | .process.args = ["/bin/true"]
        | .process.capabilities = {} | .process.noNewPrivileges = true
        | .root = {path: $root, readonly: true}
        | .linux.seccomp = $seccomp
        | .linux.resources.pids.limit = 2048
        | .linux.uidMappings = [{containerID: 0, hostID: $first, size: 65536}]
        | .linux.gidMappings = .linux.uidMappings
        | .linux.namespaces = ([("pid", "network", "ipc", "uts", "mount", "cgroup", "user") | {type: .}])
        | .mounts |= map(select(.type != "cgroup"))' \
        "$work/$peer/config.json" >"$work/$peer/new"
    mv "$work/$peer/new" "$work/$peer/config.json"
    $peer run --bundle "$work/$peer" "bench-$peer" </dev/null || {
        echo "could not measure: $peer does not start the container" >&2
        exit 2
    }
done

export COFFERDAM_DATA_DIR=$work/data
hyperfine --shell=none --warmup 5 --runs "${RUNS:-50}" --export-json "$work/run.json" \
    -n 'cofferdam --version' "$cofferdam --version" \
    -n 'cofferdam run' "$cofferdam run --rootfs $work/root true" \
    -n 'crun run' "crun run --bundle $work/crun bench-crun" \
    -n 'runc run' "runc run --bundle $work/runc bench-runc"
