//! Secrets and configuration of images, through the program: every layer, the history, the verdict.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A file of a layer: path, mode, type, content.
type File<'a> = (&'a str, u32, u8, &'a str);

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes an OCI layout with these layers and this configuration.
    fn image(&self, layers: &[Vec<File<'_>>], execution: Value, history: Value) -> PathBuf {
        let layout = self.path().join("image");
        fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
        let blob = |bytes: &[u8], media_type: &str| {
            let hex: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
            fs::write(layout.join("blobs/sha256").join(&hex), bytes).unwrap();
            let digest = format!("sha256:{hex}");
            json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
        };
        let layers: Vec<Value> = layers
            .iter()
            .map(|files| blob(&tar(files), "application/vnd.oci.image.layer.v1.tar"))
            .collect();
        let diff_ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
        let configuration = json!({
            "architecture": if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" },
            "os": "linux",
            "created": "2999-01-01T00:00:00Z",
            "config": execution,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        let configuration = blob(
            &serde_json::to_vec(&configuration).unwrap(),
            "application/vnd.oci.image.config.v1+json",
        );
        let manifest = json!({"schemaVersion": 2, "config": configuration, "layers": layers});
        let manifest = blob(
            &serde_json::to_vec(&manifest).unwrap(),
            "application/vnd.oci.image.manifest.v1+json",
        );
        let index = json!({"schemaVersion": 2, "manifests": [manifest]});
        fs::write(layout.join("index.json"), index.to_string()).unwrap();
        fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        layout
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cofferdam"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .env("COFFERDAM_DATA_DIR", self.path().join("data"))
            .current_dir(self.path())
            .output()
            .unwrap()
    }

    fn scan(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["scan", "--offline", "--format", "json"], arguments].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{error}"))
    }
}

/// An archive in the ustar format.
fn tar(files: &[File<'_>]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, mode, kind, content) in files {
        let mut block = [0_u8; 512];
        block[..path.len()].copy_from_slice(path.as_bytes());
        block[100..107].copy_from_slice(format!("{mode:07o}").as_bytes());
        block[108..115].copy_from_slice(b"0000000");
        block[116..123].copy_from_slice(b"0000000");
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[136..147].copy_from_slice(b"00000000000");
        block[156] = *kind;
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

/// Parts that stand apart in the source, so that no example looks like a token there.
fn token() -> String {
    ["AKIA", "Q3EGRXZ7", "LTKN5YWB"].concat()
}

fn rules(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings.map(|one| (text(&one["rule"]), text(&one["subject"]))).collect()
}

fn finding<'a>(report: &'a Value, rule: &str) -> &'a Value {
    let all = report["findings"].as_array().unwrap();
    all.iter().find(|one| one["rule"] == rule).unwrap_or_else(|| panic!("no {rule}: {report}"))
}

#[test]
fn a_secret_of_a_deleted_file_is_found_and_never_shown() {
    let place = Place::new();
    let line = format!("first\nkey = {}\n", token());
    let image = place.image(
        &[
            vec![("app/", 0o755, b'5', ""), ("app/settings", 0o644, b'0', &line)],
            vec![("app/.wh.settings", 0o644, b'0', "")],
        ],
        json!({"User": "10001"}),
        json!([]),
    );
    let target = format!("oci:{}", image.display());
    let report = place.scan(&["--scanners", "secret", &target]);
    assert_eq!(rules(&report), [("secret-aws-access-key-id".into(), "app/settings".into())]);
    let found = finding(&report, "secret-aws-access-key-id");
    assert!(found["title"].as_str().unwrap().contains("still in the image"), "{found}");
    let saw = found["evidence"][0]["saw"].as_str().unwrap();
    let layers = report["target"]["layers"].as_array().unwrap();
    assert!(saw.starts_with("line 2: AKI… (20 characters)") || saw.starts_with("line 2: AKIA…"));
    for layer in layers {
        assert!(saw.contains(layer.as_str().unwrap()), "{saw}");
    }
    for format in ["table", "json", "sarif", "junit"] {
        let output =
            place.run(&["scan", "--offline", "--scanners", "secret", "--format", format, &target]);
        assert!(!String::from_utf8_lossy(&output.stdout).contains(&token()), "{format}");
    }
    // What is remembered says the same, and does not have the secret either.
    assert_eq!(rules(&place.scan(&["--scanners", "secret", &target])), rules(&report));
    for entry in fs::read_dir(place.path().join("data/cache/layers")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(20).any(|window| window == token().as_bytes()));
    }
    assert_eq!(
        place.run(&["scan", "--offline", "--fail-on", "medium", &target]).status.code(),
        Some(1)
    );
}

