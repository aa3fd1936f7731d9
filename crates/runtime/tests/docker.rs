//! Docker with this runtime in place of runc: its own daemon, started by the test with directories
//! and a socket of its own.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

#[path = "container/machine.rs"]
#[expect(dead_code, reason = "the other test program uses more of it")]
mod machine;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use machine::{Place, Ran, is_there};

/// How long a daemon or a container may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Daemon<'a> {
    place: &'a Place,
    process: Child,
    /// Control group that its containers are below.
    group: String,
}

impl<'a> Daemon<'a> {
    /// `None`, with the reason printed, where it cannot be.
    fn start(place: &'a Place) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: not root, which Docker's daemon has to be");
            return None;
        }
        if let Some(missing) = ["dockerd", "containerd", "tar"].iter().find(|p| !is_there(p)) {
            eprintln!("skipped: no '{missing}'; Debian has Docker in package 'docker.io'");
            return None;
        }
        if Command::new("docker").arg("--version").output().is_err() {
            eprintln!("skipped: no 'docker'; Debian has it in package 'docker.io'");
            return None;
        }
        let path = |name: &str| place.path(name).to_str().unwrap().to_owned();
        let group = format!("cofferdam-docker-{}", std::process::id());
        let log = fs::File::create(place.path("log")).unwrap();
        let process = Command::new("dockerd")
            .args(["--host", &format!("unix://{}", path("socket"))])
            .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
            .args(["--pidfile", &path("docker.pid"), "--group", "root"])
            // Nothing of this machine's network is touched.
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false"])
            .args(["--add-runtime", &format!("cofferdam={}", path("cofferdam-runtime"))])
            .args(["--default-runtime=cofferdam", "--storage-driver=vfs"])
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", &group])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut daemon = Self { place, process, group };
        let started = Instant::now();
        while daemon.call(&["version"]).code != 0 {
            let ended = daemon.process.try_wait().unwrap().is_some();
            if ended || started.elapsed() > PATIENCE {
                let log = fs::read_to_string(place.path("log")).unwrap();
                let lines: Vec<_> = log.lines().rev().take(5).collect();
                eprintln!("skipped: Docker's daemon does not come up here: {lines:?}");
                return None;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(daemon)
    }

    fn call(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("timeout");
        command.args(["120", "docker", "--host"]);
        command.arg(format!("unix://{}", self.place.path("socket").display()));
        command.args(arguments).env("DOCKER_CONFIG", self.place.path("settings"));
        Ran::new(command.stdin(Stdio::null()).output().unwrap())
    }

    fn run(&self, options: &[&str], program: &[&str]) -> Ran {
        self.call(&[&["run", "--network", "none"], options, &["image"], program].concat())
    }

    #[track_caller]
    fn must(&self, arguments: &[&str]) -> String {
        let ran = self.call(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Makes the image of the place's root.
    fn import(&self) {
        let archive = self.place.path("image.tar");
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(self.place.root()).arg("-cf").arg(&archive).arg(".");
        assert!(tar.status().unwrap().success());
        self.must(&["import", archive.to_str().unwrap(), "image"]);
    }

    #[track_caller]
    fn wait_for(&self, id: &str, wanted: &str) {
        let started = Instant::now();
        loop {
            let status = self.must(&["inspect", "--format", "{{.State.Status}}", id]);
            if status.trim() == wanted {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{id} is {status}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let listed = self.call(&["ps", "--all", "--quiet"]).stdout;
        for id in listed.lines() {
            let _ = self.call(&["rm", "--force", id]);
        }
        // It ends its own containerd.
        let pid = i32::try_from(self.process.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let started = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) && started.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        for tree in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let _ = fs::remove_dir(tree.path().join(&self.group));
        }
        let _ = fs::remove_dir(Path::new("/sys/fs/cgroup").join(&self.group));
    }
}

#[test]
fn docker_runs_containers_with_it() {
    let Some(place) = Place::new() else { return };
    let Some(docker) = Daemon::start(&place) else { return };
    docker.import();
    let runtime = docker.must(&["info", "--format", "{{.DefaultRuntime}}"]);
    assert_eq!(runtime, "cofferdam\n");

    let ran = docker.run(&["--rm"], &["sh", "-c", "echo hello; id -u; exit 3"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, "hello\n0\n"), "{}", ran.stderr);
    let ran =
        docker.run(&["--rm", "--user", "1000:2000", "--env", "A=b"], &["sh", "-c", "id; echo $A"]);
    assert!(ran.stdout.starts_with("uid=1000") && ran.stdout.ends_with("\nb\n"), "{}", ran.stdout);
    assert_eq!(docker.run(&["--rm"], &["nonesuch"]).code, 127);
    assert_eq!(docker.run(&["--rm"], &["/etc/passwd"]).code, 126);
    let ran = docker.run(&["--rm", "--read-only", "--memory", "64m"], &["touch", "/file"]);
    assert!(ran.code != 0 && ran.stderr.contains("Read-only"), "{}", ran.stderr);

    docker.must(&["create", "--name", "made", "--network", "none", "image", "true"]);
    docker.must(&["rm", "made"]);

    let ran = docker.run(&["--detach", "--name", "long"], &["sh", "-c", "echo said; sleep 1000"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    docker.wait_for("long", "running");
    let ran = docker.call(&["exec", "long", "sh", "-c", "echo inside; exit 4"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (4, "inside\n"), "{}", ran.stderr);
    let ran = docker.call(&["exec", "--tty", "long", "tty"]);
    assert!(ran.stdout.contains("/dev/pts/"), "{} {}", ran.stdout, ran.stderr);
    let missing = docker.call(&["exec", "long", "nonesuch"]);
    assert!([126, 127].contains(&missing.code), "{missing:?}");
    assert!(docker.must(&["top", "long"]).contains("sleep 1000"));
    docker.must(&["pause", "long"]);
    docker.wait_for("long", "paused");
    docker.must(&["unpause", "long"]);
    docker.wait_for("long", "running");
    assert_eq!(docker.must(&["logs", "long"]), "said\n");
    docker.must(&["kill", "long"]);
    docker.wait_for("long", "exited");
    let code = docker.must(&["inspect", "--format", "{{.State.ExitCode}}", "long"]);
    assert_eq!(code, "137\n");
    docker.must(&["start", "long"]);
    docker.wait_for("long", "running");
    docker.must(&["stop", "--time", "0", "long"]);
    docker.wait_for("long", "exited");
    docker.must(&["rm", "long"]);
    assert_eq!(docker.must(&["ps", "--all", "--quiet"]), "");
}
