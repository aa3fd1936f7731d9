//! Every lint rule reports what it is about and leaves the better way alone; fixes fix; nothing
//! panics.

use std::collections::BTreeSet;

use cofferdam_finding::{Applicability, Finding, Severity};
use cofferdam_posture::lint::{NOT_UNDERSTOOD, Options, apply, lint, rules};
use proptest::prelude::*;

/// Rule, a file that breaks it, one that does not.
const CASES: &[(&str, &str, &str)] = &[
    ("untagged-base", "FROM debian", "FROM debian:12 AS a\nFROM a\nFROM scratch\nFROM $BASE"),
    ("latest-base", "FROM debian:latest", "FROM debian:latest@sha256:aa"),
    ("unpinned-base", "FROM debian:12", "FROM debian:12@sha256:aa"),
    ("fixed-platform", "FROM --platform=linux/amd64 a:1", "FROM --platform=$BUILDPLATFORM a:1"),
    ("redundant-platform", "FROM --platform=$TARGETPLATFORM a:1", "FROM a:1"),
    ("no-from-first", "RUN a\nFROM b:1", "ARG A=1\nFROM b:$A"),
    ("duplicate-stage", "FROM a:1 AS x\nFROM b:1 AS x", "FROM a:1 AS x\nFROM b:1 AS y"),
    ("reserved-stage-name", "FROM a:1 AS scratch", "FROM a:1 AS build"),
    (
        "copy-from-unknown",
        "FROM a:1\nCOPY --from=x a /b",
        "FROM a:1 AS x\nFROM b:1\nCOPY --from=0 a /b",
    ),
    (
        "copy-from-self",
        "FROM a:1 AS x\nCOPY --from=x a /b",
        "FROM a:1 AS x\nFROM b:1\nCOPY --from=x a /b",
    ),
    ("copy-everything", "FROM a:1\nCOPY --from=x / /", "FROM a:1\nCOPY --from=x /app /"),
    ("nested-trigger", "FROM a:1\nONBUILD FROM b", "FROM a:1\nONBUILD RUN b"),
    ("root-user", "FROM a:1\nUSER 1\nUSER root", "FROM a:1\nUSER root\nUSER 1"),
    ("no-user", "FROM a:1\nRUN b", "FROM a:1 AS x\nUSER 1\nFROM x"),
    ("named-user", "FROM a:1\nUSER app", "FROM a:1\nUSER 1000:1000"),
    ("secret-variable", "FROM a:1\nARG DB_PASSWORD", "FROM a:1\nENV DB_PASSWORD_FILE=/run/x"),
    ("pipe-to-shell", "FROM a:1\nRUN curl -s https://x | sh", "FROM a:1\nRUN curl -o x https://x"),
    ("unverified-download", "FROM a:1\nRUN curl -k https://x", "FROM a:1\nRUN curl -K x https://x"),
    (
        "add-unverified",
        "FROM a:1\nADD https://x/a /a",
        "FROM a:1\nADD --checksum=sha256:aa https://x/a /a",
    ),
    (
        "world-writable",
        "FROM a:1\nRUN chmod -R 777 /x",
        "FROM a:1\nRUN chmod 1777 /x && chmod g+w /y",
    ),
    ("setuid", "FROM a:1\nRUN chmod u+s /x", "FROM a:1\nRUN chmod 755 /x && chmod a-s /y"),
    ("useless-command", "FROM a:1\nRUN service x start", "FROM a:1\nRUN serviced"),
    ("cd", "FROM a:1\nRUN cd /x && make", "FROM a:1\nRUN make -C /x"),
    ("sudo", "FROM a:1\nRUN sudo make", "FROM a:1\nRUN make"),
    ("apt", "FROM a:1\nRUN apt install x", "FROM a:1\nRUN apt-get install x"),
    (
        "distribution-upgrade",
        "FROM a:1\nRUN apt-get dist-upgrade -y",
        "FROM a:1\nRUN apt-get upgrade -y",
    ),
    ("useradd-sparse", "FROM a:1\nRUN useradd -u 123456 x", "FROM a:1\nRUN useradd -l -u 123456 x"),
    ("wget-progress", "FROM a:1\nRUN wget https://x", "FROM a:1\nRUN wget -nv https://x"),
    (
        "wget-and-curl",
        "FROM a:1\nRUN wget -q x\nRUN curl x",
        "FROM a:1\nRUN wget -q x\nFROM b:1\nRUN curl x",
    ),
    ("link-shell", "FROM a:1\nRUN ln -sf /bin/bash /bin/sh", "FROM a:1\nRUN ln -s a b"),
    (
        "pipefail",
        "FROM a:1\nRUN a | b",
        "FROM a:1\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN a | b",
    ),
    (
        "apt-version",
        "FROM a:1\nRUN apt-get install -y x",
        "FROM a:1\nRUN apt-get install -y x=1 ./y.deb",
    ),
    ("apk-version", "FROM a:1\nRUN apk add x", "FROM a:1\nRUN apk add -t y x=1 z~2"),
    (
        "pip-version",
        "FROM a:1\nRUN pip install x",
        "FROM a:1\nRUN python3 -m pip install x==1\nRUN pip install -r y",
    ),
    (
        "npm-version",
        "FROM a:1\nRUN npm install @a/b",
        "FROM a:1\nRUN npm install @a/b@1 && npm install",
    ),
    (
        "gem-version",
        "FROM a:1\nRUN gem install x",
        "FROM a:1\nRUN gem install x:1 && gem install y -v 2",
    ),
    ("yum-version", "FROM a:1\nRUN yum install -y x", "FROM a:1\nRUN yum install -y x-1.2"),
    ("zypper-version", "FROM a:1\nRUN zypper in -y x", "FROM a:1\nRUN zypper in -y x=1"),
    ("dnf-version", "FROM a:1\nRUN dnf install -y x", "FROM a:1\nRUN dnf install -y x-1.2"),
    (
        "go-version",
        "FROM a:1\nRUN go install a/b@latest",
        "FROM a:1\nRUN go install a/b@v1 && go run ./x",
    ),
    ("apt-yes", "FROM a:1\nRUN apt-get install x", "FROM a:1\nRUN apt-get -qy install x"),
    ("yum-yes", "FROM a:1\nRUN yum install x", "FROM a:1\nRUN yum -y install x"),
    ("dnf-yes", "FROM a:1\nRUN dnf install x", "FROM a:1\nRUN dnf --assumeyes install x"),
    ("zypper-yes", "FROM a:1\nRUN zypper install x", "FROM a:1\nRUN zypper -n install x"),
    (
        "apt-recommends",
        "FROM a:1\nRUN apt-get install -y x",
        "FROM a:1\nRUN apt-get install --no-install-recommends x",
    ),
    (
        "apt-lists",
        "FROM a:1\nRUN apt-get update",
        "FROM a:1\nRUN apt-get update && rm -rf /var/lib/apt/lists/*",
    ),
    (
        "apk-cache",
        "FROM a:1\nRUN apk add x=1",
        "FROM a:1\nRUN --mount=type=cache,target=/var/cache/apk apk add x=1",
    ),
    (
        "pip-cache",
        "FROM a:1\nRUN pip install x==1",
        "FROM a:1\nENV PIP_NO_CACHE_DIR=1\nRUN pip install x==1",
    ),
    (
        "yum-clean",
        "FROM a:1\nRUN yum clean all && yum install -y x-1",
        "FROM a:1\nRUN yum install -y x-1 && yum clean all",
    ),
    (
        "dnf-clean",
        "FROM a:1\nRUN dnf install -y x-1",
        "FROM a:1\nRUN dnf install -y x-1 && dnf clean all",
    ),
    (
        "zypper-clean",
        "FROM a:1\nRUN zypper in -y x=1",
        "FROM a:1\nRUN zypper in -y x=1 && zypper clean",
    ),
    ("yarn-cache", "FROM a:1\nRUN yarn install", "FROM a:1\nRUN yarn install && yarn cache clean"),
    ("label-name", "FROM a:1\nLABEL com.docker.x=y", "FROM a:1\nLABEL org.example.x=y"),
    (
        "label-value",
        "FROM a:1\nLABEL org.opencontainers.image.created=today",
        "FROM a:1\nLABEL org.opencontainers.image.created=\"2024-01-01T00:00:00Z\"",
    ),
    ("add-for-files", "FROM a:1\nADD x /y", "FROM a:1\nADD x.tar.gz /y"),
    ("copy-archive", "FROM a:1\nCOPY x.tgz /y/\nRUN tar xf /y/x.tgz", "FROM a:1\nCOPY x.tgz /y/"),
    ("copy-target", "FROM a:1\nCOPY a b /c", "FROM a:1\nCOPY a b /c/"),
    ("copy-relative", "FROM a:1\nCOPY a b", "FROM a:1\nWORKDIR /x\nCOPY a b"),
    ("relative-workdir", "FROM a:1\nWORKDIR x", "FROM a:1\nWORKDIR /x\nWORKDIR $Y"),
    ("invalid-port", "FROM a:1\nEXPOSE 70000", "FROM a:1\nEXPOSE 8000-9000/udp"),
    ("expose-ssh", "FROM a:1\nEXPOSE 22", "FROM a:1\nEXPOSE 2222"),
    (
        "several-healthchecks",
        "FROM a:1\nHEALTHCHECK CMD a\nHEALTHCHECK CMD b",
        "FROM a:1\nHEALTHCHECK CMD a",
    ),
    (
        "several-commands",
        "FROM a:1\nCMD [\"a\"]\nCMD [\"b\"]",
        "FROM a:1\nCMD [\"a\"]\nFROM b:1\nCMD [\"b\"]",
    ),
    (
        "several-entrypoints",
        "FROM a:1\nENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]",
        "FROM a:1\nENTRYPOINT [\"a\"]",
    ),
    ("shell-form", "FROM a:1\nCMD a b", "FROM a:1\nCMD [\"a\", \"b\"]"),
    ("self-reference", "FROM a:1\nENV A=b C=$A", "FROM a:1\nENV A=b\nENV A=c C=$A"),
    ("maintainer", "FROM a:1\nMAINTAINER x", "FROM a:1\nLABEL maintainer=x"),
    ("no-healthcheck", "FROM a:1", "FROM a:1\nHEALTHCHECK CMD a"),
    ("consecutive-runs", "FROM a:1\nRUN a\nRUN b", "FROM a:1\nRUN a\nCOPY x /y\nRUN b"),
];

