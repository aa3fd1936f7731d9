#!/usr/bin/env python3
"""Compares `cofferdam lint` with what hadolint's own tests expect.

    tests/conformance/hadolint.py CHECKOUT [COFFERDAM]

CHECKOUT is a git checkout (or a git directory) of hadolint. Each `ruleCatches "DL…" TEXT` and
`ruleCatchesNot "DL…" TEXT` (and the `onBuild` forms) of test/Hadolint/Rule/*Spec.hs is a case: is
the rule that names DL… in its references reported for TEXT, or not? Cases whose text this script
cannot read out of the Haskell source, and rules that we do not have, are counted and named.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

CASE = re.compile(r"\b(ruleCatches|ruleCatchesNot|onBuildRuleCatches|onBuildRuleCatchesNot)\b\s*")
STRING = re.compile(r'"((?:[^"\\]|\\.|\\\s+\\)*)"', re.S)


def specs(checkout):
    git = ["git", "-C", checkout]
    names = subprocess.run(
        [*git, "ls-tree", "-r", "--name-only", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.split()
    for name in names:
        if re.fullmatch(r"test/Hadolint/Rule/DL\d+Spec\.hs", name):
            yield subprocess.run(
                [*git, "show", f"HEAD:{name}"], check=True, capture_output=True, text=True
            ).stdout


def literal(text):
    """A Haskell string literal, without its quotes."""
    text = re.sub(r"\\\s+\\", "", text)
    escapes = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'", "&": ""}
    return re.sub(r"\\(.)", lambda match: escapes.get(match.group(1), match.group(0)), text, flags=re.S)


def strings(text):
    return [literal(match.group(1)) for match in STRING.finditer(text)]


def bound(source, name, before):
    """The lines of the list that `name` was last bound to before this place."""
    found = None
    for match in re.finditer(rf"\b{re.escape(name)}\s*=\s*(?:Text\.unlines\s*(?:\$\s*)?)?\[", source[:before]):
        found = match
    if not found:
        single = None
        for match in re.finditer(rf"\b{re.escape(name)}\s*=\s*" + STRING.pattern, source[:before], re.S):
            single = match
        return literal(single.group(1)) if single else None
    at = found.end()
    while at < len(source) and source[at] != "]":
        text = STRING.match(source, at)
        at = text.end() if text else at + 1
    return "\n".join(strings(source[found.end() : at])) + "\n"


def cases(source):
    for match in CASE.finditer(source):
        rest = source[match.end() :]
        rule = re.match(r'"(DL\d+)"\s*', rest)
        if rule:
            code, rest = rule.group(1), rest[rule.end() :]
        else:
            named = re.match(r"(\w+)\s*", rest)
            code = named and bound(source, named.group(1), match.start())
            if not named or not code or not re.fullmatch(r"DL\d+", code):
                continue
            rest = rest[named.end() :]
        text = None
        if single := re.match(STRING.pattern, rest, re.S):
            text = literal(single.group(1))
        elif listed := re.match(r"(?:\$\s*|\(\s*)?Text\.unlines\s*(?:\$\s*)?(\w+)", rest):
            text = bound(source, listed.group(1), match.start())
        elif named := re.match(r"(?:\$\s*)?(\w+)\s*$", rest, re.M):
            text = bound(source, named.group(1), match.start())
        kind = match.group(1)
        yield code, kind.endswith("Catches"), kind.startswith("onBuild"), text


def as_trigger(text):
    return re.sub(r"(?m)^RUN\b", "ONBUILD RUN", text)


def main():
    checkout = sys.argv[1]
    program = sys.argv[2] if len(sys.argv) > 2 else "cofferdam"
    rules = json.loads(subprocess.run(
        [program, "rules", "--format", "json"], check=True, capture_output=True, text=True
    ).stdout)["rules"]
    ours = {
        reference["id"]: rule["id"]
        for rule in rules for reference in rule["references"] if reference["system"] == "hadolint"
    }
    todo, absent, unreadable = [], Counter(), Counter()
    for source in specs(checkout):
        configured = re.search(r"let \?config = def \{", source)
        for code, expected, trigger, text in cases(source):
            if code not in ours:
                absent[code] += 1
            elif text is None:
                unreadable[code] += 1
            elif configured:
                # Needs settings of hadolint's own.
                unreadable[code] += 1
            else:
                todo.append((code, expected, as_trigger(text) if trigger else text))
    with tempfile.TemporaryDirectory() as directory:
        paths = []
        for number, (_, _, text) in enumerate(todo):
            path = pathlib.Path(directory, f"{number}.Dockerfile")
            path.write_text(text + "\n")
            paths.append(str(path))
        report = json.loads(subprocess.run(
            [program, "lint", "--format", "json", *paths], check=True, capture_output=True, text=True
        ).stdout)
    found = defaultdict(set)
    for finding in report["findings"]:
        number = int(re.search(r"(\d+)\.Dockerfile", finding["subject"]).group(1))
        found[number].add(finding["rule"])
    agreed, wrong = Counter(), defaultdict(list)
    for number, (code, expected, text) in enumerate(todo):
        if (ours[code] in found[number]) == expected:
            agreed[code] += 1
        else:
            wrong[code].append((expected, text))
    for code, texts in sorted(wrong.items()):
        for expected, text in texts:
            print(f"{code} {'missed' if expected else 'reported'}: {text!r}")
    total = len(todo)
    print(f"{sum(agreed.values())} of {total} cases agree, in {len(set(agreed) | set(wrong))} rules")
    print(f"not compared: {sum(absent.values())} cases of rules that there are none for "
          f"({', '.join(sorted(absent))}), {sum(unreadable.values())} that the script cannot read or "
          f"that need settings ({', '.join(sorted(unreadable))})")


if __name__ == "__main__":
    main()
