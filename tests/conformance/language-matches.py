#!/usr/bin/env python3
"""Checks the matches of a JSON report with raw OSV records, by code that shares nothing with ours.

    tests/conformance/language-matches.py REPORT... --records npm=DIR pypi=DIR golang=DIR cargo=DIR

Each DIR holds the OSV records of an ecosystem as JSON files. Versions are compared by the Python
package `packaging` and a few lines of Semantic Versioning. Records whose versions those cannot read,
and packages that the distribution owns, are left out.
"""
import argparse, collections, json, re
from pathlib import Path
from packaging.version import Version

ECOSYSTEMS = {"npm": "npm", "pypi": "PyPI", "golang": "Go", "cargo": "crates.io"}


def semantic(version):
    core, _, prerelease = version.lstrip("v").split("+")[0].partition("-")
    numbers = [int(part) for part in (core.split(".") + ["0", "0"])[:3]]
    words = [(0, int(w), "") if w.isdigit() else (1, 0, w) for w in prerelease.split(".")]
    return (numbers, not prerelease, words)


def canonical(kind, name):
    return re.sub(r"[-_.]+", "-", name).lower() if kind == "pypi" else name


def is_taken_back(record):
    """Copies that have lost the field `withdrawn` say so in words."""
    words = ("withdrawn", "advisory withdrawn", "cve has been withdrawn", "duplicate advisory", "reject")
    summary, details = record.get("summary", "").lower(), record.get("details", "").lower()
    return ("withdrawn" in summary[:40] or summary.startswith("duplicate advisory")
            or details.lstrip("#* \r\n").startswith(words))


def records(directories):
    found = collections.defaultdict(list)
    for kind, directory in directories:
        for path in Path(directory).rglob("*.json"):
            record = json.loads(path.read_text())
            if record.get("withdrawn") or is_taken_back(record):
                continue
            for affected in record.get("affected", []):
                package = affected.get("package", {})
                if package.get("ecosystem") == ECOSYSTEMS[kind]:
                    found[kind, canonical(kind, package["name"])].append((record, affected))
    return found


def is_affected(kind, affected, version):
    key = Version if kind == "pypi" else semantic
    installed = key(version.split("+")[0] if kind == "pypi" else version)
    ranges = [r for r in affected.get("ranges", []) if r["type"] in ("ECOSYSTEM", "SEMVER")]
    if not ranges:
        return any(key(v) == installed for v in affected.get("versions", []))
    return any(is_within(r["events"], affected, installed, key) for r in ranges)


def is_within(events, affected, installed, key):
    within = False
    for event in events:
        if "introduced" in event:
            start = event["introduced"]
            within |= start == "0" or installed >= key(start)
        elif "fixed" in event:
            within &= installed < key(event["fixed"])
        elif "last_affected" in event:
            within &= installed <= key(event["last_affected"])
    known = affected.get("database_specific", {}).get("last_known_affected_version_range")
    if within and known and not any("fixed" in e or "last_affected" in e for e in events):
        sign, last = re.match(r"(<=|<)\s*(\S+)", known).groups()
        return installed <= key(last) if sign == "<=" else installed < key(last)
    return within


def names(record):
    every = [record["id"], *record.get("aliases", [])]
    cves = sorted(name for name in every if name.startswith("CVE-"))
    github = sorted(name for name in every if name.startswith("GHSA-"))
    return cves or github[:1] or [record["id"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", nargs="+", type=Path)
    parser.add_argument("--records", nargs="+", required=True, metavar="KIND=DIR")
    options = parser.parse_args()
    known = records(pair.split("=", 1) for pair in options.records)
    for path in options.reports:
        report = json.loads(path.read_text())
        expected, count = set(), 0
        for package in report["packages"]:
            kind = package["kind"]
            if kind not in ECOSYSTEMS or package.get("owner") or not package["version"]:
                continue
            count += 1
            for record, affected in known[kind, canonical(kind, package["name"])]:
                try:
                    matches = is_affected(kind, affected, package["version"])
                except ValueError:
                    continue
                if matches:
                    expected |= {(name, f"{kind}:{package['name']}") for name in names(record)}
        found = {
            (finding["rule"], finding["subject"]) for finding in report["findings"]
            if finding["status"]["is"] == "fail" and finding["subject"].split(":")[0] in ECOSYSTEMS
        }
        print(f"{path}: {count} packages, {len(found)} matches, {len(expected)} expected, "
              f"{len(found & expected)} of both")
        for what, pairs in (("missing", expected - found), ("unexpected", found - expected)):
            for name, subject in sorted(pairs):
                print(f"  {what}: {name} {subject}")


main()
