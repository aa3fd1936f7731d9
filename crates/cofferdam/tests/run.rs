//! `cofferdam run`, from the command line to the end of the program in the container.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "not every test scans")]
mod place;

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Output,
};

use place::Place;

const APPLETS: [&str; 10] =
    ["sh", "cat", "id", "true", "hostname", "pwd", "touch", "grep", "sleep", "env"];

/// A root file system with busybox in `root`, and the program that starts containers beside the
/// one under test. `None`, with the reason printed, where the machine lacks what it takes.
fn busybox() -> Option<Place> {
    let found = ["/bin/busybox", "/usr/bin/busybox"].iter().find(|path| Path::new(path).is_file());
    let runtime = Path::new(env!("CARGO_BIN_EXE_cofferdam")).with_file_name("cofferdam-runtime");
    let why = match found {
        None => "no busybox; Debian has it in package 'busybox-static'",
        Some(_) if !runtime.is_file() => "no cofferdam-runtime; cargo build --workspace makes it",
        Some(_) if !rustix::process::geteuid().is_root() => "not root; scripts/test says how",
        Some(_) => "",
    };
    if !why.is_empty() {
        assert!(std::env::var_os("CI").is_none(), "could not run containers: {why}");
        // Not eprintln, which a passing test would swallow.
        let _ = writeln!(io::stderr(), "SKIPPED: could not run containers: {why}");
        return None;
    }
    let passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n";
    let place = Place::new(&[("etc/passwd", passwd), ("etc/group", "root:x:0:\napp:x:1000:\n")]);
    let root = place.path().join("root");
    for directory in ["bin", "tmp", "root", "home/app"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::copy(found?, root.join("bin/busybox")).unwrap();
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    Some(place)
}

/// Exit status and output.
fn told(output: &Output) -> (i32, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap(), text + &String::from_utf8_lossy(&output.stderr))
}

fn shell(place: &Place, options: &[&str], script: &str) -> (i32, String) {
    let arguments =
        [&["run", "--rootfs", "root"], options, &["--", "/bin/sh", "-c", script]].concat();
    told(&place.run(&arguments))
}

#[test]
fn the_program_is_alone_and_its_status_is_passed_on() {
    let Some(place) = busybox() else { return };
    let script = "echo $$ $(hostname) $(id -u) $(pwd); \
                  grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status; exit 42";
    let (status, text) = shell(&place, &["--name", "own-name"], script);
    assert_eq!(status, 42, "{text}");
    let wanted = "1 own-name 0 /\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";
    assert_eq!(text, wanted);
}

#[test]
fn options_reach_the_container() {
    let Some(place) = busybox() else { return };
    for (options, script, wanted) in [
        (&["-e", "WORD=said", "-e", "ABSENT"][..], "echo $WORD ${ABSENT-unset}", "said unset\n"),
        (&["-w", "/home"], "pwd", "/home\n"),
        (&["--user", "app"], "id -u; id -g", "1000\n1000\n"),
        (&["--user", "7:8"], "id -u; id -g", "7\n8\n"),
        (&["--hostname", "elsewhere"], "hostname", "elsewhere\n"),
        (&["--read-only"], "touch /bin/x 2>/dev/null || echo refused; touch /tmp/x", "refused\n"),
        (&["--init"], "test $$ != 1 && echo not first", "not first\n"),
        (&["--root-size", "64k"], "cat /dev/zero 2>/dev/null >/bin/x || echo full", "full\n"),
    ] {
        assert_eq!(shell(&place, options, script), (0, wanted.to_owned()), "{options:?}");
    }
    assert!(!place.path().join("root/bin/x").exists(), "the image stays as it was");
}

#[test]
fn the_isolation_is_explained_on_stderr() {
    let Some(place) = busybox() else { return };
    let output = place.run(&["run", "--explain", "--rootfs", "root", "true"]);
    assert!(output.status.success() && output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).unwrap();
    for layer in
        ["user namespace", "network namespace", "capabilities dropped", "no new privileges"]
    {
        let line = format!("yes      {layer}");
        assert!(text.lines().any(|text| text.starts_with(&line)), "no {layer:?} in:\n{text}");
    }
    assert!(text.contains("Seccomp: 2"), "{text}");
}

#[test]
fn a_dry_run_prints_the_plan_and_starts_nothing() {
    let Some(place) = busybox() else { return };
    let output = place.run(&["run", "--dry-run", "--rootfs", "root", "touch", "/proof"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("touch") && text.contains("throw-away layer"),
        "{text}"
    );
}

#[test]
fn an_image_of_the_store_runs_as_it_says() {
    let Some(place) = busybox() else { return };
    let archive = place.path().join("root.tar");
    let tar = std::process::Command::new("tar")
        .arg("-C")
        .arg(place.path().join("root"))
        .args(["--owner=0", "--group=0", "-cf"])
        .arg(&archive)
        .arg(".")
        .status()
        .unwrap();
    assert!(tar.success());
    let imported = place.run(&["image", "import", "root.tar", "local/busybox"]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let script = ["sh", "-c", "echo $0 $1; touch /new; exit 3", "-a", "--explain"];
    for separator in [&[][..], &["--"]] {
        let arguments = [&["run", "local/busybox"], separator, &script].concat();
        assert_eq!(told(&place.run(&arguments)), (3, "-a --explain\n".to_owned()));
    }
    assert_eq!(told(&place.run(&["run", "local/busybox", "cat", "/new"])).0, 1, "nothing stays");
}

#[test]
fn what_cannot_be_run_says_why_and_what_to_do() {
    let place = Place::new(&[]);
    let mut text = String::new();
    for arguments in [
        &["run"][..],
        &["run", "--offline", "local/absent"],
        &["run", "--rootfs", "absent", "true"],
        &["run", "--rootfs", "root"],
        &["run", "--rootfs", "root", "--memory", "lots", "true"],
        &["run", "--rootfs", "root", "--name", "../up", "true"],
        &["run", "--rootfs", "root", "--user", "nobody-here", "true"],
    ] {
        text.push_str(&place.transcript(arguments));
    }
    insta::assert_snapshot!("run_errors", text);
    let Some(place) = busybox() else { return };
    for (program, status) in [("/bin/absent", 127), ("/etc/passwd", 126)] {
        let (code, text) = told(&place.run(&["run", "--rootfs", "root", program]));
        assert_eq!(code, status, "{text}");
        assert!(text.starts_with("error: could not ") && text.contains(program), "{text}");
    }
}
