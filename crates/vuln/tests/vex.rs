//! VEX statements: read, put with findings, written.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside their functions")]

mod schemas;

use cofferdam_finding::{
    Evidence, Finding, Fingerprint, Package, PackageEvidence, PackageKind, Policy, Reference,
    RemedyState, Report, Rule, SCHEMA_VERSION, Severity, SourcePackage, Status, Target, Tool,
    Topic, VexStatus, Waivers, decide,
};
use cofferdam_vuln::{
    Distribution,
    purl::Purl,
    vex::{self, Applied, Document, Subject, VexError, apply, read},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use time::macros::date;

const DIGEST: &str = "sha256:0101010101010101010101010101010101010101010101010101010101010101";

fn package(kind: PackageKind, name: &str, version: &str, purl: &str) -> Package {
    Package {
        kind,
        name: name.into(),
        version: version.into(),
        architecture: None,
        source: SourcePackage { name: "openssl".into(), version: version.into() },
        purl: purl.into(),
        licenses: Vec::new(),
        module: None,
        location: "var/lib/dpkg/status".into(),
        layer: None,
        owner: None,
        declared: false,
    }
}

fn libssl() -> Package {
    let purl = "pkg:deb/debian/libssl3@1:3.0-1%2Bb1?arch=amd64&distro=debian-12&upstream=openssl";
    package(PackageKind::Deb, "libssl3", "1:3.0-1+b1", purl)
}

fn openssl() -> Package {
    let purl = "pkg:deb/debian/openssl@1:3.0-1%2Bb1?arch=amd64&distro=debian-12";
    package(PackageKind::Deb, "openssl", "1:3.0-1+b1", purl)
}

fn module() -> Package {
    let purl = "pkg:golang/golang.org/x/net@v0.1.0";
    let package = package(PackageKind::Golang, "golang.org/x/net", "v0.1.0", purl);
    Package { location: "usr/bin/tool".into(), ..package }
}

fn main_module() -> Package {
    let purl = "pkg:golang/example.com/tool@v1.0.0";
    let package = package(PackageKind::Golang, "example.com/tool", "v1.0.0", purl);
    Package { location: "usr/bin/tool".into(), ..package }
}

fn finding(rule: &str, packages: &[Package]) -> Finding {
    let evidence = |package: &Package| Evidence {
        location: package.location.clone(),
        saw: package.name.clone(),
        package: Some(PackageEvidence {
            purl: package.purl.clone(),
            name: package.name.clone(),
            version: package.version.clone(),
            source: package.source.clone(),
            remedy: RemedyState::Unfixed,
            fixed_version: None,
            advisory: rule.to_owned(),
            layer: None,
        }),
        ..Evidence::default()
    };
    Finding {
        rule: rule.to_owned().into(),
        subject: "openssl".into(),
        title: String::new(),
        status: Status::Fail,
        severity: Severity::High,
        evidence: packages.iter().map(evidence).collect(),
        fix: None,
        context: None,
        fingerprint: Fingerprint::of(rule, "openssl"),
    }
}

fn rule(id: &'static str, alias: &'static str) -> Rule {
    let mut rule = Rule::new(id, id, Severity::High, Topic::Vulnerability, ["", "", ""], &[]);
    rule.references = vec![Reference::new("alias", alias)].into();
    rule
}

fn subject() -> Subject {
    Subject {
        names: vec!["registry:example.org/team/app:1".into(), "example.org/team/app:1".into()],
        digests: vec![DIGEST.into()],
        repository: Some("example.org/team/app".into()),
        tag: Some("1".into()),
        distribution: Some(Distribution {
            id: "debian".into(),
            version_id: Some("12".into()),
            codename: Some("bookworm".into()),
            ..Distribution::default()
        }),
    }
}

fn applied(documents: &[Value], findings: Vec<Finding>) -> Applied {
    let documents: Vec<Document> = documents
        .iter()
        .enumerate()
        .map(|(i, value)| read(value.to_string().as_bytes(), &format!("{i}.json")).unwrap())
        .collect();
    let packages = [libssl(), openssl(), module(), main_module()];
    let rules = [rule("CVE-2025-1", "GHSA-aaaa-bbbb-cccc")];
    apply(findings, &rules, &packages, &subject(), &documents)
}

fn openvex(statements: Value) -> Value {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "a",
        "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": statements,
    })
}

