#!/usr/bin/env python3
"""Compares 'cofferdam kube netpol list' with the expected outputs of netpol-analyzer.

usage: netpol-analyzer.py CHECKOUT [COFFERDAM]

CHECKOUT is a checkout of np-guard/netpol-analyzer: its tests/ has folders of manifests, its
test_outputs/connlist/ what is expected of them. Each folder for which there is a list of
connections counts once. Outputs are compared as sets: a line is (source, destination, ports);
ranges of addresses outside of the cluster are joined first, as they are cut where policies cut them,
which says nothing. Lines about IPv6, of which that program knows nothing, are left out.

Of reports about several networks, only the part about the cluster's own network counts.

Prints each folder that differs, with the lines that only one side has, and the counts at the end.
Where a known reason makes the difference, the folder is looked at again with the cause changed in a
copy (hostNetwork off, say), and has to agree then. Exit status 0 if every folder agrees or differs
for a reason listed in REASONS below.
"""

import ipaddress
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict

HOST = (
    "pods in the node's network are taken for pods like others there; policies do not apply to them",
    [(r"(hostNetwork['\"]?:\s*)true", r"\1false")],
)
ENDED = (
    "pods that have ended still have connections there",
    [(r"(phase['\"]?:\s*['\"]?)Succeeded", r"\1Running")],
)
INGRESS_PORT = (
    "an Ingress that names a port which its Service does not have leads to a pod there",
    [(r"port: 5000", "port: 8080")],
)
NETWORKS = ("user-defined networks of OVN-Kubernetes are not analysed (a gap says so)", None)

# Why folders differ, by the beginning of their names, and what to change to have them agree.
REASONS = {
    "ipblockstest": HOST,
    "multiple_topology_resources": HOST,
    "semanticDiff-same-topologies": HOST,
    "minikube_resources": ENDED,
    "k8s_ingress_test_new": INGRESS_PORT,
    "cudn_test": NETWORKS,
    "nad_test": NETWORKS,
    "udn_": NETWORKS,
}


def expected(outputs, name):
    """The lines expected of a folder, from a plain list or from the list in an exposure report."""
    plain = outputs / f"{name}_connlist_output.txt"
    exposure = outputs / f"{name}_exposure_output.txt"
    if plain.exists():
        return plain.read_text().splitlines()
    if exposure.exists():
        return exposure.read_text().split("Exposure Analysis Result:")[0].splitlines()
    return None


def parse(lines):
    """{(source, destination, ports)} of the cluster's own network, with addresses joined."""
    plain, outside = set(), defaultdict(list)
    for line in lines:
        if line.startswith("Permitted connectivity analyzed in secondary"):
            break
        if " => " not in line or " : " not in line:
            continue
        ends, ports = line.rsplit(" : ", 1)
        source, destination = (end.strip() for end in ends.split(" => "))
        ports = ports.strip()
        if source.endswith("[External]"):
            add(outside["from", destination, ports], source)
        elif destination.endswith("[External]"):
            add(outside["to", source, ports], destination)
        else:
            plain.add((source, destination, ports))
    for (direction, unit, ports), ranges in outside.items():
        for first, last in joined(ranges):
            text = f"{first}-{last}"
            plain.add((text, unit, ports) if direction == "from" else (unit, text, ports))
    return plain


def add(ranges, text):
    first, last = text.removesuffix("[External]").split("-")
    if ":" not in first:
        ranges.append((ipaddress.ip_address(first), ipaddress.ip_address(last)))


def joined(ranges):
    result = []
    for first, last in sorted(ranges):
        if result and int(first) <= int(result[-1][1]) + 1:
            result[-1][1] = max(result[-1][1], last)
        else:
            result.append([first, last])
    return result


def reason_for(name):
    return next((REASONS[start] for start in REASONS if name.startswith(start)), None)


def compare(program, folder, lines):
    """What only one side has, and what the program said if it failed."""
    command = [program, "kube", "netpol", "list", "--ip-blocks", "external", "--format", "txt"]
    run = subprocess.run([*command, folder], capture_output=True, text=True, timeout=60)
    wanted, found = parse(lines), parse(run.stdout.splitlines())
    return wanted - found, found - wanted, run.stderr if run.returncode else ""


def agrees_when_changed(program, folder, lines, changes):
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / folder.name
        shutil.copytree(folder, copy)
        for path in copy.rglob("*"):
            if path.is_file() and path.suffix in (".yaml", ".yml", ".json"):
                text = path.read_text()
                for pattern, replacement in changes:
                    text = re.sub(pattern, replacement, text)
                path.write_text(text)
        return compare(program, copy, lines) == (set(), set(), "")


def main():
    checkout = pathlib.Path(sys.argv[1])
    program = sys.argv[2] if len(sys.argv) > 2 else "cofferdam"
    agree, explained, differ = [], [], []
    for folder in sorted((checkout / "tests").iterdir()):
        lines = expected(checkout / "test_outputs" / "connlist", folder.name)
        if lines is None:
            continue
        only_expected, only_found, failure = compare(program, folder, lines)
        if not (only_expected or only_found or failure):
            agree.append(folder.name)
            continue
        text, changes = reason_for(folder.name) or (None, None)
        known = text and (not changes or agrees_when_changed(program, folder, lines, changes))
        if known:
            explained.append(folder.name)
            also = "; agrees with the cause changed" if changes else ""
            print(f"== {folder.name}: {text}{also}")
            continue
        differ.append(folder.name)
        print(f"== {folder.name}: differs\n{failure}")
        for sign, only in (("expected", only_expected), ("found", only_found)):
            for source, destination, ports in sorted(only):
                print(f"  only {sign}: {source} => {destination} : {ports}")
    total = len(agree) + len(explained) + len(differ)
    print(f"{total} folders: {len(agree)} agree, {len(explained)} differ for a known reason,", end=" ")
    print(f"{len(differ)} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main())
