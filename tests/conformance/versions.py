#!/usr/bin/env python3
"""Checks the orders of versions against tables that other projects publish.

    tests/conformance/versions.py [--program target/debug/cofferdam] [--show] FILE...

A FILE is one of
  *.json        tests of the vers specification (comparison, equality, containment)
  *_test.go     tests of grype and claircore: literals with two versions and a number, or with a
                version, a constraint and whether it is satisfied
  compare.list  claircore's table of Maven versions: A < B
The ecosystem of a Go file comes from its name or directory. Prints for each file how many
comparisons agree; --show prints those that do not. None of these files is part of this repository.
"""
import argparse, json, re, subprocess, sys
from pathlib import Path

SCHEMES = {"apk": "alpine", "alpm": "arch", "gem": "rubygems"}
GO_NAMES = {
    "apk": "alpine", "deb": "debian", "gem": "rubygems", "golang": "go", "maven": "maven",
    "pacman": "arch", "pep440": "pypi", "rpm": "rpm", "ruby": "rubygems", "semantic": "semver",
}
SIGNS = {-1: "<", 0: "=", 1: ">"}
TEXT = r'"((?:[^"\\]|\\.)*)"'


def vers_spec(path):
    for test in json.loads(path.read_text())["tests"]:
        given, wanted = test["input"], test.get("expected_output")
        if test["test_type"] == "comparison":
            for a, b in zip(wanted, wanted[1:]):
                if a != b:
                    yield given["input_scheme"], a, "<", b
        elif test["test_type"] == "equality":
            a, b = given["versions"]
            yield given["input_scheme"], a, "=" if wanted else "!=", b
        elif test["test_type"] == "containment":
            scheme = given["vers"].split(":")[1].split("/")[0]
            yield scheme, given["version"], "in" if wanted else "not-in", given["vers"]


def go_source(path):
    name = path.name.split("_")[0]
    ecosystem = GO_NAMES.get(name) or GO_NAMES.get(path.parent.name)
    if not ecosystem:
        return
    source = path.read_text()
    # What grype's own configuration, or an expected error, changes is not about the order.
    source = re.sub(r"(?ms)^func \w*(WithConfig|Error|Nil|Different|Strip|Trim|Normalizer)\w*\(.*?^}", "", source)
    numbers = rf"\{{\s*(?:(?:name|description):\s*{TEXT},\s*)?(?:\w+:\s*)?{TEXT},\s*(?:\w+:\s*)?{TEXT},\s*(?:\w+:\s*)?(-?[01])\s*,?\s*(?:\w+:\s*false,?\s*)?\}}"
    for match in re.finditer(numbers, source):
        yield ecosystem, match[2], SIGNS[int(match[3 + 1])], match[3]
    for block in re.findall(r"\{[^{}]*satisfied:[^{}]*\}", source):
        field = lambda key: re.search(rf"\b{key}:\s*{TEXT}", block)
        version, constraint = field("version"), field("constraint")
        satisfied = re.search(r"satisfied:\s*(true|false)", block)
        if version and constraint and satisfied:
            yield ecosystem, version[1], "holds" if satisfied[1] == "true" else "fails", constraint[1]


def compare_list(path):
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            a, sign, b = line.split()
            yield "maven", a, sign.replace("==", "="), b


def rows_of(path):
    if path.suffix == ".json":
        return vers_spec(path)
    return go_source(path) if path.suffix == ".go" else compare_list(path)


def bounds(constraint):
    """Alternatives of comparisons: `> 1, < 2 || 3`."""
    sets = []
    for alternative in constraint.split("||"):
        parts = [part.strip(" '\\\"") for part in re.split(r"[,\s](?=\s*[<>=])|,", alternative) if part.strip()]
        sets.append([re.match(r"(<=|>=|<|>|=|)\s*(.*)", part).groups() for part in parts])
    return sets


def ask(program, questions):
    """What the program says of each (ecosystem, version, sign, version or range)."""
    answers = {}
    for ecosystem in sorted({question[0] for question in questions}):
        mine = [q for q in questions if q[0] == ecosystem]
        table = "".join(f"{a} {sign} {b}\n" for _, a, sign, b in mine)
        run = subprocess.run(
            [program, "vercmp", "--ecosystem", ecosystem, "--table", "-", "--format", "json"],
            input=table, capture_output=True, text=True)
        if run.returncode == 2:
            sys.exit(run.stderr)
        for question, answer in zip(mine, json.loads(run.stdout), strict=True):
            answers[question] = answer.get("is") or answer["error"]
    return answers


def is_known(program, ecosystem):
    run = subprocess.run([program, "vercmp", "--ecosystem", ecosystem, "1", "1"], capture_output=True)
    return run.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/debug/cofferdam")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("files", nargs="+", type=Path)
    options = parser.parse_args()
    total = agreed = 0
    for path in options.files:
        rows = [(SCHEMES.get(e, e), a, op, b) for e, a, op, b in rows_of(path)]
        rows = [row for row in dict.fromkeys(rows) if row[1].strip() == row[1] != "" and " " not in row[1]]
        unknown = {row[0] for row in rows if not is_known(options.program, row[0])} if rows else set()
        rows = [row for row in rows if row[0] not in unknown]
        if not rows:
            if unknown:
                print(f"{path}: not compared, no order for {', '.join(sorted(unknown))}")
            continue
        questions = []
        for ecosystem, a, op, b in rows:
            if op in ("holds", "fails"):
                questions += [(ecosystem, a, "?", v) for s in bounds(b) for _, v in s]
            else:
                questions.append((ecosystem, a, op if "in" in op else "?", b))
        answers = ask(options.program, list(dict.fromkeys(questions)))
        wrong = [row + (is_,) for row in rows if (is_ := verdict(row, answers)) is not None]
        total, agreed = total + len(rows), agreed + len(rows) - len(wrong)
        print(f"{path}: {len(rows) - len(wrong)} of {len(rows)}")
        for ecosystem, a, op, b, is_ in wrong if options.show else []:
            print(f"  {ecosystem}: {a} {op} {b}: {is_}")
    print(f"{agreed} of {total} comparisons agree")


def verdict(row, answers):
    """None if the program agrees, else what it says."""
    ecosystem, a, op, b = row
    if op not in ("holds", "fails"):
        is_ = answers[(ecosystem, a, op if "in" in op else "?", b)]
        right = is_ in "<>" if op == "!=" else is_ == op
        return None if right else is_
    said = [[(sign or "=", answers[(ecosystem, a, "?", v)]) for sign, v in s] for s in bounds(b)]
    strange = next((is_ for s in said for _, is_ in s if is_ not in "<=>"), None)
    if strange:
        return strange
    holds = any(all(is_ in sign for sign, is_ in s) for s in said)
    return None if holds == (op == "holds") else ("holds" if holds else "fails")


main()
