//! The orders of versions of languages: tables of what their package managers document, and the
//! laws of an order. (`tests/conformance/versions.py` compares with the tables of other projects.)

use std::cmp::Ordering;

use cofferdam_vuln::version::{Order, go, npm_range::Range, vers::Vers};
use proptest::prelude::*;

/// Checks a list of versions in ascending order, each against each.
fn ascending(order: Order, versions: &[&str]) {
    for (i, a) in versions.iter().enumerate() {
        for (j, b) in versions.iter().enumerate() {
            assert_eq!(order.compare(a, b), Ok(i.cmp(&j)), "{a} {b}");
        }
    }
}

fn equal(order: Order, pairs: &[(&str, &str)]) {
    for (a, b) in pairs {
        assert_eq!(order.compare(a, b), Ok(Ordering::Equal), "{a} {b}");
    }
}

fn not_versions(order: Order, texts: &[&str]) {
    for text in texts {
        let error = order.compare(text, "1").expect_err(text);
        assert_eq!((error.version.as_str(), error.order), (*text, order));
        assert!(order.compare("1", text).is_err(), "{text}");
    }
}

/// Semantic Versioning 2.0.0, item 11, and what npm and crates.io add.
#[test]
fn semantic() {
    for order in [Order::Semantic, Order::Cargo, Order::Npm, Order::Hex, Order::Pub, Order::Go] {
        ascending(
            order,
            &[
                "0.0.0-0",
                "0.0.1",
                "1.0.0-0",
                "1.0.0-2",
                "1.0.0-alpha",
                "1.0.0-alpha.1",
                "1.0.0-alpha.beta",
                "1.0.0-beta",
                "1.0.0-beta.2",
                "1.0.0-beta.11",
                "1.0.0-rc.1",
                "1.0.0",
                "1.0.10",
                "1.10.0",
                "99999999999999999999999.0.0",
            ],
        );
        equal(order, &[("1.2", "1.2.0"), ("v1.2.3", "1.2.3"), ("=1", "1.0.0"), ("1.01", "1.1")]);
        not_versions(
            order,
            &["", "a", "1.2.3.4", "1.0.0-", "1.0.0-a..b", "1.0.0-ü", "1 0", "1.0_1"],
        );
    }
    for order in [Order::Cargo, Order::Npm, Order::Go] {
        equal(order, &[("1.0.0+1", "1.0.0+2")]);
    }
    ascending(Order::Pub, &["1.0.0-a", "1.0.0", "1.0.0+1", "1.0.0+2", "1.0.0+10", "1.0.0+a"]);
}

/// <https://go.dev/ref/mod#pseudo-versions> and <https://go.dev/doc/toolchain#version>.
#[test]
fn go_versions() {
    ascending(
        Order::Go,
        &[
            "v0.0.0-20191109021931-daa7c04131f5",
            "v0.0.0-20210220032944-ac19c3e999fb",
            "v1.2.2",
            "v1.2.3-0.20191109021931-daa7c04131f5",
            "v1.2.3-pre",
            "v1.2.3-pre.0.20191109021931-daa7c04131f5",
            "v1.2.3",
            "v2.0.0+incompatible",
        ],
    );
    ascending(
        Order::Go,
        &["go1.20.14", "go1.21rc2", "go1.21.0", "go1.21.3", "1.22.0-rc.1", "go1.22.0"],
    );
    equal(
        Order::Go,
        &[("go1.21", "1.21.0"), ("go1.21rc2", "1.21.0-rc.2"), ("v2.0.0+incompatible", "2.0.0")],
    );
    for (text, release) in [
        ("go1.22.5", Some("1.22.5")),
        ("go1.20.12 X:boringcrypto", Some("1.20.12")),
        ("go1.20.12b4", Some("1.20.12")),
        ("go1.22.5-fips", Some("1.22.5")),
        ("go1.9beta2", Some("1.9.0-beta.2")),
        ("go1.24.0+abc", Some("1.24.0")),
        ("devel go1.23-2d0e2b", None),
        ("go", None),
        ("go1", None),
        ("", None),
    ] {
        assert_eq!(go::release(text).as_deref(), release, "{text}");
    }
}

/// The summary of permitted suffixes in the specification.
#[test]
fn python() {
    ascending(
        Order::Python,
        &[
            "1.0.dev456",
            "1.0a1.dev1",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.0.15",
            "1.1.dev1",
            "1!0.1",
        ],
    );
    equal(
        Order::Python,
        &[
            ("1.0", "1"),
            ("1.0-1", "1.0.post1"),
            ("1.0c1", "1.0RC1"),
            ("1.0alpha", "1.0a0"),
            ("1.0preview_2", "1.0rc2"),
            ("v1.0.rev3", "1.0post3"),
            ("1.0+ubuntu-1", "1.0+ubuntu.1"),
            ("0!1.01", "1.1"),
        ],
    );
    not_versions(
        Order::Python,
        &["", "abc", "1.0foo", "1.0-", "1.0+", "1.0+a..b", "!1", "2004d", "1 0"],
    );
}

