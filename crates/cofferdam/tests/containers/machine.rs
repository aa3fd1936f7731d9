//! What the tests run with: a root file system with busybox, the program, and names of their own.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

const APPLETS: [&str; 19] = [
    "sh", "cat", "id", "true", "false", "hostname", "pwd", "touch", "grep", "sleep", "env", "echo",
    "kill", "ls", "stat", "tty", "seq", "head", "dd",
];
/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A user's place: a root file system in `root`, data, and containers that go away with it.
pub(crate) struct Machine {
    directory: TempDir,
    /// Name of the user who runs containers; root if `None`.
    user: Option<String>,
}

/// Says why a test does not run; where everything is to be tested, that is a failure.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "could not run containers: {why}");
    // Not eprintln, which a passing test would swallow.
    let _ = writeln!(io::stderr(), "skipped: could not run containers: {why}");
}

fn runtime() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_cofferdam")).with_file_name("cofferdam-runtime")
}

impl Machine {
    /// For root; `None`, with the reason printed, where the machine lacks what it takes.
    pub(crate) fn new() -> Option<Self> {
        let found = ["/bin/busybox", "/usr/bin/busybox"].iter().find(|p| Path::new(p).is_file());
        let why = match found {
            None => "no busybox; Debian has it in package 'busybox-static'",
            Some(_) if !runtime().is_file() => "no cofferdam-runtime; cargo build --workspace",
            Some(_) if !rustix::process::geteuid().is_root() => "not root; scripts/test says how",
            Some(_) => "",
        };
        if !why.is_empty() {
            skip(why);
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        for name in ["bin", "tmp", "etc", "root", "home/app", "srv"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::copy(found?, root.join("bin/busybox")).unwrap();
        for applet in APPLETS {
            symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        let passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n";
        fs::write(root.join("etc/passwd"), passwd).unwrap();
        fs::write(root.join("etc/group"), "root:x:0:\napp:x:1000:\n").unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Some(Self { directory, user: None })
    }

    /// The same for an ordinary user, who is to exist while this does.
    pub(crate) fn of_user(name: &str, id: u32) -> Option<Self> {
        let mut machine = Self::new()?;
        machine.user = Some(name.to_owned());
        let path = machine.path().to_owned();
        for program in [Path::new(env!("CARGO_BIN_EXE_cofferdam")), &runtime()] {
            // The directory of builds may be one that the user cannot look into.
            let copy = path.join(program.file_name().unwrap());
            fs::copy(program, &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir(path.join("run")).unwrap();
        fs::set_permissions(path.join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        chown(path.join("run"), Some(id), None).unwrap();
        chown(&path, Some(id), None).unwrap();
        Some(machine)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A container's name that nobody else has.
    pub(crate) fn name(&self) -> String {
        format!("t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.user {
            None => Command::new(env!("CARGO_BIN_EXE_cofferdam")),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user, "--init-groups", "--"]);
                command.arg(self.path().join("cofferdam"));
                command
            }
        };
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", self.path())
            .env("XDG_RUNTIME_DIR", self.path().join("run"))
            .env("COFFERDAM_DATA_DIR", self.path().join("data"))
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Exit status and output, standard error after standard output.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String) {
        told(&self.command(arguments).output().unwrap())
    }

    /// Runs a command that has to work; returns its output.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let (status, text) = self.run(arguments);
        assert_eq!(status, 0, "cofferdam {}: {text}", arguments.join(" "));
        text
    }

    /// Leaves a container with `script` in the background; it is removed with the guard.
    pub(crate) fn detached(&self, options: &[&str], script: &str) -> Container<'_> {
        let name = self.name();
        let begin = ["run", "-d", "--name", &name, "--rootfs", "root"];
        let arguments = [&begin[..], options, &["--", "/bin/sh", "-c", script]].concat();
        let container = Container { machine: self, name: name.clone() };
        assert_eq!(self.ok(&arguments), format!("{name}\n"));
        container
    }

    /// Runs `script` in the foreground.
    pub(crate) fn shell(&self, options: &[&str], script: &str) -> (i32, String) {
        let begin = ["run", "--rootfs", "root"];
        self.run(&[&begin[..], options, &["--", "/bin/sh", "-c", script]].concat())
    }
}

pub(crate) fn told(output: &Output) -> (i32, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap(), text + &String::from_utf8_lossy(&output.stderr))
}

/// A container that goes away with this.
pub(crate) struct Container<'a> {
    machine: &'a Machine,
    pub(crate) name: String,
}

impl Container<'_> {
    pub(crate) fn inspect(&self) -> Value {
        let text = self.machine.ok(&["container", "inspect", &self.name]);
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn status(&self) -> String {
        self.inspect()["status"].as_str().unwrap().to_owned()
    }

    /// What `ps` has for it; `None` if that does not list it.
    pub(crate) fn row(&self, options: &[&str]) -> Option<Value> {
        let arguments = [&["ps", "--format", "json"], options].concat();
        let list: Value = serde_json::from_str(&self.machine.ok(&arguments)).unwrap();
        list["containers"].as_array().unwrap().iter().find(|row| row["name"] == *self.name).cloned()
    }

    pub(crate) fn logs(&self) -> String {
        self.machine.ok(&["logs", &self.name])
    }

    /// The exit code, when it has ended.
    pub(crate) fn wait(&self) -> String {
        self.machine.ok(&["container", "wait", &self.name]).trim().to_owned()
    }

    pub(crate) fn monitor(&self) -> i32 {
        let pid = self.inspect()["condition"]["keeper"]["pid"].as_i64().unwrap();
        i32::try_from(pid).unwrap()
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = self.machine.run(&["rm", "--force", &self.name]);
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process has ended; whoever has to take note of that may not have done so.
pub(crate) fn has_ended(pid: i64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |text| text.contains(") Z ") || text.contains(") X "))
}