fn not_affected(vulnerability: &str, products: Value) -> Value {
    json!({
        "vulnerability": {"name": vulnerability}, "products": products,
        "status": "not_affected", "justification": "vulnerable_code_not_present",
    })
}

/// Whether a statement on these products closes a finding in libssl3.
fn closes(products: Value) -> bool {
    let document = openvex(json!([not_affected("CVE-2025-1", products)]));
    let applied = applied(&[document], vec![finding("CVE-2025-1", &[libssl()])]);
    assert_eq!(applied.suppressed.len() + applied.findings.len(), 1);
    assert_eq!(applied.used.statements, applied.used.matched + applied.used.unmatched.len());
    !applied.suppressed.is_empty()
}

#[test]
fn products_are_recognised_by_package_urls_and_digests() {
    let image = format!("pkg:oci/app@{}", DIGEST.replace(':', "%3A"));
    for (id, expected) in [
        ("pkg:deb/debian/libssl3", true),
        ("pkg:deb/debian/libssl3@1:3.0-1%2Bb1", true),
        ("pkg:deb/debian/libssl3@3.0-1%2Bb1?epoch=1", true),
        ("pkg:deb/debian/libssl3@3.0-1%2Bb1", false),
        ("pkg:deb/debian/libssl3@1:3.0-2", false),
        ("pkg:deb/debian/libssl3?distro=debian-12", true),
        ("pkg:deb/debian/libssl3?distro=bookworm", true),
        ("pkg:deb/debian/libssl3?distro=debian-11", false),
        ("pkg:deb/debian/libssl3?arch=amd64&distro=debian-12", true),
        ("pkg:deb/debian/libssl3?arch=arm64", false),
        ("pkg:deb/debian/libssl3?unknown=1", false),
        ("pkg:deb/ubuntu/libssl3", false),
        ("pkg:deb/debian/openssl", false),
        ("pkg:deb/debian/openssl?arch=source", true),
        ("pkg:rpm/debian/libssl3", false),
        (image.as_str(), true),
        ("pkg:oci/app@sha256:02", false),
        ("pkg:oci/app?repository_url=example.org/team/app&tag=1", true),
        ("pkg:oci/app?repository_url=example.org/team", true),
        ("pkg:oci/app?repository_url=other.org/team/app", false),
        ("pkg:oci/app?tag=2", false),
        ("pkg:oci/app", true),
        (DIGEST, true),
        ("example.org/team/app:1", true),
        ("cpe:/o:debian:debian_linux:12", false),
        ("anything", false),
    ] {
        assert_eq!(closes(json!([{"@id": id}])), expected, "{id}");
        assert_eq!(closes(json!([{"identifiers": {"purl": id}}])), expected, "{id}");
        assert_eq!(closes(json!([id])), expected, "{id}, as version 0.0.1 writes it");
    }
    let hash = DIGEST.trim_start_matches("sha256:");
    assert!(closes(json!([{"@id": "x", "hashes": {"sha-256": hash}}])));
}

#[test]
fn components_count_within_their_product() {
    let with = |product: &str, component: &str| json!([{"@id": product, "subcomponents": [{"@id": component}]}]);
    let image = format!("pkg:oci/app@{DIGEST}");
    assert!(closes(with(&image, "pkg:deb/debian/libssl3")));
    assert!(!closes(with(&image, "pkg:deb/debian/curl")));
    assert!(!closes(with("pkg:oci/other", "pkg:deb/debian/libssl3")));
    assert!(closes(with(
        "cpe:2.3:o:debian:debian_linux:12:*:*:*:*:*:*:*",
        "pkg:deb/debian/libssl3"
    )));
    assert!(!closes(with("cpe:/o:debian:debian_linux:11", "pkg:deb/debian/libssl3")));
    // Another module of the same program is no product: a third may use the component too.
    let other = with("pkg:golang/example.com/tool@v1.0.0", "pkg:golang/golang.org/x/net");
    let document = openvex(json!([not_affected("CVE-2025-1", other)]));
    let applied_to = applied(&[document], vec![finding("CVE-2025-1", &[module()])]);
    assert_eq!(applied_to.suppressed, []);
    assert!(applied_to.used.unmatched[0].why.contains("its product is not"));
    // The package of the distribution that owns the file is one.
    let owned = |owner: &str| Package { owner: Some(owner.into()), ..module() };
    let of = |owner: &str| {
        let statement = with("pkg:deb/debian/openssl", "pkg:golang/golang.org/x/net");
        let text = openvex(json!([not_affected("CVE-2025-1", statement)])).to_string();
        let document = read(text.as_bytes(), "x").unwrap();
        let packages = [openssl(), owned(owner)];
        let findings = vec![finding("CVE-2025-1", &packages[1..])];
        apply(findings, &[], &packages, &subject(), &[document]).suppressed.len()
    };
    assert_eq!((of("openssl"), of("curl")), (1, 0));
}

