//! The advisory database: built from copies, put to use, carried elsewhere, asked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;
#[path = "../../image/tests/server/mod.rs"]
mod server;

use std::fs;

use place::Place;
use serde_json::{Value, json};
use server::{Asked, Server, answer};

/// Debian 12 with one package, and a feed in `feed` of one good record, one withdrawn and one
/// that is cut.
fn place() -> Place {
    let place = Place::debian(&[("libexample1", "1.0-1", "example")]);
    let record = |id: &str, withdrawn: Option<&str>| {
        json!({
            "id": id, "modified": "2026-01-02T03:04:05Z", "withdrawn": withdrawn,
            "details": "A title that would \u{1b}[31mcolour\u{1b}[0m the terminal.",
            "affected": [{
                "package": {"ecosystem": "Debian:12", "name": "example"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0-2"}]}]
            }]
        })
        .to_string()
    };
    place.write("feed/good.json", &record("CVE-2026-0001", None));
    place.write("feed/gone.json", &record("CVE-2026-0002", Some("2026-02-01T00:00:00Z")));
    place.write("feed/cut.json", &record("CVE-2026-0003", None)[..40]);
    place.write(
        "sources.toml",
        "[[source]]\nname = \"example\"\nformat = \"osv\"\npath = \"feed\"\ndate = \"2026-02-03\"\n\
         licence = \"CC0-1.0\"\nurl = \"https://advisories.example/all.zip\"\necosystems = [\"Debian\"]\n",
    );
    place
}

const UPDATE: [&str; 6] = ["db", "update", "--list", "sources.toml", "--from", "."];

fn status(place: &Place) -> Value {
    let output = place.run(&["db", "status", "--verify", "--format", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn vulnerabilities(place: &Place) -> Vec<String> {
    let report = place.report(&["dir:root"]);
    let findings = report["findings"].as_array().unwrap().iter();
    let failures = findings.filter(|finding| finding["status"]["is"] == "fail");
    failures.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_update_names_what_is_broken_and_is_used_from_then_on() {
    let place = place();
    assert_eq!(vulnerabilities(&place), [""; 0], "the starter database knows no such package");
    let output = place.run(&UPDATE);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("3 records read: 1 withdrawn, 0 about other things, 1 broken"), "{said}");
    assert!(said.contains("cut.json"), "the broken record is named: {said}");
    assert_eq!(vulnerabilities(&place), ["CVE-2026-0001"]);
    let first = status(&place);
    assert_eq!((&first["generation"], &first["records"]), (&json!(1), &json!(1)));
    assert_eq!(first["sources"][0]["name"], "example");
    assert!(place.run(&UPDATE).status.success());
    assert_eq!(status(&place)["generation"], 2);
}

#[test]
fn a_database_is_carried_to_another_machine() {
    let (here, there) = (place(), place());
    assert!(here.run(&UPDATE).status.success());
    assert!(here.run(&["db", "export", "carried.cdb"]).status.success());
    let carried = fs::read(here.path().join("carried.cdb")).unwrap();
    fs::write(there.path().join("carried.cdb"), &carried).unwrap();
    assert!(there.run(&["db", "import", "carried.cdb"]).status.success());
    assert_eq!(status(&here), {
        let mut status = status(&there);
        status["database"] = json!(here.path().join("data/db/advisories.cdb"));
        status
    });

    // One that is damaged on the way is refused, and what was in use stays in use.
    let mut damaged = carried;
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    fs::write(there.path().join("carried.cdb"), damaged).unwrap();
    let output = there.run(&["db", "import", "carried.cdb"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(vulnerabilities(&there), ["CVE-2026-0001"]);
}

#[test]
fn a_build_that_fails_changes_nothing() {
    let place = place();
    assert!(place.run(&UPDATE).status.success());
    let list = fs::read_to_string(place.path().join("sources.toml")).unwrap();
    place.write("sources.toml", &list.replace("\"feed\"", "\"absent\""));
    insta::assert_snapshot!("db_update_without_its_source", place.transcript(&UPDATE));
    assert_eq!(status(&place)["generation"], 1);
    let left: Vec<_> = fs::read_dir(place.path().join("data/db")).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file stays: {left:?}");
}

#[test]
fn the_database_answers_and_its_text_does_not_steer_the_terminal() {
    let place = place();
    assert!(place.run(&UPDATE).status.success());
    for term in ["CVE-2026-0001", "example"] {
        let output = place.run(&["db", "search", term]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        assert!(text.contains("Debian:12") && text.contains("fixed in 1.0-2"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    let output = place.run(&["db", "search", "--format", "json", "CVE-2026-0001"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["record"]["id"], "CVE-2026-0001");
    assert_eq!(answer["packages"][0]["package"], "example");
    assert_eq!(place.status(&["db", "search", "absent"]), 1);
}

/// Alpine's security database as a web server has it, until `break_off` files were asked for.
fn publisher(break_off: usize) -> Server {
    let count = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |asked: &Asked| {
        assert_eq!((asked.method.as_str(), asked.body.as_str()), ("GET", ""));
        let branch = asked.path.split('/').nth(1).unwrap_or_default().to_owned();
        if count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= break_off {
            return answer(404, "");
        }
        if asked.header("if-none-match") == format!("\"{branch}\"") {
            return answer(304, "");
        }
        let fixed = json!({"1.2.3-r1": ["CVE-2026-0009"]});
        let packages = json!([{"pkg": {"name": "example", "secfixes": fixed}}]);
        let body = json!({"distroversion": branch, "packages": packages}).to_string();
        answer(200, body)
            .with("etag", format!("\"{branch}\""))
            .with("last-modified", "Wed, 11 Nov 2026 10:00:00 GMT")
    })
}

fn published_at(place: &Place, server: &Server) {
    place.write(
        "feeds.toml",
        &format!(
            "[[source]]\nname = \"alpine-secdb\"\nformat = \"alpine-secdb\"\nlicence = \"none\"\n\
             url = \"http://{}\"\nfiles = [\"v3.20/main.json\", \"v3.21/main.json\"]\n",
            server.address
        ),
    );
}

#[test]
fn an_update_fetches_what_has_changed() {
    let (place, server) = (Place::new(&[]), publisher(usize::MAX));
    published_at(&place, &server);
    let update = |options: &[&str]| {
        let output = place.run(&[&["db", "update", "--list", "feeds.toml"], options].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        said
    };
    assert!(update(&[]).contains("to generation 1"));
    let first = status(&place);
    assert_eq!((&first["records"], &first["sources"][0]["records"]), (&json!(1), &json!(2)));
    assert_eq!(first["sources"][0]["date"], "2026-11-11");
    assert!(update(&[]).contains("no source has changed"));
    assert_eq!(status(&place)["generation"], 1);
    assert!(update(&["--force"]).contains("to generation 2"));
    assert_eq!(server.asked().len(), 6);
}

#[test]
fn an_update_that_breaks_off_changes_nothing_and_goes_on_later() {
    let place = Place::new(&[]);
    let server = publisher(1);
    published_at(&place, &server);
    let output = place.run(&["db", "update", "--list", "feeds.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("could not fetch source 'alpine-secdb'") && said.contains("404"),
        "{said}"
    );
    let starter = status(&place)["sources"].as_array().unwrap().len();
    assert!(starter > 1, "the starter database is still the one in use");

    let server = publisher(usize::MAX);
    published_at(&place, &server);
    assert!(place.run(&["db", "update", "--list", "feeds.toml"]).status.success());
    assert_eq!(status(&place)["sources"][0]["records"], 2);
    let conditions: Vec<String> =
        server.asked().iter().map(|asked| asked.header("if-none-match").to_owned()).collect();
    assert_eq!(conditions, ["\"v3.20\"", ""], "what came before is not fetched again");
}

#[test]
fn offline_nothing_is_fetched() {
    let (place, server) = (Place::new(&[]), publisher(usize::MAX));
    published_at(&place, &server);
    let output = place.run(&["db", "update", "--offline", "--list", "feeds.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("hint: "));
    assert!(server.asked().is_empty());
}
