//! The resolver's process, as its keeper sees it.

use std::{fs::File, net::SocketAddr, time::Duration};

use cofferdam_sys::{
    channel::Channel,
    clone::{self, Child, CloneError, Request},
};
use rustix::{
    process::{Signal, pidfd_send_signal},
    thread::UnshareFlags,
};

use super::KeeperError;
use crate::{
    dns::{
        confine::confine,
        learn::{self, Counts},
        resolver::Resolver,
    },
    firewall::Firewall,
};

/// How long the resolver may take to tell its counts.
const PATIENCE: Duration = Duration::from_secs(5);

/// A resolver's process.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) channel: Channel,
}

impl Running {
    /// Starts the resolver, which waits for its socket in the container's network.
    pub(super) fn start(firewall: &Firewall, upstream: &[SocketAddr]) -> Result<Self, KeeperError> {
        let failed = |source| KeeperError::Kernel { doing: "make a channel", source };
        let (ours, theirs) = Channel::pair().map_err(failed)?;
        let open = |path: &str, write| {
            let file = File::options().read(true).write(write).open(path);
            let path = path.to_owned();
            file.map_err(|source| KeeperError::File { doing: "open", path, source })
        };
        let (random, nothing) = (open("/dev/urandom", false)?, open("/dev/null", true)?);
        let request = Request { namespaces: UnshareFlags::empty(), cgroup: None };
        let mut ours = Some(ours);
        let child = clone::spawn(&request, || {
            // Else the channel would stay open here when the keeper is gone.
            ours = None;
            if cofferdam_sys::exec::become_standard_streams(&nothing).is_err() || confine().is_err()
            {
                return 1;
            }
            let Ok(Some(message)) = theirs.receive() else { return 0 };
            let Some(client) = message.descriptors.into_iter().next() else { return 1 };
            let names = firewall.restricts.then(|| firewall.names.clone());
            let servers = upstream.to_vec();
            let resolver = Resolver { client, keeper: theirs, servers, names, random };
            u8::from(resolver.run().is_err())
        });
        let child = child.map_err(KeeperError::Resolver)?;
        let channel = ours.ok_or(KeeperError::Resolver(CloneError::Threads))?;
        channel.limit_waiting(PATIENCE).map_err(failed)?;
        Ok(Self { child, channel })
    }
}

impl Running {
    /// What the resolver refused; `None` when it does not say.
    pub(super) fn counts(&self) -> Option<Counts> {
        /// An answer that was on its way, and the counts.
        const MESSAGES: usize = 2;
        self.channel.send(learn::FINISH, &[]).ok()?;
        for _ in 0..MESSAGES {
            let message = self.channel.receive().ok()??;
            if Counts::is(&message.bytes) {
                return Some(Counts::decode(&message.bytes));
            }
            self.channel.send(learn::NOT_LEARNT, &[]).ok()?;
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = pidfd_send_signal(&self.child.pidfd, Signal::KILL);
    }
}
