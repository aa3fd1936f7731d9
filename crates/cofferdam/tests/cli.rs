//! What the program answers, word for word: help, wrong usage, configuration, output.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Read as _,
    path::Path,
    process::{Command, Output, Stdio},
};

/// The program with nothing of this machine's configuration.
fn cofferdam(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    command
        .env_clear()
        .env("HOME", directory.join("home"))
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir(directory)
        .stdin(Stdio::null());
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    cofferdam(directory).args(arguments).output().unwrap()
}

/// A transcript: what was typed, what came out, where, and the exit status.
fn transcript(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    let mut text = format!("$ cofferdam {}\n", arguments.join(" "));
    text.push_str(&String::from_utf8(output.stdout).unwrap());
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        text.push_str(&format!("stderr| {line}\n"));
    }
    text.push_str(&format!("exit status {}\n", output.status.code().unwrap()));
    text.replace(directory.to_str().unwrap(), "DIRECTORY")
}

fn transcripts(directory: &Path, lines: &[&[&str]]) -> String {
    lines.iter().map(|arguments| transcript(directory, arguments)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_frame_of_the_help() {
    let directory = tempfile::tempdir().unwrap();
    let help = transcript(directory.path(), &["--help"]);
    let short = transcript(directory.path(), &["-h"]);
    assert_eq!(help.lines().skip(1).collect::<Vec<_>>(), short.lines().skip(1).collect::<Vec<_>>());
    insta::assert_snapshot!("help", help);
}

#[test]
fn every_command_has_help_with_examples() {
    let directory = tempfile::tempdir().unwrap();
    let help = String::from_utf8(run(directory.path(), &["--help"]).stdout).unwrap();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() >= 10, "{commands:?}");
    for command in commands {
        let output = run(directory.path(), &[command, "--help"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{command}");
        assert!(text.contains("Examples:\n  cofferdam "), "{command} has no examples:\n{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{command}:\n{text}");
    }
}

#[test]
fn wrong_usage_names_what_is_wrong_and_what_was_meant() {
    let directory = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(
        "wrong_usage",
        transcripts(
            directory.path(),
            &[
                &["scna"],
                &["frobnicate"],
                &["scan"],
                &["scan", "--fial-on", "high", "x"],
                &["scan", "--fail-on", "hihg", "x"],
                &["scan", "--fail-on"],
                &["scan", "--platform", "linux", "x"],
                &["scan", "a", "b"],
                &["--color", "sometimes", "rules"],
                &["--quiet", "--verbose", "rules"],
                &["completions", "bsh"],
                &["explain", "no-package-databas"],
                &["explain", "CVE-1"],
                &["run", "--no-such-flag"],
                &["rules", "-o", "/"],
                &["rules", "-o", "no/such/directory"],
                &["man", "/dev/null/x"],
            ],
        )
    );
}

#[test]
fn without_a_command_it_says_what_there_is() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("error: no command given\n") && text.contains("Commands:"), "{text}");
}

#[test]
fn the_version_is_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["--version"]);
    let expected = format!("cofferdam {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn a_setting_comes_from_the_strongest_source_and_says_which() {
    let directory = tempfile::tempdir().unwrap();
    let user = directory.path().join("home/.config/cofferdam");
    fs::create_dir_all(&user).unwrap();
    let text =
        "offline = true\ncolor = \"never\"\ndata-dir = \"kept\"\n[scan]\nfail-on = \"low\"\n";
    fs::write(user.join("cofferdam.toml"), text).unwrap();
    let text = "[scan]\nfail-on = \"high\"\nwaivers = \"waivers.toml\"\n";
    fs::write(directory.path().join("cofferdam.toml"), text).unwrap();
    let output = cofferdam(directory.path())
        .args(["scan", "--show-config", "--severity", "medium", "x"])
        .env("COFFERDAM_COLOR", "always")
        .env("COFFERDAM_OFLINE", "1")
        .env("COFFERDAM_SCAN_STRICT", "1")
        .output()
        .unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    // The width of a column depends on where temporary directories are.
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join("  ");
    let text = text.lines().map(line).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(
        "show_config",
        text.replace(directory.path().to_str().unwrap(), "DIRECTORY")
    );
}

