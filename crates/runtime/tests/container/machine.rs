//! What the tests run with: a root file system, a user, and the runtime itself.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use cofferdam_oci::runtime::Spec;
use cofferdam_runtime::{
    facts::Facts,
    least::{self, Request, Subordinates},
};

/// Who starts a container.
#[derive(Clone)]
pub(crate) enum Caller {
    Root,
    User(Arc<User>),
    /// A user without subordinate ids.
    Plain(Arc<User>),
}

/// A user that exists while this does.
pub(crate) struct User {
    name: String,
    pub(crate) id: u32,
    group: u32,
}

static COUNT: AtomicU32 = AtomicU32::new(0);
static USER: Mutex<Weak<User>> = Mutex::new(Weak::new());

impl User {
    fn shared() -> Arc<Self> {
        let mut slot = USER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(user) = slot.upgrade() {
            return user;
        }
        let user = Arc::new(Self::add());
        *slot = Arc::downgrade(&user);
        user
    }

    fn add() -> Self {
        // The one before, if any, may still be on its way out.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("coff{}-{count}", std::process::id());
        // No home, no shell; useradd sets subordinate ids aside unless it is told not to.
        let added = Command::new("useradd").args(["-M", "-s", "/bin/false", &name]).output();
        let added = added.expect("useradd is there");
        assert!(added.status.success(), "useradd: {}", String::from_utf8_lossy(&added.stderr));
        let number = |flag: &str| {
            let output = Command::new("id").args([flag, &name]).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
        };
        let (id, group) = (number("-u"), number("-g"));
        let ranges = fs::read_to_string("/etc/subuid").unwrap_or_default();
        assert!(ranges.contains(&format!("{name}:")), "useradd gives subordinate ids");
        Self { name, id, group }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = Command::new("userdel").arg(&self.name).output();
    }
}

/// Callers that can be tried here: all of them as root, else the current user alone.
pub(crate) fn callers() -> Vec<Caller> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: not root, so neither containers of root nor of a user that is made");
        return Vec::new();
    }
    if let Some(missing) = ["newuidmap", "useradd", "setpriv"].iter().find(|p| !is_there(p)) {
        eprintln!("skipped: containers of an ordinary user, as '{missing}' is missing");
        return vec![Caller::Root];
    }
    let user = User::shared();
    vec![Caller::Root, Caller::User(user.clone()), Caller::Plain(user)]
}

pub(crate) fn is_there(program: &str) -> bool {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].iter().any(|d| Path::new(d).join(program).is_file())
}

impl Caller {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User(_) => "user",
            Self::Plain(_) => "user without subordinate ids",
        }
    }

    /// The caller's user id.
    pub(crate) fn id(&self) -> u32 {
        self.facts().user
    }

    /// Makes a file or directory the caller's.
    pub(crate) fn own(&self, path: &Path) {
        let owner = self.facts();
        std::os::unix::fs::chown(path, Some(owner.user), Some(owner.group)).unwrap();
    }

    fn facts(&self) -> Facts {
        let (user, group) = match self {
            Self::Root => (0, 0),
            Self::User(user) | Self::Plain(user) => (user.id, user.group),
        };
        Facts { user, group, ..Facts::collect() }
    }

    fn subordinates(&self) -> Subordinates {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        match self {
            Self::Plain(_) => Subordinates::default(),
            Self::Root => {
                Subordinates { users: read("/etc/subuid"), groups: read("/etc/subgid"), name: None }
            }
            Self::User(user) => Subordinates {
                users: read("/etc/subuid"),
                groups: read("/etc/subgid"),
                name: Some(user.name.clone()),
            },
        }
    }

    /// The id on this machine of the container's root.
    pub(crate) fn root_outside(&self) -> u32 {
        match self {
            Self::Root => cofferdam_runtime::ids::for_root(&self.subordinates().users).0.first,
            Self::User(user) | Self::Plain(user) => user.id,
        }
    }
}

/// A directory with a root file system, bundles and the runtime, readable for all callers.
pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
}

/// Programs of busybox that the tests use.
const APPLETS: [&str; 23] = [
    "sh", "cat", "ls", "id", "sleep", "true", "grep", "hostname", "mkdir", "ln", "stty", "dd",
    "wc", "tty", "kill", "chmod", "cp", "rm", "touch", "ip", "mount", "readlink", "cut",
];

