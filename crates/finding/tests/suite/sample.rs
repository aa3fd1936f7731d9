//! A report in which everything occurs that can occur.

use std::borrow::Cow;

use cofferdam_finding::{
    Applicability, Baseline, Context, DataSource, Decision, Edit, Epss, Evidence, Explanation,
    Exploited, Finding, Fingerprint, Fix, Gap, Package, PackageEvidence, PackageKind, Policy,
    Reference, RemedyState, Report, Rule, SCHEMA_VERSION, Severity, SourcePackage, Status,
    SuppressedFinding, Target, Tool, Topic, UnmatchedStatement, Upgrade, VexStatement, VexStatus,
    VexUse, Waivers, decide,
};
use time::{Date, macros::date};

pub(crate) const TODAY: Date = date!(2026 - 11 - 23);
pub(crate) const TARGET: &str = "oci:images/web:1.4";

pub(crate) const WAIVERS: &str = r#"
[[waiver]]
rule = "CVE-2025-1001"
subject = "zlib"
target = "oci:images/web:*"
reason = "deflate64 is not compiled in"
justification = "vulnerable_code_not_present"
owner = "web team"
expires = "2026-12-31"

[[waiver]]
rule = "CVE-2025-2002"
reason = "waiting for the next point release"
owner = "web team"
expires = 2026-11-22

[[waiver]]
rule = "CVE-2019-*"
subject = "perl"
reason = "perl is not in the image any more"
owner = "base team"
expires = "2027-06-30"
"#;

pub(crate) fn report() -> Report {
    let report = report_of(findings());
    Report { decision: decision(report.decision), ..report }
}

/// A report on the sample's target, of these findings.
pub(crate) fn report_of(findings: Vec<Finding>) -> Report {
    let waivers = Waivers::parse(WAIVERS).unwrap();
    let policy = Policy { fail_on: Some(Severity::High), strict: false };
    Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool { name: "cofferdam".to_owned(), version: "0.1.0".to_owned() },
        created: "2026-11-23T14:00:00Z".to_owned(),
        target: Target {
            name: TARGET.to_owned(),
            kind: "oci-layout".to_owned(),
            digest: Some(format!("sha256:{}", "ab".repeat(32))),
            platform: Some("linux/amd64".to_owned()),
            os: Some("Debian GNU/Linux 12 (bookworm)".to_owned()),
            layers: vec![layer()],
        },
        data: vec![
            DataSource {
                name: "debian-osv".to_owned(),
                date: "2026-11-20".to_owned(),
                age_days: 3,
                records: 48_210,
            },
            DataSource {
                name: "kev".to_owned(),
                date: "2025-01-01".to_owned(),
                age_days: 691,
                records: 1_239,
            },
        ],
        packages: vec![Package {
            kind: PackageKind::Deb,
            name: "libssl3".to_owned(),
            version: "3.0.11-1~deb12u2".to_owned(),
            architecture: Some("amd64".to_owned()),
            source: source("openssl", "3.0.11-1~deb12u2"),
            purl: purl("libssl3", "3.0.11-1~deb12u2"),
            licenses: vec!["Apache-2.0".to_owned()],
            module: Some("none".to_owned()),
            location: STATUS_FILE.to_owned(),
            layer: Some(layer()),
            owner: Some("openssl".to_owned()),
            declared: true,
        }],
        rules: rules(),
        decision: decide(TARGET, findings, &waivers, &policy, TODAY),
    }
}

