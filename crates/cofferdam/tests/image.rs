//! `cofferdam image`: from a root file system into the store, out of it and away.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

struct Place(tempfile::TempDir);

struct Ended {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, part: &str) -> PathBuf {
        self.0.path().join(part)
    }

    fn root(&self) -> PathBuf {
        let root = self.path("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(root.join("etc/os-release"), "ID=test\n").unwrap();
        root
    }

    fn image(&self, arguments: &[&str]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_cofferdam"))
            .arg("image")
            .args(arguments)
            .env_clear()
            .env("COFFERDAM_DATA_DIR", self.path("data"))
            .env("HOME", self.path("home"))
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            status: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    fn done(&self, arguments: &[&str]) -> String {
        let ended = self.image(arguments);
        assert_eq!(ended.status, Some(0), "{arguments:?}: {}", ended.stderr);
        ended.stdout
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let ended = self.image(arguments);
        assert_eq!(ended.status, Some(2), "{arguments:?}: {}", ended.stdout);
        assert_eq!(ended.stdout, "");
        ended.stderr
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_root_goes_into_the_store_out_of_it_and_away() {
    let place = Place::new();
    assert_eq!(place.done(&["list"]), "");
    place.done(&["import", shown(&place.root()), "local/os"]);
    let list = place.done(&["list"]);
    assert!(list.contains("docker.io/local/os:latest"), "{list}");
    let list: serde_json::Value =
        serde_json::from_str(&place.done(&["list", "--format", "json"])).unwrap();
    let digest = list["images"][0]["digest"].as_str().unwrap().to_owned();
    assert_eq!(list["images"].as_array().unwrap().len(), 1);
    assert!(place.done(&["inspect", &digest[..14]]).contains(&digest));

    for kind in ["oci", "oci-archive", "docker-archive"] {
        let written = format!("{kind}:{kind}");
        place.done(&["export", "local/os", &written]);
        place.done(&["import", &written, &format!("again/{kind}")]);
        place.done(&["unpack", &written, &format!("{kind}-root")]);
        let file = place.path(&format!("{kind}-root/etc/os-release"));
        assert_eq!(fs::read_to_string(file).unwrap(), "ID=test\n");
        let error = place.refused(&["unpack", &written, &format!("{kind}-root")]);
        assert!(error.contains("it exists") && error.contains("hint:"), "{error}");
    }
    place.done(&["remove", "again/oci", "again/oci-archive", "again/docker-archive", "local/os"]);
    assert_eq!(fs::read_dir(place.path("data/images/blobs/sha256")).unwrap().count(), 0);
    let error = place.refused(&["remove", "local/os"]);
    assert!(error.contains("hint: cofferdam image list"), "{error}");
}

#[test]
fn what_cannot_be_done_says_what_to_do() {
    let place = Place::new();
    fs::write(place.path("text"), "no archive").unwrap();
    for (arguments, message, hint) in [
        (&["--offline", "pull", "alpine"][..], "this run is offline", "without --offline"),
        (&["pull", "127.0.0.1:1/a"], "cannot be reached", "--insecure-registry"),
        (&["inspect", "--offline", "alpine"], "this run is offline", "without --offline"),
        (&["import", "./nothing", "a"], "does not exist", "check the path"),
        (&["import", "./text", "a"], "could not import './text'", ""),
        (&["inspect", "."], "it is a directory", "cofferdam image import"),
    ] {
        let error = place.refused(arguments);
        assert!(error.contains(message) && error.contains(hint), "{arguments:?}: {error}");
    }
    let usage = place.refused(&["export", "a", "zip:x"]);
    assert!(usage.contains("starts with none of oci:"), "{usage}");
}

#[test]
fn an_image_of_the_store_can_be_scanned() {
    let place = Place::new();
    place.done(&["import", shown(&place.root()), "local/os"]);
    let output = Command::new(env!("CARGO_BIN_EXE_cofferdam"))
        .args(["scan", "--offline", "--format", "json", "store:local/os"])
        .env_clear()
        .env("COFFERDAM_DATA_DIR", place.path("data"))
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["target"]["kind"], "store");
}
