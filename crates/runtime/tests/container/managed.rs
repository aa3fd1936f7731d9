//! Containers that are managed by one command after the other.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use cofferdam_oci::runtime::Spec;
use cofferdam_runtime::template;

use crate::machine::{Caller, Place, Ran};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A container with its bundle; it is deleted when this is dropped.
pub(crate) struct Managed<'a> {
    place: &'a Place,
    caller: &'a Caller,
    pub(crate) id: String,
    pub(crate) bundle: PathBuf,
}

impl<'a> Managed<'a> {
    pub(crate) fn new(place: &'a Place, caller: &'a Caller, spec: &Spec) -> Self {
        let id =
            format!("managed-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let bundle = place.path(&id);
        fs::create_dir(&bundle).unwrap();
        fs::write(bundle.join("config.json"), serde_json::to_vec(spec).unwrap()).unwrap();
        place.own(caller);
        let managed = Self { place, caller, id, bundle };
        fs::create_dir_all(managed.state()).unwrap();
        caller.own(&managed.state());
        caller.own(&managed.bundle);
        managed
    }

    /// Where its caller's containers are kept.
    pub(crate) fn state(&self) -> PathBuf {
        self.place.path(&format!("state-{}", self.caller.id()))
    }

    /// A command of the runtime.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.runtime(self.caller);
        command.arg("--root").arg(self.state()).args(arguments);
        command
    }

    /// Runs a command whose container, if it makes one, has its output in the file `output`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let stderr = self.bundle.join("stderr");
        let mut command = self.command(arguments);
        command.stdin(Stdio::null());
        // Not pipes: the container would keep them open.
        command.stdout(File::options().append(true).create(true).open(self.output_file()).unwrap());
        command.stderr(File::create(&stderr).unwrap());
        let status = command.status().unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: String::new(),
            stderr: fs::read_to_string(stderr).unwrap(),
        }
    }

    /// Runs a command and takes what it says.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Ran {
        Ran::new(self.command(arguments).output().unwrap())
    }

    /// Runs a command that has to succeed.
    #[track_caller]
    pub(crate) fn must(&self, arguments: &[&str]) -> String {
        let ran = if arguments[0] == "create" || arguments.contains(&"--detach") {
            self.run(arguments)
        } else {
            self.ask(arguments)
        };
        let name = self.caller.name();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}: {arguments:?}");
        ran.stdout
    }

    #[track_caller]
    pub(crate) fn create(&self) {
        self.must(&["create", "--bundle", self.bundle.to_str().unwrap(), &self.id]);
    }

    #[track_caller]
    pub(crate) fn start(&self) {
        self.must(&["start", &self.id]);
    }

    #[track_caller]
    pub(crate) fn exec(&self, script: &str) -> Ran {
        self.ask(&["exec", &self.id, "sh", "-c", script])
    }

    /// What `state` says.
    #[track_caller]
    pub(crate) fn told(&self) -> serde_json::Value {
        serde_json::from_str(&self.must(&["state", &self.id])).unwrap()
    }

    #[track_caller]
    pub(crate) fn status(&self) -> String {
        self.told()["status"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, status: &str) {
        let started = Instant::now();
        while self.status() != status {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "{} is {}",
                self.id,
                self.status()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub(crate) fn wait_for_output(&self, wanted: &str) {
        let started = Instant::now();
        while !self.output().contains(wanted) {
            assert!(started.elapsed() < Duration::from_secs(20), "{}", self.output());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn output_file(&self) -> PathBuf {
        self.bundle.join("output")
    }

    /// What the container has said.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.output_file()).unwrap_or_default()
    }
}

impl Drop for Managed<'_> {
    fn drop(&mut self) {
        let _ = self.command(&["delete", "--force", &self.id]).output();
    }
}

/// A container of root as engines make them: with root's ids, and capabilities.
pub(crate) fn as_engines_do(place: &Place, arguments: &[&str]) -> Spec {
    let mut spec = template::configuration(None);
    let process = spec.process.as_mut().unwrap();
    process.terminal = false;
    process.args = arguments.iter().map(ToString::to_string).collect();
    let root = spec.root.as_mut().unwrap();
    root.path = place.root().to_str().unwrap().into();
    root.readonly = false;
    spec
}