/// The decision with what statements, a baseline and upgrades add to it.
fn decision(decision: Decision) -> Decision {
    let closed = vulnerability(
        "CVE-2025-77",
        "curl",
        Severity::High,
        "Overflow in the proxy's handshake",
        vec![affected("curl", "curl", "7.88.1-10+deb12u5", "")],
    );
    let unmatched = UnmatchedStatement {
        statement: VexStatement { product: "pkg:deb/debian/wget".to_owned(), ..statement() },
        why: "it is about another version of the package".to_owned(),
    };
    let used = VexUse {
        documents: vec!["vendor.openvex.json".to_owned()],
        statements: 3,
        matched: 1,
        unmatched: vec![unmatched],
    };
    let mut decision = decision
        .with_vex(vec![SuppressedFinding { finding: closed, statement: statement() }], used);
    decision.upgrades = vec![Upgrade {
        subject: "openssl".to_owned(),
        installed: "3.0.11-1~deb12u2".to_owned(),
        to: Some("3.0.15-1~deb12u1".to_owned()),
        closes: vec!["CVE-2025-2002".to_owned()],
        leaves: vec!["CVE-2025-2003".to_owned()],
        brings: vec!["CVE-2025-2004".to_owned()],
        exploited: 1,
        command: Some("apt-get install --only-upgrade libssl3".to_owned()),
    }];
    let mut before = report_of(vec![finding("CVE-2024-5", "gone", Severity::Low, "")]);
    before.created = "2026-10-01T08:00:00Z".to_owned();
    let mut known = decision.against(&Baseline::of(&before), "before.json");
    known.known = vec![finding("CVE-2024-6", "bash", Severity::Low, "Known for long")];
    known.summary.known = 1;
    known
}

pub(crate) fn statement() -> VexStatement {
    VexStatement {
        document: "vendor.openvex.json".to_owned(),
        vulnerability: "CVE-2025-77".to_owned(),
        product: "pkg:deb/debian/curl".to_owned(),
        status: VexStatus::NotAffected,
        justification: Some("vulnerable_code_not_present".to_owned()),
        detail: Some("built without the proxy".to_owned()),
        timestamp: Some("2026-11-01T00:00:00Z".to_owned()),
    }
}

const STATUS_FILE: &str = "var/lib/dpkg/status";

fn layer() -> String {
    format!("sha256:{}", "cd".repeat(32))
}

fn source(name: &str, version: &str) -> SourcePackage {
    SourcePackage { name: name.to_owned(), version: version.to_owned() }
}

fn purl(name: &str, version: &str) -> String {
    format!("pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12")
}

/// Evidence that a binary package of a source package is affected.
pub(crate) fn affected(name: &str, source_name: &str, version: &str, fixed: &str) -> Evidence {
    Evidence {
        line: None,
        location: STATUS_FILE.to_owned(),
        saw: format!("{name} {version}"),
        wanted: if fixed.is_empty() { String::new() } else { format!("{fixed} or later") },
        package: Some(PackageEvidence {
            purl: purl(name, version),
            name: name.to_owned(),
            version: version.to_owned(),
            source: source(source_name, version),
            remedy: if fixed.is_empty() { RemedyState::Unfixed } else { RemedyState::Fixed },
            fixed_version: (!fixed.is_empty()).then(|| fixed.to_owned()),
            advisory: format!("DEBIAN-{source_name} (Debian:12)"),
            layer: Some(layer()),
        }),
    }
}

pub(crate) fn finding(rule: &str, subject: &str, severity: Severity, title: &str) -> Finding {
    Finding {
        rule: Cow::Owned(rule.to_owned()),
        subject: subject.to_owned(),
        title: title.to_owned(),
        status: Status::Fail,
        severity,
        evidence: Vec::new(),
        fix: None,
        context: None,
        fingerprint: Fingerprint::of(rule, subject),
    }
}

fn epss(probability: &str, percentile: &str) -> Epss {
    Epss { probability: probability.parse().unwrap(), percentile: percentile.parse().unwrap() }
}

fn vulnerability(
    rule: &str,
    subject: &str,
    severity: Severity,
    title: &str,
    evidence: Vec<Evidence>,
) -> Finding {
    Finding { evidence, ..finding(rule, subject, severity, title) }
}

