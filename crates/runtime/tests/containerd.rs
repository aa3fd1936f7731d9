//! containerd with this runtime in place of runc: its own daemon, started by the test with
//! directories and a socket of its own.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

#[path = "container/machine.rs"]
#[expect(dead_code, reason = "the other test program uses more of it")]
mod machine;

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use machine::{Place, Ran, is_there};

struct Daemon<'a> {
    place: &'a Place,
    process: Child,
    namespace: String,
}

impl<'a> Daemon<'a> {
    /// `None`, with the reason printed, where it cannot be.
    fn start(place: &'a Place) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: not root, which containerd has to be");
            return None;
        }
        if let Some(missing) =
            ["containerd", "ctr", "containerd-shim-runc-v2"].iter().find(|p| !is_there(p))
        {
            eprintln!("skipped: no '{missing}'; Debian has it in package 'containerd'");
            return None;
        }
        let path = |name: &str| place.path(name).to_str().unwrap().to_owned();
        let configuration = format!(
            "version = 2\nroot = '{}'\nstate = '{}'\n\
             disabled_plugins = ['io.containerd.grpc.v1.cri', 'io.containerd.internal.v1.opt', \
             'io.containerd.snapshotter.v1.btrfs', 'io.containerd.snapshotter.v1.zfs', \
             'io.containerd.snapshotter.v1.devmapper', 'io.containerd.snapshotter.v1.aufs']\n\
             [grpc]\naddress = '{}'\n[ttrpc]\naddress = '{}'\n",
            path("root.d"),
            path("state.d"),
            path("socket"),
            path("ttrpc")
        );
        fs::write(place.path("config.toml"), configuration).unwrap();
        let log = fs::File::create(place.path("log")).unwrap();
        let process = Command::new("containerd")
            .args(["--config", &path("config.toml")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let namespace = format!("cofferdam-{}", std::process::id());
        let daemon = Self { place, process, namespace };
        let started = Instant::now();
        while daemon.ctr(&["version"]).code != 0 {
            if started.elapsed() > Duration::from_secs(20) {
                let log = fs::read_to_string(place.path("log")).unwrap();
                eprintln!("skipped: containerd does not come up here: {log}");
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(daemon)
    }

    fn ctr(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("timeout");
        command.args(["40", "ctr", "--address"]).arg(self.place.path("socket"));
        command.args(["--namespace", &self.namespace]).args(arguments);
        Ran::new(command.stdin(Stdio::null()).output().unwrap())
    }

    /// Runs a container with this runtime.
    fn run(&self, options: &[&str], id: &str, program: &[&str]) -> Ran {
        let runtime = self.place.path("cofferdam-runtime");
        let kept = self.place.path("kept");
        let root = self.place.root();
        let paths = [&runtime, &kept, &root].map(|path| path.to_str().unwrap().to_owned());
        let ours =
            ["--runc-binary", &paths[0], "--runc-root", &paths[1], "--rootfs", &paths[2], id];
        self.ctr(&[&["run"], options, &ours[..], program].concat())
    }

    #[track_caller]
    fn must(&self, arguments: &[&str]) -> String {
        let ran = self.ctr(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        ran.stdout
    }

    fn status(&self, id: &str) -> String {
        let listed = self.must(&["task", "list"]);
        let line = listed.lines().find(|line| line.starts_with(&format!("{id} ")));
        line.and_then(|line| line.split_whitespace().nth(2)).unwrap_or("none").to_owned()
    }

    #[track_caller]
    fn wait_for(&self, id: &str, wanted: &str) {
        let started = Instant::now();
        while self.status(id) != wanted {
            assert!(started.elapsed() < Duration::from_secs(20), "{id} is {}", self.status(id));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        for id in ["once", "failing", "missing", "long"] {
            let _ = self.ctr(&["task", "delete", "--force", id]);
            let _ = self.ctr(&["container", "delete", id]);
        }
        let pid = i32::try_from(self.process.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }
}

#[test]
fn containerd_runs_containers_with_it() {
    let Some(place) = Place::new() else { return };
    let Some(daemon) = Daemon::start(&place) else { return };

    let ran = daemon.run(&["--rm"], "once", &["sh", "-c", "echo hello; exit 7"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (7, "hello\n"), "{}", ran.stderr);
    let ran = daemon.run(&["--rm"], "missing", &["nonesuch"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("executable file not found in $PATH"), "{}", ran.stderr);

    let ran = daemon.run(&["--detach"], "long", &["sleep", "100"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    daemon.wait_for("long", "RUNNING");
    let kept = place.path("kept").join(&daemon.namespace).join("long/state.json");
    assert!(kept.is_file(), "it is this runtime that made it");

    let exec = ["task", "exec", "--exec-id"];
    let ran = daemon.ctr(&[&exec[..], &["e1", "long", "sh", "-c", "id -u; exit 5"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (5, "0\n"), "{}", ran.stderr);
    let ran = daemon.ctr(&[&exec[..], &["e2", "long", "nonesuch"]].concat());
    assert!(ran.stderr.contains("executable file not found in $PATH"), "{}", ran.stderr);

    daemon.must(&["task", "pause", "long"]);
    daemon.wait_for("long", "PAUSED");
    daemon.must(&["task", "resume", "long"]);
    daemon.wait_for("long", "RUNNING");
    assert_eq!(daemon.must(&["task", "ps", "long"]).lines().count(), 2);
    assert!(daemon.must(&["task", "metrics", "long"]).contains("long"));

    daemon.must(&["task", "kill", "--signal", "SIGKILL", "long"]);
    daemon.wait_for("long", "STOPPED");
    let ran = daemon.ctr(&["task", "delete", "long"]);
    assert!(ran.stderr.contains("exit code 137"), "{}", ran.stderr);
    daemon.must(&["container", "delete", "long"]);
    assert!(!kept.exists(), "nothing of it is left");
}
