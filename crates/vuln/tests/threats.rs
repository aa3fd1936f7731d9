//! What is known of attacks: read from its feeds, kept in the database, and put with findings.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside their functions")]

use std::{fs, io::Write as _, path::Path};

use cofferdam_finding::{Context, Exploited};
use cofferdam_vuln::{
    database::{Builder, Database},
    feed::{Built, Format, Source, Tally, build, build_onto, threat},
};
use proptest::prelude::*;

fn source(name: &str, format: Format, path: &str) -> Source {
    Source {
        name: name.into(),
        format,
        path: path.into(),
        date: "2026-01-02".into(),
        licence: "none".into(),
        url: "none".into(),
        files: Vec::new(),
        ecosystems: vec!["Debian".into()],
    }
}

const CATALOGUE: &str = r#"{"title":"x","vulnerabilities":[
    {"cveID":"CVE-2020-1","dateAdded":"2021-11-03"},
    {"cveID":"CVE-2020-0001","dateAdded":"2021-11-03","knownRansomwareCampaignUse":"Known","other":1},
    {"cveID":"CVE-2020-0002","dateAdded":"2022-02-30","knownRansomwareCampaignUse":"Unknown"},
    {"cveID":"CVE-2020-0003","dateAdded":"2022-02-28","knownRansomwareCampaignUse":"Unknown"},
    {"cveID":7},
    {"cveID":"CVE-1999-9999","dateAdded":"2022-02-28"}]}"#;

const SCORES: &str = "#model_version:v2025.03.14,score_date:2026-01-02T12:55:00Z\n\
                      cve,epss,percentile\n\
                      CVE-2020-0001,0.97565,0.99999\n\
                      CVE-2020-0002,0.00043,0.11\r\n\
                      CVE-2020-0003,1.5,0.1\n\
                      CVE-2020-0004,0.5\n\
                      CVE-1999-9999,0.1,0.1\n";

