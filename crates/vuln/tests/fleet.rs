//! The fleet index: agrees with scans, says what a new database changes, is read as hostile.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside their functions")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use cofferdam_finding::{Gap, Package, PackageKind, SourcePackage};
use cofferdam_vuln::{
    Distribution, Inventory,
    database::{Builder, Database, End, Range, Row, SourceInfo},
    feed::{Advisory, Affected},
    fleet::{self, Added, Changes, Fleet, Store, set_key},
    matching::match_packages,
};
use proptest::prelude::*;
use time::{Date, macros::date};

const TODAY: Date = date!(2026 - 11 - 23);

fn package(kind: PackageKind, name: &str, version: &str, owned: bool) -> Package {
    Package {
        kind,
        name: name.into(),
        version: version.into(),
        architecture: None,
        source: SourcePackage { name: name.into(), version: version.into() },
        purl: String::new(),
        licenses: Vec::new(),
        module: None,
        location: "there".into(),
        layer: None,
        owner: owned.then(|| "owner".into()),
        declared: false,
    }
}

fn debian(packages: Vec<Package>) -> Inventory {
    let distribution = Distribution {
        id: "debian".into(),
        version_id: Some("12".into()),
        pretty_name: "Debian 12".into(),
        ..Distribution::default()
    };
    Inventory { distribution: Some(distribution), packages, gaps: Vec::new() }
}

fn advisory(id: &str, about: &[&str], rows: &[(&str, &str, Option<&str>)]) -> Advisory {
    let affected = rows.iter().map(|(ecosystem, package, fixed)| Affected {
        ecosystem: (*ecosystem).into(),
        package: (*package).into(),
        row: Row {
            ranges: vec![Range {
                introduced: None,
                end: fixed.map_or(End::Open, |version| End::Fixed(version.into())),
            }],
            module: None,
            rating: None,
            support_ended: false,
            stance: None,
        },
    });
    Advisory {
        id: id.into(),
        about: about.iter().map(|id| (*id).into()).collect(),
        direct: about.is_empty(),
        title: format!("about {id}"),
        affected: affected.collect(),
        ..Advisory::default()
    }
}

fn database(advisories: &[Advisory], generation: u64) -> Database {
    let mut builder = Builder::new();
    let source = SourceInfo { date: "2026-11-22".into(), ..SourceInfo::default() };
    let source = builder.source(source);
    advisories.iter().for_each(|advisory| builder.add(source, advisory));
    Database::from_bytes(builder.finish(generation).unwrap(), "test").unwrap()
}

fn add(fleet: &mut Fleet, name: &str, inventory: &Inventory) {
    let image = Added { name: name.into(), digest: None, platform: None, added: 1 };
    fleet.adder().add(&image, &[format!("layer of {name}")], inventory).unwrap();
}

/// By image, the vulnerabilities that a scan finds.
fn scanned(
    images: &BTreeMap<String, Inventory>,
    database: &Database,
) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let mut all = BTreeMap::new();
    for (name, inventory) in images {
        let matches = match_packages(inventory, database, TODAY).unwrap();
        let found = matches.findings.iter();
        all.insert(name.clone(), found.map(|f| (f.rule.to_string(), f.subject.clone())).collect());
    }
    all
}

/// By image, the vulnerabilities that the index has for it.
fn indexed(
    fleet: &Fleet,
    images: &BTreeMap<String, Inventory>,
) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let mut all: BTreeMap<String, BTreeSet<(String, String)>> =
        images.keys().map(|name| (name.clone(), BTreeSet::new())).collect();
    for id in IDS {
        for image in fleet.affected(id) {
            let found = all.entry(image.name).or_default();
            found.extend(image.packages.into_iter().map(|p| (id.to_owned(), p.subject)));
        }
    }
    all
}

const IDS: [&str; 5] =
    ["CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003", "GHSA-aaaa-bbbb-cccc", "DSA-1-1"];

