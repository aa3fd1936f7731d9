//! `scan --why`, and what is shown of attacks.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod place;

use place::Place;
use serde_json::Value;

fn text(place: &Place, arguments: &[&str]) -> String {
    String::from_utf8(place.run(arguments).stdout).unwrap()
}

#[test]
fn a_match_and_a_non_match_are_explained() {
    let place = Place::debian(&[("libc6", "2.36-9", "glibc"), ("tar", "1.34+dfsg-1.2", "tar")]);
    let said = text(&place, &["scan", "--why", "CVE-2023-4911", "dir:root"]);
    for part in [
        "CVE-2023-4911 in libc6 2.36-9 (var/lib/dpkg/status): affected, fixed in 2.36-9+deb12u3",
        "compared as glibc 2.36-9 with Debian:12, in the order of Debian versions",
        "2.36-9 is in the range",
        "from debian-osv of 2025-02-12",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let fixed = Place::debian(&[("libc6", "2.36-9+deb12u3", "glibc")]);
    let said = text(&fixed, &["scan", "--why", "CVE-2023-4911", "dir:root"]);
    assert!(said.contains("): fixed\n") && said.contains("which has the fix"), "{said}");
    let other = Place::debian(&[("tar", "1.34+dfsg-1.2", "tar")]);
    let said = text(&other, &["scan", "--why", "CVE-2023-4911", "dir:root"]);
    assert!(said.contains("in Debian:12 it is known of glibc"), "{said}");
    assert_eq!(other.status(&["scan", "--why", "CVE-1999-99999", "dir:root"]), 1);
    assert_eq!(other.status(&["scan", "--why", "tar", "--format", "sarif", "dir:root"]), 2);
}

#[test]
fn an_explanation_knows_waivers_and_is_written_as_json() {
    let place = Place::debian(&[("libc6", "2.36-9", "glibc")]);
    place.write(
        "waivers.toml",
        "[[waiver]]\nrule = \"CVE-2023-4911\"\nreason = \"not reachable\"\nowner = \"o\"\n\
         expires = \"2999-01-01\"\n",
    );
    let arguments =
        ["scan", "--why", "glibc", "--format", "json", "--waivers", "waivers.toml", "dir:root"];
    let answer: Value = serde_json::from_slice(&place.run(&arguments).stdout).unwrap();
    assert_eq!(answer["schema_version"], 1);
    assert_eq!(answer["set_aside"][0]["vulnerability"], "CVE-2023-4911");
    assert!(answer["set_aside"][0]["by"].as_str().unwrap().contains("not reachable"));
    let judgements = answer["judgements"].as_array().unwrap();
    assert!(judgements.len() > 20, "{}", judgements.len());
    assert!(judgements.iter().any(|one| one["decision"] == "affected"));
    assert!(judgements.iter().any(|one| one["decision"] != "affected"));
}

#[test]
fn what_is_exploited_is_shown_first_and_never_hidden() {
    let place = Place::debian(&[("libc6", "2.36-9", "glibc")]);
    let report = place.report(&["--severity", "critical", "dir:root"]);
    let first = &report["findings"][0];
    assert_eq!(first["rule"], "CVE-2023-4911");
    assert_eq!(first["severity"], "high");
    assert_eq!(first["context"]["exploited"]["since"], "2023-11-21");
    assert_eq!(report["summary"]["exploited"], 1);
    let table = text(&place, &["scan", "dir:root"]);
    assert!(table.contains("ATTACKS") && table.contains("1 known to be exploited"), "{table}");
    let explained = text(&place, &["explain", "CVE-2023-4911"]);
    assert!(explained.contains("catalogue since"), "{explained}");
}
