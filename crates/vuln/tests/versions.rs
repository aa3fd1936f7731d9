//! The orders of versions: tables of what the package managers document, laws of an order, and the
//! package managers themselves where they are installed.

use std::{cmp::Ordering, io::Write as _, process::Command};

use cofferdam_vuln::version::{Order, VersionError, apk, debian, rpm};
use proptest::prelude::*;

type Compare = fn(&str, &str) -> Result<Ordering, VersionError>;

/// Checks a list of versions in ascending order, each against each.
fn ascending(compare: Compare, versions: &[&str]) {
    for (i, a) in versions.iter().enumerate() {
        for (j, b) in versions.iter().enumerate() {
            assert_eq!(compare(a, b), Ok(i.cmp(&j)), "{a} {b}");
        }
    }
}

fn equal(compare: Compare, pairs: &[(&str, &str)]) {
    for (a, b) in pairs {
        assert_eq!(compare(a, b), Ok(Ordering::Equal), "{a} {b}");
    }
}

fn not_versions(compare: Compare, texts: &[&str]) {
    for text in texts {
        let error = compare(text, "1").expect_err(text);
        assert_eq!(error.version, *text);
        assert!(error.to_string().contains(&format!("'{text}'")), "{error}");
        assert!(compare("1", text).is_err());
    }
}

#[test]
fn debian_ascending() {
    ascending(
        debian::compare,
        &[
            "0",
            "0.1~~",
            "0.1~~a",
            "0.1~",
            "0.1",
            "0.1a",
            "0.1+b",
            "0.1.0",
            "0.2",
            "0.10",
            "1.0~rc1-1",
            "1.0-1~deb11u1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1+deb12u1",
            "1.0-1.1",
            "1.0-2",
            "1.0a-1",
            "1.0+dfsg-1",
            "1.0-1-1",
            "2024.1.1",
            "20240101120000000000000000000000001",
            "20240101120000000000000000000000002",
            "1:0",
            "1:1.3.1-1",
            "1:1.3.dfsg+really1.3.1-1",
            "2:0.0.1",
            "2147483647:0",
        ],
    );
}

#[test]
fn debian_equal() {
    equal(
        debian::compare,
        &[
            ("1.0", "1.00"),
            ("1", "1-0"),
            ("0:1", "1"),
            ("1.", "1.0"),
            ("1-00", "1-0"),
            ("a1", "a01"),
            ("00:1", "1"),
        ],
    );
}

#[test]
fn debian_errors() {
    not_versions(
        debian::compare,
        &[
            "",
            "1:",
            ":1",
            "a:1",
            "-1:1",
            "1.0-",
            "1 0",
            "1_0",
            "1.0-1_2",
            "2147483648:1",
            "99999999999:1",
            "1\n",
            "ü",
            "1/2",
            "+1:2",
        ],
    );
}

#[test]
fn rpm_ascending() {
    ascending(
        rpm::compare,
        &[
            "1.0~~",
            "1.0~rc1-1",
            "1.0~rc1^git1-1",
            "1.0~rc2-1",
            "1.0",
            "1.0-1",
            "1.0-1.el8",
            "1.0-1.el8_4",
            "1.0-1.el8_10",
            "1.0-2~x",
            "1.0-2",
            "1.0^20240101-1",
            "1.0^20240101^a-1",
            "1.0a-1",
            "1.0.a-2",
            "1.0.1^git1-1",
            "1.0.1.1-1",
            "1.0.1.1.fc4-1",
            "1.1-1",
            "1.10-1",
            "20240101000000000000000000000000-1",
            "1:0-0",
            "2:0-0",
            "10:0-0",
            "99999999999999999999:0",
        ],
    );
}

#[test]
fn rpm_equal() {
    equal(
        rpm::compare,
        &[
            ("1.0-1", "0:1.0-1"),
            ("1.0-1", "1_0-01"),
            ("2.0.1a", "2.0.1.a"),
            ("1.0", "1.0."),
            ("1+2", "1.2"),
            ("00:1", "1"),
        ],
    );
}

#[test]
fn rpm_errors() {
    not_versions(
        rpm::compare,
        &["", "a:1-1", ":1-1", "1:", "1.0-", "1.0 -1", "1.0-1\u{e9}", "\n", "-1", "1\t"],
    );
}