/// An advisory with some rows about few packages, so that much of it meets.
fn any_advisory() -> impl Strategy<Value = Advisory> {
    let ecosystem = prop_oneof![Just("Debian:12"), Just("PyPI"), Just("npm"), Just("Debian:13")];
    let package = prop_oneof![Just("a"), Just("b"), Just("c")];
    let fixed = prop_oneof![Just(None), Just(Some("1.5")), Just(Some("2.5")), Just(Some("9"))];
    let rows = proptest::collection::vec((ecosystem, package, fixed), 1..4);
    let about = prop_oneof![
        Just(&[][..]),
        Just(&["CVE-2026-0001"][..]),
        Just(&["CVE-2026-0002", "CVE-2026-0003"][..])
    ];
    (0..IDS.len(), about, rows).prop_map(|(id, about, rows)| {
        let about = if IDS[id].starts_with("CVE") { &[][..] } else { about };
        advisory(IDS[id], about, &rows)
    })
}

fn any_inventory() -> impl Strategy<Value = Inventory> {
    let kind = prop_oneof![Just(PackageKind::Deb), Just(PackageKind::Pypi), Just(PackageKind::Npm)];
    let name = prop_oneof![Just("a"), Just("b"), Just("c")];
    let version = prop_oneof![Just("1.0"), Just("2.0"), Just("3.0"), Just("not a version")];
    let packages = proptest::collection::vec((kind, name, version, any::<bool>()), 0..6);
    packages.prop_map(|packages| {
        debian(
            packages
                .into_iter()
                .map(|(k, n, v, owned)| package(k, n, v, owned && k != PackageKind::Deb))
                .collect(),
        )
    })
}

fn any_images() -> impl Strategy<Value = BTreeMap<String, Inventory>> {
    proptest::collection::vec(any_inventory(), 1..5).prop_map(|inventories| {
        inventories.into_iter().enumerate().map(|(i, one)| (format!("image-{i}"), one)).collect()
    })
}

fn of(changes: &[fleet::Change]) -> BTreeSet<(String, String, String)> {
    let each = changes.iter().flat_map(|change| {
        change.images.iter().map(|i| (i.clone(), change.id.clone(), change.subject.clone()))
    });
    each.collect()
}

fn flat(
    found: &BTreeMap<String, BTreeSet<(String, String)>>,
) -> BTreeSet<(String, String, String)> {
    let each = found.iter().flat_map(|(name, all)| {
        all.iter().map(|(id, subject)| (name.clone(), id.clone(), subject.clone()))
    });
    each.collect()
}