#[test]
fn aliases_name_the_same_vulnerability() {
    let products = json!([{"@id": "pkg:deb/debian/libssl3"}]);
    let by_alias = openvex(json!([not_affected("ghsa-AAAA-bbbb-cccc", products.clone())]));
    let has_alias = openvex(json!([{
        "vulnerability": {"name": "X-1", "aliases": ["CVE-2025-1"]}, "products": products,
        "status": "fixed",
    }]));
    let page = openvex(json!([{
        "vulnerability": {"@id": "https://nvd.nist.gov/vuln/detail/CVE-2025-1"},
        "products": [{"@id": "pkg:deb/debian/libssl3"}], "status": "fixed",
    }]));
    for document in [by_alias, has_alias, page] {
        let applied = applied(&[document], vec![finding("CVE-2025-1", &[libssl()])]);
        assert_eq!((applied.findings.len(), applied.suppressed.len()), (0, 1));
    }
}

#[test]
fn the_newest_statement_counts_and_the_careful_one_of_two() {
    let statement = |status: &str, time: &str| {
        json!({
            "vulnerability": {"name": "CVE-2025-1"}, "timestamp": time, "status": status,
            "products": [{"@id": "pkg:deb/debian/libssl3"}], "impact_statement": "because",
            "action_statement": "upgrade",
        })
    };
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    for (first, second, closed) in [
        (("affected", early), ("not_affected", late), true),
        (("not_affected", late), ("affected", early), true),
        (("not_affected", early), ("affected", late), false),
        (("not_affected", early), ("under_investigation", early), false),
        (("under_investigation", early), ("fixed", early), false),
    ] {
        let documents = [first, second].map(|(s, t)| openvex(json!([statement(s, t)])));
        let applied = applied(&documents, vec![finding("CVE-2025-1", &[libssl()])]);
        assert_eq!(applied.suppressed.len() == 1, closed, "{first:?} {second:?}");
        assert_eq!(applied.used.matched, 2);
        if !closed {
            let said = &applied.findings[0].context.as_ref().unwrap().vex;
            assert_eq!(said.len(), 1);
            assert!(!said[0].status.closes());
        }
    }
}

#[test]
fn evidence_that_no_statement_is_about_stays_open() {
    let products = json!([{"@id": "pkg:deb/debian/libssl3"}]);
    let document = openvex(json!([not_affected("CVE-2025-1", products)]));
    let applied = applied(&[document], vec![finding("CVE-2025-1", &[libssl(), openssl()])]);
    let names = |finding: &Finding| -> Vec<String> {
        finding.evidence.iter().map(|one| one.saw.clone()).collect()
    };
    assert_eq!(names(&applied.findings[0]), ["openssl"]);
    assert_eq!(names(&applied.suppressed[0].finding), ["libssl3"]);
    let statement = &applied.suppressed[0].statement;
    assert_eq!(statement.reason(), "vulnerable_code_not_present");
    assert_eq!(statement.document, "0.json");
}

#[test]
fn nothing_is_dropped_in_silence() {
    let id = |id: &str| json!([{"@id": id}]);
    let document = openvex(json!([
        {"vulnerability": {"name": "CVE-2025-1"}, "products": id("pkg:deb/debian/libssl3"), "status": "not_affected"},
        {"vulnerability": {"name": "CVE-2025-1"}, "products": id("pkg:deb/debian/libssl3"), "status": "fine"},
        {"vulnerability": {"name": "CVE-2025-1"}, "status": "fixed"},
        {"products": id("pkg:deb/debian/libssl3"), "status": "fixed"},
        not_affected("CVE-2025-1", id("pkg:deb/debian/libssl3@9")),
        not_affected("CVE-2025-1", id("pkg:deb/debian/other")),
        not_affected("CVE-2025-2", id("pkg:deb/debian/libssl3")),
    ]));
    let applied = applied(&[document], vec![finding("CVE-2025-1", &[libssl()])]);
    assert_eq!((applied.findings.len(), applied.suppressed.len()), (1, 0));
    let gaps: Vec<(&str, &str)> =
        applied.gaps.iter().map(|gap| (gap.object.as_str(), gap.why.as_str())).collect();
    assert_eq!(
        gaps,
        [
            ("0.json: statement 1", "it says not_affected and not why"),
            ("0.json: statement 2", "its status is none of OpenVEX"),
            ("0.json: statement 3", "it names no product"),
            ("0.json: statement 4", "it names no vulnerability"),
        ]
    );
    let why: Vec<&str> = applied.used.unmatched.iter().map(|one| one.why.as_str()).collect();
    assert_eq!((applied.used.statements, applied.used.matched), (3, 0));
    assert!(why[0].contains("another version"), "{why:?}");
    assert!(why[1].contains("no package in it"), "{why:?}");
    assert!(why[2].contains("no finding of this vulnerability"), "{why:?}");
}

