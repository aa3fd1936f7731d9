//! Work in a container's namespaces, by a process that ends with it.

use std::os::fd::{AsFd as _, OwnedFd};

use cofferdam_sys::{
    channel::Channel,
    clone::{self, CloneError, Request},
};
use rustix::{
    fs::fstat,
    io::Errno,
    process::{WaitId, WaitIdOptions, waitid},
    thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space},
};

/// A container's namespaces.
#[derive(Debug)]
pub struct Namespaces {
    /// Its network.
    pub network: OwnedFd,
    /// Its ids, in which it owns its network.
    pub user: OwnedFd,
}

/// Why work could not be done inside.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnterError {
    /// No process could be made.
    #[error(transparent)]
    Clone(#[from] CloneError),
    /// The process could not be heard.
    #[error("could not hear from the process in the container's network namespace")]
    Channel(#[source] Errno),
    /// It ended without a word.
    #[error("could not work in the container's network namespace: the process ended early")]
    Silent,
    /// What it said.
    #[error("{0}")]
    Inside(String),
}

impl Namespaces {
    /// Does `work` inside and gives out the descriptors that it opened, up to four.
    ///
    /// # Errors
    /// When that is impossible, or what `work` says.
    pub fn inside(
        &self,
        work: impl FnOnce() -> Result<Vec<OwnedFd>, String>,
    ) -> Result<Vec<OwnedFd>, EnterError> {
        let (ours, theirs) = Channel::pair().map_err(EnterError::Channel)?;
        let request = Request { namespaces: UnshareFlags::empty(), cgroup: None };
        let mut heard = Some(ours);
        let child = clone::spawn(&request, || {
            // Else the process would wait for itself.
            heard = None;
            let told = match self.enter().and_then(|()| work()) {
                Ok(opened) => {
                    let borrowed: Vec<_> = opened.iter().map(OwnedFd::as_fd).collect();
                    theirs.send(&[DONE], &borrowed)
                }
                Err(why) => theirs.send(&[&[FAILED], why.as_bytes()].concat(), &[]),
            };
            u8::from(told.is_err())
        })?;
        drop(theirs);
        let answer = heard.as_ref().map(Channel::receive);
        // Whatever it was, it ends by itself.
        let _ = waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED);
        match answer.transpose().map_err(EnterError::Channel)?.flatten() {
            Some(message) if message.bytes == [DONE] => Ok(message.descriptors),
            Some(message) if message.bytes.first() == Some(&FAILED) => {
                Err(EnterError::Inside(String::from_utf8_lossy(&message.bytes[1..]).into_owned()))
            }
            _ => Err(EnterError::Silent),
        }
    }

    /// The user namespace comes first, as it gives an ordinary user the right to enter the other;
    /// root needs it not, and stays who can be told nothing by it.
    fn enter(&self) -> Result<(), String> {
        let failed = |error: Errno| format!("could not enter the container's namespaces: {error}");
        if !rustix::process::geteuid().is_root() {
            let own =
                std::fs::File::open("/proc/self/ns/user").map_err(|error| error.to_string())?;
            let (own, theirs) = (fstat(&own), fstat(&self.user));
            let same = own.map_err(failed)?.st_ino == theirs.map_err(failed)?.st_ino;
            if !same {
                let kind = Some(LinkNameSpaceType::User);
                move_into_link_name_space(self.user.as_fd(), kind).map_err(failed)?;
            }
        }
        let kind = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(self.network.as_fd(), kind).map_err(failed)
    }
}

const DONE: u8 = 0;
const FAILED: u8 = 1;