/// ComparableVersion's own tests, and the qualifiers of its documentation.
#[test]
fn maven() {
    ascending(
        Order::Maven,
        &[
            "1-alpha2snapshot",
            "1-alpha2",
            "1-beta-2",
            "1-beta123",
            "1-m2",
            "1-m11",
            "1-rc",
            "1-rc2",
            "1-SNAPSHOT",
            "1",
            "1-sp",
            "1-sp2",
            "1-abc",
            "1-jre8",
            "1-1-snapshot",
            "1-1",
            "1-2",
            "1-123",
            "1.0.1",
            "20031129.200437",
        ],
    );
    equal(
        Order::Maven,
        &[
            ("1", "1.0.0"),
            ("1", "1.final"),
            ("1.0", "1-ga"),
            ("1", "1.0.RELEASE"),
            ("1a1", "1-alpha-1"),
            ("1-cr1", "1.0-RC1"),
            ("01", "1"),
        ],
    );
    ascending(Order::Maven, &["2.0.1-xyz", "2.0.1-123", "2.0.2"]);
    not_versions(Order::Maven, &["", "1 0", "1\t"]);
    let nested = "1-a".repeat(1000);
    assert!(Order::Maven.compare(&nested, "1").is_err());
}

/// <https://docs.ruby-lang.org/en/master/Gem/Version.html>
#[test]
fn ruby() {
    ascending(
        Order::Ruby,
        &[
            "0.8.2.a",
            "0.8.2",
            "1.0.a",
            "1.0.a.2",
            "1.0.a10",
            "1.0.b1",
            "1.0.pre.1",
            "1.0",
            "1.0.0.1",
            "1.8.2",
            "1.9.3.1",
        ],
    );
    equal(
        Order::Ruby,
        &[
            ("1.0", "1"),
            ("1.a", "1.0.a"),
            ("0.beta.1", "0.0.beta.1"),
            ("", "0"),
            ("1-1", "1.pre.1"),
        ],
    );
    not_versions(Order::Ruby, &["junk", "1.", ".1", "1..2", "1_2", "1.2 3", "-", "1/2"]);
}

/// <https://getcomposer.org/doc/articles/versions.md#stability-constraints>
#[test]
fn packagist() {
    ascending(
        Order::Packagist,
        &[
            "1.0.0-dev",
            "1.0.0-alpha",
            "1.0.0-alpha1",
            "1.0.0-beta1-dev",
            "1.0.0-beta1",
            "1.0.0-beta10",
            "1.0.0-RC1",
            "1.0.0",
            "1.0.0-patch1",
            "1.0.1",
            "1.x-dev",
            "2.0.0.1",
            "2024.01.31",
        ],
    );
    equal(
        Order::Packagist,
        &[
            ("v1.0", "1.0.0.0"),
            ("1.0-b2", "1.0.0-beta.2"),
            ("1.0.0+build", "1.0.0"),
            ("1.0-p1", "1.0-pl1"),
        ],
    );
    not_versions(Order::Packagist, &["", "dev-main", "main-dev", "abc", "1.0-foo"]);
}

/// <https://learn.microsoft.com/nuget/concepts/package-versioning>
#[test]
fn nuget() {
    ascending(
        Order::NuGet,
        &[
            "1.0.0-1",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0",
            "1.0.0.1",
            "1.0.1",
            "1.10",
        ],
    );
    equal(
        Order::NuGet,
        &[
            ("1.0", "1.0.0.0"),
            ("1.0.0-BETA", "1.0.0-beta"),
            ("1.0.0+a", "1.0.0+b"),
            ("1.01", "1.1"),
        ],
    );
    not_versions(Order::NuGet, &["", "1.0.0.0.0", "a", "1.0.0-", "1.0.0-a..b", "1..0"]);
}

/// The list in the documentation of VersionOrder.
#[test]
fn conda() {
    ascending(
        Order::Conda,
        &[
            "0.4",
            "0.4.1.rc",
            "0.4.1",
            "0.5a1",
            "0.5b3",
            "0.5C1",
            "0.5",
            "0.9.6",
            "0.960923",
            "1.0",
            "1.1dev1",
            "1.1_",
            "1.1a1",
            "1.1.0dev1",
            "1.1.a1",
            "1.1.0rc1",
            "1.1.0",
            "1.1.0post1",
            "1996.07.12",
            "1!0.4.1",
            "1!3.1.1.6",
            "2!0.4.1",
        ],
    );
    equal(
        Order::Conda,
        &[("0.4", "0.4.0"), ("0.4.1.rc", "0.4.1.RC"), ("1.1.0dev1", "1.1.dev1"), ("1-2", "1_2")],
    );
    not_versions(Order::Conda, &["", "1..0", "1-2_3", "a!1", "1*"]);
}