fn findings(source: &str) -> Vec<Finding> {
    lint("Dockerfile", source, &Options::default()).0
}

fn ids(source: &str) -> BTreeSet<String> {
    findings(source).into_iter().map(|finding| finding.rule.into_owned()).collect()
}

#[test]
fn each_rule_reports_its_example_and_not_the_better_way() {
    for (name, bad, good) in CASES {
        let id = format!("dockerfile-{name}");
        assert!(ids(bad).contains(&id), "{id} is not reported for:\n{bad}\n{:?}", ids(bad));
        assert!(!ids(good).contains(&id), "{id} is reported for:\n{good}");
    }
}

#[test]
fn every_rule_has_a_case() {
    let named: BTreeSet<String> =
        CASES.iter().map(|(name, ..)| format!("dockerfile-{name}")).collect();
    // Those need a setting, a secret, or a broken file, and have tests of their own.
    let elsewhere = ["dockerfile-registry-not-allowed", "dockerfile-secret", NOT_UNDERSTOOD];
    for rule in rules().filter(|rule| !elsewhere.contains(&rule.id.as_ref())) {
        assert!(named.contains(rule.id.as_ref()), "{}", rule.id);
    }
}

#[test]
fn bases_from_registries_that_are_not_allowed() {
    let options = Options { registries: vec!["docker.io/library".into(), "r.test:5000/a".into()] };
    let reported = |from: &str| {
        let (found, _) = lint("f", from, &options);
        found.iter().any(|one| one.rule == "dockerfile-registry-not-allowed")
    };
    for (from, expected) in [
        ("FROM debian:12", false),
        ("FROM someone/debian:12", true),
        ("FROM r.test:5000/a/b:1", false),
        ("FROM r.test:5000/ab:1", true),
        ("FROM scratch", false),
    ] {
        assert_eq!(reported(from), expected, "{from}");
    }
}

