//! A small root file system made for a test, and the program run on it.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A directory with a root file system in `root`, and the program run in it.
pub(crate) struct Place(TempDir);

pub(crate) const OS_RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nNAME=Debian\n\
                          PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";

impl Place {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path().join("root")).unwrap();
        for (path, content) in files {
            place.write(&format!("root/{path}"), content);
        }
        place
    }

    /// Debian 12 with these packages: name, version, source (as dpkg writes it).
    pub(crate) fn debian(packages: &[(&str, &str, &str)]) -> Self {
        let mut status = String::new();
        for (name, version, source) in packages {
            status.push_str(&format!(
                "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\n\
                 Version: {version}\nSource: {source}\n\n"
            ));
        }
        Self::new(&[("etc/os-release", OS_RELEASE), ("var/lib/dpkg/status", &status)])
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
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

    pub(crate) fn report(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["scan", "--format", "json"], arguments].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    pub(crate) fn status(&self, arguments: &[&str]) -> i32 {
        self.run(arguments).status.code().unwrap()
    }

    pub(crate) fn transcript(&self, arguments: &[&str]) -> String {
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
