//! `cofferdam lint`: files, stdin, fixes, thresholds, formats.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

struct Place(tempfile::TempDir);

impl Place {
    fn new(dockerfile: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("Dockerfile"), dockerfile).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cofferdam"))
            .arg("lint")
            .args(arguments)
            .env_clear()
            .env("HOME", self.0.path())
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn rules(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.run(&[&["--format", "json"], arguments].concat(), "");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let text = |one: &Value| {
            format!("{} {}", one["rule"].as_str().unwrap(), one["subject"].as_str().unwrap())
        };
        findings.map(text).collect()
    }
}

const BROKEN: &str = "FROM debian:12@sha256:aa\nHEALTHCHECK NONE\nUSER 1000\nRUN sudo make\n";

#[test]
fn the_file_of_the_directory_is_checked() {
    let place = Place::new(BROKEN);
    assert_eq!(place.rules(&[]), ["dockerfile-sudo Dockerfile:4"]);
    fs::rename(place.path("Dockerfile"), place.path("Containerfile")).unwrap();
    assert_eq!(place.rules(&[]), ["dockerfile-sudo Containerfile:4"]);
    fs::remove_file(place.path("Containerfile")).unwrap();
    let output = place.run(&[], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("hint: name the file"));
}

#[test]
fn stdin_thresholds_and_gaps() {
    let place = Place::new(BROKEN);
    let output = place.run(&["-"], BROKEN);
    assert!(String::from_utf8_lossy(&output.stdout).contains("stdin:4"));
    assert_eq!(place.run(&["--fail-on", "medium"], "").status.code(), Some(1));
    assert_eq!(place.run(&["--fail-on", "high"], "").status.code(), Some(0));
    assert_eq!(place.run(&["--strict", "-"], "FROM a:1\nRNU x\n").status.code(), Some(3));
    assert_eq!(place.run(&["--fix", "-"], "FROM a:1\nADD x /y\n").status.code(), Some(2));
    assert_eq!(place.run(&["missing"], "").status.code(), Some(2));
}

#[test]
fn fixes_keep_the_rest_of_the_file_and_its_mode() {
    let place = Place::new("FROM a:1\nADD x /y\nRUN apt-get update \\\n && apt-get install z=1\n");
    let path = place.path("Dockerfile");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let output = place.run(&["--fix"], "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("2 fixes were made in Dockerfile"));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "FROM a:1\nCOPY x /y\nRUN apt-get update \\\n && apt-get install -y z=1\n"
    );
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn sarif_has_the_line_and_the_edit() {
    let place = Place::new("FROM a:1\nADD x /y\n");
    let output = place.run(&["--format", "sarif"], "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let results = report["runs"][0]["results"].as_array().unwrap();
    let add = results.iter().find(|one| one["ruleId"] == "dockerfile-add-for-files").unwrap();
    let place = &add["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "Dockerfile");
    assert_eq!(place["region"]["startLine"], 2);
    let change = &add["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(change["deletedRegion"]["byteOffset"], 9);
    assert_eq!(change["insertedContent"]["text"], "COPY");
}

#[test]
fn the_projects_registries_count() {
    let place = Place::new("FROM elsewhere.test/a:1\n");
    fs::write(place.path("cofferdam.toml"), "[scan]\nregistries = \"registry.test\"\n").unwrap();
    let found = place.rules(&["--severity", "high"]);
    assert_eq!(found, ["dockerfile-registry-not-allowed Dockerfile:1"]);
}