#[test]
fn environment_and_history_are_looked_at() {
    let place = Place::new();
    let image = place.image(
        &[vec![("x", 0o644, b'0', "x")]],
        json!({
            "Env": ["PATH=/usr/bin:.", format!("AWS_ID={}", token()), "DB_PASSWORD=tr0ub4dor"],
            "ExposedPorts": {"22/tcp": {}, "80/tcp": {}, "8080/tcp": {}},
            "Volumes": {"/var/run/docker.sock": {}},
        }),
        json!([
            {"created": "2024-01-01T00:00:00Z", "created_by": "ADD file:x in / "},
            {"created_by": "/bin/sh -c apt-get update", "empty_layer": true},
            {"created_by": "RUN |1 API_TOKEN=abcdefgh1 /bin/sh -c curl -s https://x.test | sh # buildkit",
             "empty_layer": true},
            {"created_by": "ADD https://x.test/a /b # buildkit", "empty_layer": true},
        ]),
    );
    let report = place.scan(&["--scanners", "secret,config", &format!("oci:{}", image.display())]);
    let found = rules(&report);
    let expected = [
        ("image-secret-argument", "build argument API_TOKEN"),
        ("secret-database-password", "environment DB_PASSWORD"),
        ("image-root-user", "user"),
        ("image-unsafe-environment", "environment PATH"),
        ("image-add-instruction", "history step 4"),
        ("image-pipe-to-shell", "history step 3"),
        ("image-ssh-port", "port 22/tcp"),
        ("image-sensitive-volume", "volume /var/run/docker.sock"),
        ("secret-aws-access-key-id", "environment AWS_ID"),
        ("image-base-old", "base"),
        ("image-update-alone", "history step 2"),
        ("image-privileged-port", "port 80/tcp"),
        ("image-no-healthcheck", "healthcheck"),
    ];
    for (rule, subject) in expected {
        assert!(found.contains(&(rule.into(), subject.into())), "{rule} {subject}: {found:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
    let text = report.to_string();
    assert!(!text.contains("tr0ub4dor") && !text.contains(&token()), "{text}");
    for one in report["findings"].as_array().unwrap() {
        assert!(one["fix"]["summary"].is_string(), "{one}");
        let rule = one["rule"].as_str().unwrap();
        assert!(report["rules"].as_array().unwrap().iter().any(|known| known["id"] == rule));
    }
}

#[test]
fn files_count_as_the_image_shows_them() {
    let place = Place::new();
    let shadow = "root::19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n";
    let passwd = "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n";
    let image = place.image(
        &[
            vec![
                ("usr/bin/su", 0o4755, b'0', "su"),
                ("opt/tool", 0o4755, b'0', "tool"),
                ("opt/gone", 0o4755, b'0', "tool"),
                ("opt/mended", 0o4755, b'0', "tool"),
                ("data/", 0o777, b'5', ""),
                ("tmp/", 0o1777, b'5', ""),
                ("root/.aws/credentials", 0o600, b'0', "[default]\n"),
                ("etc/shadow", 0o640, b'0', shadow),
                ("etc/passwd", 0o644, b'0', passwd),
            ],
            vec![("opt/.wh.gone", 0o644, b'0', ""), ("opt/mended", 0o755, b'0', "tool")],
        ],
        json!({"User": "10001", "Healthcheck": {"Test": ["CMD", "true"]}}),
        json!([]),
    );
    let report = place.scan(&["--scanners", "config", &format!("oci:{}", image.display())]);
    let mut found = rules(&report);
    found.sort();
    let expected = [
        ("image-credentials-file", "root/.aws/credentials"),
        ("image-empty-password", "account root"),
        ("image-second-root", "account toor"),
        ("image-set-id-program", "opt/tool"),
        ("image-set-id-program", "programs of the distribution"),
        ("image-world-writable", "data"),
    ];
    assert_eq!(found, expected.map(|(rule, subject)| (rule.to_owned(), subject.to_owned())));
}

#[test]
fn a_directory_is_searched_too() {
    let place = Place::new();
    fs::create_dir_all(place.path().join("root/app")).unwrap();
    fs::write(place.path().join("root/app/x"), token()).unwrap();
    let report = place.scan(&["--scanners", "secret,config", "dir:root"]);
    assert_eq!(rules(&report), [("secret-aws-access-key-id".into(), "app/x".into())]);
}

#[test]
fn what_is_not_asked_for_is_not_done() {
    let place = Place::new();
    fs::create_dir_all(place.path().join("root/app")).unwrap();
    fs::write(place.path().join("root/app/x"), token()).unwrap();
    let vulnerabilities = place.scan(&["--scanners", "vuln", "dir:root"]);
    assert!(rules(&vulnerabilities).iter().all(|(rule, _)| !rule.starts_with("secret")));
    // Without packages there is neither a gap about them nor a need for a database.
    let secrets = place.scan(&["--scanners", "secret", "--db", "missing", "dir:root"]);
    assert_eq!(secrets["summary"]["gaps"], 0);
    let output = place.run(&["scan", "--scanners", "secrets", "dir:root"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("vuln, secret, config"));
}

#[test]
fn the_policy_of_the_project_counts() {
    let place = Place::new();
    fs::write(place.path().join("cofferdam.toml"), "[scan]\nmax-age = \"x\"\n").unwrap();
    let output = place.run(&["scan", "dir:root"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("a number of days"));
}