fn write_feeds(directory: &Path) {
    fs::create_dir(directory.join("osv")).unwrap();
    for number in 1..=4 {
        let record = format!(
            r#"{{"id":"CVE-2020-000{number}","affected":[{{"package":{{"ecosystem":"Debian:12",
            "name":"a"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},
            {{"fixed":"{number}-1"}}]}}]}}]}}"#
        );
        fs::write(directory.join(format!("osv/{number}.json")), record).unwrap();
    }
    fs::write(directory.join("kev.json"), CATALOGUE).unwrap();
    fs::write(directory.join("scores.csv"), SCORES).unwrap();
    let file = fs::File::create(directory.join("scores.csv.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    packed.write_all(SCORES.as_bytes()).unwrap();
    packed.finish().unwrap();
}

fn built(scores: &str) -> Built {
    let directory = tempfile::tempdir().unwrap();
    write_feeds(directory.path());
    let sources = [
        source("osv", Format::Osv, "osv"),
        source("kev", Format::Kev, "kev.json"),
        source("epss", Format::Epss, scores),
    ];
    build(&sources, directory.path(), 3, &mut |_| {}).unwrap()
}

fn threat_of(database: &Database, cve: &str) -> Option<Context> {
    let record = database.find_record(cve).unwrap().unwrap();
    database.threat(record).unwrap()
}

#[test]
fn attacks_are_kept_for_the_vulnerabilities_that_the_database_has() {
    let built = built("scores.csv");
    let database = Database::from_bytes(built.bytes, "small").unwrap();
    database.verify().unwrap();
    assert_eq!(database.threat_count(), 3, "CVE-1999-9999 concerns no package");
    let first = threat_of(&database, "CVE-2020-0001").unwrap();
    assert_eq!(
        first.exploited,
        Some(Exploited { since: "2021-11-03".to_owned(), ransomware: true })
    );
    let epss = first.epss.unwrap();
    assert_eq!((epss.probability.parts(), epss.percentile.parts()), (97_565, 99_999));
    let second = threat_of(&database, "CVE-2020-0002").unwrap();
    assert_eq!((second.exploited, second.epss.unwrap().probability.parts()), (None, 43));
    let third = threat_of(&database, "CVE-2020-0003").unwrap();
    assert_eq!((third.exploited.unwrap().ransomware, third.epss), (false, None));
    assert_eq!(threat_of(&database, "CVE-2020-0004"), None);
}

#[test]
fn what_is_broken_in_a_list_of_attacks_is_named() {
    let built = built("scores.csv");
    let (_, kev) = &built.tallies[1];
    assert_eq!((kev.records, kev.broken), (6, 3), "{:?}", kev.examples);
    assert!(kev.examples[0].contains("entry 1: its cveID is no CVE id"), "{:?}", kev.examples);
    assert!(kev.examples[1].contains("entry 3: its dateAdded"), "{:?}", kev.examples);
    let (_, epss) = &built.tallies[2];
    assert_eq!((epss.records, epss.broken), (5, 2), "{:?}", epss.examples);
    assert!(epss.examples[0].starts_with("line 5: '1.5' is not a number"), "{:?}", epss.examples);
}

#[test]
fn compressed_scores_are_the_same_scores() {
    assert_eq!(built("scores.csv").bytes, built("scores.csv.gz").bytes);
}

#[test]
fn a_table_that_is_none_is_an_error() {
    let long = format!("cve,epss,percentile\n{}", "x".repeat(5000));
    for text in ["", "cve,score\nCVE-2020-0001,0.1", long.as_str()] {
        let outcome = threat::parse_epss(text.as_bytes(), &mut Tally::default(), &mut |_, _| {});
        assert!(outcome.is_err(), "{}", &text[..text.len().min(40)]);
    }
}

#[test]
fn a_database_that_is_built_upon_keeps_every_byte() {
    let small = Database::from_bytes(built("scores.csv").bytes, "small").unwrap();
    for database in [small, Database::starter().unwrap()] {
        let generation = database.header().generation;
        let again = Builder::onto(&database).unwrap().finish(generation).unwrap();
        assert!(again == database.as_bytes(), "{}", database.header().name);
    }
}

#[test]
fn a_newer_list_of_attacks_replaces_the_older_one() {
    let directory = tempfile::tempdir().unwrap();
    let catalogue = CATALOGUE.replace("CVE-2020-0003", "CVE-2020-0004");
    fs::write(directory.path().join("kev.json"), catalogue).unwrap();
    let base = Database::from_bytes(built("scores.csv").bytes, "small").unwrap();
    let add = |source: Source| {
        let builder = Builder::onto(&base).unwrap();
        build_onto(builder, &[source], directory.path(), 4, &mut |_| {})
    };
    let newer = add(source("kev", Format::Kev, "kev.json")).unwrap();
    let database = Database::from_bytes(newer.bytes, "newer").unwrap();
    assert_eq!(database.header().sources.len(), 3);
    assert_eq!(threat_of(&database, "CVE-2020-0003"), None);
    assert!(threat_of(&database, "CVE-2020-0004").unwrap().exploited.is_some());
    assert!(threat_of(&database, "CVE-2020-0001").unwrap().epss.is_some(), "scores are kept");
    let error = add(source("osv", Format::Osv, "osv")).unwrap_err().to_string();
    assert!(error.contains("has it already"), "{error}");
}

#[test]
fn the_starter_database_knows_what_is_exploited() {
    let database = Database::starter().unwrap();
    // Looney Tunables, in the catalogue since 21 November 2023.
    let exploited = threat_of(&database, "CVE-2023-4911").unwrap().exploited.unwrap();
    assert_eq!(exploited.since, "2023-11-21");
    assert!(database.threat_count() > 200, "{}", database.threat_count());
}

proptest! {
    #[test]
    fn no_list_makes_a_reader_panic(bytes in any::<Vec<u8>>(), text in "[\\PC,\\n]{0,80}", id in "(CVE-[0-9]{4}-[0-9]{1,9}|\\PC{0,8})", day in "([0-9]{4}-[0-9]{2}-[0-9]{2}|\\PC{0,8})") {
        threat::parse_kev("x", &bytes, &mut Tally::default(), &mut |_, _| {});
        let entry = serde_json::json!({"vulnerabilities": [{"cveID": id, "dateAdded": day}]});
        let mut builder = Builder::new();
        threat::parse_kev("x", entry.to_string().as_bytes(), &mut Tally::default(), &mut |cve, exploited| {
            builder.threat(cve, Context { exploited: Some(exploited), ..Context::default() });
        });
        prop_assert!(builder.finish(1).is_ok());
        let _ = threat::parse_epss(bytes.as_slice(), &mut Tally::default(), &mut |_, _| {});
        let table = format!("cve,epss,percentile\n{text}");
        let outcome = threat::parse_epss(table.as_bytes(), &mut Tally::default(), &mut |_, _| {});
        prop_assert!(outcome.is_ok());
    }
}
