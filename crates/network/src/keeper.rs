//! The process that sets a container's network up, looks after it, and takes it down.
//!
//! It is told what is wanted in a [`Setup`], waits until the runtime hands the container's network
//! namespace over, and answers only when all is in force: without that answer the container does
//! not run. It stays until the container's first process has ended, whatever becomes of whoever
//! started it. What it does with foreign bytes it leaves to a process without rights: the
//! resolver.

mod bridge;
mod network;
mod prepare;
mod resolver;

use std::{
    fs, io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::Path,
};

use cofferdam_sys::{
    capability,
    channel::{Channel, Message},
    clone::CloneError,
    signal,
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{SocketFlags, accept_with},
    process::geteuid,
    thread::set_no_new_privs,
};

use self::prepare::Prepared;
use crate::{
    bridge::BridgeError,
    egress::EgressError,
    enter::{EnterError, Namespaces},
    lease::LeaseError,
    nft::NftError,
    pasta::PastaError,
    port::ReserveError,
    setup::Setup,
};

/// What the runtime is told when the network is there.
const DONE: &[u8] = b"done";
/// The container's device.
const DEVICE: &str = "eth0";

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeeperError {
    /// A file.
    #[error("could not {doing} '{path}'")]
    File {
        /// What was tried.
        doing: &'static str,
        /// Its path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Something of the kernel's.
    #[error("could not {doing}")]
    Kernel {
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: Errno,
    },
    /// A device.
    #[error("could not {doing} the container's network device")]
    Device {
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: Errno,
    },
    /// A rule that makes no sense.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// An address.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The machine's side.
    #[error(transparent)]
    Bridge(#[from] BridgeError),
    /// Rules.
    #[error(transparent)]
    Rules(#[from] NftError),
    /// A port.
    #[error(transparent)]
    Port(#[from] ReserveError),
    /// Pasta.
    #[error(transparent)]
    Pasta(#[from] PastaError),
    /// The container's side.
    #[error(transparent)]
    Enter(#[from] EnterError),
    /// The resolver.
    #[error("could not start the resolver")]
    Resolver(#[source] CloneError),
}

/// Keeps the network of the container whose [`Setup`] is in the directory.
///
/// `control` is a channel to whoever started this, over which the listening socket comes; when it
/// closes before the runtime has come, there will be no container.
///
/// # Errors
/// When something goes wrong with the network of a container that runs, or has ended. Why there is
/// no network the runtime is told.
pub fn run(directory: &Path, control: OwnedFd) -> Result<(), KeeperError> {
    // What ends a terminal's programs is for the container, whose end this waits for.
    let blocked = signal::Set::all_but_faults().block();
    blocked.map_err(|source| KeeperError::Kernel { doing: "block signals", source })?;
    let setup = Setup::read(directory);
    let path = directory.display().to_string();
    let setup =
        setup.map_err(|source| KeeperError::File { doing: "read the setup in", path, source })?;
    let prepared = Prepared::new(setup);
    let Some((runtime, handed)) = wait_for_runtime(&Channel::from(control))? else {
        // Whoever started this knows why there is no container.
        return prepared.map_or(Ok(()), Prepared::give_back);
    };
    let made = prepared.and_then(|prepared| prepared.make(handed));
    match made {
        Ok(network) => {
            // When the runtime is gone, so is the container.
            let _ = runtime.send(DONE, &[]);
            drop(runtime);
            network.keep()
        }
        // The runtime tells why, and makes no container.
        Err(error) => {
            let _ = runtime.send(chain(&error).as_bytes(), &[]);
            Ok(())
        }
    }
}

/// The error and what caused it, in a line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(&format!(": {error}"));
        next = error.source();
    }
    text
}

/// What the runtime hands over: the container's process, its network and its ids.
struct Handed {
    process: OwnedFd,
    namespaces: Namespaces,
}

/// Takes the listening socket from whoever started this, and waits there for the runtime.
fn wait_for_runtime(control: &Channel) -> Result<Option<(Channel, Handed)>, KeeperError> {
    let failed = |source| KeeperError::Kernel { doing: "wait for the runtime", source };
    let Some(Message { mut descriptors, .. }) = control.receive().map_err(failed)? else {
        return Ok(None);
    };
    let Some(listener) = descriptors.pop() else { return Ok(None) };
    loop {
        let mut watched =
            [PollFd::new(&listener, PollFlags::IN), PollFd::new(control, PollFlags::IN)];
        match poll(&mut watched, None) {
            Err(Errno::INTR) => continue,
            result => result.map_err(failed)?,
        };
        if watched[0].revents().is_empty() {
            return Ok(None);
        }
        let runtime = accept_with(&listener, SocketFlags::CLOEXEC).map_err(failed)?;
        let runtime = Channel::from(runtime);
        let Some(message) = runtime.receive().map_err(failed)? else { continue };
        if let Ok([process, network, user]) = <[OwnedFd; 3]>::try_from(message.descriptors) {
            let namespaces = Namespaces { network, user };
            return Ok(Some((runtime, Handed { process, namespaces })));
        }
    }
}

/// Of all rights one is left, to take the network down; an ordinary user has none at all.
fn drop_privileges() -> Result<(), KeeperError> {
    let failed = |source| KeeperError::Kernel { doing: "give up privileges", source };
    if geteuid().is_root() {
        let mut keep = capability::Set::EMPTY;
        let _ = keep.insert("CAP_NET_ADMIN");
        capability::limit_bounding(keep).map_err(failed)?;
        let sets = capability::Sets { effective: keep, permitted: keep, ..Default::default() };
        capability::set(&sets).map_err(failed)?;
    }
    set_no_new_privs(true).map_err(failed)
}

/// The id that the process of a descriptor has here.
fn pid_of(process: &OwnedFd) -> Result<u32, KeeperError> {
    let path = format!("/proc/self/fdinfo/{}", process.as_raw_fd());
    let read = fs::read_to_string(&path).and_then(|text| {
        let found = text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
        found.ok_or_else(|| io::Error::other("the process is gone"))
    });
    read.map_err(|source| KeeperError::File {
        doing: "find the container's process in",
        path,
        source,
    })
}
