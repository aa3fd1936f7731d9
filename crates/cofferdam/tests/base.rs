//! Base images on the command line: an image is behind its base, and what the newest would change.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod place;

use std::fs;

use place::{OS_RELEASE, Place};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// An archive in the ustar format.
fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, content) in files {
        let mut block = [0_u8; 512];
        block[..path.len()].copy_from_slice(path.as_bytes());
        block[100..107].copy_from_slice(b"0000644");
        block[108..115].copy_from_slice(b"0000000");
        block[116..123].copy_from_slice(b"0000000");
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[136..147].copy_from_slice(b"00000000000");
        block[156] = b'0';
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&block);
        archive.extend_from_slice(content.as_bytes());
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.extend_from_slice(&[0; 1024]);
    archive
}

/// A layer of Debian 12 with these packages.
fn debian(packages: &[(&str, &str)]) -> Vec<u8> {
    let mut status = String::new();
    for (name, version) in packages {
        status.push_str(&format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\n\
             Version: {version}\n\n"
        ));
    }
    tar(&[("etc/os-release", OS_RELEASE), ("var/lib/dpkg/status", &status)])
}

/// Writes an OCI layout `NAME` of these layers.
fn image(place: &Place, name: &str, created: &str, layers: &[Vec<u8>]) {
    let layout = place.path().join(name);
    fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    let blob = |bytes: &[u8], media_type: &str| {
        let hex: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        fs::write(layout.join("blobs/sha256").join(&hex), bytes).unwrap();
        json!({"mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len()})
    };
    let layers: Vec<Value> =
        layers.iter().map(|one| blob(one, "application/vnd.oci.image.layer.v1.tar")).collect();
    let diff_ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
    let configuration = json!({
        "architecture": if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" },
        "os": "linux", "created": created, "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let configuration = configuration.to_string();
    let configuration = blob(configuration.as_bytes(), "application/vnd.oci.image.config.v1+json");
    let manifest = json!({"schemaVersion": 2, "config": configuration, "layers": layers});
    let manifest =
        blob(manifest.to_string().as_bytes(), "application/vnd.oci.image.manifest.v1+json");
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    fs::write(layout.join("index.json"), index.to_string()).unwrap();
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

fn record(id: &str, package: &str, fixed: &str) -> String {
    json!({
        "id": id, "modified": "2026-01-02T03:04:05Z",
        "affected": [{
            "package": {"ecosystem": "Debian:12", "name": package},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
        }]
    })
    .to_string()
}

/// Two generations of a base, and an application on the first that has changed a package and added
/// one; every package has a vulnerability that version 2 fixes.
fn place() -> Place {
    let place = Place::new(&[]);
    let first = debian(&[("libc6", "1"), ("openssl", "1"), ("zlib1g", "1")]);
    let second = debian(&[("libc6", "2"), ("openssl", "2"), ("zlib1g", "1"), ("new", "1")]);
    let application = debian(&[("libc6", "1"), ("openssl", "1.5"), ("zlib1g", "1"), ("app", "1")]);
    image(&place, "first", "2026-01-01T00:00:00Z", std::slice::from_ref(&first));
    image(&place, "second", "2026-02-01T00:00:00Z", &[second]);
    image(&place, "app", "2026-01-15T00:00:00Z", &[first, application]);
    for (number, name) in ["libc6", "openssl", "zlib1g", "app", "new"].into_iter().enumerate() {
        let id = format!("CVE-2026-000{}", number + 1);
        place.write(&format!("feed/{name}.json"), &record(&id, name, "2"));
    }
    place.write(
        "sources.toml",
        "[[source]]\nname = \"example\"\nformat = \"osv\"\npath = \"feed\"\ndate = \"2026-02-03\"\n\
         licence = \"CC0-1.0\"\nurl = \"https://advisories.example/all.zip\"\necosystems = [\"Debian\"]\n",
    );
    good(&place, &["db", "update", "--list", "sources.toml", "--from", "."]);
    place
}

fn good(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_image_is_behind_its_base_and_is_told_what_the_newest_changes() {
    let place = place();
    good(&place, &["base", "add", "oci:first", "--name", "debian:12"]);
    let check = ["base", "check", "oci:app", "--fail-behind"];
    assert_eq!(place.status(&check), 0, "it is the newest that is known");
    good(&place, &["base", "add", "oci:second", "--name", "debian:12"]);
    assert_eq!(place.status(&check), 1);
    let answer: Value =
        serde_json::from_str(&good(&place, &["base", "check", "oci:app", "--format", "json"]))
            .unwrap();
    assert_eq!(answer["base"]["name"], "debian:12");
    assert_eq!(answer["packages"], json!({"base": 2, "changed": 1, "own": 1}));
    assert_eq!(answer["vulnerabilities"], json!({"base": 2, "changed": 1, "own": 1}));
    let ids = |rows: &Value| -> Vec<String> {
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["vulnerability"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&answer["upgrade"]["closes"]), ["CVE-2026-0001"]);
    assert_eq!(ids(&answer["upgrade"]["opens"]), ["CVE-2026-0005"]);
    // Digests differ from machine to machine, as platforms do.
    let table = place.transcript(&["base", "check", "oci:app"]);
    let text = regex_free(&table);
    insta::assert_snapshot!("base_check", text);
    let list = good(&place, &["base", "list"]);
    assert_eq!(list.lines().count(), 3);
    assert_eq!(list.matches("  newest").count(), 1, "{list}");
    good(&place, &["base", "remove", "debian:12"]);
    assert_eq!(good(&place, &["base", "list"]).lines().count(), 1);
}

/// The text with twelve digits of digests made the same.
fn regex_free(text: &str) -> String {
    let is_digest = |word: &str| word.len() == 12 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let mut result = String::new();
    for piece in text.split_inclusive(['(', ')', ' ', '\n']) {
        let word = piece.trim_end_matches(['(', ')', ' ', '\n']);
        result.push_str(&if is_digest(word) {
            piece.replace(word, "DIGEST")
        } else {
            piece.to_owned()
        });
    }
    result
}

#[test]
fn what_is_no_image_or_no_base_is_told() {
    let place = place();
    place.write("root/etc/os-release", OS_RELEASE);
    let errors = [
        place.transcript(&["base", "add", "dir:root"]),
        place.transcript(&["base", "check", "dir:root"]),
        place.transcript(&["base", "check", "oci:app"]),
        place.transcript(&["base", "remove", "debian:12"]),
    ];
    insta::assert_snapshot!("base_errors", errors.concat());
}
