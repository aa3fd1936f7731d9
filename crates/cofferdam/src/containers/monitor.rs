//! The process that stays with a container in the background.
//!
//! It makes the container by the runtime, as whose reaper it learns how the container ends; holds
//! its standard streams or its terminal, keeps what is written and passes it on to those who have
//! joined; starts it again where that was asked for, and ends it when it has run as long as it may.
//! It has one thread and waits in one place. Other commands talk to it by its socket, by the mark
//! that the container is to stop, and by `SIGUSR1`, which tells it to look for that.

mod attend;
mod clients;
mod life;
mod stdio;

use std::{
    fs::File,
    os::{
        fd::{AsFd, AsRawFd as _, OwnedFd},
        unix::net::UnixListener,
    },
    time::{Duration, Instant},
};

use cofferdam_runtime::{
    ContainerId, clock,
    identity::Identity,
    record::{Condition, Folder, Phase, Reason, Record, Records, SOCKET, log::Writer},
    state::{Store, default_directory},
};
use cofferdam_sys::signal;
use rustix::fs::{Mode, OFlags};

use self::clients::Clients;
use super::{Keeper, Report, kept};
use crate::error::{CliError, OrFail as _};

/// How long is waited before the first time that a container starts again; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest that is waited.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A container that has run for so long is no longer one that fails again and again.
const LASTING: Duration = Duration::from_secs(10);

/// The process that stays with a container in the background.
pub(super) struct Monitor {
    records: Records,
    folder: Folder,
    record: Record,
    condition: Condition,
    store: Store,
    queue: signal::Queue,
    /// The signals that were blocked before this process blocked them all.
    mask: signal::Set,
    clients: Clients,
    log: Writer,
    /// When the container has run as long as it may.
    deadline: Option<Instant>,
    /// What is told to the command that has started this, until it is told.
    report: Option<File>,
    /// Who keeps the container's network.
    network: Option<Keeper>,
}

/// Keeps the container `id` from its start to its end.
pub(crate) fn run(id: &ContainerId) -> Result<(), CliError> {
    let report = take_report()?;
    let monitor = match Monitor::new(id) {
        Ok(monitor) => monitor,
        Err(error) => {
            let _ = Report::failed(&error).write(&report);
            return Err(error);
        }
    };
    Monitor { report: Some(report), ..monitor }.watch()
}

/// Standard output is for the report only, and closed by whoever has read that.
fn take_report() -> Result<File, CliError> {
    let attempt = || "could not become a monitor".to_owned();
    let fail = |error: rustix::io::Errno| std::io::Error::from(error);
    let report = rustix::stdio::stdout().try_clone_to_owned().or_fail(attempt)?;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let null =
        rustix::fs::open("/dev/null", flags, Mode::empty()).map_err(fail).or_fail(attempt)?;
    cofferdam_sys::exec::become_standard_streams(&null).map_err(fail).or_fail(attempt)?;
    // Neither the terminal's signals nor its end are for this process.
    rustix::process::setsid().map_err(fail).or_fail(attempt)?;
    Ok(report.into())
}

impl Monitor {
    fn new(id: &ContainerId) -> Result<Self, CliError> {
        let attempt = || format!("could not become the monitor of '{id}'");
        let missing = || CliError::new(format!("could not find container '{id}'"));
        let records = Records::open()?.ok_or_else(missing)?;
        let folder = records.find(id)?.ok_or_else(missing)?;
        let record = folder.record()?.ok_or_else(missing)?;
        // Whose parent has ended becomes this process's child, which learns how it ends.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(std::io::Error::from)
            .or_fail(attempt)?;
        let signals = signal::Set::all_but_faults();
        let mask = signals.block().map_err(std::io::Error::from).or_fail(attempt)?;
        let queue = signal::Queue::new(&signals).map_err(std::io::Error::from).or_fail(attempt)?;
        let clients = Clients::new(listen(&folder).or_fail(attempt)?);
        let log = Writer::open(&folder, record.log_size).or_fail(attempt)?;
        let keeper = Identity::of(rustix::process::getpid()).or_fail(attempt)?;
        let condition = Condition::new(keeper);
        folder.write_condition(&condition)?;
        let store = Store::open_or_make(&default_directory())?;
        let (deadline, report, network) = (None, None, None);
        Ok(Self {
            records,
            folder,
            record,
            condition,
            store,
            queue,
            mask,
            clients,
            log,
            deadline,
            report,
            network,
        })
    }

