//! The agent that decides about system calls (config-linux.md, seccomp, `listenerPath`): how the
//! descriptor on which it is asked comes to it.
//!
//! From the moment that the filter is in force, any call of the child may wait for the agent, also
//! the one by which the child would send the descriptor. So the child writes the descriptor's
//! number into a word of memory that it shares with the parent, and calls nothing until the parent
//! has fetched the descriptor and said so in the same word.

use std::{
    io::IoSlice,
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd},
    sync::atomic::Ordering::SeqCst,
    time::Duration,
};

use cofferdam_sys::{channel::Channel, clone::Child, seccomp, shared::Word};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
    process::{
        DumpableBehavior, PidfdGetfdFlags, getegid, geteuid, pidfd_getfd, set_dumpable_behavior,
    },
};

use super::{console, message::Report};
use crate::{
    error::{Doing, Error},
    plan::{Filter, Listener, Plan},
};

/// The word before the filter is in force.
const NOT_YET: i32 = -1;
/// The word when the parent has the descriptor.
const FETCHED: i32 = -2;
/// How often the parent looks at the word, [`PAUSE`] apart: ten seconds in all.
const PATIENCE: usize = 100_000;
const PAUSE: Duration = Duration::from_micros(100);
/// Longest state that is sent, as agents read it at once.
const STATE: usize = 1024 * 1024;

/// What parent and child share of an agent.
#[derive(Debug)]
pub(super) struct Exchange {
    word: Word,
    /// Whether the parent, not being root, could not look into a process that hides.
    readable: bool,
}

impl Exchange {
    /// For the plan's agent, if it has one.
    pub(super) fn new(plan: &Plan) -> Result<Option<Self>, Error> {
        if listener(plan).is_none() {
            return Ok(None);
        }
        let word = Word::new(NOT_YET).doing("share memory with", "the container")?;
        Ok(Some(Self { word, readable: !geteuid().is_root() || !getegid().is_root() }))
    }

    /// In the child: puts the filter in force, and waits until the parent has its descriptor.
    pub(super) fn install(&self, filter: &Filter, channel: &Channel) -> Result<(), Error> {
        if self.readable {
            set_dumpable_behavior(DumpableBehavior::Dumpable)
                .doing("make readable", "/proc/self")?;
        }
        channel.send(&Report::Listening.encode(), &[]).doing("talk to", "the parent")?;
        let descriptor = seccomp::install_with_listener(&filter.program, filter.flags)
            .doing("load", "the system-call filter with a listener")?;
        self.word.get().store(descriptor.as_raw_fd(), SeqCst);
        // Not a call from here on; should the parent end, so does this process.
        while self.word.get().load(SeqCst) != FETCHED {
            std::hint::spin_loop();
        }
        // execve closes it; close(2) might be asked about.
        let _ = descriptor.into_raw_fd();
        Ok(())
    }

    /// In the parent, when the child has said that it installs the filter: hands the descriptor
    /// to the agent.
    pub(super) fn hand_over(&self, plan: &Plan, child: &Child, status: &str) -> Result<(), Error> {
        let Some(listener) = listener(plan) else { return Ok(()) };
        let descriptor = self.fetch(child)?;
        let socket = console::connect(&listener.path, "connect to the seccomp agent")?;
        send(&socket, &state(listener, child, status), &descriptor)
            .doing("send the system calls over", listener.path.display())?;
        self.word.get().store(FETCHED, SeqCst);
        Ok(())
    }

    fn fetch(&self, child: &Child) -> Result<OwnedFd, Error> {
        for _ in 0..PATIENCE {
            let number: RawFd = self.word.get().load(SeqCst);
            if number >= 0 {
                return pidfd_getfd(&child.pidfd, number, PidfdGetfdFlags::empty())
                    .doing("fetch the descriptor of", "the system-call filter");
            }
            if has_ended(child) {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        // What the child has reported says more.
        Err(Error::inside(Vec::new(), 125))
    }
}

fn has_ended(child: &Child) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut watched = [PollFd::new(&child.pidfd, PollFlags::IN)];
    poll(&mut watched, Some(&now)).is_ok_and(|ready| ready > 0)
}

fn listener(plan: &Plan) -> Option<&Listener> {
    plan.filter.as_ref().and_then(|filter| filter.listener.as_ref())
}

/// The container process state (config-linux.md).
fn state(listener: &Listener, child: &Child, status: &str) -> Vec<u8> {
    let pid = child.pid.as_raw_nonzero().get();
    let mut container = listener.state.clone();
    container["pid"] = pid.into();
    container["status"] = status.into();
    serde_json::json!({
        "ociVersion": cofferdam_oci::runtime::VERSION,
        "fds": ["seccompFd"],
        "pid": pid,
        "metadata": listener.metadata,
        "state": container,
    })
    .to_string()
    .into_bytes()
}

fn send(socket: &OwnedFd, bytes: &[u8], descriptor: &OwnedFd) -> rustix::io::Result<()> {
    if bytes.len() > STATE {
        return Err(rustix::io::Errno::MSGSIZE);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor.as_fd()];
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let mut sent = sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    while sent < bytes.len() {
        sent += rustix::net::send(socket, &bytes[sent..], SendFlags::NOSIGNAL)?;
    }
    Ok(())
}
