//! Installed packages compared with advisories: real ones with the starter database, and invented
//! ones for each rule of matching.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside their functions")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::{Package, PackageKind, RemedyState, Severity, SourcePackage, Status};
use cofferdam_vuln::{
    Distribution, Inventory,
    database::Database,
    feed::{Format, Source, build},
    matching::{Counts, Matches, match_packages},
};
use time::{Date, macros::date};

const TODAY: Date = date!(2026 - 11 - 23);

/// Vulnerabilities by source package and CVE, with the fixed versions.
fn lines(matches: &Matches) -> BTreeSet<String> {
    let line = |finding: &cofferdam_finding::Finding| {
        let packages = finding.evidence.iter().filter_map(|evidence| evidence.package.as_ref());
        let fixes: BTreeSet<&str> =
            packages.map(|p| p.fixed_version.as_deref().unwrap_or("-")).collect();
        let fixes = fixes.into_iter().collect::<Vec<_>>().join(",");
        format!("{} {} {fixes}", finding.subject, finding.rule)
    };
    matches.findings.iter().map(line).collect()
}

fn counts(counts: Counts) -> String {
    let Counts { affected, unfixed, fixed, not_affected } = counts;
    format!("{not_affected} {fixed} {affected} {unfixed}")
}

/// The packages of `debian:bookworm-slim` of 2024-12-02 whose versions are those of their sources.
fn debian_of_2024(of_today: &Inventory) -> Inventory {
    let manifest = include_str!("data/debian-bookworm-slim-20241202.manifest");
    let versions: BTreeMap<&str, &str> = manifest
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, version)| (name.split(':').next().unwrap_or(name), version))
        .collect();
    let mut inventory = of_today.clone();
    inventory.packages.retain(|p| p.version == p.source.version);
    inventory.packages.retain(|p| versions.contains_key(p.name.as_str()));
    for package in &mut inventory.packages {
        package.version = versions[package.name.as_str()].to_owned();
        package.source.version.clone_from(&package.version);
    }
    inventory
}

/// `matches.txt` was made from the raw advisories by a script that shares no code with this crate.
#[test]
fn real_packages_match_what_the_raw_advisories_say() {
    let database = Database::starter().unwrap();
    let trees = support::trees("package-databases.tar.zst");
    let mut inventories: BTreeMap<String, Inventory> = trees
        .iter()
        .map(|(name, tree)| (name.clone(), cofferdam_vuln::inventory(tree, &[])))
        .collect();
    let old = debian_of_2024(&inventories["debian-bookworm"]);
    inventories.insert("debian-bookworm-20241202".into(), old);
    let mut compared = 0;
    for section in include_str!("data/matches.txt").split('[').skip(1) {
        let (head, expected) = section.split_once('\n').unwrap();
        let (name, expected_counts) = head.split_once("] ").unwrap();
        let matches = match_packages(&inventories[name], &database, TODAY).unwrap();
        let expected: BTreeSet<String> = expected.lines().map(str::to_owned).collect();
        assert_eq!(lines(&matches), expected, "{name}");
        assert_eq!(counts(matches.counts), expected_counts, "{name}");
        compared += 1;
    }
    assert_eq!(compared, 23);
}

fn package(kind: PackageKind, name: &str, version: &str) -> Package {
    Package {
        kind,
        name: name.into(),
        version: version.into(),
        architecture: None,
        source: SourcePackage { name: name.into(), version: version.into() },
        purl: format!("pkg:{}/{name}@{version}", kind.name()),
        licenses: Vec::new(),
        module: None,
        location: "database".into(),
        layer: None,
        owner: None,
        declared: false,
    }
}

fn inventory(id: &str, version: &str, packages: Vec<Package>) -> Inventory {
    let distribution = Distribution {
        id: id.into(),
        version_id: Some(version.into()),
        pretty_name: format!("{id} {version}"),
        ..Distribution::default()
    };
    Inventory { distribution: Some(distribution), packages, gaps: Vec::new() }
}

/// A database of OSV records, dated the day before today.
fn database(ecosystem: &str, records: &[&str]) -> Database {
    let directory = tempfile::tempdir().unwrap();
    for (i, record) in records.iter().enumerate() {
        std::fs::write(directory.path().join(format!("{i}.json")), record).unwrap();
    }
    let source = Source {
        name: "test".into(),
        format: Format::Osv,
        path: ".".into(),
        date: "2026-11-22".into(),
        licence: "none".into(),
        url: "none".into(),
        files: Vec::new(),
        ecosystems: vec![ecosystem.into()],
    };
    let built = build(&[source], directory.path(), 1, &mut |_| {}).unwrap();
    assert_eq!(built.tallies[0].1.examples, Vec::<String>::new());
    Database::from_bytes(built.bytes, "test").unwrap()
}