#[test]
fn apk_ascending() {
    ascending(
        apk::compare,
        &[
            "0.9_alpha",
            "0.9_alpha1",
            "0.9_alpha2",
            "0.9_beta",
            "0.9_pre",
            "0.9_rc",
            "0.9_rc1-r0",
            "0.9_rc1_p1",
            "0.9_rc10",
            "0.9",
            "0.9-r0",
            "0.9-r1",
            "0.9-r10",
            "0.9~abc",
            "0.9~abd",
            "0.9_cvs1",
            "0.9_svn",
            "0.9_git20240101",
            "0.9_git20240102",
            "0.9_hg1",
            "0.9_p",
            "0.9_p1_alpha",
            "0.9_p1",
            "0.9_p1-r0",
            "0.9_p2",
            "0.9a",
            "0.9a-r1",
            "0.9b",
            "0.9.0",
            "0.9.01",
            "0.9.012",
            "0.9.02",
            "0.9.1",
            "0.9.2",
            "0.9.10",
            "0.10",
            "1",
            "9",
            "10",
            "20240101",
            "20240101000000000000000000000001",
        ],
    );
}

#[test]
fn apk_equal() {
    equal(
        apk::compare,
        &[("01.2", "1.2"), ("1-r01", "1-r1"), ("10.0.11-0", "10.0.11-r0"), ("1_rc01", "1_rc1")],
    );
    // A letter with a number, as OpenSSH writes its releases and apk-tools 2 took them.
    ascending(apk::compare, &["6.6.2", "6.6.2p", "6.6.2p1-r0", "6.6.2p1-r1", "6.6.2p2-r0"]);
}

#[test]
fn apk_errors() {
    not_versions(
        apk::compare,
        &[
            "",
            "a",
            "1.",
            "1..2",
            "1_",
            "1_foo",
            "1-",
            "1-r",
            "1-rx",
            "1-r1-r2",
            "1~",
            "1~xyz",
            "1A",
            "1 ",
            "1-r1 ",
            ".1",
            "1.2.3_rc1_",
            "1é",
        ],
    );
}

#[test]
fn ecosystems_have_an_order() {
    let cases = [
        ("Debian:12", Some(Order::Debian)),
        ("Ubuntu:22.04:LTS", Some(Order::Debian)),
        ("Alpine:v3.19", Some(Order::Apk)),
        ("Rocky Linux:9", Some(Order::Rpm)),
        ("Red Hat:enterprise_linux:9", Some(Order::Rpm)),
        ("SUSE:Linux Enterprise Server 15 SP5", Some(Order::Rpm)),
        ("crates.io", Some(Order::Cargo)),
        ("unheard of", None),
        ("", None),
    ];
    for (ecosystem, order) in cases {
        assert_eq!(Order::of_ecosystem(ecosystem), order, "{ecosystem}");
    }
}

/// Versions that share prefixes, so that comparisons get past the first character.
fn version_like(alphabet: &'static str) -> impl Strategy<Value = String> {
    let characters: Vec<char> = alphabet.chars().collect();
    proptest::collection::vec(proptest::sample::select(characters), 0..7)
        .prop_map(|characters| format!("1{}", characters.into_iter().collect::<String>()))
}

fn apk_like() -> impl Strategy<Value = String> {
    "[01]{1,2}(\\.[012]{1,2}){0,2}[ab]?(_(alpha|rc|git|p)[012]{0,2}){0,2}(~[ab]{1,2})?(-r[012])?"
}

