//! `cofferdam doctor`, on the machine that runs the tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn doctor(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("COFFERDAM_DATA_DIR", directory.join("data"))
        .current_dir("/")
        .args(["doctor", "--format", "json"]);
    command
}

/// What holds of every answer, whatever the machine can do.
fn check(output: &Output) -> Value {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema_version"], 1);
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() > 15);
    for check in checks {
        let status = check["status"].as_str().unwrap();
        assert!(["works", "degraded", "missing", "unknown"].contains(&status), "{check}");
        assert!(!check["saw"].as_str().unwrap().is_empty(), "{check}");
        if ["degraded", "missing"].contains(&status) {
            assert!(check["means"].is_string() && check["advice"].is_string(), "{check}");
        }
        if status == "missing" && check["needed_by"]["run"] == true {
            assert_eq!(report["run"], "missing");
        }
    }
    let fails = [&report["scan"], &report["run"]].iter().any(|verdict| **verdict == "missing");
    assert_eq!(output.status.code(), Some(i32::from(fails)));
    report
}

fn find<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks.find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check '{name}'"))
}

#[test]
fn answers_are_whole_and_agree_with_the_exit_status() {
    let directory = tempfile::tempdir().unwrap();
    let report = check(&doctor(directory.path()).output().unwrap());
    assert_eq!(find(&report, "system call filter")["status"], "works");
    assert_eq!(find(&report, "data directory")["status"], "works");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is changed");
}

#[test]
fn without_the_program_that_starts_containers_run_does_not_work() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("no-such-program");
    let output = doctor(directory.path()).env("COFFERDAM_RUNTIME", &missing).output().unwrap();
    let report = check(&output);
    assert_eq!(find(&report, "cofferdam-runtime")["status"], "missing");
    assert_eq!(report["run"], "missing");
    assert_eq!(output.status.code(), Some(1));
}

/// Started as root this asks as a user without rights, who has no ids granted.
#[test]
fn an_ordinary_user_is_told_of_ids_and_of_a_directory_out_of_reach() {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can ask as another user");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut command = doctor(directory.path());
    match command.uid(NOBODY).gid(NOBODY).output() {
        Ok(output) => {
            let report = check(&output);
            assert_eq!(find(&report, "data directory")["status"], "missing");
            assert_eq!(find(&report, "user id range")["status"], "degraded");
            assert_eq!(find(&report, "idmapped mounts")["status"], "unknown");
        }
        Err(error) => eprintln!("skipped: nobody may not run the program: {error}"),
    }
}

#[test]
fn the_table_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("no-such-program");
    let mut command = doctor(directory.path());
    let output = command.args(["--format", "table"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "given twice");
    let output = Command::new(env!("CARGO_BIN_EXE_cofferdam"))
        .args(["doctor", "--color", "never"])
        .env("COFFERDAM_RUNTIME", &missing)
        .env("COFFERDAM_DATA_DIR", directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("cofferdam run   does not work\n"), "{text}");
    assert!(text.contains("missing   cofferdam-runtime"), "{text}");
}
