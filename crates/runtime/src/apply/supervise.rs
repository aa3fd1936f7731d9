//! The parent while the container runs: reports and terminal out, signals in, the end.

use std::os::fd::OwnedFd;

use cofferdam_sys::{channel::Channel, clone::Child, signal};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid},
};

use super::{Options, kill, listener::Exchange, message, message::Report, terminal::Terminal};
use crate::{
    cgroup::Made,
    error::{Doing, Error},
    plan::{GivenUp, Plan},
};

/// A container's process as its parent sees it.
pub(super) struct Running {
    pub(super) child: Child,
    channel: Channel,
    queue: signal::Queue,
    pub(super) given_up: Vec<GivenUp>,
    pub(super) group: Made,
    pub(super) resctrl: Option<super::resctrl::Made>,
    /// What is shared with the child of an agent for system calls, and the container's status.
    pub(super) agent: Option<(Exchange, Plan, &'static str)>,
    /// Where its terminal goes, if not to this process's.
    console: Option<OwnedFd>,
    terminal: Option<Terminal>,
    failed: Option<Error>,
    /// Whether the child still has its end of the channel.
    talking: bool,
    /// The last thing of note that it reported.
    stage: Option<Report>,
}

impl Running {
    pub(super) fn new(
        child: Child,
        channel: Channel,
        queue: signal::Queue,
        given_up: Vec<GivenUp>,
        group: Made,
        console: Option<OwnedFd>,
    ) -> Self {
        Self {
            child,
            channel,
            queue,
            given_up,
            group,
            resctrl: None,
            agent: None,
            console,
            terminal: None,
            failed: None,
            talking: true,
            stage: None,
        }
    }

    pub(super) fn tell(&self, what: &[u8]) -> Result<(), Error> {
        self.channel.send(what, &[]).doing("talk to", "the container")
    }

    /// Leaves the container to itself.
    pub(super) fn leave(mut self) {
        self.group.keep();
        if let Some(resctrl) = self.resctrl.take() {
            resctrl.keep();
        }
    }

    /// Waits until its mounts are there.
    pub(super) fn until_built(&mut self, options: &mut Options<'_>) -> Result<(), Error> {
        self.until(&Report::Built, options)
    }

    /// Waits until it is at its gate.
    pub(super) fn until_ready(&mut self, options: &mut Options<'_>) -> Result<(), Error> {
        self.until(&Report::Ready, options).map_err(|error| self.last_words().unwrap_or(error))
    }

    /// Waits until its program runs.
    pub(super) fn until_started(&mut self, options: &mut Options<'_>) -> Result<(), Error> {
        let started = loop {
            match self.hear(options) {
                Ok(()) if self.failed.is_none() && self.talking => {}
                Ok(()) => break self.failed.take().map_or_else(|| self.started(options), Err),
                Err(error) => break Err(error),
            }
        };
        started.inspect_err(|_| self.end())
    }

    fn started(&self, options: &mut Options<'_>) -> Result<(), Error> {
        options.started.take().map_or(Ok(()), |started| started(self.child.pid))
    }

    fn until(&mut self, stage: &Report, options: &mut Options<'_>) -> Result<(), Error> {
        while self.stage.as_ref() != Some(stage) {
            self.hear(options)?;
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if !self.talking {
                return Err(Error::inside(Vec::new(), 125));
            }
        }
        Ok(())
    }

    /// Waits for its end; returns its exit code.
    pub(super) fn finish(&mut self, options: &mut Options<'_>) -> Result<u8, Error> {
        let result = self.until_end(options);
        if result.is_err() {
            self.end();
        }
        self.drain();
        match self.failed.take() {
            Some(error) => Err(error),
            None => result,
        }
    }

    fn end(&self) {
        kill(&self.child);
        let _ = reap(&self.child);
    }