fn laws(compare: Compare, a: &str, b: &str, c: &str) -> Result<(), TestCaseError> {
    let (Ok(ab), Ok(bc), Ok(ac)) = (compare(a, b), compare(b, c), compare(a, c)) else {
        return Ok(());
    };
    prop_assert_eq!(compare(a, a), Ok(Ordering::Equal));
    prop_assert_eq!(compare(b, a), Ok(ab.reverse()), "{} {}", a, b);
    if ab == bc {
        prop_assert_eq!(ac, ab, "{} {} {}", a, b, c);
    }
    if ab.is_eq() {
        prop_assert_eq!(ac, bc, "{} {} {}", a, b, c);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn debian_is_a_total_order(a in version_like("01aZ.+~-:"), b in version_like("01aZ.+~-:"), c in version_like("01aZ.+~-:")) {
        laws(debian::compare, &a, &b, &c)?;
    }

    #[test]
    fn rpm_is_a_total_order(a in version_like("01aZ._^~-:"), b in version_like("01aZ._^~-:"), c in version_like("01aZ._^~-:")) {
        laws(rpm::compare, &a, &b, &c)?;
    }

    #[test]
    fn apk_is_a_total_order(a in apk_like(), b in apk_like(), c in apk_like()) {
        prop_assert!(apk::compare(&a, &b).is_ok(), "{a} {b}");
        laws(apk::compare, &a, &b, &c)?;
    }

    #[test]
    fn no_text_makes_an_order_panic(a in "\\PC{0,12}", b in any::<String>()) {
        for order in [Order::Debian, Order::Rpm, Order::Apk] {
            let _ = order.compare(&a, &b);
            let _ = order.compare(&a, &a);
        }
    }
}

/// Pairs made by a small generator, the same on every run.
fn generated_pairs(count: usize, alphabet: &[u8]) -> Vec<(String, String)> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("33 bits of 64 fit") % below
    };
    let mut version = |base: &str| {
        let mut text = base.to_owned();
        for _ in 0..next(6) {
            text.push(char::from(alphabet[next(alphabet.len())]));
        }
        text
    };
    (0..count)
        .map(|i| {
            let base = ["1", "1.2", "0.9~", "1:2.0-1", "2024"][i % 5];
            (version(base), version(base))
        })
        .collect()
}

/// Versions of Debian packages as they were published.
const REAL: &[&str] = &[
    "1:1.2.13.dfsg-1",
    "1:1.3.dfsg+really1.3.1-1+b1",
    "3.0.11-1~deb12u2",
    "3.0.15-1~deb12u1",
    "2.36-9+deb12u4",
    "2.36-9+deb12u13",
    "252.39-1~deb12u1",
    "257.9-1~deb13u1",
    "1:7.0.4-4+deb11u3~bpo10+1",
    "5.36.0-7+deb12u3",
    "1.34+dfsg-1.2+deb12u1",
    "0.8.4-4+deb12u1",
    "1:4.13+dfsg1-1+deb12u2",
    "10.42-1",
    "2.38.1-5+deb12u3",
    "20220807",
    "12.4+deb12u15",
    "1.9.13p3-1+deb12u1",
];

#[test]
fn agrees_with_dpkg() {
    if Command::new("dpkg").arg("--version").output().is_err() {
        eprintln!("skipped: dpkg is not installed, nothing to compare with");
        return;
    }
    let mut pairs = generated_pairs(1500, b"0129abz.+~-");
    for a in REAL {
        pairs.extend(REAL.iter().map(|b| ((*a).to_owned(), (*b).to_owned())));
    }
    let mut compared = 0;
    for (a, b) in pairs {
        let Ok(order) = debian::compare(&a, &b) else { continue };
        let operator = ["lt", "eq", "gt"][usize::try_from(order as i32 + 1).unwrap()];
        let status = Command::new("dpkg").args(["--compare-versions", &a, operator, &b]).status();
        assert!(status.unwrap().success(), "dpkg does not say {a} {operator} {b}");
        compared += 1;
    }
    assert!(compared > 1000, "only {compared} pairs parsed");
}

#[test]
fn agrees_with_rpm() {
    if Command::new("rpm").arg("--version").output().is_err() {
        eprintln!("skipped: rpm is not installed, nothing to compare with");
        return;
    }
    let mut pairs = generated_pairs(3000, b"0129abz.+~^_");
    pairs.retain(|(a, b)| !a.contains([':', '-']) && !b.contains([':', '-']));
    let mut script = tempfile::NamedTempFile::new().unwrap();
    for (a, b) in &pairs {
        writeln!(script, "print(rpm.vercmp('{a}', '{b}')..' ')").unwrap();
    }
    let path = script.path().display().to_string();
    let output =
        Command::new("rpm").args(["--eval", &format!("%{{lua:dofile('{path}')}}")]).output();
    let output = String::from_utf8(output.unwrap().stdout).unwrap();
    let answers: Vec<i32> = output.split_whitespace().map(|n| n.parse().unwrap()).collect();
    assert_eq!(answers.len(), pairs.len(), "rpm could not run the script");
    for ((a, b), answer) in pairs.iter().zip(answers) {
        assert_eq!(rpm::compare(a, b).unwrap() as i32, answer, "{a} {b}");
    }
}