    /// Until the container has ended for good.
    fn watch(mut self) -> Result<(), CliError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let begun = Instant::now();
            let (code, reason) = match self.live() {
                Ok(ended) => ended,
                Err(error) if self.report.is_some() => return self.never_started(&error),
                Err(error) => self.failed(&error),
            };
            self.condition.exit_code = Some(code);
            self.condition.ended = Some(clock::now());
            self.condition.reason = Some(reason);
            let again = matches!(reason, Reason::Exited | Reason::Failed)
                && self.record.restart.applies(code, self.condition.restarts);
            if begun.elapsed() >= LASTING {
                pause = FIRST_PAUSE;
            }
            if !again || !self.pause(pause)? {
                return self.end(code);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            self.condition.restarts = self.condition.restarts.saturating_add(1);
        }
    }

    /// The command that waits for the report removes what there is of the container.
    fn never_started(mut self, error: &CliError) -> Result<(), CliError> {
        let told = self.report.take().map(|report| Report::failed(error).write(report));
        if !matches!(told, Some(Ok(()))) {
            // It does not wait any more.
            kept::remove(&self.records, &self.folder, true)?;
        }
        Ok(())
    }

    /// A container that could not be started again; says so where its output would be.
    fn failed(&mut self, error: &CliError) -> (u8, Reason) {
        let mut chain = vec![error.message().to_owned()];
        chain.extend_from_slice(error.causes());
        let text = format!("{}\n", chain.join(": "));
        self.keep(cofferdam_runtime::record::log::Stream::Error, text.as_bytes());
        self.condition.fail(chain);
        // 2 is an error of this program's own, which is 125 to those who wait for a container.
        let code = if error.exit_code() == 2 { 125 } else { error.exit_code() };
        (code, Reason::Failed)
    }

    /// Waits before the next start; false if there is to be none.
    fn pause(&mut self, time: Duration) -> Result<bool, CliError> {
        self.condition.phase = Phase::Waiting;
        self.folder.write_condition(&self.condition)?;
        let until = Instant::now() + time;
        loop {
            if self.folder.is_asked_to_stop() {
                self.condition.reason = Some(Reason::Stopped);
                return Ok(false);
            }
            if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                self.condition.reason = Some(Reason::MaxAge);
                return Ok(false);
            }
            if until <= Instant::now() {
                self.condition.phase = Phase::Starting;
                return Ok(true);
            }
            let timeout = self.deadline.map_or(until, |deadline| deadline.min(until));
            self.idle(timeout)?;
        }
    }

    fn end(mut self, code: u8) -> Result<(), CliError> {
        // What cannot be written is lost, as it would be were nobody here to keep it.
        let _ = self.log.flush();
        self.condition.phase = Phase::Ended;
        let written = self.folder.write_condition(&self.condition);
        self.clients.end(code);
        self.folder.clear(SOCKET)?;
        if self.record.remove {
            let _lock = self.folder.lock()?;
            return kept::remove(&self.records, &self.folder, true);
        }
        kept::give_ids_back(self.folder.id())?;
        Ok(written?)
    }
}

/// The socket by which others join the container.
fn listen(folder: &Folder) -> std::io::Result<UnixListener> {
    folder.clear(SOCKET).map_err(std::io::Error::other)?;
    // The path by way of the descriptor is short enough for a socket, however long the other is.
    let listener = UnixListener::bind(by_descriptor(folder, SOCKET))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A path of a file in the folder that works in this process and, where the descriptor is passed
/// on, in those that it starts.
pub(crate) fn by_descriptor(directory: &impl AsFd, name: &str) -> String {
    format!("/proc/self/fd/{}/{name}", directory.as_fd().as_raw_fd())
}

/// Descriptors of a container that do not make this process wait.
fn never_wait(descriptor: &OwnedFd) -> std::io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(descriptor)?;
    Ok(rustix::fs::fcntl_setfl(descriptor, flags | OFlags::NONBLOCK)?)
}
