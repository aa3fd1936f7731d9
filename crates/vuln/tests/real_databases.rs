//! The databases of real distributions list what their own programs say they list.

#[expect(dead_code, reason = "shared by tests that use different parts of it")]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_image::{Entry, Kind, Tree};
use cofferdam_vuln::{interest, inventory, packages::rpm};

/// `packages.txt`: sections of sorted lines.
fn expected() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut sections = BTreeMap::<&str, BTreeSet<&str>>::new();
    let mut section = "";
    for line in include_str!("data/packages.txt").lines() {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => section = name,
            None => assert!(sections.entry(section).or_default().insert(line), "{line} twice"),
        }
    }
    sections
}

#[test]
fn every_package_of_every_distribution_is_listed_with_its_source() {
    let trees = support::trees("package-databases.tar.zst");
    let expected = expected();
    assert_eq!(trees.len(), 24);
    assert!(trees.keys().eq(expected.keys()));
    for (name, tree) in &trees {
        let found = inventory(tree, &[]);
        let lines: Vec<String> = found.packages.iter().map(support::line).collect();
        let lines: BTreeSet<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(lines, expected[name.as_str()], "{name}");
        assert_eq!(found.packages.len(), lines.len(), "{name} lists packages twice");
        // Three trees are databases alone.
        let gaps: Vec<&str> = found.gaps.iter().map(|gap| &*gap.rule).collect();
        let bare = ["sle15-bci", "libuuid-single"].contains(&name.as_str());
        assert_eq!(gaps, if bare { &["os-not-recognised"][..] } else { &[] }, "{name}");
    }
}

#[test]
fn each_distribution_has_the_name_under_which_advisories_are_published() {
    let trees = support::trees("package-databases.tar.zst");
    for (name, ecosystem) in [
        ("alma-8-micro-20231122-s390x", "AlmaLinux:8"),
        ("alma-9-micro-20231124-aarch64", "AlmaLinux:9"),
        ("alpine-3.6", "Alpine:v3.6"),
        ("alpine-3.20", "Alpine:v3.20"),
        ("alpine-edge", "Alpine:edge"),
        ("debian-bookworm", "Debian:12"),
        ("debian-trixie", "Debian:13"),
    ] {
        let distribution = inventory(&trees[name], &[]).distribution.unwrap();
        assert_eq!(distribution.ecosystem().as_deref(), Some(ecosystem));
    }
}

#[test]
fn rpm_packages_carry_licence_and_source_file() {
    let trees = support::trees("package-databases.tar.zst");
    let found = inventory(&trees["alma-9-micro-20231124-aarch64"], &["sha256:one".into()]);
    let bash = found.packages.iter().find(|package| package.name == "bash").unwrap();
    assert_eq!(bash.licenses, ["GPLv3+"]);
    assert_eq!(bash.location, "var/lib/rpm/rpmdb.sqlite");
    assert_eq!(bash.layer.as_deref(), Some("sha256:one"));
    assert_eq!(
        bash.purl,
        "pkg:rpm/almalinux/bash@5.1.8-6.el9_1?arch=aarch64&distro=almalinux-9.3\
         &upstream=bash-5.1.8-6.el9_1.src.rpm"
    );
}

/// The package that `make-rpm-databases.py` makes of a number, as a line.
fn invented(number: u32) -> String {
    let epoch = if number.is_multiple_of(3) { String::new() } else { format!("{}:", number % 3) };
    let version = format!("{epoch}1.{number}-1.el9");
    format!("package-{number} {version} noarch package-{number} {version}")
}

#[test]
fn an_sqlite_log_counts_up_to_its_last_commit() {
    let tree = moved(&support::trees("rpm-databases.tar.zst")["sqlite"]);
    let lines: BTreeSet<String> =
        inventory(&tree, &[]).packages.iter().map(support::line).collect();
    assert_eq!(lines, (101..=300).chain([400]).map(invented).collect());
    assert!(interest().wants("var/lib/rpm/rpmdb.sqlite-wal"));

    // Without the log, the database is as it was at the last checkpoint.
    let (database, _) = tree.file("var/lib/rpm/rpmdb.sqlite").unwrap();
    let whole = rpm::parse(database, None);
    assert_eq!((whole.records.len(), whole.problems.len()), (300, 0));
    assert_eq!(whole.records[0].module.as_deref(), Some("stream:1:2:3"));

    // A log whose last commit is cut off counts up to the commit before.
    let (database, log) = (database.clone(), tree.file("var/lib/rpm/rpmdb.sqlite-wal").unwrap().0);
    let cut = rpm::parse(&database, Some(&log[..log.len() - 1]));
    assert_eq!((cut.records.len(), cut.problems.len()), (200, 0));
}

/// The database at the root of `tree`, where rpm has it.
fn moved(tree: &Tree) -> Tree {
    let mut moved = Tree::default();
    for name in ["rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages"] {
        if let Some((content, layer)) = tree.file(name) {
            let kind = Kind::File(content.clone());
            moved.insert(format!("var/lib/rpm/{name}"), Entry { kind, layer });
        }
    }
    moved
}

#[test]
fn berkeley_hashes_of_both_byte_orders_are_read_on_and_off_page() {
    let trees = support::trees("rpm-databases.tar.zst");
    for name in ["berkeley-little", "berkeley-big"] {
        let found = inventory(&moved(&trees[name]), &[]);
        let lines: BTreeSet<String> = found.packages.iter().map(support::line).collect();
        assert_eq!(lines, (1..=100).map(invented).collect(), "{name}");
        assert_eq!(found.gaps.len(), 1, "{name}: {:?}", found.gaps);
    }
}

#[test]
fn of_two_rpm_databases_the_newest_format_with_packages_counts() {
    let trees = support::trees("rpm-databases.tar.zst");
    let mut tree = moved(&trees["sqlite"]);
    let (hash, layer) = trees["berkeley-big"].file("Packages").unwrap();
    let kind = Kind::File(hash.clone());
    tree.insert("usr/lib/sysimage/rpm/Packages", Entry { kind, layer });
    let found = inventory(&tree, &[]);
    assert_eq!(found.packages.len(), 201);
    let gap = found.gaps.iter().find(|gap| gap.rule == "package-database-not-read").unwrap();
    assert_eq!(gap.object, "usr/lib/sysimage/rpm/Packages");
    assert_eq!(gap.why, "var/lib/rpm/rpmdb.sqlite counts instead of it");
}