#[test]
fn csaf_lists_products_in_a_tree_and_in_relationships() {
    let document = json!({
        "document": {"category": "csaf_vex", "csaf_version": "2.0", "tracking": {"current_release_date": "2026-01-01T00:00:00.000Z"}},
        "product_tree": {
            "branches": [{"category": "vendor", "name": "v", "branches": [
                {"category": "product_name", "name": "Debian", "product": {"name": "Debian 12", "product_id": "D12",
                    "product_identification_helper": {"cpe": "cpe:/o:debian:debian_linux:12"}}},
                {"category": "product_version_range", "name": "vers:deb/<1:3.0-2", "product": {"name": "libssl3", "product_id": "SSL",
                    "product_identification_helper": {"purl": "pkg:deb/debian/libssl3"}}},
                {"category": "product_version_range", "name": "vers:deb/<1:2", "product": {"name": "old", "product_id": "OLD",
                    "product_identification_helper": {"purl": "pkg:deb/debian/libssl3"}}},
                {"category": "product_version", "name": "part", "product": {"name": "part", "product_id": "PART"}},
                {"category": "product_version", "name": "?", "product": {"name": "?", "product_id": "NAMELESS"}},
            ]}],
            "relationships": [{"category": "default_component_of", "product_reference": "SSL", "relates_to_product_reference": "D12",
                "full_product_name": {"name": "libssl3 in Debian 12", "product_id": "D12:SSL"}},
                {"category": "default_component_of", "product_reference": "PART", "relates_to_product_reference": "D12",
                "full_product_name": {"name": "part of Debian 12", "product_id": "D12:PART"}}],
            "product_groups": [{"group_id": "G", "product_ids": ["D12:SSL", "OLD"]}],
        },
        "vulnerabilities": [
            {"cve": "CVE-2025-1", "product_status": {"known_not_affected": ["D12:SSL", "OLD", "NAMELESS", "D12:PART", 7]},
                "flags": [{"label": "vulnerable_code_not_in_execute_path", "group_ids": ["G"]}],
                "threats": [{"category": "impact", "details": "never called", "product_ids": ["D12:SSL"]}]},
            {"cve": "CVE-2025-2", "product_status": {"known_affected": ["SSL"]},
                "remediations": [{"category": "workaround", "details": "turn it off", "product_ids": ["SSL"]}]},
        ],
    });
    let findings = vec![finding("CVE-2025-1", &[libssl()]), finding("CVE-2025-2", &[libssl()])];
    let applied = applied(&[document], findings);
    assert_eq!(applied.suppressed.len(), 1, "{applied:#?}");
    let statement = &applied.suppressed[0].statement;
    assert_eq!(statement.reason(), "vulnerable_code_not_in_execute_path: never called");
    assert_eq!(
        statement.product,
        "pkg:deb/debian/libssl3 in debian debian_linux 12 (vers:deb/<1:3.0-2)"
    );
    let said = &applied.findings[0].context.as_ref().unwrap().vex[0];
    assert_eq!((said.status, said.detail.as_deref()), (VexStatus::Affected, Some("turn it off")));
    let why: Vec<&str> = applied.gaps.iter().map(|gap| gap.why.as_str()).collect();
    assert!(why[0].contains("'NAMELESS'") && why[1].contains("'D12:PART'"), "{why:?}");
    assert!(why[2].contains("no text"), "{why:?}");
    assert!(applied.used.unmatched[0].why.contains("another version"), "OLD is an older range");
}

