//! Publications of the database on the command line: made, signed, followed; in a directory and in a
//! real registry.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod place;

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use place::Place;
use serde_json::json;

/// Builds a database of so many records in `NAME.cdb`.
fn build(place: &Place, name: &str, records: u32, generation: u32) {
    for number in 0..records {
        let record = json!({
            "id": format!("CVE-2026-{number:04}"), "modified": "2026-01-02T03:04:05Z",
            "summary": format!("A fault of package {number}"),
            "affected": [{
                "package": {"ecosystem": "Debian:12", "name": format!("p{number}")},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0"}]}]
            }]
        });
        place.write(&format!("feed/{number}.json"), &record.to_string());
    }
    place.write(
        "sources.toml",
        "[[source]]\nname = \"example\"\nformat = \"osv\"\npath = \"feed\"\ndate = \"2026-02-03\"\n\
         licence = \"CC0-1.0\"\nurl = \"https://advisories.example/all.zip\"\necosystems = [\"Debian\"]\n",
    );
    let (file, generation) = (format!("{name}.cdb"), generation.to_string());
    good(place.run(&[
        "db",
        "build",
        "--list",
        "sources.toml",
        "--from",
        ".",
        "--to",
        &file,
        "--generation",
        &generation,
    ]));
}

/// What it said, if it could do its work.
fn good(output: Output) -> String {
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

fn place() -> Place {
    let place = Place::debian(&[("p7", "0.9", "p7")]);
    build(&place, "one", 300, 1);
    build(&place, "two", 301, 2);
    good(place.run(&["db", "keygen", "publisher"]));
    place
}

const PUBLISH: [&str; 6] = ["db", "publish", "--key", "publisher.key", "--to", "publication"];

#[test]
fn a_publication_is_made_and_followed() {
    let place = place();
    let mode = |name: &str| fs::metadata(place.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("publisher.key") & 0o777, 0o600, "nobody else reads the key");
    good(place.run(&[&PUBLISH[..], &["one.cdb"]].concat()));
    let follow = ["db", "update", "--publication", "publication", "--trust", "publisher.pub"];
    let said = good(place.run(&follow));
    assert!(said.contains("updated to generation 1 of 2026-02-03: "), "{said}");
    let said = good(place.run(&[&PUBLISH[..], &["two.cdb"]].concat()));
    assert!(said.contains("published generation 2 of 2026-02-03"), "{said}");
    // The key of the last time is still trusted for this place.
    let said = good(place.run(&follow[..4]));
    assert!(said.contains("by a difference of"), "{said}");
    let said = good(place.run(&follow[..4]));
    assert!(said.contains("the database is up to date: generation 2"), "{said}");
    assert_eq!(
        fs::read(place.path().join("two.cdb")).unwrap(),
        fs::read(place.path().join("data/db/advisories.cdb")).unwrap(),
        "the very file that was published"
    );
    good(place.run(&["db", "status", "--verify"]));
}

#[test]
fn settings_name_what_is_followed() {
    let place = place();
    good(place.run(&[&PUBLISH[..], &["one.cdb"]].concat()));
    let key = fs::read_to_string(place.path().join("publisher.pub")).unwrap();
    assert!(key.starts_with("-----BEGIN PUBLIC KEY-----"));
    let configuration = "[db]\npublication = \"publication\"\ntrust = \"publisher.pub\"\n";
    place.write(".config/cofferdam/cofferdam.toml", configuration);
    let said = good(place.run(&["db", "update"]));
    assert!(said.contains("updated to generation 1"), "{said}");
    // Sources that are listed come before what is set.
    let said = good(place.run(&["db", "update", "--list", "sources.toml", "--from", "."]));
    assert!(said.contains("301 records read"), "{said}");
}

#[test]
fn what_cannot_be_followed_is_an_error_with_a_way_out() {
    let place = place();
    good(place.run(&[&PUBLISH[..], &["one.cdb"]].concat()));
    good(place.run(&["db", "keygen", "other"]));
    let errors = [
        place.transcript(&["db", "update", "--publication", "publication"]),
        place.transcript(&["db", "update", "--publication", "publication", "--trust", "other.pub"]),
        place.transcript(&["db", "update", "--publication", "absent", "--trust", "other.pub"]),
        place.transcript(&["db", "update", "--publication", "publication", "--trust", "other.key"]),
        place.transcript(&[
            "db",
            "update",
            "--publication",
            "publication",
            "--trust",
            "ed25519:AA",
        ]),
        place.transcript(&[
            "db",
            "update",
            "--offline",
            "--publication",
            "https://mirror.example/db",
            "--trust",
            "other.pub",
        ]),
        place.transcript(&[
            "db",
            "publish",
            "--key",
            "other.key",
            "--to",
            "publication",
            "two.cdb",
        ]),
        place.transcript(&[
            "db",
            "publish",
            "--key",
            "other.pub",
            "--to",
            "publication",
            "two.cdb",
        ]),
        place.transcript(&["db", "keygen", "other"]),
    ];
    insta::assert_snapshot!("publication_errors", errors.concat());
    assert!(!place.path().join("data/db/advisories.cdb").exists());
}

/// Debian's registry on the loopback interface; ended when dropped.
struct Registry(Child, String);

impl Registry {
    fn start(directory: &Path) -> Option<Self> {
        if Command::new("docker-registry").arg("--version").output().is_err() {
            println!(
                "skipped: docker-registry is not installed (Debian: apt install docker-registry)"
            );
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let root = directory.join("registry");
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
            root.display()
        );
        let path = directory.join("registry.yml");
        fs::write(&path, config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Self(command.spawn().unwrap(), address);
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(&registry.1).is_err() {
            assert!(Instant::now() < end, "docker-registry does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_registry_keeps_a_publication() {
    let place = place();
    let Some(registry) = Registry::start(place.path()) else { return };
    let name = format!("registry:{}/advisories:latest", registry.1);
    let push = ["--push", name.as_str()];
    good(place.run(&[&PUBLISH[..], &push, &["one.cdb"]].concat()));
    let location = format!("oci:{}/advisories:latest", registry.1);
    let follow = ["db", "update", "--publication", &location, "--trust", "publisher.pub"];
    let said = good(place.run(&follow));
    assert!(said.contains("updated to generation 1"), "{said}");
    good(place.run(&[&PUBLISH[..], &push, &["two.cdb"]].concat()));
    let said = good(place.run(&follow));
    assert!(said.contains("updated to generation 2") && said.contains("difference"), "{said}");
    assert_eq!(
        fs::read(place.path().join("two.cdb")).unwrap(),
        fs::read(place.path().join("data/db/advisories.cdb")).unwrap()
    );
    // What is there is not pushed again, and nothing is wrong with doing so.
    good(place.run(&[&PUBLISH[..], &push, &["two.cdb"]].concat()));
    assert!(good(place.run(&follow)).contains("up to date"));
    // An image, or nothing, is no publication.
    let absent = format!("oci:{}/absent:latest", registry.1);
    let output = place.run(&["db", "update", "--publication", &absent, "--trust", "publisher.pub"]);
    assert_eq!(output.status.code(), Some(2));
}