#[test]
fn a_configuration_that_is_not_understood_is_an_error_that_names_the_place() {
    let directory = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for content in [
        "offline = true\nofline = true\n",
        "[scan]\nfail-on = \"sever\"\n",
        "offline = \"yes\"\n",
        "data-dir = \"/somebody/elses\"\n",
        "a = = b\n",
        "[scna]\nstrict = true\n",
        "\u{0}",
    ] {
        fs::write(directory.path().join("cofferdam.toml"), content).unwrap();
        text.push_str(&transcript(directory.path(), &["rules"]));
    }
    fs::remove_file(directory.path().join("cofferdam.toml")).unwrap();
    fs::create_dir(directory.path().join("cofferdam.toml")).unwrap();
    text.push_str(&transcript(directory.path(), &["rules"]));
    insta::assert_snapshot!("wrong_configuration", text);
}

#[test]
fn a_wrong_variable_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let output = cofferdam(directory.path())
        .arg("rules")
        .env("COFFERDAM_OFFLINE", "maybe")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: could not use offline 'maybe' from environment COFFERDAM_OFFLINE\n\
         hint: offline is true or false\n"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&["rules", "--format", "json"][..], &["completions", "zsh"], &["--help"]] {
        let mut child = cofferdam(directory.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Closes the reading end before the program has written everything, if not anything.
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{arguments:?}: {said}");
        assert_eq!(said, "", "{arguments:?}");
    }
}

#[test]
fn output_to_a_full_device_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = cofferdam(directory.path()).arg("rules").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.starts_with("error: could not write to stdout\ncaused by: No space left"),
        "{text}"
    );
}

#[test]
fn a_file_is_replaced_only_by_complete_output() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    fs::write(&path, "old").unwrap();
    let failed = run(directory.path(), &["explain", "nothing-like-it", "-o", "out"]);
    assert_eq!(failed.status.code(), Some(2));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    let done = run(directory.path(), &["rules", "-o", "out"]);
    assert!(done.status.success() && done.stdout.is_empty());
    assert!(fs::read_to_string(&path).unwrap().contains("RULE"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn colours_are_where_they_are_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let escape = |arguments: &[&str], variables: &[(&str, &str)]| {
        let variables = variables.iter().copied();
        let output = cofferdam(directory.path()).args(arguments).envs(variables).output().unwrap();
        [output.stdout, output.stderr].concat().contains(&0x1b)
    };
    for (arguments, variables, expected) in [
        (&["rules"][..], &[][..], false),
        (&["scna"], &[], false),
        (&["--color", "always", "rules"], &[], true),
        (&["--color=always", "scna"], &[], true),
        (&["--color", "always", "--help"], &[], true),
        (&["--color", "always", "rules"], &[("NO_COLOR", "1")], true),
        (&["rules"], &[("COFFERDAM_COLOR", "always"), ("NO_COLOR", "1")], true),
        (&["--color", "never", "rules"], &[("COFFERDAM_COLOR", "always")], false),
    ] {
        assert_eq!(escape(arguments, variables), expected, "{arguments:?} {variables:?}");
    }
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(directory.path(), &["completions", shell]);
        assert!(String::from_utf8(output.stdout).unwrap().contains("explain"), "{shell}");
    }
    assert!(run(directory.path(), &["man", "pages"]).status.success());
    let page = fs::read_to_string(directory.path().join("pages/cofferdam-scan.1")).unwrap();
    assert!(page.contains("fail\\-on"));
    let page = String::from_utf8(run(directory.path(), &["man"]).stdout).unwrap();
    assert!(page.contains(".TH cofferdam 1"), "{page}");
}

#[test]
fn rules_are_listed_and_explained() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["rules", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rules = list["rules"].as_array().unwrap();
    assert!(!rules.is_empty());
    for rule in rules {
        let id = rule["id"].as_str().unwrap();
        let output = run(directory.path(), &["explain", id]);
        assert!(output.status.success(), "{id}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("How to fix it"), "{id}");
    }
}