    /// Ends a child that could not be prepared; returns what it had to say, if anything.
    pub(super) fn last_words(&mut self) -> Option<Error> {
        self.end();
        while self.failed.is_none() {
            match self.channel.receive() {
                Ok(Some(message)) => {
                    if let Some(Report::Failed(code, chain)) = Report::decode(&message.bytes) {
                        self.failed = Some(Error::inside(chain, code));
                    }
                }
                _ => break,
            }
        }
        self.failed.take()
    }
}

/// What there is to do.
#[derive(Debug, Default)]
struct Ready {
    ended: bool,
    signal: bool,
    report: bool,
    output: bool,
    room: bool,
    input: bool,
}

impl Running {
    fn until_end(&mut self, options: &mut Options<'_>) -> Result<u8, Error> {
        loop {
            let ready = self.wait().doing("wait for", "the container")?;
            if ready.report {
                self.hear(options)?;
                if !self.talking && self.failed.is_none() {
                    self.started(options)?;
                }
            }
            if ready.signal {
                self.pass_on()?;
            }
            if let Some(terminal) = &mut self.terminal {
                if ready.output && !terminal.copy_output() && !ready.ended {
                    // Nobody has it open just now; the container may open it again or end.
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                if ready.input {
                    terminal.read_input();
                }
                if ready.room || terminal.has_pending() {
                    terminal.write_pending();
                }
            }
            if ready.ended {
                while self.talking {
                    self.hear(options)?;
                }
                return reap(&self.child);
            }
        }
    }

    fn wait(&self) -> rustix::io::Result<Ready> {
        let stdin = rustix::stdio::stdin();
        let (readable, none) = (PollFlags::IN, PollFlags::empty());
        let mut watched =
            vec![PollFd::new(&self.child.pidfd, readable), PollFd::new(&self.queue, readable)];
        // A descriptor that is not watched has to be left out: a closed end is always told of.
        let report = self.talking.then(|| push(&mut watched, PollFd::new(&self.channel, readable)));
        let mut output = None;
        let mut input = None;
        if let Some(terminal) = &self.terminal {
            let room = if terminal.has_pending() { PollFlags::OUT } else { none };
            output = Some(push(&mut watched, PollFd::new(terminal, readable | room)));
            if terminal.input_open && !terminal.has_pending() {
                input = Some(push(&mut watched, PollFd::new(&stdin, readable)));
            }
        }
        match poll(&mut watched, None) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(error),
        }
        let told = |index: usize| watched[index].revents();
        let any = |index: Option<usize>| index.is_some_and(|index| !told(index).is_empty());
        Ok(Ready {
            ended: !told(0).is_empty(),
            signal: !told(1).is_empty(),
            report: any(report),
            output: output.is_some_and(|i| told(i).intersects(readable | PollFlags::HUP)),
            room: output.is_some_and(|i| told(i).contains(PollFlags::OUT)),
            input: any(input),
        })
    }

    /// Takes one report.
    fn hear(&mut self, options: &mut Options<'_>) -> Result<(), Error> {
        let message = self.channel.receive().doing("hear from", "the container")?;
        let Some(message) = message else {
            self.talking = false;
            return Ok(());
        };
        match Report::decode(&message.bytes) {
            Some(Report::Failed(code, chain)) => self.failed = Some(Error::inside(chain, code)),
            Some(Report::GaveUp(what)) => self.given_up.push(what),
            Some(Report::Terminal) => {
                let outer = message.descriptors.into_iter().next();
                match (&self.console, outer) {
                    (Some(socket), Some(outer)) => super::console::send(socket, &outer)?,
                    (_, outer) => self.terminal = outer.map(Terminal::new),
                }
            }
            Some(stage @ (Report::Built | Report::Ready)) => self.stage = Some(stage),
            Some(Report::Listening) => {
                if let Some((exchange, plan, status)) = &self.agent {
                    exchange.hand_over(plan, &self.child, status)?;
                }
            }
            Some(Report::Confined) => {
                if let Some(explain) = &mut options.explain {
                    explain(self.child.pid, &self.given_up);
                }
                self.tell(message::GO)?;
            }
            // Said before this process listens, or not by a child of ours.
            Some(Report::Made(_)) | None => {}
        }
        Ok(())
    }

    /// Passes signals on to the container's first process.
    fn pass_on(&self) -> Result<(), Error> {
        while let Some(arrived) = self.queue.next().doing("take", "a signal")? {
            match (arrived.signal, &self.terminal) {
                // Of no meaning to the container: our own child's, and this process's terminal's.
                (Signal::CHILD | Signal::TTIN | Signal::TTOU | Signal::PIPE, _) => {}
                (Signal::WINCH, Some(terminal)) => terminal.resize(),
                (signal, _) => match pidfd_send_signal(&self.child.pidfd, signal) {
                    Ok(()) | Err(Errno::SRCH) => {}
                    Err(error) => return Err(error).doing("pass on", "a signal"),
                },
            }
        }
        Ok(())
    }

    /// Output that the container left in its terminal.
    fn drain(&self) {
        let Some(terminal) = &self.terminal else { return };
        // Bounded by what a terminal holds; its end is an error once no process has it open.
        for _ in 0..1024 {
            let mut watched = [PollFd::new(terminal, PollFlags::IN)];
            let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            let ready = poll(&mut watched, Some(&now)).unwrap_or(0) > 0
                && watched[0].revents().contains(PollFlags::IN);
            if !ready || !terminal.copy_output() {
                break;
            }
        }
    }
}

fn push<'a>(watched: &mut Vec<PollFd<'a>>, new: PollFd<'a>) -> usize {
    watched.push(new);
    watched.len() - 1
}

/// The exit code of a child that has ended or is about to.
fn reap(child: &Child) -> Result<u8, Error> {
    use std::os::fd::AsFd;
    loop {
        match waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error).doing("wait for", "the container"),
            Ok(status) => {
                let code = status.as_ref().and_then(|status| {
                    status.exit_status().or_else(|| status.terminating_signal().map(|s| 128 + s))
                });
                return Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(125));
            }
        }
    }
}
