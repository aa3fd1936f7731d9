//! The database file: what it holds, and what happens when it is damaged.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside their functions")]

use cofferdam_vuln::{
    database::{Builder, Database, DatabaseError, End, Range, Row},
    feed::{Advisory, Affected, Built, Format, Source, SourceList, Tally, build, osv, secdb},
};
use proptest::prelude::*;

fn source(format: Format, path: &str) -> Source {
    Source {
        name: path.into(),
        format,
        path: path.into(),
        date: "2026-01-02".into(),
        licence: "none".into(),
        url: "none".into(),
        files: Vec::new(),
        ecosystems: vec!["Debian".into()],
    }
}

const SECDB: &str = r#"{"distroversion":"v3.21","packages":[
    {"pkg":{"name":"xen","secfixes":{"4.14.0-r1":["CVE-2020-29568 XSA-349"],"0":["CVE-2020-0001"],"6.6.2p1-0":["GHSA-1"]}}},
    {"pkg":{"name":"broken","secfixes":7}},
    {"pkg":{"name":"empty","secfixes":null}}]}"#;

/// A small database out of good and broken records, whose files come in the order given.
fn small(names: [&str; 3]) -> Built {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let affected = |version: &str| {
        format!(
            r#""affected":[{{"package":{{"ecosystem":"Debian:12","name":"a"}},"versions":["99"],
            "ranges":[{{"type":"GIT","events":[{{"introduced":"0"}}]}},
            {{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{version}"}}]}}]}}]"#
        )
    };
    file(
        &format!("osv/{}.json", names[0]),
        &format!(
            r#"{{"id":"CVE-2020-1234567","summary":"One","details":null,{}}}"#,
            affected("1-1")
        ),
    );
    file(
        &format!("osv/{}.json", names[1]),
        &format!(r#"{{"id":"CVE-1999-0001",{}}}"#, affected("2-1")),
    );
    file(
        &format!("osv/{}.json", names[2]),
        &format!(r#"{{"id":"DSA-1-1","related":["CVE-2021-5"],{}}}"#, affected("3-1")),
    );
    file(
        "osv/broken.json",
        r#"{"id":"CVE-2020-1","affected":[{"package":{"ecosystem":"Debian:12","name":"a"},"ranges":[{"type":"ECOSYSTEM","events":[{}]}]}]}"#,
    );
    file("osv/cut.json", r#"{"id":"CVE-2"#);
    file(
        "osv/gone.json",
        &format!(r#"{{"id":"CVE-2020-2","withdrawn":"2020-01-01T00:00:00Z",{}}}"#, affected("9")),
    );
    file("secdb/v3.21/main.json", SECDB);
    let sources = [source(Format::Osv, "osv"), source(Format::AlpineSecdb, "secdb")];
    build(&sources, directory.path(), 7, &mut |_| {}).unwrap()
}

#[test]
fn broken_records_are_named_and_the_rest_is_kept() {
    let built = small(["a", "b", "c"]);
    let (_, osv) = &built.tallies[0];
    assert_eq!((osv.records, osv.broken, osv.withdrawn), (6, 2, 1));
    assert!(osv.examples[0].starts_with("broken.json: a range has an event"), "{:?}", osv.examples);
    assert!(osv.examples[1].starts_with("cut.json: "), "{:?}", osv.examples);
    let (_, secdb) = &built.tallies[1];
    assert_eq!((secdb.records, secdb.broken), (4, 1));
    assert!(secdb.examples[0].contains("broken"), "{:?}", secdb.examples);

    let database = Database::from_bytes(built.bytes, "small").unwrap();
    database.verify().unwrap();
    assert_eq!((database.header().generation, database.header().date()), (7, "2026-01-02"));
    assert_eq!(database.header().sources[0].broken, 2);
    let names: Vec<_> = database.ecosystems().unwrap().iter().map(|e| e.name).collect();
    assert_eq!(names, ["Alpine:v3.21", "Debian:12"]);
    let alpine = database.ecosystem("Alpine:v3.21").unwrap().unwrap();
    let xen: Vec<String> =
        alpine.rows("xen").unwrap().iter().map(|row| format!("{:?}", row.row.ranges)).collect();
    assert_eq!(xen.len(), 3, "{xen:?}");
    let xsa = database.find_record("CVE-2020-29568").unwrap().unwrap();
    assert_eq!(database.texts().get(xsa).unwrap().aliases, ["XSA-349"]);
    for id in ["CVE-1999-0001", "CVE-2020-1234567", "CVE-2021-5", "DSA-1-1", "GHSA-1"] {
        let record = database.find_record(id).unwrap().unwrap();
        assert_eq!(database.record(record).unwrap().id, id);
    }
    assert_eq!(database.find_record("CVE-2020-2").unwrap(), None);
    assert_eq!(database.ecosystem("Debian:11").unwrap().map(|e| e.name), None);
}

#[test]
fn the_same_records_give_the_same_bytes() {
    assert_eq!(small(["a", "b", "c"]).bytes, small(["c", "a", "b"]).bytes);
}

/// Reads everything that there is.
fn read_all(database: &Database) -> Result<(), DatabaseError> {
    let texts = database.texts();
    for ecosystem in database.ecosystems()? {
        ecosystem.sources().count();
        for package in ecosystem.package_names()? {
            for row in ecosystem.rows(package)? {
                let record = database.record(row.record)?;
                texts.get(row.record)?;
                for about in record.about {
                    texts.get(about)?;
                }
            }
        }
    }
    database.find_record("CVE-2020-1")?;
    database.find_record("ZZZ")?;
    Ok(())
}

#[test]
fn a_cut_database_is_an_error_at_every_length() {
    let bytes = small(["a", "b", "c"]).bytes;
    for length in 0..bytes.len() {
        let error = Database::from_bytes(bytes[..length].to_vec(), "cut").unwrap_err();
        assert!(error.to_string().contains("'cut'"), "{error}");
    }
}

#[test]
fn a_flipped_bit_is_found_by_the_checksum_and_harms_no_reader() {
    let bytes = small(["a", "b", "c"]).bytes;
    for place in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << bit;
            if let Ok(database) = Database::from_bytes(damaged, "flipped") {
                assert!(database.verify().is_err(), "byte {place} bit {bit}");
                let _ = read_all(&database);
            }
        }
    }
}

#[test]
fn what_is_not_a_database_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for content in ["", "SQLite format 3\0", "{}"] {
        std::fs::write(&path, content).unwrap();
        let error = Database::open(&path).unwrap_err();
        assert!(matches!(error, DatabaseError::Foreign { .. }), "{error}");
    }
    assert!(matches!(Database::open(directory.path()), Err(DatabaseError::Open { .. })));
    let error = Database::open(&directory.path().join("missing")).unwrap_err().to_string();
    assert!(error.contains("missing'"), "{error}");
    let mut newer = small(["a", "b", "c"]).bytes;
    newer[8] = 9;
    let error = Database::from_bytes(newer, "newer").unwrap_err().to_string();
    assert!(error.contains("it has format 9"), "{error}");
}

#[test]
fn the_starter_database_is_whole_and_says_how_old_it_is() {
    let database = Database::starter().unwrap();
    database.verify().unwrap();
    read_all(&database).unwrap();
    assert!(database.header().size <= 10_000_000);
    assert_eq!(database.header().sources.len(), 14);
    assert_eq!(database.header().date(), "2025-01-03");
    for name in [
        "Debian:11",
        "Debian:12",
        "Debian:13",
        "Alpine:v3.21",
        "Alpine:edge",
        "AlmaLinux:10",
        "Rocky Linux:9",
        "Red Hat:enterprise_linux:9",
        "Go",
        "crates.io",
        "PyPI",
        "npm",
        "Maven",
        "NuGet",
        "Packagist",
        "RubyGems",
    ] {
        assert!(database.ecosystem(name).unwrap().is_some(), "{name}");
    }
    assert_eq!(database.find_record("USN-1-1").unwrap(), None);
}

/// Advisory number `id`: about others, and about one of two packages unless that is `None`.
fn advisory(id: usize, about: &[usize], direct: bool, package: Option<usize>) -> Advisory {
    let row = Row {
        ranges: vec![Range { introduced: None, end: End::Open }],
        module: None,
        rating: None,
        support_ended: false,
        stance: None,
    };
    let package = package.map(|package| format!("p{package}"));
    Advisory {
        id: format!("X-{id}"),
        about: about.iter().map(|about| format!("X-{about}")).collect(),
        direct,
        affected: package
            .map(|package| Affected { ecosystem: "Debian:12".into(), package, row })
            .into_iter()
            .collect(),
        ..Advisory::default()
    }
}

proptest! {
    // Records name each other in chains and in circles; some are about no package at all.
    #[test]
    fn whatever_records_are_about_is_in_the_database(records in prop::collection::vec(
        (prop::collection::vec(0..6_usize, 0..3), any::<bool>(), prop::option::of(0..2_usize)), 6,
    )) {
        let mut builder = Builder::new();
        for (id, (about, direct, package)) in records.iter().enumerate() {
            builder.add(0, &advisory(id, about, *direct, *package));
        }
        let database = Database::from_bytes(builder.finish(1).unwrap(), "chains").unwrap();
        database.verify().unwrap();
        for record in 0..6 {
            if let Some(found) = database.find_record(&format!("X-{record}")).unwrap() {
                for about in database.record(found).unwrap().about {
                    prop_assert!(database.record(about).is_ok());
                }
            }
        }
    }

    #[test]
    fn no_record_makes_a_reader_panic(text in any::<Vec<u8>>(), id in "\\PC{0,8}", version in "\\PC{0,8}", kind in "(ECOSYSTEM|GIT)") {
        let all = ["Debian".to_owned()];
        let _ = osv::parse(&text, &all);
        let events = [serde_json::json!({"introduced": "0"}), serde_json::json!({"fixed": version})];
        let record = serde_json::json!({"id": id, "details": version, "summary": id, "affected": [
            {"package": {"ecosystem": "Debian:12", "name": id}, "ranges": [{"type": kind, "events": events}]}]});
        let _ = osv::parse(record.to_string().as_bytes(), &all);
        secdb::parse("x", &text, &mut Tally::default(), &mut |_| {});
    }
}

#[test]
fn the_published_sources_can_be_read() {
    let list = SourceList::published();
    assert!(list.source.len() >= 5);
    for source in &list.source {
        assert!(source.url.starts_with("https://"), "{}", source.name);
        assert!(source.date.is_empty() && source.path.as_os_str().is_empty(), "{}", source.name);
    }
}