#[test]
fn a_secret_is_reported_and_not_shown() {
    let token = ["AKIA", "Q3EGRXZ7", "LTKN5YWB"].concat();
    let found = findings(&format!("FROM a:1\nRUN x\nENV ID={token}\n"));
    let secret = found.iter().find(|one| one.rule == "dockerfile-secret").unwrap();
    assert_eq!((secret.subject.as_str(), secret.severity), ("Dockerfile:3", Severity::Medium));
    assert!(!format!("{secret:?}").contains(&token));
}

#[test]
fn what_is_not_understood_is_a_gap() {
    let (_, gaps) = lint("f", "FROM a:1\nRNU x\nRUN <<EOF\n", &Options::default());
    let gaps: Vec<(&str, &str)> =
        gaps.iter().map(|gap| (gap.object.as_str(), gap.why.as_str())).collect();
    let expected =
        [("f:2", "there is no instruction 'RNU'"), ("f:3", "the here-document 'EOF' does not end")];
    assert_eq!(gaps, expected);
}

#[test]
fn comments_turn_rules_off() {
    for comment in ["cofferdam ignore=dockerfile-sudo", "hadolint ignore=DL3008,DL3004 # why"] {
        assert!(!ids(&format!("FROM a:1\n# {comment}\nRUN sudo x")).contains("dockerfile-sudo"));
        assert!(
            ids(&format!("FROM a:1\n# {comment}\nRUN y\nRUN sudo x")).contains("dockerfile-sudo")
        );
    }
    let all = "# hadolint global ignore=DL3004\nFROM a:1\nRUN x\nRUN sudo x";
    assert!(!ids(all).contains("dockerfile-sudo"));
}

