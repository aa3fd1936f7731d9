//! Base images: found by layers, newer by age, exchanged by packages; kept as if read from strangers.

use cofferdam_finding::{Package, PackageKind, SourcePackage};
use cofferdam_vuln::{
    Inventory,
    base::{Base, Origin, Origins, exchange, find, newer, store::Bases},
};
use proptest::prelude::*;

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
        location: "var/lib/dpkg/status".into(),
        layer: None,
        owner: None,
        declared: false,
    }
}

fn inventory(packages: &[(&str, &str)]) -> Inventory {
    let packages = packages.iter().map(|(name, version)| package(PackageKind::Deb, name, version));
    Inventory { distribution: None, packages: packages.collect(), gaps: Vec::new() }
}

fn base(name: &str, created: &str, layers: &[&str]) -> Base {
    Base {
        name: name.into(),
        digest: format!("sha256:{}", layers.join("")),
        platform: "linux/amd64".into(),
        created: Some(created.into()),
        added: 1,
        layers: layers.iter().map(|layer| (*layer).into()).collect(),
    }
}

fn layers(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).into()).collect()
}

#[test]
fn the_base_is_the_one_with_the_longest_chain() {
    let bases = [
        base("debian:12", "2026-01-01T00:00:00Z", &["a"]),
        base("python:3", "2026-01-02T00:00:00Z", &["a", "b"]),
        base("python:3.13", "2026-01-02T00:00:00Z", &["a", "b"]),
        base("other", "2026-01-02T00:00:00Z", &["b"]),
    ];
    let names = |layers: &[String]| -> Vec<&str> {
        find(&bases, layers).into_iter().map(|base| base.name.as_str()).collect()
    };
    assert_eq!(names(&layers(&["a", "b", "c"])), ["python:3", "python:3.13"]);
    assert_eq!(names(&layers(&["a", "c"])), ["debian:12"]);
    assert_eq!(names(&layers(&["a"])), ["debian:12"]);
    assert_eq!(names(&layers(&["c", "a"])), [""; 0]);
    assert_eq!(names(&[]), [""; 0]);
    // A base without layers is the base of nothing.
    let nothing = [base("scratch", "2026-01-01T00:00:00Z", &[])];
    assert!(find(&nothing, &layers(&["a"])).is_empty());
}

#[test]
fn what_is_newer_has_the_same_name_and_platform() {
    let mut bases = vec![
        base("debian:12", "2026-01-01T00:00:00Z", &["a"]),
        base("debian:12", "2026-02-01T00:00:00Z", &["b"]),
        base("debian:12", "2026-03-01T00:00:00Z", &["c"]),
        base("debian:13", "2026-04-01T00:00:00Z", &["d"]),
    ];
    bases[2].platform = "linux/arm64".into();
    assert_eq!(newer(&bases, &bases[0]).unwrap().layers, ["b"]);
    assert_eq!(newer(&bases, &bases[1]), None);
    assert_eq!(newer(&bases, &bases[2]), None);
    assert_eq!(newer(&bases, &bases[3]), None);
}

#[test]
fn a_newer_base_exchanges_what_came_from_the_old_one_as_it_was() {
    let old = inventory(&[("libc6", "1"), ("openssl", "1"), ("gone", "1")]);
    let new = inventory(&[("libc6", "2"), ("openssl", "2"), ("come", "1")]);
    let image = inventory(&[("libc6", "1"), ("openssl", "1.5"), ("gone", "1"), ("app", "1")]);
    let origins = Origins::new(&old);
    let all: Vec<Origin> = image.packages.iter().map(|one| origins.of(one)).collect();
    assert_eq!(all, [Origin::Base, Origin::Changed, Origin::Base, Origin::Own]);
    let then = exchange(&image, &old, &new);
    let mut names: Vec<(&str, &str)> =
        then.packages.iter().map(|one| (one.name.as_str(), one.version.as_str())).collect();
    names.sort_unstable();
    assert_eq!(names, [("app", "1"), ("come", "1"), ("libc6", "2"), ("openssl", "1.5")]);
}

#[test]
fn bases_are_kept_and_damage_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let store = Bases::of(directory.path());
    assert_eq!(store.all().unwrap().0, []);
    let (one, two) =
        (base("one", "2026-01-01T00:00:00Z", &["a"]), base("two", "2026-01-01T00:00:00Z", &["b"]));
    let packages = inventory(&[("libc6", "1")]);
    for base in [&two, &one, &one] {
        store.add(base, &packages).unwrap();
    }
    let (all, broken) = store.all().unwrap();
    assert_eq!((all.as_slice(), broken.len()), ([one.clone(), two.clone()].as_slice(), 0));
    assert_eq!(store.packages(&one).unwrap(), packages);
    std::fs::write(directory.path().join("bases/damaged.base.json"), "{").unwrap();
    std::fs::write(
        directory.path().join("bases/later.base.json"),
        serde_json::json!({
            "schema_version": 2, "name": "x", "digest": "x", "platform": "x", "created": null,
            "added": 1, "layers": []
        })
        .to_string(),
    )
    .unwrap();
    let (all, broken) = store.all().unwrap();
    assert_eq!((all.len(), broken.len()), (2, 2));
    store.remove(&one).unwrap();
    store.remove(&one).unwrap();
    assert_eq!(store.all().unwrap().0, [two]);
    assert!(store.packages(&one).is_err());
}

proptest! {
    #[test]
    fn any_bytes_of_a_file_are_an_error_or_a_base(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bases/x.base.json");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        let (all, broken) = Bases::of(directory.path()).all().unwrap();
        prop_assert_eq!(all.len() + broken.len(), 1);
    }

    /// An exchange for the same base changes nothing.
    #[test]
    fn an_exchange_for_the_same_changes_nothing(
        names in proptest::collection::btree_map("[a-d]", "[1-3]", 0..5),
        more in proptest::collection::btree_map("[a-h]", "[1-3]", 0..8),
    ) {
        let of = |map: &std::collections::BTreeMap<String, String>| {
            let pairs: Vec<(&str, &str)> = map.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            inventory(&pairs)
        };
        let base = of(&names);
        // An image has at least what its base has, perhaps in other versions.
        let mut all = names;
        all.extend(more);
        let image = of(&all);
        let mut then = exchange(&image, &base, &base).packages;
        then.sort_by(|a, b| a.name.cmp(&b.name));
        prop_assert_eq!(then, image.packages);
    }
}
