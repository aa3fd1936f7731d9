//! A bundle as engines make them, changed by each test in a field or two.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A bundle in a directory of its own.
pub(crate) struct Bundle {
    directory: tempfile::TempDir,
    /// Its configuration.
    pub(crate) config: Value,
}

/// Whether this kernel has what a test is about; says so if not.
pub(crate) fn has(what: &str, file: &str, text: &str) -> bool {
    let there = fs::read_to_string(file).map_or_else(
        |_| text.is_empty() && Path::new(file).exists(),
        |content| content.contains(text),
    );
    if !there {
        eprintln!("skipped in part: this kernel has no {what}");
    }
    there
}

/// How a container ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// First id on this machine of containers that have ids of their own.
pub(crate) const OUTSIDE: u32 = 0x6100_0000;

impl Bundle {
    /// For root; `None`, with the reason printed, where containers of root cannot be made.
    pub(crate) fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: not root");
            return None;
        }
        let Some(busybox) =
            ["/usr/bin/busybox", "/bin/busybox"].iter().find(|f| Path::new(f).exists())
        else {
            eprintln!("skipped: no busybox, which is the programs of the containers");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let root = directory.path().join("rootfs");
        for part in ["bin", "etc", "tmp", "mnt"] {
            fs::create_dir_all(root.join(part)).unwrap();
        }
        fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::copy(busybox, root.join("bin/busybox")).unwrap();
        let listed = Command::new(busybox).arg("--list").output().unwrap();
        for applet in String::from_utf8(listed.stdout).unwrap().lines() {
            let _ = symlink("busybox", root.join("bin").join(applet));
        }
        Some(Self { directory, config: configuration() })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.path("rootfs")
    }

    /// Adds to the configuration: objects are merged, all else is replaced.
    pub(crate) fn with(mut self, change: Value) -> Self {
        self.change(change);
        self
    }

    pub(crate) fn change(&mut self, change: Value) {
        merge(&mut self.config, change);
    }

    /// Adds a mount at the end.
    pub(crate) fn mount(&mut self, mount: Value) {
        self.config["mounts"].as_array_mut().unwrap().push(mount);
    }

    /// Gives the root to the ids that containers with ids of their own have.
    pub(crate) fn own_root(self) -> Self {
        let owner = format!("{OUTSIDE}:{OUTSIDE}");
        let given = Command::new("chown").args(["-hR", &owner]).arg(self.root()).status();
        assert!(given.unwrap().success());
        self
    }

    /// Gives the container a user namespace, and its root to that.
    pub(crate) fn own_ids(self) -> Self {
        let mut this = self.own_root();
        let map = json!([{"containerID": 0, "hostID": OUTSIDE, "size": 65536}]);
        this.config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
        this.change(json!({"linux": {"uidMappings": map, "gidMappings": map}}));
        this
    }

    /// The runtime's command for a container that runs `script`.
    pub(crate) fn command(&self, script: &str) -> Command {
        self.command_with(&[], script)
    }

    pub(crate) fn command_with(&self, options: &[&str], script: &str) -> Command {
        let mut config = self.config.clone();
        if !script.is_empty() {
            config["process"]["args"] = json!(["sh", "-c", script]);
        }
        let json = serde_json::to_vec(&config).unwrap();
        fs::write(self.path("config.json"), json).unwrap();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("spec-{}-{count}", std::process::id());
        let mut command = Command::new("timeout");
        command.args(["--foreground", "-k", "5", "60"]);
        command.arg(env!("CARGO_BIN_EXE_cofferdam-runtime"));
        command.arg("--root").arg(self.path("state")).args(["--exit-codes", "podman"]);
        command.args(options);
        command.arg("run").arg("--bundle").arg(self.directory.path()).arg(id);
        command.current_dir("/").env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a script in the container to its end.
    pub(crate) fn run(&self, script: &str) -> Ran {
        Ran::of(&mut self.command(script))
    }

    /// Runs a script that has to end well; returns what it printed.
    pub(crate) fn output(&self, script: &str) -> String {
        let ran = self.run(script);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
        ran.out
    }

    /// What the runtime says when it refuses the container.
    pub(crate) fn refusal(&self) -> String {
        let ran = self.run("echo ran");
        assert_eq!((ran.code, ran.out.as_str()), (125, ""), "{}", ran.err);
        ran.err
    }

    /// Starts a container that waits until it is dropped; returns it with its process id.
    pub(crate) fn start(&self, script: &str) -> (Running, u32) {
        let pid_file = self.path("pid");
        let _ = fs::remove_file(&pid_file);
        let mut command = self.command(&format!("{script}; exec sleep 50"));
        command.arg("--pid-file").arg(&pid_file);
        let child = command.spawn().unwrap();
        let mut running = Running(child);
        for _ in 0..500 {
            if let Ok(text) = fs::read_to_string(&pid_file) {
                return (running, text.trim().parse().unwrap());
            }
            if running.0.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the container does not start");
    }
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A container that ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The runtime passes the signal on and cleans up.
        if let Ok(pid) = i32::try_from(self.0.id())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

fn merge(into: &mut Value, change: Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (key, value) in change {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, change) => *into = change,
    }
}

fn configuration() -> Value {
    let capabilities = json!(["CAP_CHOWN", "CAP_KILL", "CAP_MKNOD", "CAP_SETUID", "CAP_SETGID"]);
    let mount = |kind: &str, destination: &str, options: &str| {
        let options: Vec<_> = options.split(',').collect();
        json!({"destination": destination, "type": kind, "source": kind, "options": options})
    };
    json!({
        "ociVersion": "1.3.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["true"],
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities
            },
            "noNewPrivileges": true
        },
        "root": {"path": "rootfs"},
        "hostname": "inside",
        "mounts": [
            mount("proc", "/proc", "nosuid,noexec,nodev"),
            mount("tmpfs", "/dev", "nosuid,strictatime,mode=755,size=65536k"),
            mount("devpts", "/dev/pts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
            mount("sysfs", "/sys", "nosuid,noexec,nodev,ro")
        ],
        "linux": {
            "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"},
                {"type": "mount"}, {"type": "cgroup"}],
            "resources": {"devices": [{"allow": false, "access": "rwm"}]}
        }
    })
}
