//! A real Debian 12 image, in every form that it can be scanned in: the packages are those that
//! dpkg itself lists.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

/// The directory with the image, made once by `scripts/debian-image`; none, and the reason on
/// stderr, where that cannot be done. On a CI machine it has to be possible.
fn image() -> Option<&'static Path> {
    static IMAGE: OnceLock<Option<PathBuf>> = OnceLock::new();
    IMAGE.get_or_init(make_image).as_deref()
}

fn make_image() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let directory = target.join("debian-12");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/debian-image");
    let made = Command::new(script).arg(&directory).stdin(Stdio::null()).output().unwrap();
    if made.status.success() {
        return Some(directory);
    }
    let why = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(std::env::var_os("CI").is_none(), "could not make a Debian image:\n{why}");
    // Not eprintln, which a passing test would swallow.
    let _ = writeln!(io::stderr(), "SKIPPED: could not make a Debian image with mmdebstrap: {why}");
    None
}

fn cofferdam(arguments: &[&str], data: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cofferdam"))
        .args(arguments)
        .env("COFFERDAM_DATA_DIR", data)
        .current_dir(data)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn report(target: &str, data: &Path) -> Value {
    report_of("vuln,secret,config", target, data)
}

fn report_of(scanners: &str, target: &str, data: &Path) -> Value {
    let scanners = format!("--scanners={scanners}");
    let output = cofferdam(&["scan", "--offline", "--format", "json", &scanners, target], data);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn targets(image: &Path) -> [String; 3] {
    let at = |kind: &str, name: &str| format!("{kind}:{}", image.join(name).display());
    [at("dir", "root"), at("oci", "oci"), at("docker-archive", "docker.tar")]
}

#[test]
fn finds_the_packages_that_dpkg_lists() {
    let Some(image) = image() else { return };
    let data = tempfile::tempdir().unwrap();
    let listed = Command::new("dpkg-query")
        .arg(format!("--admindir={}", image.join("root/var/lib/dpkg").display()))
        .args(["-W", "-f"])
        .arg("${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\\n")
        .output()
        .unwrap();
    assert!(listed.status.success());
    let listed = String::from_utf8(listed.stdout).unwrap();
    let expected: BTreeSet<&str> = listed.lines().collect();
    assert!(expected.len() > 50, "{listed}");
    for target in targets(image) {
        let report = report(&target, data.path());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let found: BTreeSet<String> = report["packages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|package| {
                let source = &package["source"];
                [
                    &package["name"],
                    &package["version"],
                    &package["architecture"],
                    &source["name"],
                    &source["version"],
                ]
                .map(text)
                .join(" ")
            })
            .collect();
        assert_eq!(found, expected.iter().map(|line| (*line).to_owned()).collect(), "{target}");
        assert!(report["target"]["os"].as_str().unwrap().starts_with("Debian GNU/Linux 12"));
    }
}

#[test]
fn every_form_of_an_image_has_the_same_findings() {
    let Some(image) = image() else { return };
    let data = tempfile::tempdir().unwrap();
    let findings = |scanners: &str, target: &str| {
        let report = report_of(scanners, target, data.path());
        let findings = report["findings"].as_array().unwrap().clone();
        let of =
            |finding: &Value| (finding["fingerprint"].to_string(), finding["title"].to_string());
        findings.iter().map(of).collect::<Vec<_>>()
    };
    let [directory, layout, archive] = targets(image);
    // A directory has no configuration of an image.
    let vulnerabilities = findings("vuln", &directory);
    assert!(vulnerabilities.len() > 10);
    for target in [&layout, &archive] {
        assert_eq!(findings("vuln", target), vulnerabilities, "{target}");
    }
    let all = findings("vuln,secret,config", &layout);
    assert!(all.len() > vulnerabilities.len());
    assert_eq!(findings("vuln,secret,config", &archive), all);
}

#[test]
fn a_layer_that_is_known_gives_the_same_report() {
    let Some(image) = image() else { return };
    let data = tempfile::tempdir().unwrap();
    let target = format!("oci:{}", image.join("oci").display());
    let mut reports = [(); 2].map(|()| report(&target, data.path()));
    for report in &mut reports {
        report["created"] = Value::Null;
    }
    assert_eq!(reports[0], reports[1]);
    assert!(data.path().join("cache").exists(), "the first scan remembers the layer");
    let output = cofferdam(&["scan", "--no-cache", &target], &data.path().join("."));
    assert!(output.status.success());
}

#[test]
fn a_layer_whose_bytes_were_changed_is_refused() {
    let Some(image) = image() else { return };
    let data = tempfile::tempdir().unwrap();
    let layout = data.path().join("layout");
    copy(&image.join("oci"), &layout);
    let largest = fs::read_dir(layout.join("blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, &bytes).unwrap();
    let target = format!("oci:{}", layout.display());
    let output = cofferdam(&["scan", "--offline", &target], data.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with(&format!("error: could not read '{target}'\ncaused by: ")), "{said}");
    assert!(said.contains("layer"), "{said}");

    bytes.truncate(middle);
    fs::write(&largest, &bytes).unwrap();
    let output = cofferdam(&["scan", "--offline", &target], data.path());
    assert_eq!(output.status.code(), Some(2), "a layer that is cut");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