/// An OSV record with `rest` after its id, about one range of one package.
fn record(id: &str, ecosystem: &str, package: &str, events: &str, rest: &str) -> String {
    format!(
        r#"{{"id":"{id}","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{package}"}},
        "ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]}}]{rest}}}"#
    )
}

fn fixed(version: &str) -> String {
    format!(r#"{{"introduced":"0"}},{{"fixed":"{version}"}}"#)
}

fn debian(events: &str, version: &str) -> Matches {
    let database = database("Debian", &[&record("CVE-2024-1111", "Debian:12", "a", events, "")]);
    let packages = vec![package(PackageKind::Deb, "a", version)];
    match_packages(&inventory("debian", "12", packages), &database, TODAY).unwrap()
}

#[test]
fn states_follow_from_ranges() {
    let cases = [
        (fixed("1.2-3"), "1.2-2", "0 0 1 0"),
        (fixed("1.2-3"), "1.2-3", "0 1 0 0"),
        (fixed("1.2-3"), "1.2-3~", "0 0 1 0"),
        (r#"{"introduced":"0"}"#.into(), "99", "0 0 0 1"),
        (fixed("0"), "0.1", "1 0 0 0"),
        (r#"{"introduced":"2"},{"fixed":"3"}"#.into(), "1", "1 0 0 0"),
        (r#"{"introduced":"2"},{"fixed":"3"}"#.into(), "2", "0 0 1 0"),
        (r#"{"introduced":"0"},{"last_affected":"3"}"#.into(), "3", "0 0 0 1"),
        (r#"{"introduced":"0"},{"last_affected":"3"}"#.into(), "3.1", "1 0 0 0"),
        // Events count in order of version, however they stand.
        (
            r#"{"fixed":"1"},{"introduced":"5"},{"fixed":"6"},{"introduced":"0"}"#.into(),
            "2",
            "0 1 0 0",
        ),
        (
            r#"{"fixed":"1"},{"introduced":"5"},{"fixed":"6"},{"introduced":"0"}"#.into(),
            "5",
            "0 0 1 0",
        ),
    ];
    for (events, version, expected) in cases {
        let matches = debian(&events, version);
        assert_eq!(counts(matches.counts), expected, "{version} in {events}");
        assert_eq!(matches.gaps, []);
    }
}

#[test]
fn a_finding_says_what_where_and_how_to_fix_it() {
    let rest = r#","summary":"Overflow in a","aliases":["GHSA-1"],
        "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
                    {"type":"CVSS_V2","score":"AV:N/AC:L/Au:N/C:P/I:N/A:N"}],
        "references":[{"type":"FIX","url":"https://example.org/fix"}]"#;
    let record = record("CVE-2024-1111", "Debian:12", "a", &fixed("2-1"), rest);
    let database = database("Debian", &[&record]);
    let mut library = package(PackageKind::Deb, "liba1", "1-1+b2");
    library.source = SourcePackage { name: "a".into(), version: "1-1".into() };
    let packages = vec![package(PackageKind::Deb, "a", "1-1"), library];
    let matches = match_packages(&inventory("debian", "12", packages), &database, TODAY).unwrap();
    let [finding] = &matches.findings[..] else { panic!("{:?}", matches.findings) };
    assert_eq!((finding.rule.as_ref(), finding.subject.as_str()), ("CVE-2024-1111", "a"));
    assert_eq!((finding.title.as_str(), &finding.status), ("Overflow in a", &Status::Fail));
    assert_eq!(finding.severity, Severity::Critical);
    let evidence: Vec<_> = finding.evidence.iter().map(|e| (&*e.saw, &*e.wanted)).collect();
    assert_eq!(evidence, [("a 1-1", "2-1 or later"), ("liba1 1-1+b2", "2-1 or later")]);
    let package = finding.evidence[1].package.as_ref().unwrap();
    assert_eq!(
        (package.remedy, package.fixed_version.as_deref()),
        (RemedyState::Fixed, Some("2-1"))
    );
    assert_eq!(package.advisory, "CVE-2024-1111 (Debian:12: < 2-1)");
    let fix = &finding.fix.as_ref().unwrap().summary;
    assert!(fix.contains("apt-get install --only-upgrade a liba1"), "{fix}");
    let [rule] = &matches.rules[..] else { panic!("{:?}", matches.rules) };
    let ids: Vec<&str> = rule.references.iter().map(|r| r.id.as_ref()).collect();
    let tracker = "https://security-tracker.debian.org/tracker/CVE-2024-1111";
    assert_eq!(ids, ["CVE-2024-1111", tracker, "GHSA-1", "https://example.org/fix"]);
}

#[test]
fn one_vulnerability_is_one_row_whatever_names_its_advisories() {
    let related = r#","related":["CVE-2024-1111","CVE-2024-2222"],"summary":"a - security update""#;
    let database = database(
        "Debian",
        &[
            &record("CVE-2024-1111", "Debian:12", "a", &fixed("3"), ""),
            &record("DEBIAN-CVE-2024-1111", "Debian:12", "a", &fixed("3"), ""),
            &record("DSA-1-1", "Debian:12", "a", &fixed("2"), related),
            &record("DSA-2-1", "Debian:12", "a", &fixed("5"), ""),
            &record("CVE-2024-3333", "Debian:11", "a", &fixed("9"), ""),
        ],
    );
    let packages = vec![package(PackageKind::Deb, "a", "1")];
    let matches = match_packages(&inventory("debian", "12", packages), &database, TODAY).unwrap();
    let expected = ["a CVE-2024-1111 3", "a CVE-2024-2222 2", "a DSA-2-1 5"];
    assert_eq!(lines(&matches), expected.map(str::to_owned).into());
    assert_eq!(matches.rules.len(), 3);
}

#[test]
fn severity_follows_the_documented_rule() {
    let v3 = r#"{"type":"CVSS_V3","score":"CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"}"#;
    let v2 = r#"{"type":"CVSS_V2","score":"AV:N/AC:L/Au:N/C:C/I:C/A:C"}"#;
    let bad = r#"{"type":"CVSS_V4","score":"CVSS:4.0/nonsense"}"#;
    let alma = |id, rest: &str| record(id, "AlmaLinux:9", "a", &fixed("2-1"), rest);
    let about = r#","related":["CVE-2024-1111"],"summary":"Important: a security update""#;
    let cve = |severity: &str| format!(r#"{{"id":"CVE-2024-1111","severity":[{severity}]}}"#);
    let unrated = r#","related":["CVE-2024-1111"],"summary":"a""#;
    let with_vector = format!(r#"{unrated},"severity":[{v2}]"#);
    let cases = [
        // The newest CVSS version of the vulnerability, not the highest score.
        (alma("ALSA-1", about), cve(&format!("{v2},{v3}")), Severity::Low),
        (alma("ALSA-1", about), cve(&format!("{bad},{v2}")), Severity::High),
        // The rating of the update, which is of the worst that it fixes.
        (alma("ALSA-1", about), cve(""), Severity::High),
        (alma("ALSA-1", &with_vector), cve(""), Severity::High),
        (alma("ALSA-1", unrated), cve(bad), Severity::Unknown),
    ];
    for (update, cve, expected) in cases {
        let database = database("AlmaLinux", &[&update, &cve]);
        let packages = vec![package(PackageKind::Rpm, "a", "1-1")];
        let matches = match_packages(&inventory("almalinux", "9.3", packages), &database, TODAY);
        assert_eq!(matches.unwrap().findings[0].severity, expected, "{update} {cve}");
    }
    let urgency = |urgency: &str| {
        let record = record(
            "CVE-2024-1111",
            "Debian:12",
            "a",
            &fixed("2"),
            &format!(r#","severity":[{v2}]"#),
        );
        let urgency = format!(r#""ecosystem_specific":{{"urgency":"{urgency}"}},"ranges""#);
        let database = database("Debian", &[&record.replace(r#""ranges""#, &urgency)]);
        let packages = vec![package(PackageKind::Deb, "a", "1")];
        let matches =
            match_packages(&inventory("debian", "12", packages), &database, TODAY).unwrap();
        (
            matches.findings[0].severity,
            matches.findings[0].evidence[0].package.clone().unwrap().advisory,
        )
    };
    assert_eq!(urgency("unimportant").0, Severity::Info);
    assert_eq!(urgency("medium").0, Severity::Medium);
    assert_eq!(urgency("not yet assigned").0, Severity::High);
    assert!(urgency("end-of-life").1.contains("no longer supported"));
}

#[test]
fn modular_builds_match_only_their_stream() {
    let modular = |id, summary: &str, version: &str| {
        record(
            id,
            "AlmaLinux:8",
            "nodejs",
            &fixed(version),
            &format!(r#","summary":"{summary}","related":["{id}"]"#),
        )
    };
    let database = database(
        "AlmaLinux",
        &[
            &modular(
                "CVE-2024-0018",
                "Important: nodejs:18 security update",
                "1:18.9-1.module_el8.8.0+1+a",
            ),
            &modular(
                "CVE-2024-0020",
                "Important: nodejs:20 security update",
                "1:20.9-1.module_el8.8.0+1+b",
            ),
            &modular(
                "CVE-2024-0099",
                "Important: nodejs security update",
                "1:99-1.module_el8.8.0+1+c",
            ),
            &modular("CVE-2024-0001", "Important: nodejs security update", "1:99-1.el8"),
        ],
    );
    let found = |version: &str, module: Option<&str>| {
        let mut nodejs = package(PackageKind::Rpm, "nodejs", version);
        nodejs.module = module.map(str::to_owned);
        let matches =
            match_packages(&inventory("almalinux", "8.9", vec![nodejs]), &database, TODAY).unwrap();
        matches.findings.iter().map(|f| f.rule[9..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("1:18.1-1.module_el8.6.0+9+x", Some("nodejs:18:86:abc")), ["0018", "0099"]);
    assert_eq!(found("1:20.1-1.module_el8.6.0+9+x", Some("nodejs:20:86:abc")), ["0020", "0099"]);
    assert_eq!(found("1:20.10-1.module_el8.6.0+9+x", Some("nodejs:20:86:abc")), ["0099"]);
    assert_eq!(found("1:18.1-1.module_el8.6.0+9+x", None), ["0018", "0020", "0099"]);
    assert_eq!(found("1:18.1-1.el8", None), ["0001"]);
}

#[test]
fn rpm_epochs_count_and_binary_names_are_looked_up() {
    let records = [
        record("CVE-2024-1111", "AlmaLinux:9", "a-libs", &fixed("1:1.0-1.el9"), ""),
        record("CVE-2024-2222", "AlmaLinux:9", "a-libs", &fixed("2.0-1.el9"), ""),
        record("CVE-2024-3333", "AlmaLinux:9", "a", &fixed("9:9-9"), ""),
    ];
    let database = database("AlmaLinux", &records.each_ref().map(String::as_str));
    let mut libs = package(PackageKind::Rpm, "a-libs", "1:0.9-1.el9");
    libs.source = SourcePackage { name: "a".into(), version: "1:0.9-1.el9".into() };
    let matches =
        match_packages(&inventory("almalinux", "9.3", vec![libs]), &database, TODAY).unwrap();
    assert_eq!(lines(&matches), ["a CVE-2024-1111 1:1.0-1.el9".to_owned()].into());
    assert_eq!(counts(matches.counts), "0 1 1 0");
}

#[test]
fn what_cannot_be_compared_is_a_gap() {
    let gaps = |matches: Matches| {
        matches.gaps.iter().map(|gap| format!("{} {}", gap.rule, gap.object)).collect::<Vec<_>>()
    };
    assert_eq!(gaps(debian(&fixed("2"), "1_2")), ["version-not-comparable a 1_2"]);
    assert_eq!(gaps(debian(&fixed("2:"), "1")), ["version-not-comparable CVE-2024-1111: a"]);

    let database =
        database("Debian", &[&record("CVE-2024-1111", "Debian:12", "a", &fixed("2"), "")]);
    let with = |inventory: &Inventory, today| match_packages(inventory, &database, today).unwrap();
    let deb = || vec![package(PackageKind::Deb, "a", "1")];
    assert_eq!(gaps(with(&inventory("debian", "12", deb()), date!(2026 - 12 - 22))), [""; 0]);
    let stale = with(&inventory("debian", "12", deb()), date!(2026 - 12 - 23));
    assert!(stale.gaps[0].why.contains("2026-11-22, 31 days old"), "{:?}", stale.gaps);
    assert_eq!(stale.findings.len(), 1);
    assert_eq!(gaps(stale), ["advisory-data-stale Debian:12"]);
    assert_eq!(
        gaps(with(&inventory("debian", "99", deb()), TODAY)),
        ["no-advisory-data Debian:99"]
    );
    assert_eq!(
        gaps(with(&inventory("templeos", "5", deb()), TODAY)),
        ["no-advisory-data templeos 5"]
    );
    let rpm = inventory("debian", "12", vec![package(PackageKind::Rpm, "a", "1")]);
    assert_eq!(gaps(with(&rpm, TODAY)), ["no-advisory-data rpm packages"]);
    let unknown = Inventory { packages: deb(), ..Inventory::default() };
    assert_eq!(with(&unknown, TODAY), Matches::default());
}

fn language(
    kind: PackageKind,
    name: &str,
    version: &str,
    ecosystem: &str,
    records: &[&str],
) -> Matches {
    let packages = vec![package(kind, name, version)];
    let inventory = Inventory { packages, ..Inventory::default() };
    match_packages(&inventory, &database(ecosystem, records), TODAY).unwrap()
}

#[test]
fn packages_of_languages_are_matched_under_their_canonical_names() {
    for (kind, ecosystem, advised, installed) in [
        (PackageKind::Npm, "npm", "@a/b", "@a/b"),
        (PackageKind::Pypi, "PyPI", "Zope.Interface", "zope-interface"),
        (PackageKind::Nuget, "NuGet", "Newtonsoft.Json", "newtonsoft.json"),
        (PackageKind::Composer, "Packagist", "Symfony/Console", "symfony/console"),
        (PackageKind::Maven, "Maven", "g:a", "g:a"),
        (PackageKind::Golang, "Go", "golang.org/x/net", "golang.org/x/net"),
        (PackageKind::Cargo, "crates.io", "serde", "serde"),
        (PackageKind::Gem, "RubyGems", "rack", "rack"),
    ] {
        let record = record("GHSA-1", ecosystem, advised, &fixed("1.10.0"), "");
        let matches = language(kind, installed, "1.9.0", ecosystem, &[&record]);
        let expected = format!("{}:{installed} GHSA-1 1.10.0", kind.name());
        assert_eq!(lines(&matches), [expected].into(), "{ecosystem}");
        assert!(matches.gaps.is_empty());
        let matches = language(kind, installed, "1.10.0", ecosystem, &[&record]);
        assert_eq!(counts(matches.counts), "0 1 0 0", "{ecosystem}");
    }
}

#[test]
fn records_of_one_vulnerability_by_several_publishers_are_one_finding() {
    let ghsa = record(
        "GHSA-1",
        "PyPI",
        "a",
        &fixed("2"),
        r#","aliases":["CVE-2024-1","PYSEC-2024-1"],"summary":"bad"
        ,"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]"#,
    );
    let pysec =
        record("PYSEC-2024-1", "PyPI", "A", &fixed("2"), r#","aliases":["GHSA-1","CVE-2024-1"]"#);
    let unnamed = record("PYSEC-2024-2", "PyPI", "a", &fixed("3"), r#","aliases":["GHSA-2"]"#);
    let other = record("GHSA-2", "PyPI", "a", &fixed("3"), "");
    let records = [ghsa.as_str(), &pysec, &unnamed, &other];
    let matches = language(PackageKind::Pypi, "a", "1", "PyPI", &records);
    assert_eq!(
        lines(&matches),
        ["pypi:a CVE-2024-1 2", "pypi:a GHSA-2 3"].map(str::to_owned).into()
    );
    assert_eq!(matches.findings[0].severity, Severity::Critical);
    let database = database("PyPI", &records);
    let rule = cofferdam_vuln::matching::explain(&database, "pysec-2024-1").unwrap().unwrap();
    assert_eq!(rule.id, "CVE-2024-1");
}

#[test]
fn what_was_taken_back_does_not_match() {
    let with = |rest: &str| record("GHSA-1", "npm", "a", &fixed("2"), rest);
    for rest in [
        r#","withdrawn":"2024-01-01T00:00:00Z""#,
        r#","summary":"Withdrawn: it is not one""#,
        r#","summary":"Duplicate Advisory: a""#,
        r###","details":"## Withdrawn Advisory\nThis""###,
        r#","details":"**Withdrawn:** Duplicate of GHSA-2""#,
    ] {
        let matches = language(PackageKind::Npm, "a", "1", "npm", &[&with(rest)]);
        assert!(matches.findings.is_empty(), "{rest}");
    }
    let matches =
        language(PackageKind::Npm, "a", "1", "npm", &[&with(r#","summary":"Withdraws money""#)]);
    assert_eq!(matches.findings.len(), 1);
}

#[test]
fn ranges_of_languages_are_read_as_they_are_meant() {
    let range = |kind, ecosystem: &str, affected: &str, version: &str| {
        let record = format!(
            r#"{{"id":"GHSA-1","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"a"}},{affected}}}]}}"#
        );
        let matches = language(kind, "a", version, ecosystem, &[&record]);
        assert!(matches.gaps.is_empty(), "{:?}", matches.gaps);
        matches.findings.len() == 1
    };
    use PackageKind::{Composer, Golang, Npm, Pypi};
    let last =
        r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"last_affected":"2.0"}]}]"#;
    // A local build of an affected version is affected.
    assert!(range(Pypi, "PyPI", last, "2.0+cu118"));
    assert!(!range(Pypi, "PyPI", last, "2.0.1"));
    // GitHub knows which versions, and no fix.
    let known = r#""ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"database_specific":{"last_known_affected_version_range":"<= 1.2.0"}"#;
    assert!(range(Npm, "npm", known, "1.2.0") && !range(Npm, "npm", known, "1.2.1"));
    let two = r#""ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.20.8"},{"introduced":"1.21.0-0"},{"fixed":"1.21.1"}]}]"#;
    assert!(range(Golang, "Go", two, "v1.20.7") && range(Golang, "Go", two, "v1.21.0-rc.2"));
    assert!(!range(Golang, "Go", two, "1.20.8") && !range(Golang, "Go", two, "v1.21.1"));
    let listed =
        r#""ranges":[{"type":"GIT","events":[{"introduced":"0"}]}],"versions":["1.0","1.1"]"#;
    assert!(range(Pypi, "PyPI", listed, "1.1.0") && !range(Pypi, "PyPI", listed, "1.2"));
    let patch =
        r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"5.0.0"},{"fixed":"5.4.9"}]}]"#;
    assert!(
        range(Composer, "Packagist", patch, "v5.4.8")
            && !range(Composer, "Packagist", patch, "v5.4.9")
    );
}

#[test]
fn a_package_that_the_distribution_owns_is_left_to_the_distribution() {
    let record = record("GHSA-1", "PyPI", "yaml", &fixed("6.0"), "");
    let mut owned = package(PackageKind::Pypi, "yaml", "5.3");
    owned.owner = Some("python3-yaml".into());
    // The distribution is known to the database, or it is not.
    let debian = self::record("CVE-2024-1", "Debian:12", "x", &fixed("1"), "");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.json"), &record).unwrap();
    std::fs::write(directory.path().join("b.json"), &debian).unwrap();
    let source = Source {
        name: "test".into(),
        format: Format::Osv,
        path: ".".into(),
        date: "2026-11-22".into(),
        licence: "none".into(),
        url: "none".into(),
        ecosystems: vec!["PyPI".into(), "Debian".into()],
        files: Vec::new(),
    };
    let built = build(&[source], directory.path(), 1, &mut |_| {}).unwrap();
    let both = Database::from_bytes(built.bytes, "both").unwrap();
    let packages = vec![package(PackageKind::Deb, "python3-yaml", "5.3-1"), owned];
    let debian = inventory("debian", "12", packages.clone());
    assert!(match_packages(&debian, &both, TODAY).unwrap().findings.is_empty());
    let unknown = inventory("gentoo", "2", packages);
    let matches = match_packages(&unknown, &both, TODAY).unwrap();
    assert_eq!(lines(&matches), ["pypi:yaml GHSA-1 6.0".to_owned()].into());
    let fix = matches.findings[0].fix.as_ref().unwrap();
    assert_eq!(fix.summary, "upgrade python3-yaml, which has yaml in it");
}

#[test]
fn what_a_language_cannot_compare_is_a_gap_where_it_matters() {
    let records = [record("GHSA-1", "Go", "x.y/z", &fixed("1.0.0"), "")];
    let matches = language(PackageKind::Golang, "x.y/z", "", "Go", &[&records[0]]);
    assert_eq!(matches.gaps[0].rule, "version-not-comparable");
    let matches = language(PackageKind::Golang, "x.y/other", "", "Go", &[&records[0]]);
    assert!(matches.gaps.is_empty() && matches.findings.is_empty());
    let matches = language(PackageKind::Conda, "numpy", "1.0", "Go", &[&records[0]]);
    assert_eq!(
        (matches.gaps[0].rule.as_ref(), matches.gaps[0].object.as_str()),
        ("no-advisory-data", "conda")
    );
}