proptest! {
    /// Whatever the advisories were before, a re-match ends where a fresh match would, agrees with a
    /// scan of every image, and tells exactly the difference.
    #[test]
    fn a_rematch_agrees_with_scans_and_tells_the_difference(
        images in any_images(),
        old in proptest::collection::vec(any_advisory(), 0..5),
        new in proptest::collection::vec(any_advisory(), 0..5),
    ) {
        let (old, new) = (database(&old, 1), database(&new, 2));
        let mut index = Fleet::default();
        images.iter().for_each(|(name, inventory)| add(&mut index, name, inventory));
        let first = index.rematch(&old).unwrap();
        prop_assert!(first.gained.is_empty() && first.lost.is_empty() && first.fixable.is_empty());
        let before = indexed(&index, &images);
        prop_assert_eq!(&before, &scanned(&images, &old));

        // What is kept between two runs is the same.
        let mut index = Fleet::decode(&index.encode()).unwrap();
        let changes = index.rematch(&new).unwrap();
        let after = indexed(&index, &images);
        prop_assert_eq!(&after, &scanned(&images, &new));
        let (before, after) = (flat(&before), flat(&after));
        prop_assert_eq!(of(&changes.gained), after.difference(&before).cloned().collect());
        prop_assert_eq!(of(&changes.lost), before.difference(&after).cloned().collect());

        let again = index.rematch(&new).unwrap();
        prop_assert_eq!((again.packages_matched, again.gained.len()), (0, 0));
    }

    /// Any bytes behind a good header: an error or an index that can be asked and written again.
    #[test]
    fn hostile_bytes_are_refused_or_harmless(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        harmless(&sealed(&body));
    }

    /// A good index with some bytes changed and the checksum made right again.
    #[test]
    fn a_forged_index_is_refused_or_harmless(
        images in any_images(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut index = Fleet::default();
        images.iter().for_each(|(name, inventory)| add(&mut index, name, inventory));
        index.rematch(&database(&[advisory(IDS[0], &[], &[("Debian:12", "a", Some("9"))])], 1)).unwrap();
        let mut body = index.encode()[HEADER..].to_vec();
        for (place, byte) in edits {
            let place = place.index(body.len());
            body[place] = byte;
        }
        harmless(&sealed(&body));
    }
}

const HEADER: usize = 44;

fn sealed(body: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    let mut bytes = Fleet::default().encode()[..12].to_vec();
    bytes.extend(sha2::Sha256::digest(body).as_slice());
    bytes.extend(body);
    bytes
}

fn harmless(bytes: &[u8]) {
    let Ok(mut index) = Fleet::decode(bytes) else { return };
    index.list();
    index.incomplete_images();
    index.affected(IDS[0]);
    index
        .rematch(&Database::from_bytes(database(&[], 1).as_bytes().to_vec(), "x").unwrap())
        .unwrap();
    index.remove("image-0");
    Fleet::decode(&index.encode()).unwrap();
}

fn day(generation: u64, fixed: Option<&str>) -> Database {
    let mut all = vec![
        advisory(IDS[0], &[], &[("Debian:12", "openssl", fixed)]),
        advisory(IDS[1], &[], &[("Debian:12", "zlib", None)]),
    ];
    if generation > 1 {
        all.push(advisory(IDS[2], &[], &[("PyPI", "requests", Some("2.32.0"))]));
        all.remove(1);
    }
    database(&all, generation)
}

fn three_images() -> (Fleet, Changes) {
    let deb = |name: &str| package(PackageKind::Deb, name, "1.0", false);
    let mut index = Fleet::default();
    add(
        &mut index,
        "web",
        &debian(vec![deb("openssl"), package(PackageKind::Pypi, "Requests", "2.0", false)]),
    );
    add(&mut index, "job", &debian(vec![deb("openssl"), deb("zlib")]));
    add(&mut index, "dull", &debian(vec![deb("dull")]));
    let first = index.rematch(&day(1, None)).unwrap();
    (index, first)
}

#[test]
fn only_what_the_database_says_something_else_about_is_matched_again() {
    let (mut index, first) = three_images();
    assert_eq!((first.packages_matched, first.gained.len()), (4, 0));
    let changes = index.rematch(&day(2, Some("1.1"))).unwrap();
    assert_eq!((changes.topics, changes.topics_changed, changes.packages_matched), (4, 3, 3));
    let line = |change: &fleet::Change| {
        let fixed = change.fixed.as_deref().unwrap_or("-");
        format!("{} {} {} {}", change.id, change.subject, fixed, change.images.join(","))
    };
    assert_eq!(
        changes.gained.iter().map(line).collect::<Vec<_>>(),
        ["CVE-2026-0003 pypi:Requests 2.32.0 web"]
    );
    assert_eq!(
        changes.fixable.iter().map(line).collect::<Vec<_>>(),
        ["CVE-2026-0001 openssl 1.1 job,web"]
    );
    assert_eq!(changes.lost.iter().map(line).collect::<Vec<_>>(), ["CVE-2026-0002 zlib - job"]);
}

#[test]
fn ratings_are_those_of_scans() {
    let (index, _) = three_images();
    let ids = BTreeSet::from([IDS[0]]);
    let rated = index.rate(&ids, &day(1, None)).unwrap();
    let rating = &rated[&(IDS[0].to_owned(), "openssl".to_owned())];
    assert_eq!(rating.title, "about CVE-2026-0001");
    assert_eq!(rated.len(), 1);
}

#[test]
fn images_with_the_same_layers_are_read_once() {
    let mut index = Fleet::default();
    let layers = ["sha256:1".to_owned(), "sha256:2".to_owned()];
    let image = |name: &str| Added { name: name.into(), digest: None, platform: None, added: 1 };
    assert!(!index.adder().add_known(&image("a"), &set_key(&layers)));
    let inventory = debian(vec![package(PackageKind::Deb, "openssl", "1.0", false)]);
    index.adder().add(&image("a"), &layers, &inventory).unwrap();
    assert!(index.adder().add_known(&image("b"), &set_key(&layers)));
    assert!(!index.adder().add_known(&image("c"), &set_key(&layers[..1])));
    assert_eq!((index.len(), index.set_count()), (2, 1));
}

#[test]
fn what_is_not_known_of_an_image_is_said() {
    let mut index = Fleet::default();
    let mut inventory = debian(vec![
        package(PackageKind::Deb, "openssl", "1.0", false),
        package(PackageKind::Cargo, "serde", "1.0.0", false),
    ]);
    inventory.gaps.push(Gap { rule: "r".into(), object: "var/lib".into(), why: "cut".into() });
    add(&mut index, "web", &inventory);
    index.rematch(&day(1, None)).unwrap();
    let [incomplete] = index.incomplete_images().try_into().unwrap();
    assert_eq!(
        incomplete.why,
        ["var/lib (r): cut", "crates.io: the advisory database has nothing about it"]
    );
}

#[test]
fn what_is_removed_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::lock(directory.path()).unwrap();
    let (index, _) = three_images();
    store.save(index).unwrap();
    let mut index = store.load().unwrap();
    assert_eq!(index.remove("job"), ["job"]);
    assert_eq!(index.remove("job"), [""; 0]);
    store.save(index).unwrap();
    let index = fleet::read(directory.path()).unwrap();
    assert_eq!((index.len(), index.set_count(), index.package_count()), (2, 2, 3));
    assert!(!index.mentions(IDS[1]), "only the removed image had it");
    assert_eq!(index.affected(IDS[0]).len(), 1);
    // Packages that are still there are not matched again.
    let mut index = index;
    assert_eq!(index.rematch(&day(1, None)).unwrap().packages_matched, 0);
}

