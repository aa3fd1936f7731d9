//! What every command works with: where containers are kept, and where messages go.

use std::{
    ffi::OsStr,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use cofferdam_oci::runtime::Spec;
use cofferdam_runtime::{
    ContainerId, Error,
    cgroup::systemd,
    container::Container,
    facts::Facts,
    policy::Policy,
    state::{Store, default_directory},
};

use crate::{
    arguments::{Given, as_text},
    log::Log,
};

/// The largest `config.json` or `process.json` that is read, in bytes.
pub(crate) const LARGEST: u64 = 8 * 1024 * 1024;

/// Why a command failed: what to say, the cause last, and what to exit with.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) chain: Vec<String>,
    pub(crate) code: u8,
    /// What to do about it.
    pub(crate) hint: Option<&'static str>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { chain: error.chain(), code: error.exit_code(), hint: error.hint() }
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self { chain: vec![what], code: 125, hint: None }
    }
}

impl From<cofferdam_runtime::state::StoreError> for Failure {
    fn from(error: cofferdam_runtime::state::StoreError) -> Self {
        Error::from(error).into()
    }
}

/// A command's result: the exit code.
pub(crate) type Ended = Result<u8, Failure>;

/// What every command works with.
pub(crate) struct Session {
    root: PathBuf,
    is_default: bool,
    systemd: bool,
    pub(crate) log: Log,
}

impl Session {
    pub(crate) fn new(given: &Given, log: Log) -> Result<Self, (Log, Failure)> {
        let systemd = match check_exit_codes(given).and_then(|()| uses_systemd(given)) {
            Ok(systemd) => systemd,
            Err(failure) => return Err((log, failure)),
        };
        let root = given.value("root").map(PathBuf::from);
        let is_default = root.is_none();
        Ok(Self { root: root.unwrap_or_else(default_directory), is_default, systemd, log })
    }

    /// What this machine is, and what the command line says of it.
    pub(crate) fn facts(&self) -> Facts {
        Facts { systemd: self.systemd, ..Facts::collect() }
    }

    /// The directory of containers, made if it is missing.
    pub(crate) fn store_for_new(&self) -> Result<Store, Failure> {
        Ok(Store::open_or_make(&self.root)?)
    }

    /// The directory of containers; `None` if none was ever made in the default one.
    pub(crate) fn store(&self) -> Result<Option<Store>, Failure> {
        if self.is_default && !self.root.exists() {
            return Ok(None);
        }
        Ok(Some(Store::open(&self.root)?))
    }

    /// The container that is named.
    pub(crate) fn find(&self, id: &ContainerId) -> Result<(Store, Container), Failure> {
        // A directory that is not there holds no container, whoever has named it.
        let store = if self.root.exists() { self.store()? } else { None };
        let store = store.ok_or_else(|| Error::Missing(id.clone()))?;
        let container = Container::find(&store, id)?;
        Ok((store, container))
    }
}

fn check_exit_codes(given: &Given) -> Result<(), Failure> {
    match given.text("exit-codes")? {
        None | Some("runc" | "podman") => Ok(()),
        Some(other) => {
            Err(format!("could not use '{other}' for --exit-codes: runc or podman is wanted")
                .into())
        }
    }
}

/// Whether systemd is to make control groups.
fn uses_systemd(given: &Given) -> Result<bool, Failure> {
    let manager = given.text("cgroup-manager")?;
    match manager {
        None | Some("cgroupfs" | "systemd") => {}
        Some(other) => {
            let why = format!(
                "could not use '{other}' for --cgroup-manager: cgroupfs or systemd is wanted"
            );
            return Err(why.into());
        }
    }
    if !given.is_set("systemd-cgroup") && manager != Some("systemd") {
        return Ok(false);
    }
    let why = if !rustix::process::geteuid().is_root() {
        "that is for root only; configure the engine for 'cgroupfs'"
    } else if !systemd::is_running() {
        "systemd does not run on this machine; configure the engine for 'cgroupfs'"
    } else {
        return Ok(true);
    };
    Err(Failure {
        chain: vec!["could not let systemd manage cgroups".into(), why.into()],
        code: 125,
        hint: None,
    })
}

/// The container's name, which is the only word.
pub(crate) fn only_id(given: &Given) -> Result<ContainerId, Failure> {
    at_most(given, 1)?;
    id(given)
}

/// The container's name, which is the first word.
pub(crate) fn id(given: &Given) -> Result<ContainerId, Failure> {
    let word = given.words.first().ok_or_else(|| "no container is named".to_owned())?;
    let id = as_text(word)?.parse();
    Ok(id.map_err(|error: cofferdam_runtime::ContainerIdError| error.to_string())?)
}

/// Refuses words beyond the first few.
pub(crate) fn at_most(given: &Given, count: usize) -> Result<(), Failure> {
    match given.words.get(count) {
        Some(word) => Err(format!("could not understand the argument '{}'", word.display()).into()),
        None => Ok(()),
    }
}

/// Writes data to standard output.
pub(crate) fn print(text: &str) -> Ended {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(0),
        // Whoever read it has had enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(format!("could not write to standard output: {error}").into()),
    }
}

/// What the host's owner allows, and what the command line does.
pub(crate) fn policies(given: &Given) -> Result<Vec<Policy>, Failure> {
    let mut found: Vec<Policy> = Policy::of_host().map_err(Error::from)?.into_iter().collect();
    for file in given.texts("policy")? {
        found.push(Policy::read(file.as_ref()).map_err(Error::from)?);
    }
    Ok(found)
}

/// A bundle's configuration as it was read.
pub(crate) struct Configuration {
    path: PathBuf,
    json: Vec<u8>,
    pub(crate) spec: Spec,
}

impl Configuration {
    pub(crate) fn read(bundle: &Path) -> Result<Self, Failure> {
        let path = bundle.join("config.json");
        let wrong = |source| Error::Bundle { path: path.clone(), source };
        let json = read(path.as_os_str()).map_err(|error| wrong(error.into()))?;
        let spec = Spec::parse(&json).map_err(|error| wrong(error.into()))?;
        Ok(Self { path, json, spec })
    }

    /// Tells of keys that mean nothing, or with `strict` refuses them.
    pub(crate) fn checked(self, log: &Log, strict: bool) -> Result<Spec, Failure> {
        let path = self.path;
        let wrong = |source| Error::Bundle { path: path.clone(), source };
        let unknown = self.spec.unknown_keys(&self.json).map_err(|error| wrong(error.into()))?;
        if strict && !unknown.is_empty() {
            let why = format!("these keys are unknown: {}", unknown.join(", "));
            return Err(wrong(why.into()).into());
        }
        for key in unknown {
            log.note(&format!("'{}': unknown key {key} means nothing", path.display()));
        }
        Ok(self.spec)
    }
}

/// Reads a file of bounded size; `-` is standard input.
pub(crate) fn read(path: &OsStr) -> std::io::Result<Vec<u8>> {
    // Most fit at once.
    let mut bytes = Vec::with_capacity(64 * 1024);
    if path == "-" {
        std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > LARGEST {
        return Err(std::io::Error::other("it is larger than 8 MiB"));
    }
    Ok(bytes)
}