#[test]
fn numbers_only() {
    for order in [Order::Cran, Order::Hackage] {
        ascending(order, &["0.9", "1", "1.0", "1.0.0", "1.2", "1.10", "2.0"]);
        not_versions(order, &["", "1.", "1..2", "1.a", "v1"]);
    }
    equal(Order::Cran, &[("1.2-3", "1.2.3")]);
    not_versions(Order::Hackage, &["1.2-3"]);
}

/// vercmp(8), and its own tests.
#[test]
fn arch() {
    ascending(
        Order::Alpm,
        &[
            "1.0a", "1.0b", "1.0beta", "1.0p", "1.0pre", "1.0rc", "1.0", "1.0.a", "1.0.1", "1.1-1",
            "1.1-2", "1:0.1",
        ],
    );
    equal(Order::Alpm, &[("1.0", "1.0-1"), ("0:1.0", "1.0"), ("1.0_1", "1.0.1")]);
    not_versions(Order::Alpm, &["", "a:1", "1 0"]);
}

#[test]
fn every_order_is_named_by_its_ecosystem() {
    for (ecosystem, order) in [
        ("npm", Order::Npm),
        ("PyPI", Order::Python),
        ("Go", Order::Go),
        ("crates.io", Order::Cargo),
        ("Maven", Order::Maven),
        ("Maven:https://repo.example", Order::Maven),
        ("RubyGems", Order::Ruby),
        ("Packagist", Order::Packagist),
        ("NuGet", Order::NuGet),
        ("Hex", Order::Hex),
        ("Pub", Order::Pub),
        ("CRAN", Order::Cran),
        ("Hackage", Order::Hackage),
        ("Debian:12", Order::Debian),
        ("Rocky Linux:9", Order::Rpm),
    ] {
        assert_eq!(Order::of_ecosystem(ecosystem), Some(order), "{ecosystem}");
    }
    assert_eq!(Order::of_ecosystem("ConanCenter"), None);
    for order in Order::all() {
        assert_eq!(Order::named(order.names()[0]), Some(order));
        assert!(!order.name().is_empty());
    }
}

#[test]
fn ranges_of_npm() {
    let inside =
        |range: &str, version: &str| Range::parse(range).unwrap().contains(version).unwrap();
    for (range, yes, no) in [
        ("^1.2.3", &["1.2.3", "1.9.0"][..], &["1.2.2", "2.0.0", "2.0.0-a", "1.3.0-a"][..]),
        ("^0.2.3", &["0.2.3", "0.2.9"], &["0.3.0"]),
        ("^0.0.3", &["0.0.3"], &["0.0.4"]),
        ("~1.2", &["1.2.0", "1.2.9"], &["1.3.0"]),
        ("1.x || >=2.5.0 <3", &["1.0.0", "2.5.0"], &["2.0.0", "3.0.0"]),
        ("1.2.3 - 2.3", &["1.2.3", "2.3.9"], &["2.4.0"]),
        (">1.2", &["1.3.0"], &["1.2.9"]),
        ("<1", &["0.9.9"], &["1.0.0", "1.0.0-a"]),
        ("", &["1.0.0", "0.0.1"], &["1.0.0-a"]),
        ("*", &["9.9.9"], &["1.0.0-a"]),
        (">=1.0.0-rc.1", &["1.0.0-rc.2", "1.0.1"], &["1.0.0-beta", "1.0.1-rc.1"]),
        (">= 1.2.3", &["1.2.3"], &["1.2.2"]),
    ] {
        yes.iter().for_each(|version| assert!(inside(range, version), "{version} in {range}"));
        no.iter().for_each(|version| assert!(!inside(range, version), "{version} not in {range}"));
    }
    for range in ["a", "1.2.3.4", ">", "^a", "<>1", "1 - b"] {
        assert!(Range::parse(range).is_err() || range == ">", "{range}");
    }
    assert!(Range::parse(&"1 ".repeat(5000)).is_err());
}