#[test]
fn cyclonedx_refers_to_components_here_and_elsewhere() {
    let vulnerability = |id: &str, state: &str, affects: Value| json!({"id": id, "analysis": {"state": state, "justification": "code_not_reachable", "detail": "d"}, "affects": affects});
    let foreign = "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#pkg%3Adeb%2Fdebian%2Flibssl3";
    for (id, state, affects, closed) in [
        ("CVE-2025-1", "not_affected", json!([{"ref": "a"}]), true),
        ("CVE-2025-1", "false_positive", json!([{"ref": foreign}]), true),
        ("CVE-2025-1", "resolved", json!([{"ref": "pkg:deb/debian/libssl3"}]), true),
        ("CVE-2025-1", "exploitable", json!([{"ref": "a"}]), false),
        ("CVE-2025-1", "in_triage", json!([{"ref": "a"}]), false),
        ("CVE-2025-1", "not_affected", json!([{"ref": "b"}]), false),
        ("CVE-2025-1", "not_affected", json!([{"ref": "nested"}]), true),
        (
            "CVE-2025-1",
            "exploitable",
            json!([{"ref": "a", "versions": [{"range": "vers:deb/<1:3", "status": "affected"}, {"range": "vers:deb/>=1:3", "status": "unaffected"}]}]),
            true,
        ),
        (
            "CVE-2025-1",
            "not_affected",
            json!([{"ref": "a", "versions": [{"version": "1:3.0-1+b1", "status": "affected"}]}]),
            true,
        ),
        (
            "CVE-2025-1",
            "not_affected",
            json!([{"ref": "a", "versions": [{"version": "9"}]}]),
            false,
        ),
    ] {
        let document = json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": {"timestamp": "2026-01-01T00:00:00Z"},
            "components": [
                {"bom-ref": "a", "name": "libssl3", "purl": "pkg:deb/debian/libssl3"},
                {"bom-ref": "b", "name": "libssl3", "purl": "pkg:deb/debian/curl", "components": [
                    {"bom-ref": "nested", "name": "libssl3", "purl": "pkg:deb/debian/libssl3"}]},
            ],
            "vulnerabilities": [vulnerability(id, state, affects.clone()), {"id": "CVE-2025-1", "affects": [{"ref": "a"}]}],
        });
        let applied = applied(&[document], vec![finding("CVE-2025-1", &[libssl()])]);
        assert_eq!(applied.suppressed.len() == 1, closed, "{state} {affects}");
        assert_eq!(applied.gaps, []);
        if let Some(closed) = applied.suppressed.first().filter(|_| state == "not_affected") {
            assert_eq!(
                closed.statement.justification.as_deref(),
                Some("vulnerable_code_not_in_execute_path")
            );
        }
    }
}

#[test]
fn what_is_no_document_is_an_error() {
    for text in ["", "[]", "{}", "{\"bomFormat\":\"CycloneDX\"}", "pkg:deb/a/b"] {
        assert!(read(text.as_bytes(), "x").is_err(), "{text}");
    }
    let products: Vec<String> = (0..1000).map(|n| format!("pkg:npm/p{n}")).collect();
    let statement = json!({"vulnerability": "CVE-2025-1", "products": products, "status": "fixed"});
    let many = openvex(json!(vec![statement; 501]));
    let error = read(many.to_string().as_bytes(), "x").unwrap_err();
    assert!(matches!(error, VexError::TooLarge), "{error}");
}

fn report() -> Report {
    let target = Target {
        name: "registry:example.org/team/app:1".into(),
        kind: "registry".into(),
        digest: Some(DIGEST.into()),
        ..Target::default()
    };
    let waivers = Waivers::parse(
        "[[waiver]]\nrule = \"CVE-2025-2\"\nreason = \"never called\"\nowner = \"o\"\nexpires = 2999-01-01\n\
         justification = \"vulnerable_code_not_in_execute_path\"\n\
         [[waiver]]\nrule = \"CVE-2025-3\"\nreason = \"we live with it\"\nowner = \"o\"\nexpires = 2999-01-01\n",
    )
    .unwrap();
    let statement =
        openvex(json!([not_affected("CVE-2025-4", json!([{"@id": "pkg:deb/debian/libssl3"}]))]));
    let findings =
        ["CVE-2025-1", "CVE-2025-2", "CVE-2025-3", "CVE-2025-4"].map(|id| finding(id, &[libssl()]));
    let applied = applied(&[statement], findings.to_vec());
    let today = date!(2026 - 11 - 23);
    let decision = decide(&target.name, applied.findings, &waivers, &Policy::default(), today);
    Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool { name: "cofferdam".into(), version: "0.1.0".into() },
        created: "2026-11-23T12:00:00Z".into(),
        target,
        data: Vec::new(),
        packages: Vec::new(),
        rules: Vec::new(),
        decision: decision.with_vex(applied.suppressed, applied.used),
    }
}

