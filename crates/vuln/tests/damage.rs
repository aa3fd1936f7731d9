//! Damaged databases: nothing panics, nothing takes long, nothing is lost without a gap.

#[expect(dead_code, reason = "shared by tests that use different parts of it")]
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
    time::{Duration, Instant},
};

use cofferdam_image::Tree;
use cofferdam_vuln::packages::{Contents, apk, dpkg, rpm};
use proptest::prelude::*;

type Reader = fn(&[u8]) -> Contents;

fn dpkg_status(content: &[u8]) -> Contents {
    dpkg::parse(content, dpkg::Form::Status)
}

fn rpm_alone(content: &[u8]) -> Contents {
    rpm::parse(content, None)
}

static DATABASES: LazyLock<Vec<(&str, Reader, Vec<u8>)>> = LazyLock::new(|| {
    let real = support::trees("package-databases.tar.zst");
    let made = support::trees("rpm-databases.tar.zst");
    let file = |trees: &BTreeMap<String, Tree>, name, path| support::file(trees, name, path);
    vec![
        ("dpkg", dpkg_status as Reader, file(&real, "debian-bookworm", "var/lib/dpkg/status")),
        ("apk", apk::parse, file(&real, "alpine-3.20", "lib/apk/db/installed")),
        (
            "sqlite",
            rpm_alone,
            file(&real, "alma-9-micro-20231124-aarch64", "var/lib/rpm/rpmdb.sqlite"),
        ),
        ("small sqlite", rpm_alone, file(&made, "sqlite", "rpmdb.sqlite")),
        ("ndb", rpm_alone, file(&real, "sle15-bci", "usr/lib/sysimage/rpm/Packages.db")),
        ("big hash", rpm_alone, file(&real, "alma-8-micro-20231122-s390x", "var/lib/rpm/Packages")),
        ("hash", rpm_alone, file(&made, "berkeley-little", "Packages")),
    ]
});

fn names(contents: &Contents) -> BTreeSet<(&str, &str)> {
    contents.records.iter().map(|record| (&*record.name, &*record.version)).collect()
}

/// Long enough for the slowest of machines, short enough to notice a loop.
const MOST_TIME: Duration = Duration::from_secs(10);

#[test]
fn a_database_cut_anywhere_says_so_or_has_everything() {
    for (name, read, whole) in DATABASES.iter() {
        let intact = read(whole);
        assert_eq!(intact.problems, [], "{name}");
        let all = names(&intact);
        // About 200 places, none of them at a round number.
        let step = (whole.len() / 200) | 1;
        for end in (0..whole.len()).step_by(step) {
            let start = Instant::now();
            let cut = read(&whole[..end]);
            assert!(start.elapsed() < MOST_TIME, "{name} cut at {end}");
            let found = names(&cut);
            assert!(found.is_subset(&all), "{name} cut at {end} has packages that were not there");
            // An empty file of text is a file of no packages; that becomes a gap of its own.
            let said = !cut.problems.is_empty() || end == 0 || ends_between(name, &whole[..end]);
            assert!(said || found == all, "{name} cut at {end} lost packages silently");
        }
    }
}

/// A text that ends where a package ends shows nothing of what should follow.
fn ends_between(name: &str, content: &[u8]) -> bool {
    ["dpkg", "apk"].contains(&name) && content.ends_with(b"\n\n")
}

#[test]
fn noise_has_a_bounded_number_of_problems() {
    let noise = b"no colon here\n".repeat(10_000);
    for contents in [dpkg_status(&noise), apk::parse(&noise)] {
        assert_eq!(contents.problems.len(), Contents::MOST_PROBLEMS + 1);
        assert!(contents.problems.last().unwrap().why.contains("more places"));
    }
}

#[test]
fn a_page_chain_that_comes_back_ends() {
    // Every overflow page of the hash names itself as its next.
    let (_, read, whole) = DATABASES.iter().find(|(name, ..)| *name == "hash").unwrap();
    let mut looped = whole.clone();
    for page in looped.chunks_exact_mut(4096).filter(|page| page[25] == 7) {
        page.copy_within(8..12, 16);
    }
    let contents = read(&looped);
    assert!(contents.problems.iter().any(|problem| problem.why.contains("belongs to another")));
}

#[test]
fn packages_that_only_the_index_of_names_has_are_reported() {
    let (_, read, whole) = DATABASES.iter().find(|(name, ..)| *name == "small sqlite").unwrap();
    let mut damaged = whole.clone();
    // Leaves of tables say in bytes 3 and 4 how many rows they have.
    for page in damaged.chunks_exact_mut(512).skip(1).filter(|page| page[0] == 0x0d) {
        page[4] -= 1;
    }
    let contents = read(&damaged);
    assert!(contents.records.len() < 300);
    let lost = |problem: &&cofferdam_vuln::packages::Problem| problem.why.contains("has lost it");
    assert!(contents.problems.iter().filter(lost).count() > 10, "{:?}", contents.problems);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_in_a_database_never_panic(
        which in 0..7_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        head in prop::collection::vec((0..200_usize, any::<u8>()), 0..4),
    ) {
        let (name, read, whole) = &DATABASES[which];
        let mut damaged = whole.clone();
        for (index, byte) in changes {
            damaged[index.index(whole.len())] = byte;
        }
        for (index, byte) in head {
            damaged[index] = byte;
        }
        let start = Instant::now();
        let contents = read(&damaged);
        prop_assert!(start.elapsed() < MOST_TIME, "{}", name);
        let all = read(whole).records.len();
        prop_assert!(
            contents.records.len() >= all || !contents.problems.is_empty(),
            "{} lost {} packages silently", name, all - contents.records.len()
        );
    }

    #[test]
    fn bytes_that_only_begin_as_a_database_never_panic(
        magic in 0..4_usize,
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let mut content = match magic {
            0 => b"SQLite format 3\0\x02\0".to_vec(),
            1 => b"RpmP\0\0\0\0\0\0\0\0\x01\0\0\0".to_vec(),
            2 => b"\0\0\0\0\0\0\0\0\0\0\0\0\x61\x15\x06\0\x09\0\0\0\0\x02\0\0\0\x08\0\0".to_vec(),
            _ => Vec::new(),
        };
        content.extend(&bytes);
        rpm::parse(&content, Some(&bytes));
        dpkg::parse(&content, dpkg::Form::StatusDirectory);
        apk::parse(&content);
    }
}
