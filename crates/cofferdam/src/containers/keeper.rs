use std::{
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use cofferdam_network::{
    report::Refused,
    setup::{SOCKET_FILE, Setup},
};
use cofferdam_sys::channel::Channel;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::error::{CliError, OrFail as _};

/// How long the network of a container that has ended may take to be taken down.
const PATIENCE: Duration = Duration::from_secs(30);

/// The process that keeps a container's network: this program once more, which outlives it where
/// it is killed.
pub(crate) struct Keeper {
    child: Child,
    /// Until the runtime has come, the keeper goes with this.
    control: Channel,
    directory: PathBuf,
}

impl Keeper {
    /// Starts the one that was asked for when the container in this directory was made, if any.
    pub(crate) fn of(directory: &Path, runtime: &mut Command) -> Result<Option<Self>, CliError> {
        match Setup::read(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            setup => {
                let setup = setup.or_fail(|| "could not read the network's setup".to_owned())?;
                Self::start(&setup, runtime).map(Some)
            }
        }
    }

    /// Starts it, and has the runtime hand the container's network over.
    pub(crate) fn start(setup: &Setup, runtime: &mut Command) -> Result<Self, CliError> {
        let attempt = || "could not prepare the container's network".to_owned();
        let directory = setup.directory.clone();
        setup.write().or_fail(attempt)?;
        let (control, theirs) = Channel::pair().map_err(std::io::Error::from).or_fail(attempt)?;
        let socket = directory.join(SOCKET_FILE);
        // That of an earlier start.
        let _ = std::fs::remove_file(&socket);
        let listener = Channel::listen(&socket).map_err(std::io::Error::from);
        let listener = listener
            .or_fail(|| format!("could not listen at '{}'", socket.display()))
            .hint("use a shorter --name if the path is too long for a socket")?;
        let program = std::env::current_exe().or_fail(attempt)?;
        let child = Command::new(program)
            .arg("network-keeper")
            .arg(&directory)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .or_fail(attempt)?;
        let sent = control.send(b"listen", &[listener.as_fd()]);
        sent.map_err(std::io::Error::from).or_fail(attempt)?;
        runtime.arg("--network-socket").arg(socket);
        Ok(Self { child, control, directory })
    }

    /// Waits until the network of a container that has ended is taken down; what was refused to it.
    pub(crate) fn finish(self) -> Result<Option<Refused>, CliError> {
        let Self { mut child, control, directory } = self;
        drop(control);
        let attempt = || "could not wait for the keeper of the container's network".to_owned();
        let ended = wait(&child).map_err(std::io::Error::from).or_fail(attempt)?;
        if !ended {
            let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
            return Err(late).or_fail(attempt);
        }
        // What went wrong it has told.
        child.wait().or_fail(attempt)?;
        Refused::read(&directory).or_fail(|| "could not read what was refused".to_owned())
    }
}

/// Whether the process ends in time.
fn wait(child: &Child) -> rustix::io::Result<bool> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pidfd = pidfd_open(pid.ok_or(rustix::io::Errno::SRCH)?, PidfdFlags::empty())?;
    let patience = Timespec::try_from(PATIENCE).map_err(|_| rustix::io::Errno::INVAL)?;
    loop {
        let mut watched = [PollFd::new(&pidfd, PollFlags::IN)];
        match poll(&mut watched, Some(&patience)) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map(|ready| ready > 0),
        }
    }
}