/// What is written is understood, and closes what somebody has decided about.
fn round_trip(written: &Value) -> Vec<(String, bool)> {
    let ids = ["CVE-2025-1", "CVE-2025-2", "CVE-2025-3", "CVE-2025-4"];
    let findings = ids.map(|id| finding(id, &[libssl()])).to_vec();
    let applied = applied(std::slice::from_ref(written), findings);
    assert_eq!(applied.gaps, []);
    assert_eq!(applied.used.matched, 4, "{written:#}");
    let closed = |id: &str| applied.suppressed.iter().any(|one| one.finding.rule == id);
    ids.iter().map(|id| ((*id).to_owned(), closed(id))).collect()
}

const DECIDED: [bool; 4] = [false, true, false, true];

#[test]
fn a_report_as_openvex_says_what_was_decided() {
    let document = serde_json::to_value(vex::write::openvex(&report())).unwrap();
    let statements = document["statements"].as_array().unwrap();
    let status = |id: &str| {
        let of = |one: &&Value| one["vulnerability"]["name"] == id;
        statements.iter().find(of).unwrap()["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status("CVE-2025-1"), "under_investigation");
    assert_eq!(status("CVE-2025-2"), "not_affected");
    assert_eq!(status("CVE-2025-3"), "affected");
    assert_eq!(status("CVE-2025-4"), "not_affected");
    let product = statements[0]["products"][0]["@id"].as_str().unwrap();
    assert_eq!(Purl::parse(product).unwrap().version.as_deref(), Some(DIGEST));
    assert_eq!(round_trip(&document).into_iter().map(|(_, is)| is).collect::<Vec<_>>(), DECIDED);
    let again = serde_json::to_value(vex::write::openvex(&report())).unwrap();
    assert_eq!(document, again);
}

#[test]
fn a_report_as_cyclonedx_conforms_to_the_schema() {
    let document = serde_json::to_value(vex::write::cyclonedx(&report())).unwrap();
    let validator = schemas::cyclonedx();
    let complaints: Vec<String> =
        validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert_eq!(complaints, [""; 0]);
    assert_eq!(round_trip(&document).into_iter().map(|(_, is)| is).collect::<Vec<_>>(), DECIDED);
    let mut wrong = document;
    wrong["vulnerabilities"][0]["analysis"]["state"] = json!("fine");
    assert!(!validator.is_valid(&wrong), "the schema notices what is wrong");
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("pkg:deb/debian/libssl3".to_owned()),
        Just("CVE-2025-1".to_owned()),
        Just("not_affected".to_owned()),
        Just("vers:deb/<2".to_owned()),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        text.prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let key = proptest::sample::select(vec![
            "products",
            "@id",
            "subcomponents",
            "identifiers",
            "hashes",
            "status",
            "vulnerability",
            "name",
            "aliases",
            "product_status",
            "known_not_affected",
            "fixed",
            "cve",
            "branches",
            "product",
            "product_id",
            "affects",
            "ref",
            "analysis",
            "state",
            "versions",
            "range",
        ]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(key, inner, 0..4).prop_map(|map| {
                Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_document_makes_a_reader_panic(bytes in any::<Vec<u8>>(), value in value(), other in value()) {
        let _ = read(&bytes, "x");
        let documents = [
            json!({"@context": "https://openvex.dev/ns", "statements": [value, other]}),
            json!({"document": {"csaf_version": "2.0"}, "product_tree": value, "vulnerabilities": [other]}),
            json!({"bomFormat": "CycloneDX", "components": [value], "vulnerabilities": [other]}),
        ];
        let applied = applied(&documents, vec![finding("CVE-2025-1", &[libssl()])]);
        prop_assert_eq!(applied.findings.len() + applied.suppressed.len(), 1);
    }

    #[test]
    fn a_package_url_comes_back(name in "[a-z@%/+ é]{1,8}", version in "[0-9a-z:+~]{0,6}") {
        let text = format!("pkg:deb/debian/{}@{}?arch=amd64", name.replace('%', "%25"), version);
        if let Ok(purl) = Purl::parse(&text) {
            prop_assert_eq!(Purl::parse(&purl.to_string()), Ok(purl));
        }
    }
}