/// The containment algorithm of the specification.
#[test]
fn ranges_of_vers() {
    let inside =
        |range: &str, version: &str| Vers::parse(range).unwrap().contains(version).unwrap();
    for (range, yes, no) in [
        (
            "vers:npm/1.2.3|>=2.0.0|<5.0.0",
            &["1.2.3", "2.0.0", "4.9.9"][..],
            &["1.2.4", "5.0.0"][..],
        ),
        ("vers:pypi/<=0.0.0|>=0.0.1|<=0.0.2|0.0.3|0.0.4", &["0.0.0", "0.0.2", "0.0.4"], &["0.0.5"]),
        ("vers:deb/<1.0~rc1|>=2.0|!=2.1", &["0.9", "2.0", "3"], &["1.0~rc1", "2.1"]),
        ("vers:gem/*", &["1.0"], &[]),
        ("vers:maven/!=1.0", &["1.1", "0.9"], &["1.0", "1"]),
        ("vers:rpm/>=1%3A1.0", &["1:1.0", "2:0"], &["1.0"]),
    ] {
        yes.iter().for_each(|version| assert!(inside(range, version), "{version} in {range}"));
        no.iter().for_each(|version| assert!(!inside(range, version), "{version} not in {range}"));
    }
    for range in [
        "",
        "vers:",
        "vers:npm",
        "vers:npm/",
        "vers:nope/1",
        "vers:npm/<",
        "vers:npm/a",
        "vers:npm/1|1.0.0",
        "npm/1",
        "vers:npm/1%zz",
    ] {
        assert!(Vers::parse(range).is_err(), "{range}");
    }
}

fn laws(order: Order, a: &str, b: &str, c: &str) -> Result<(), TestCaseError> {
    let (Ok(ab), Ok(bc), Ok(ac)) = (order.compare(a, b), order.compare(b, c), order.compare(a, c))
    else {
        return Ok(());
    };
    prop_assert_eq!(order.compare(a, a), Ok(Ordering::Equal));
    prop_assert_eq!(order.compare(b, a), Ok(ab.reverse()));
    if ab == bc || ab.is_eq() {
        prop_assert_eq!(ac, bc);
    } else if bc.is_eq() {
        prop_assert_eq!(ac, ab);
    }
    Ok(())
}

/// Texts of the pieces that versions are made of, so that many of them are versions.
fn version_like() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "0", "1", "2", "10", "01", ".", ".", ".", "-", "a", "alpha", "b", "beta", "rc", "dev",
        "post", "x", "+", "!", "_", "final", "sp", "snapshot",
    ]);
    ("[0-2]", prop::collection::vec(piece, 0..7)).prop_map(|(first, rest)| first + &rest.concat())
}

/// Versions as they are usual. Others go in circles: `0-ga-SNAPSHOT` is one, since Maven takes `ga`
/// for nothing only at the end of what stands between hyphens.
fn usual_maven_versions() -> Vec<String> {
    let mut qualifiers = vec![String::new()];
    for name in ["snapshot", "SNAPSHOT", "ga", "final"] {
        qualifiers.push(format!("-{name}"));
    }
    for name in ["alpha", "beta", "m", "rc", "cr", "sp", "jre", "foo"] {
        for number in ["", "0", "1", "2", "-0", "-1", "-2"] {
            for snapshot in ["", "-SNAPSHOT"] {
                qualifiers.push(format!("-{name}{number}{snapshot}"));
            }
        }
    }
    let numbers = ["0", "1", "0.0", "1.0", "1.1", "1.10", "1.0.0", "1.0.1"];
    numbers.iter().flat_map(|n| qualifiers.iter().map(move |q| format!("{n}{q}"))).collect()
}

/// After sorting, each is at most as new as whatever comes later: then it is an order. What compares
/// equal is in one row, and each of a row stands in the same relation to all others.
#[test]
fn maven_orders_usual_versions() {
    let compare =
        |a: &str, b: &str| Order::Maven.compare(a, b).expect("usual versions are versions");
    let mut versions = usual_maven_versions();
    versions.sort_by(|a, b| compare(a, b));
    let mut row = 0;
    let mut rows = Vec::new();
    for (i, version) in versions.iter().enumerate() {
        if i > 0 && compare(&versions[i - 1], version).is_ne() {
            row += 1;
        }
        rows.push(row);
    }
    for (i, a) in versions.iter().enumerate() {
        for (j, b) in versions.iter().enumerate() {
            assert_eq!(compare(a, b), rows[i].cmp(&rows[j]), "{a} and {b}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn every_order_is_an_order(a in version_like(), b in version_like(), c in version_like()) {
        // What pacman has is none (see `alpm::compare`); Maven's is one only among usual versions.
        for order in Order::all().filter(|order| !matches!(order, Order::Alpm | Order::Maven)) {
            laws(order, &a, &b, &c)?;
        }
    }

    #[test]
    fn no_text_makes_an_order_panic(a in "\\PC{0,12}", b in any::<String>()) {
        for order in Order::all() {
            let _ = order.compare(&a, &b);
            let _ = order.compare(&a, &a);
        }
        let _ = Range::parse(&a).map(|range| range.contains("1.0.0"));
        let _ = Vers::parse(&format!("vers:npm/{a}")).map(|range| range.contains("1.0.0"));
    }
}
