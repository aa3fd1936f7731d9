//! Podman with this runtime in place of crun or runc, in directories of the test's own.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

#[path = "container/machine.rs"]
#[expect(dead_code, reason = "the other test program uses more of it")]
mod machine;

use std::process::{Command, Stdio};

use machine::{Place, Ran, is_there};

/// Without the limits that Podman asks for, which not every root may raise.
const LIMITS: [&str; 6] =
    ["--ulimit", "nofile=512:512", "--ulimit", "nproc=512:512", "--network", "none"];

struct Podman<'a>(&'a Place);

impl Podman<'_> {
    fn call(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("timeout");
        command.args(["60", "podman", "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs"]);
        for (option, name) in [
            ("--runtime", "cofferdam-runtime"),
            ("--root", "podman"),
            ("--runroot", "podman-run"),
            ("--tmpdir", "podman-tmp"),
        ] {
            command.arg(option).arg(self.0.path(name));
        }
        Ran::new(command.args(arguments).stdin(Stdio::null()).output().unwrap())
    }

    fn run(&self, options: &[&str], program: &[&str]) -> Ran {
        let root = self.0.root();
        let root = ["--rootfs", root.to_str().unwrap()];
        self.call(&[&["run"], options, &LIMITS[..], &root[..], program].concat())
    }

    #[track_caller]
    fn must(&self, arguments: &[&str]) -> String {
        let ran = self.call(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        ran.stdout
    }
}

impl Drop for Podman<'_> {
    fn drop(&mut self) {
        let _ = self.call(&["rm", "--force", "--all", "--time", "0"]);
    }
}

#[test]
fn podman_runs_containers_with_it() {
    let Some(place) = Place::new() else { return };
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: not root, and rootless Podman is not tried");
        return;
    }
    if let Some(missing) = ["podman", "conmon"].iter().find(|p| !is_there(p)) {
        eprintln!("skipped: no '{missing}'; Debian has it in a package of that name");
        return;
    }
    let podman = Podman(&place);
    let probe = podman.call(&["info"]);
    if probe.code != 0 {
        eprintln!("skipped: Podman does not work here: {}", probe.stderr);
        return;
    }
    let ran = podman.run(&["--rm"], &["sh", "-c", "echo hello; exit 3"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, "hello\n"), "{}", ran.stderr);
    assert_eq!(podman.run(&["--rm"], &["nonesuch"]).code, 127);
    assert_eq!(podman.run(&["--rm"], &["/etc/passwd"]).code, 126);

    let ran = podman.run(&["--detach", "--name", "long"], &["sh", "-c", "echo said; sleep 100"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = podman.call(&["exec", "long", "sh", "-c", "echo inside; exit 4"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (4, "inside\n"), "{}", ran.stderr);
    let ran = podman.call(&["exec", "--tty", "long", "tty"]);
    assert!(ran.stdout.contains("/dev/pts/"), "{} {}", ran.stdout, ran.stderr);
    assert_eq!(podman.call(&["exec", "long", "nonesuch"]).code, 127);
    let status = || podman.must(&["inspect", "--format", "{{.State.Status}}", "long"]);
    podman.must(&["pause", "long"]);
    assert_eq!(status(), "paused\n");
    podman.must(&["unpause", "long"]);
    assert_eq!(status(), "running\n");
    podman.must(&["stop", "--time", "0", "long"]);
    assert_eq!(status(), "exited\n");
    assert_eq!(podman.must(&["logs", "long"]), "said\n");
    podman.must(&["rm", "long"]);
}
