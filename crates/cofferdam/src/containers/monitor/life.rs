//! One life of the container, from its making to its end.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    process::Command,
    time::{Duration, Instant},
};

use cofferdam_runtime::{
    clock,
    container::Container,
    record::{Phase, Reason},
};
use cofferdam_sys::signal;
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, waitid},
};

use super::{Monitor, stdio::Streams};
use crate::{
    containers::{Keeper, Report, report::runtime_error, runtime, signals},
    error::{CliError, OrFail as _},
};

impl Monitor {
    /// Starts the container and stays with it; returns how and why it has ended.
    pub(super) fn live(&mut self) -> Result<(u8, Reason), CliError> {
        let begun = self.start();
        if begun.is_err() {
            self.end_network();
        }
        let (container, process, mut streams) = begun?;
        let ended = self
            .started()
            .and_then(|()| self.attend(&container, &process, &mut streams))
            .and_then(|reason| Ok((reap(&process)?, reason)));
        if ended.is_err() {
            // It must not go on without anybody.
            let _ = container.kill(Signal::KILL.as_raw(), true);
            let _ = signals::ends_within(&process, Duration::from_secs(10));
            let _ = reap(&process);
        }
        for (stream, bytes) in streams.rest() {
            self.keep(stream, &bytes);
        }
        let deleted = container.delete(&self.store, ended.is_err());
        self.end_network();
        let ended = ended?;
        for warning in deleted? {
            self.condition.note(warning.chain());
        }
        Ok(ended)
    }

    /// Starts the container by the runtime, which is small and protects its own file.
    fn start(&mut self) -> Result<(Container, OwnedFd, Streams), CliError> {
        let program = runtime();
        let attempt = || format!("could not run the container runtime '{}'", program.display());
        let mut command = Command::new(&program);
        command.args(["--exit-codes", "podman", "run", "--detach", "--bundle"]);
        command.arg(self.folder.path());
        // The container would begin with every signal blocked.
        signal::begin_with(&mut command, self.mask);
        let (terminal, interactive) = (self.record.terminal, self.record.interactive);
        let streams = Streams::new(&mut command, &self.folder, terminal, interactive);
        let mut streams = streams.or_fail(attempt)?;
        self.network = Keeper::of(self.folder.path(), &mut command)?;
        command.arg(self.folder.id().as_str());
        let mut child = command
            .spawn()
            .or_fail(attempt)
            .hint("put 'cofferdam-runtime' beside 'cofferdam' or name it in COFFERDAM_RUNTIME")?;
        // The container's ends of the pipes are the container's alone.
        drop(command);
        let status = child.wait().or_fail(attempt)?;
        if !status.success() {
            let said: Vec<u8> = streams.rest().into_iter().flat_map(|(_, bytes)| bytes).collect();
            let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(125);
            return Err(runtime_error(&String::from_utf8_lossy(&said), code.max(125)));
        }
        let container = Container::find(&self.store, self.folder.id())?;
        let attempt = || format!("could not keep '{}'", self.folder.id());
        let process = child_process(&container).or_fail(attempt);
        let terminal = streams.take_terminal(&self.folder).or_fail(attempt);
        match (process, terminal) {
            (Ok(process), Ok(())) => Ok((container, process, streams)),
            (Err(error), _) | (_, Err(error)) => {
                let _ = container.delete(&self.store, true);
                Err(error)
            }
        }
    }

    /// Waits until the network of a container that has ended is taken down. What was refused to it
    /// is in its folder.
    fn end_network(&mut self) {
        if let Some(Err(error)) = self.network.take().map(Keeper::finish) {
            self.condition.note(vec![error.message().to_owned()]);
        }
    }

    /// Takes note that the container runs, and tells whoever waits for that.
    fn started(&mut self) -> Result<(), CliError> {
        self.condition.phase = Phase::Running;
        self.condition.started = Some(clock::now());
        self.condition.ended = None;
        self.condition.exit_code = None;
        self.condition.reason = None;
        self.folder.write_condition(&self.condition)?;
        if let Some(age) = self.record.max_age
            && self.deadline.is_none()
        {
            self.deadline = Instant::now().checked_add(Duration::from_secs(age));
        }
        if let Some(report) = self.report.take() {
            // Nobody may wait for it any more; the container runs all the same.
            let _ = Report::started().write(report);
        }
        Ok(())
    }
}

/// The container's first process, which may have ended: it is this process's child, so that nobody
/// else has its number until it is reaped.
fn child_process(container: &Container) -> std::io::Result<OwnedFd> {
    let init = container.state().init.and_then(|init| Pid::from_raw(init.pid));
    let init = init.ok_or_else(|| std::io::Error::other("its process is not known"))?;
    Ok(pidfd_open(init, PidfdFlags::empty())?)
}

/// How a process that is this one's child, and has ended, did so.
fn reap(process: &OwnedFd) -> Result<u8, CliError> {
    let attempt = || "could not learn how the container ended".to_owned();
    loop {
        match waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(std::io::Error::from(error)).or_fail(attempt),
            Ok(status) => {
                let code = status.as_ref().and_then(|status| {
                    status.exit_status().or_else(|| status.terminating_signal().map(|s| 128 + s))
                });
                return code
                    .and_then(|code| u8::try_from(code).ok())
                    .ok_or_else(|| CliError::new(attempt()));
            }
        }
    }
}
