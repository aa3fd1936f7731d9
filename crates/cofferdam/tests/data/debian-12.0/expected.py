#!/usr/bin/env python3
"""Writes cves.txt: the CVEs of `status` by the raw OSV records of Debian, and advisories (DSA) that
name no CVE, one a line with source package and fixed version ("-": none). Shares no code with Cofferdam; versions are compared by dpkg.

    expected.py DIRECTORY-OF-OSV-JSON > cves.txt
"""

import collections
import functools
import json
import pathlib
import subprocess
import sys

RELEASE = "Debian:12"
HERE = pathlib.Path(__file__).parent
FIELDS = "${source:Package} ${source:Version} ${db:Status-Status}\n"


@functools.cache
def less(a, b):
    return subprocess.run(["dpkg", "--compare-versions", a, "lt", b]).returncode == 0


def installed():
    command = ["dpkg-query", f"--admindir={HERE}", "-W", "-f", FIELDS]
    packages = collections.defaultdict(set)
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        name, version, state = line.split()
        if state == "installed":
            packages[name].add(version)
    return packages


def vulnerable(version, events):
    state = False
    for event in events:
        if "introduced" in event:
            state |= event["introduced"] == "0" or not less(version, event["introduced"])
        if "fixed" in event and not less(version, event["fixed"]):
            state = False
    return state


def rows(record, packages):
    for affected in record.get("affected", []):
        package = affected.get("package", {})
        if package.get("ecosystem") != RELEASE:
            continue
        for span in affected.get("ranges", []):
            fixed = [event["fixed"] for event in span["events"] if "fixed" in event]
            for version in packages.get(package["name"], ()):
                if span["type"] == "ECOSYSTEM" and vulnerable(version, span["events"]):
                    yield record["id"], package["name"], fixed[-1] if fixed else "-"


def main():
    packages = installed()
    found = set()
    for path in pathlib.Path(sys.argv[1]).rglob("*.json"):
        record = json.loads(path.read_text())
        names_cve = any("CVE-" in name for name in record.get("aliases", []) + record.get("related", []))
        if "CVE-" in record["id"] or not names_cve:
            found.update(rows(record, packages))
    for row in sorted(found):
        print(*row)


main()
