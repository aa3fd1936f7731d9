"""Writes matches.txt: what the raw advisories say about the packages in packages.txt.

Shares no code with Cofferdam: versions are compared by `dpkg --compare-versions` and by the Python
package univers 32 (Alpine, RPM). Argument: the directory with the unpacked advisories of
data/sources.toml, one directory a source: debian, alpine, almalinux.
"""
import collections, functools, glob, json, os, re, subprocess, sys
from univers.versions import AlpineLinuxVersion, RpmVersion

HERE, DATA = os.path.dirname(os.path.abspath(__file__)), sys.argv[1]


@functools.cache
def less(kind, a, b):
    if kind == "deb":
        return subprocess.run(["dpkg", "--compare-versions", a, "lt", b], stderr=subprocess.DEVNULL).returncode == 0
    order = AlpineLinuxVersion if kind == "apk" else RpmVersion
    if kind == "apk":  # what univers refuses: 3.3.3p1-r3, 10.0.11-0, 1.2.4_git20230717-r4
        a, b = (re.sub(r"-(\d+)$", r"-r\1", re.sub(r"(\d)p(\d)", r"\1_p\2", v)) for v in (a, b))
        a, b = (v.replace("_git", "_p") for v in (a, b))
    return order(a) < order(b)


def trees():
    found = {}
    for line in open(f"{HERE}/packages.txt"):
        line = line.rstrip("\n")
        if line.startswith("["):
            found[line[1:-1]] = packages = []
        elif line and not line.startswith("#"):
            packages.append(line.split(" "))
    # An older Debian 12: packages whose versions are those of their sources.
    sources = {name: source for name, version, _, source, of in found["debian-bookworm"] if version == of}
    old = [line.split() for line in open(f"{HERE}/debian-bookworm-slim-20241202.manifest")]
    old = [(name.split(":")[0], version) for name, version in old]
    found["debian-bookworm-20241202"] = [[n, v, "-", sources[n], v] for n, v in old if n in sources]
    return found


def ecosystem(tree):
    release = tree.split("-")[1]
    if tree.startswith("debian"):
        return "deb", "Debian:" + {"bullseye": "11", "bookworm": "12", "trixie": "13"}[release]
    if tree.startswith("alpine"):
        return "apk", "Alpine:" + (release if release == "edge" else "v" + release)
    if tree.startswith("alma"):
        return "rpm", "AlmaLinux:" + release
    return None, None


def rows():
    """(ecosystem, package) -> (record, direct, CVEs, introduced, fixed, last affected)"""
    table = collections.defaultdict(set)
    for source in ("debian", "almalinux"):
        for path in glob.glob(f"{DATA}/{source}/**/*.json", recursive=True):
            record = json.load(open(path))
            direct = record["id"].startswith("CVE-")
            cves = sorted(c for c in record.get("related", []) if c.startswith("CVE-"))
            if record["id"][:4] in ("ALBA", "ALEA") and not cves:
                continue
            about = tuple([record["id"]] if direct else cves or [record["id"]])
            for affected in record["affected"]:
                package = affected.get("package")
                for range_ in affected["ranges"] if package else []:
                    if range_["type"] != "ECOSYSTEM":
                        continue
                    events = {k: v for event in range_["events"] for k, v in event.items()}
                    assert len(events) == len(range_["events"]), path
                    table[package["ecosystem"], package["name"]].add(
                        (record["id"], direct, about, events["introduced"], events.get("fixed"), events.get("last_affected"))
                    )
    for path in glob.glob(f"{DATA}/alpine/**/*.json", recursive=True):
        repository = json.load(open(path))
        for package in (entry["pkg"] for entry in repository["packages"]):
            for version, ids in package["secfixes"].items():
                for id_ in (i.split() for i in ids):
                    cve = next((i for i in id_ if i.startswith("CVE-")), id_[0])
                    table["Alpine:" + repository["distroversion"], package["name"]].add((cve, True, (cve,), "0", version, None))
    return table


def state(kind, version, row):
    _, _, _, introduced, fixed, last = row
    assert last is None
    after = introduced == "0" or not less(kind, version, introduced)
    if fixed is None:
        return ("unfixed", "-") if after else ("not-affected", "-")
    if fixed == "0":
        return "not-affected", "-"
    if not less(kind, version, fixed):
        return "fixed", "-"
    return ("affected", fixed) if after else ("not-affected", "-")


RANK = ["not-affected", "fixed", "affected", "unfixed"]


def main():
    table = rows()
    with open(f"{HERE}/matches.txt", "w") as out:
        for tree, packages in trees().items():
            kind, eco = ecosystem(tree)
            if kind is None:
                continue
            result = collections.defaultdict(list)
            for name, version, _, source, source_version in packages:
                key, compared = (name, version) if kind == "rpm" else (source, source_version)
                mine = [row for row in table.get((eco, key), ()) if not (kind == "rpm" and ".module" in row[4])]
                direct = {row[0] for row in mine if row[1]}
                opinions = collections.defaultdict(list)
                for row in mine:
                    for cve in row[2]:
                        if row[1] or cve not in direct:
                            opinions[cve].append(state(kind, compared, row))
                for cve, all_ in opinions.items():
                    top = max(all_, key=lambda s: RANK.index(s[0]))[0]
                    best = "-"
                    for fixed in (f for s, f in all_ if s == top == "affected"):
                        if best == "-" or less(kind, best, fixed):
                            best = fixed
                    result[source, cve].append((top, best))
            counts = collections.Counter()
            lines = []
            for (source, cve), all_ in sorted(result.items()):
                top = max(all_, key=lambda s: RANK.index(s[0]))[0]
                counts[top] += 1
                if top in ("affected", "unfixed"):
                    fixes = sorted({f for s, f in all_ if s in ("affected", "unfixed")})
                    lines.append(f"{source} {cve} {','.join(fixes)}\n")
            out.write(f"[{tree}] " + " ".join(f"{counts[s]}" for s in RANK) + "\n")
            out.writelines(lines)


main()
