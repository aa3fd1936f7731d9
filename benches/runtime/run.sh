#!/bin/bash
# Measures what `cofferdam-runtime run` takes beside the floor program, crun and runc: busybox,
# /bin/true, all namespaces, Podman's default seccomp profile, a control group.
#
#   benches/runtime/run.sh [WORK_DIRECTORY]
#
# As root. Needs a C compiler and Debian's packages crun, runc, hyperfine, jq, busybox-static, strace
# and golang-github-containers-common (Podman's seccomp profile). COFFERDAM_RUNTIME names a program
# that is there; else scripts/build-runtime builds it. RUNS (default: 50) is how often each is run.
set -euo pipefail
cd "$(dirname "$0")/../.."
# crun does not start where cgroup v2 has controllers beside cgroup v1. Without that mount, in a mount
# namespace of this script's own, all measure on cgroup v1.
if [ -d /sys/fs/cgroup/unified ] && [ -z "${BENCH_UNSHARED-}" ]; then
    BENCH_UNSHARED=1 exec unshare --mount sh -c 'umount /sys/fs/cgroup/unified && exec "$0" "$@"' \
        "$(realpath benches/runtime/run.sh)" "$@"
fi
work=$(realpath -m "${1:-target/bench-runtime}")
profile=/usr/share/containers/seccomp.json
for tool in cc crun runc hyperfine jq busybox strace; do
    command -v "$tool" >/dev/null || { echo "could not measure: '$tool' is not installed" >&2; exit 2; }
done
[ -r $profile ] || { echo "could not measure: '$profile' is missing" >&2; exit 2; }
if [ -z "${COFFERDAM_RUNTIME-}" ]; then
    scripts/build-runtime
    COFFERDAM_RUNTIME=$PWD/target/release/cofferdam-runtime
fi
ours=$(realpath "$COFFERDAM_RUNTIME")

rm -rf "$work"
mkdir -p "$work/state"
cc -O2 -Wall -static -o "$work/floor" benches/runtime/floor.c

# The names of architectures and conditions of Podman's profile are made what runtime-spec has, as
# for a container with Podman's default capabilities on x86-64.
seccomp=$(jq '{defaultAction: .defaultAction, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    syscalls: [.syscalls[]
        | select((.includes.caps // []) - ["CAP_SYS_CHROOT"] == [])
        | select((.includes.arches // ["amd64"]) | index("amd64"))
        | select((.excludes.caps // []) - (["CAP_SYS_CHROOT"]) == (.excludes.caps // []))
        | select((.excludes.arches // []) | index("amd64") | not)
        | {names, action, args: (.args // [])} + (if .errnoRet then {errnoRet} else {} end)]}' $profile)

# A bundle for each, with a root of its own; `ids` gives it a user namespace.
bundle() {
    local name=$1 ids=$2 directory
    directory=$work/$name
    mkdir -p "$directory"/rootfs/{bin,proc,dev,sys,etc,tmp}
    cp "$(command -v busybox)" "$directory/rootfs/bin/busybox"
    ln -s busybox "$directory/rootfs/bin/true"
    (cd "$directory" && runc spec)
    jq --argjson seccomp "$seccomp" --argjson ids "$ids" --arg group "/bench-$name" '
        .process.terminal = false | .process.args = ["/bin/true"] | .process.noNewPrivileges = true
        | .process.rlimits = [] | .process.capabilities.ambient = [] | .root.readonly = true
        | .linux.seccomp = $seccomp | .linux.cgroupsPath = $group | .linux.resources.pids.limit = 2048
        | .mounts |= map(select(.type != "cgroup"))
        | .linux.namespaces = ([("pid", "network", "ipc", "uts", "mount", "cgroup") | {type: .}])
        | if $ids then .linux.namespaces += [{type: "user"}]
            | .linux.uidMappings = [{containerID: 0, hostID: 1879048192, size: 65536}]
            | .linux.gidMappings = .linux.uidMappings else . end' \
        "$directory/config.json" >"$directory/new"
    mv "$directory/new" "$directory/config.json"
    if [ "$ids" = true ]; then
        chown -hR 1879048192:1879048192 "$directory/rootfs"
        chmod 755 "$work" "$directory"
    fi
}
for name in cofferdam crun runc; do
    bundle "$name" false
    bundle "$name-ids" true
done

call() {
    case $1 in
    floor) echo "$work/floor $work/cofferdam/rootfs /bin/true" ;;
    cofferdam*) echo "$ours --root $work/state run --bundle $work/$1 bench-$1" ;;
    crun*) echo "crun --root $work/state-crun run --bundle $work/$1 bench-$1" ;;
    runc*) echo "runc --root $work/state-runc run --bundle $work/$1 bench-$1" ;;
    esac
}
compare() {
    local name arguments=()
    for name in "$@"; do
        # shellcheck disable=SC2046
        $(call "$name") </dev/null || { echo "could not measure: $name does not start the container" >&2; exit 2; }
        arguments+=(-n "$name" "$(call "$name")")
    done
    hyperfine --shell=none --warmup 5 --runs "${RUNS:-50}" --export-json "$work/$1-$#.json" "${arguments[@]}" 2>/dev/null |
        grep -v '^$' >"$work/$1-$#.txt"
    jq -r '.results[] | "| \(.command) | \(.mean * 1000 * 10 | round / 10) ms | \(.min * 1000 * 10 | round / 10) ms |"' "$work/$1-$#.json"
}
printf '| | mean | least |\n|---|---:|---:|\n'
compare floor cofferdam crun runc
printf '\nwith a user namespace\n\n| | mean | least |\n|---|---:|---:|\n'
compare cofferdam-ids crun-ids runc-ids

printf '\nsystem calls of `run`, all processes\n\n| | |\n|---|---:|\n'
for name in floor cofferdam crun runc; do
    # shellcheck disable=SC2046
    strace -f -qq -o "$work/trace" $(call "$name") </dev/null
    printf '| %s | %d |\n' "$name" "$(grep -cvE 'resumed>|exited with|--- SIG' "$work/trace")"
done
printf '\nlargest resident memory of one process\n\n| | |\n|---|---:|\n'
for name in cofferdam crun runc; do
    # busybox takes the kernel's kilobytes for pages of four.
    # shellcheck disable=SC2046
    printf '| %s | %d KiB |\n' "$name" \
        "$(($( { busybox time -f %M $(call "$name") </dev/null; } 2>&1 | tail -n 1) / 4))"
done
