//! Staying with a container that runs: output out, input in, signals, time.

use std::{
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use cofferdam_runtime::{
    container::Container,
    record::{Reason, attach::Frame, log::Stream},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::Signal,
};

use super::{Monitor, stdio::Streams};
use crate::error::{CliError, OrFail as _};

impl Monitor {
    /// Until the container's process has ended; returns why that was.
    pub(super) fn attend(
        &mut self,
        container: &Container,
        process: &OwnedFd,
        streams: &mut Streams,
    ) -> Result<Reason, CliError> {
        let mut ending = Ending::default();
        loop {
            let behind = self.clients.behind();
            let (watched, quiet) = streams.watched(behind.is_none());
            let input = streams.has_room();
            let deadline = if ending.begun { ending.kill_at } else { self.deadline };
            let deadline = deadline.into_iter().chain(quiet).chain(behind).min();
            let clients = self.clients.watched(input);
            let ended = wait(Some(process), &self.queue, &[watched, clients].concat(), deadline)?;
            if behind.is_none() {
                for (stream, bytes) in streams.read() {
                    self.keep(stream, &bytes);
                }
            }
            for frame in self.clients.serve(input) {
                match frame {
                    Frame::Input(bytes) => streams.input(&bytes),
                    Frame::InputEnd => streams.end_input(),
                    Frame::Size { rows, columns } => streams.resize(rows, columns),
                    Frame::Hello { .. } | Frame::Output(..) | Frame::Ended(_) => {}
                }
            }
            streams.write();
            if self.is_told_to_end()? {
                self.folder.ask_to_stop()?;
                ending.begin(self.stop_signal(), self.record.stop_timeout, container)?;
            }
            if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) && !ending.begun {
                ending.by_age = true;
                ending.begin(self.stop_signal(), self.record.stop_timeout, container)?;
            }
            if ending.kill_at.is_some_and(|time| time <= Instant::now()) {
                ending.kill_at = None;
                container.kill(Signal::KILL.as_raw(), true)?;
            }
            if ended {
                return Ok(match (self.folder.is_asked_to_stop(), ending.by_age) {
                    (true, _) => Reason::Stopped,
                    (_, true) => Reason::MaxAge,
                    _ => Reason::Exited,
                });
            }
        }
    }

    /// Waits for nothing but those who come and go, and for signals.
    pub(super) fn idle(&mut self, until: Instant) -> Result<(), CliError> {
        let clients = self.clients.watched(true);
        wait(None, &self.queue, &clients, Some(until))?;
        self.clients.serve(true);
        if self.is_told_to_end()? {
            self.folder.ask_to_stop()?;
        }
        Ok(())
    }

    /// Keeps what the container has written, and passes it on.
    pub(super) fn keep(&mut self, stream: Stream, bytes: &[u8]) {
        // A full disk must not end the container; what cannot be kept is lost.
        let _ = self.log.write(stream, bytes);
        self.clients.tell(stream, bytes);
    }

    fn stop_signal(&self) -> i32 {
        self.record.stop_signal
    }

    /// Takes the signals that have arrived; whether one is to end this process, and with it the
    /// container. `SIGUSR1` only wakes it.
    fn is_told_to_end(&self) -> Result<bool, CliError> {
        let mut told = false;
        let failed = || "could not take a signal".to_owned();
        while let Some(arrived) = self.queue.next().map_err(std::io::Error::from).or_fail(failed)? {
            told |= matches!(arrived.signal, Signal::TERM | Signal::INT | Signal::QUIT);
        }
        Ok(told)
    }
}

/// How the container is made to end.
#[derive(Default)]
struct Ending {
    begun: bool,
    by_age: bool,
    kill_at: Option<Instant>,
}

impl Ending {
    fn begin(&mut self, number: i32, grace: u32, container: &Container) -> Result<(), CliError> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        self.kill_at = Some(Instant::now() + Duration::from_secs(grace.into()));
        match container.kill(number, false) {
            // It has ended by itself.
            Err(cofferdam_runtime::Error::Refused { .. }) => Ok(()),
            sent => Ok(sent?),
        }
    }
}

/// Waits for any of these; whether the process has ended.
fn wait(
    process: Option<&OwnedFd>,
    queue: &cofferdam_sys::signal::Queue,
    others: &[(BorrowedFd<'_>, PollFlags)],
    deadline: Option<Instant>,
) -> Result<bool, CliError> {
    let mut watched = vec![PollFd::new(queue, PollFlags::IN)];
    let process = process.map(|process| process.as_fd());
    watched.extend(process.as_ref().map(|process| PollFd::new(process, PollFlags::IN)));
    watched.extend(others.iter().map(|(descriptor, what)| PollFd::new(descriptor, *what)));
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    // Rounded up: a moment too early would make the next wait one of no time at all.
    let left = left.and_then(|left| Timespec::try_from(left + Duration::from_micros(100)).ok());
    match poll(&mut watched, left.as_ref()) {
        Ok(_) => Ok(process.is_some() && !watched[1].revents().is_empty()),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(std::io::Error::from(error))
            .or_fail(|| "could not wait for the container".to_owned()),
    }
}