pub(crate) fn findings() -> Vec<Finding> {
    use Severity::{Critical, High, Info, Low, Medium, Unknown};
    let mut findings = vec![
        vulnerability(
            "CVE-2025-2002",
            "openssl",
            High,
            "Timing side channel in the ECDSA signature computation of OpenSSL",
            vec![affected("libssl3", "openssl", "3.0.11-1~deb12u2", "3.0.15-1~deb12u1")],
        ),
        vulnerability(
            "CVE-2025-10000",
            "glibc",
            Critical,
            "Buffer overflow in the iconv() function <of \"glibc\" & others>",
            vec![
                affected("libc6", "glibc", "2.36-9+deb12u4", "2.36-9+deb12u7"),
                affected("libc-bin", "glibc", "2.36-9+deb12u4", "2.36-9+deb12u7"),
            ],
        ),
        vulnerability(
            "CVE-2025-999",
            "glibc",
            Critical,
            "Off-by-one in getcwd",
            vec![affected("libc6", "glibc", "2.36-9+deb12u4", "")],
        ),
        vulnerability(
            "CVE-2025-1001",
            "zlib",
            Medium,
            "Overflow in deflate64",
            vec![affected("zlib1g", "zlib", "1:1.2.13.dfsg-1", "")],
        ),
        vulnerability(
            "CVE-2025-3",
            "evil\x1b[2J\u{202e}name",
            Low,
            "Names that are hostile \x1b]0;owned\x07",
            vec![affected("日本語パッケージ", "evil\x1b[2J\u{202e}name", "1.0\n2", "")],
        ),
        vulnerability(
            "CVE-2026-70001",
            "curl",
            Unknown,
            "",
            vec![affected("curl", "curl", "7.88.1-10+deb12u5", "")],
        ),
        Finding {
            evidence: vec![Evidence {
                line: Some(12),
                location: "config.User".to_owned(),
                saw: "root".to_owned(),
                wanted: "an id other than 0".to_owned(),
                package: None,
            }],
            fix: Some(Fix {
                summary: "set USER in the last stage".to_owned(),
                edits: vec![Edit {
                    file: "Dockerfile".to_owned(),
                    start: 120,
                    end: 124,
                    replacement: "USER 65532".to_owned(),
                }],
                applicability: Applicability::Unsafe,
            }),
            ..finding("image-user-root", "config.User", Info, "The image runs as root")
        },
        Finding {
            status: Status::Pass,
            ..finding("image-no-secrets", "config.Env", Info, "No secret in the environment")
        },
        Finding {
            status: Status::NotApplicable { why: "it has no health check".to_owned() },
            ..finding("image-healthcheck", "config.Healthcheck", Info, "")
        },
    ];
    findings[0].context = Some(Box::new(Context {
        exploited: Some(Exploited { since: "2025-03-14".to_owned(), ransomware: true }),
        epss: Some(epss("0.43781", "0.97201")),
        vex: vec![VexStatement { status: VexStatus::UnderInvestigation, ..statement() }],
    }));
    findings[2].context =
        Some(Box::new(Context { epss: Some(epss("0.00043", "0.1")), ..Context::default() }));
    let gap = Gap {
        rule: "coverage-unreadable".into(),
        object: "var/lib/rpm/rpmdb.sqlite".to_owned(),
        why: "page 12 is cut off".to_owned(),
    };
    findings.push(gap.into_finding(Medium));
    findings
}

fn rules() -> Vec<Rule> {
    let rule = |id: &'static str, title: &'static str, severity, topic, references| Rule {
        id: Cow::Borrowed(id),
        title: Cow::Borrowed(title),
        severity,
        topic,
        explain: Explanation {
            what: Cow::Borrowed("What it is."),
            why: Cow::Borrowed("Why it matters."),
            fix: Cow::Borrowed("How to fix it."),
        },
        references,
    };
    let cve = |id, title, severity| {
        let references = vec![
            Reference::new("CWE", "CWE-120"),
            Reference::new("URL", "https://www.example.org/advisory?id=1"),
        ];
        rule(id, title, severity, Topic::Vulnerability, Cow::Owned(references))
    };
    let own = |id, topic| rule(id, "", Severity::Info, topic, Cow::Borrowed(&[]));
    vec![
        cve("CVE-2025-10000", "Buffer overflow in iconv", Severity::Critical),
        cve("CVE-2025-2002", "Timing side channel", Severity::High),
        cve("CVE-2026-70001", "", Severity::Unknown),
        own("image-user-root", Topic::Configuration),
        own("coverage-unreadable", Topic::Coverage),
    ]
}