impl Place {
    /// `None`, with the reason printed, where the machine lacks what it takes.
    pub(crate) fn new() -> Option<Self> {
        let busybox = ["/bin/busybox", "/usr/bin/busybox"].iter().find(|p| Path::new(p).is_file());
        let Some(busybox) = busybox else {
            eprintln!("skipped: no busybox; Debian has it in package 'busybox-static'");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let root = directory.path().join("root");
        for part in ["bin", "etc", "tmp", "home/app"] {
            fs::create_dir_all(root.join(part)).unwrap();
        }
        fs::copy(busybox, root.join("bin/busybox")).unwrap();
        for applet in APPLETS {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        fs::write(
            root.join("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n",
        )
        .unwrap();
        fs::write(root.join("etc/group"), "root:x:0:\napp:x:1000:\nextra:x:2000:app\n").unwrap();
        fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        let runtime = directory.path().join("cofferdam-runtime");
        // A copy is open for writing while another test makes a process, which then keeps it so
        // and the copy from being executed; a link never is.
        let built = env!("CARGO_BIN_EXE_cofferdam-runtime");
        if fs::hard_link(built, &runtime).is_err() {
            fs::copy(built, runtime).unwrap();
        }
        fs::write(directory.path().join("secret"), "the secret of this machine").unwrap();
        Some(Self { directory })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// Copies perl, which can make any system call, with its libraries into the root; false, with
    /// the reason printed, where there is none.
    pub(crate) fn add_perl(&self) -> bool {
        if !is_there("perl") || !cfg!(target_arch = "x86_64") {
            eprintln!("skipped: no perl, or not x86_64 whose call numbers the test knows");
            return false;
        }
        let listed = Command::new("ldd").arg("/usr/bin/perl").output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let libraries = listed.split_whitespace().filter(|word| word.starts_with('/'));
        for file in libraries.chain(["/usr/bin/perl"]) {
            let target = self.root().join(&file[1..]);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(file, target).unwrap();
        }
        true
    }

    pub(crate) fn request(&self, arguments: &[&str]) -> Request {
        Request {
            root: self.root(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            hostname: "inside".into(),
            ..Request::default()
        }
    }

    pub(crate) fn spec(&self, caller: &Caller, request: &Request) -> Spec {
        least::configuration(request, &caller.facts(), &caller.subordinates()).unwrap()
    }

    /// The runtime's command, not started yet.
    pub(crate) fn runtime(&self, caller: &Caller) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--foreground", "60"]);
        if let Caller::User(user) | Caller::Plain(user) = caller {
            let (id, group) = (format!("--reuid={}", user.id), format!("--regid={}", user.group));
            command.args(["setpriv", &id, &group, "--clear-groups"]);
        }
        command.arg(self.path("cofferdam-runtime")).args(["--exit-codes", "podman"]);
        command.current_dir("/").env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The runtime's command for a container, not started yet.
    pub(crate) fn command(&self, caller: &Caller, spec: &Spec) -> Command {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("test-{}-{count}", std::process::id());
        let bundle = self.path(&id);
        fs::create_dir(&bundle).unwrap();
        fs::write(bundle.join("config.json"), serde_json::to_vec(spec).unwrap()).unwrap();
        self.own(caller);
        let state = self.path(&format!("state-{}", caller.id()));
        fs::create_dir_all(&state).unwrap();
        caller.own(&state);
        let mut command = self.runtime(caller);
        command.arg("--root").arg(state).args(["run", "--bundle"]).arg(&bundle).arg(&id);
        command
    }

    /// Makes the root the caller's, as if the caller had unpacked it.
    pub(crate) fn own(&self, caller: &Caller) {
        use std::os::unix::fs::MetadataExt;
        let owner = caller.facts();
        if fs::metadata(self.root()).unwrap().uid() == owner.user {
            return;
        }
        let owner = format!("{}:{}", owner.user, owner.group);
        let status = Command::new("chown").args(["-hR", &owner]).arg(self.root()).status().unwrap();
        assert!(status.success());
    }

    /// Runs a container to its end.
    pub(crate) fn run(&self, caller: &Caller, request: &Request) -> Ran {
        Ran::new(self.command(caller, &self.spec(caller, request)).output().unwrap())
    }

    /// Runs a shell script in a container to its end.
    pub(crate) fn shell(&self, caller: &Caller, script: &str) -> Ran {
        self.run(caller, &self.request(&["sh", "-c", script]))
    }
}

/// How a container ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A container in a process group of its own, which ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        Self(command.process_group(0).spawn().unwrap())
    }

    /// The runtime's process: the program that `timeout` (and `setpriv`, which is replaced) runs.
    pub(crate) fn runtime(&self) -> u32 {
        for _ in 0..200 {
            let file = format!("/proc/{0}/task/{0}/children", self.0.id());
            let children = fs::read_to_string(file).unwrap_or_default();
            if let Some(pid) = children.split_whitespace().next() {
                return pid.parse().unwrap();
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("timeout starts its program");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
