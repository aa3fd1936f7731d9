//! Scans of small root file systems made here: gaps, thresholds, waivers, formats, errors.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A directory with a root file system in `root`, and the program run in it.
struct Place(TempDir);

const OS_RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nNAME=Debian\n\
                          PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path().join("root")).unwrap();
        for (path, content) in files {
            place.write(&format!("root/{path}"), content);
        }
        place
    }

    /// Debian 12 with these packages: name, version, source (as dpkg writes it).
    fn debian(packages: &[(&str, &str, &str)]) -> Self {
        let mut status = String::new();
        for (name, version, source) in packages {
            status.push_str(&format!(
                "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\n\
                 Version: {version}\nSource: {source}\n\n"
            ));
        }
        Self::new(&[("etc/os-release", OS_RELEASE), ("var/lib/dpkg/status", &status)])
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cofferdam"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .env("COFFERDAM_DATA_DIR", self.path().join("data"))
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn report(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["scan", "--format", "json"], arguments].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    fn status(&self, arguments: &[&str]) -> i32 {
        self.run(arguments).status.code().unwrap()
    }

    fn transcript(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let mut text = format!("$ cofferdam {}\n", arguments.join(" "));
        text.push_str(&String::from_utf8(output.stdout).unwrap());
        for line in String::from_utf8(output.stderr).unwrap().lines() {
            text.push_str(&format!("stderr| {line}\n"));
        }
        text.push_str(&format!("exit status {}\n\n", output.status.code().unwrap()));
        text.replace(self.path().to_str().unwrap(), "DIRECTORY")
    }
}

#[test]
fn what_cannot_be_looked_at_is_a_gap_and_fails_only_under_strict() {
    let place = Place::new(&[("etc/motd", "no distribution, no packages")]);
    let report = place.report(&["dir:root"]);
    let gaps: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["rule"].as_str().unwrap())
        .collect();
    assert_eq!(gaps, ["os-not-recognised", "no-package-database"]);
    assert!(report["findings"].as_array().unwrap().iter().all(|f| f["status"]["is"] == "unknown"));
    assert_eq!(report["summary"]["gaps"], 2);
    assert_eq!(place.status(&["scan", "dir:root"]), 0);
    assert_eq!(place.status(&["scan", "--fail-on", "unknown", "dir:root"]), 0);
    assert_eq!(place.status(&["scan", "--strict", "dir:root"]), 3);
}

#[test]
fn a_waiver_covers_a_gap_until_its_day() {
    let place = Place::new(&[]);
    let waiver = |rule: &str, day: &str| {
        format!(
            "[[waiver]]\nrule = \"{rule}\"\nreason = \"scratch\"\nowner = \"me\"\nexpires = \"{day}\"\n"
        )
    };
    let both = |day: &str| waiver("no-package-database", day) + &waiver("os-not-recognised", day);
    place.write("live.toml", &both("2999-12-31"));
    place.write("expired.toml", &both("2020-01-01"));
    place.write("unused.toml", &(both("2999-12-31") + &waiver("CVE-1999-0001", "2999-12-31")));
    let scan = ["scan", "--strict", "dir:root", "--waivers"];
    assert_eq!(place.status(&[&scan[..], &["live.toml"]].concat()), 0);
    assert_eq!(place.status(&[&scan[..], &["expired.toml"]].concat()), 3);
    let report = place.report(&["dir:root", "--waivers", "expired.toml"]);
    assert_eq!(report["expired_waivers"].as_array().unwrap().len(), 2);
    let report = place.report(&["dir:root", "--waivers", "unused.toml"]);
    assert_eq!(report["summary"]["waived"], 2);
    assert_eq!(report["unused_waivers"][0]["rule"], "CVE-1999-0001");
}

#[test]
fn what_cannot_be_used_is_an_error_that_says_what_where_and_why() {
    let place = Place::new(&[]);
    place.write("empty.tar", "");
    place.write("text", "not an image");
    place.write("layout/oci-layout", "{}");
    place.write("waivers.toml", "[[waiver]]\nrule = \"x\"\n");
    let mut text = String::new();
    for arguments in [
        &["scan", "./missing"][..],
        &["scan", "dir:missing"],
        &["scan", "dir:text"],
        &["scan", "text"],
        &["scan", ""],
        &["scan", "oci:"],
        &["scan", "oci:layout"],
        &["scan", "oci:missing"],
        &["scan", "docker-archive:empty.tar"],
        &["scan", "docker-archive:text"],
        &["scan", "oci-archive:missing.tar"],
        &["scan", "NOT//A//REFERENCE"],
        &["scan", "dir:root", "--waivers", "waivers.toml"],
        &["scan", "dir:root", "--waivers", "missing.toml"],
        &["sbom", "dir:missing"],
    ] {
        text.push_str(&place.transcript(arguments));
    }
    insta::assert_snapshot!("scan_errors", text);
}

#[test]
fn the_verdict_is_that_of_the_whole_scan_whatever_is_shown() {
    let place = Place::new(&[]);
    let output = place.run(&["scan", "--strict", "--severity", "critical", "dir:root"]);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn every_format_is_written() {
    let place = Place::debian(&[("libc6", "2.36-9", "glibc")]);
    for (format, begins) in
        [("table", "Target "), ("json", "{"), ("sarif", "{"), ("junit", "<?xml")]
    {
        let output = place.run(&["scan", "--format", format, "dir:root", "-o", "out"]);
        assert!(output.status.success() && output.stdout.is_empty(), "{format}: {output:?}");
        let text = fs::read_to_string(place.path().join("out")).unwrap();
        assert!(text.starts_with(begins), "{format}: {text}");
    }
}

#[test]
fn settings_of_the_project_count() {
    let place = Place::new(&[]);
    place.write("cofferdam.toml", "[scan]\nstrict = true\n");
    assert_eq!(place.status(&["scan", "dir:root"]), 3);
}