#[test]
fn writers_wait_for_each_other_and_readers_for_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let held = Store::lock(path).unwrap();
    std::thread::scope(|scope| {
        for name in ["x", "y", "z"] {
            scope.spawn(move || {
                let store = Store::lock(path).unwrap();
                let mut index = store.load().unwrap();
                add(&mut index, name, &debian(vec![package(PackageKind::Deb, name, "1", false)]));
                std::thread::sleep(Duration::from_millis(5));
                store.save(index).unwrap();
            });
        }
        assert!(fleet::read(path).unwrap().is_empty(), "a reader does not wait");
        drop(held);
    });
    assert_eq!(fleet::read(path).unwrap().len(), 3, "no writer overwrote another's image");
    let left: Vec<_> = std::fs::read_dir(path.join("fleet")).unwrap().collect();
    assert_eq!(left.len(), 2, "index and lock, no temporary file: {left:?}");
}

#[test]
fn a_damaged_index_is_refused() {
    let (index, _) = three_images();
    let good = index.encode();
    for place in [0, 9, 20, good.len() - 1] {
        let mut bad = good.clone();
        bad[place] ^= 1;
        assert!(Fleet::decode(&bad).is_err(), "byte {place}");
    }
    for length in 0..good.len() {
        assert!(Fleet::decode(&good[..length]).is_err(), "cut at {length}");
    }
}