#[test]
fn lines_of_commands_and_stable_fingerprints() {
    let source = "FROM a:1\nRUN x \\\n # comment\n && sudo y\nRUN <<EOF\na\nsudo b\nEOF\n";
    let all = findings(source);
    let lines: Vec<&str> = all
        .iter()
        .filter(|one| one.rule == "dockerfile-sudo")
        .map(|one| one.subject.as_str())
        .collect();
    assert_eq!(lines, ["Dockerfile:4", "Dockerfile:7"]);
    let moved = findings(&format!("# one more line\n{source}"));
    let prints = |all: &[Finding]| -> Vec<String> {
        all.iter().map(|one| format!("{} {}", one.rule, one.fingerprint)).collect()
    };
    assert_eq!(prints(&all), prints(&moved));
    let distinct: BTreeSet<String> = prints(&all).into_iter().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
}

#[test]
fn safe_fixes_are_made_where_they_belong() {
    let source = "FROM a:1\nADD x /y\nRUN apt-get update \\\n && apt-get install x=1\n\
                  RUN apk add y=1 && sudo python3 -m pip install z==1\nRUN zypper in q=1\n";
    let (fixed, count) = apply(source, &findings(source));
    assert_eq!(
        fixed,
        "FROM a:1\nCOPY x /y\nRUN apt-get update \\\n && apt-get install -y x=1\n\
         RUN apk add --no-cache y=1 && sudo python3 -m pip install --no-cache-dir z==1\n\
         RUN zypper -n in q=1\n"
    );
    assert_eq!(count, 5);
    let rest = findings(&fixed);
    assert!(
        rest.iter().all(|one| one.fix.as_ref().unwrap().applicability == Applicability::Manual)
    );
}

/// Files of pieces that mean something to the parser.
fn files() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "FROM ",
        "a:1",
        " AS x",
        "\n",
        "RUN ",
        "apt-get install ",
        "-y ",
        "\\\n",
        "<<EOF\n",
        "EOF\n",
        "ADD ",
        "COPY ",
        "--from=x ",
        "\"",
        "'",
        "$(",
        "${",
        ")",
        "`",
        "|",
        "&&",
        ";",
        "# c\n",
        "# escape=`\n",
        "ONBUILD ",
        "[\"a\", ",
        "]",
        "ENV A=b ",
        "USER 0",
        "EXPOSE 22",
        "é",
        "\r\n",
        "=",
        "pip install x ",
        "/y",
        " ",
        "\t",
        "case x in ",
        "for i in ",
        ">",
        "<",
        "2>&1",
        "sudo ",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_file_is_too_strange(source in files()) {
        let all = findings(&source);
        for one in &all {
            let line: usize = one.subject.rsplit(':').next().unwrap().parse().unwrap();
            prop_assert!(line <= source.lines().count().max(1), "{}", one.subject);
        }
        let (fixed, count) = apply(&source, &all);
        prop_assert!(count > 0 || fixed == source);
    }

    #[test]
    fn any_text_is_looked_at(source in any::<String>()) {
        let all = findings(&source);
        let _ = apply(&source, &all);
    }
}
