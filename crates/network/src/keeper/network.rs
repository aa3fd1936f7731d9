//! A container's network that is in force, until the container has ended.

use std::{collections::HashSet, net::IpAddr, os::fd::OwnedFd};

use cofferdam_sys::netlink::Socket;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

use super::{KeeperError, bridge::OnBridge, drop_privileges, resolver::Running};
use crate::{
    dns::learn::{self, Learnt},
    firewall::{self, Firewall, TABLE, set_name},
    nft::{Batch, SetKind},
    pasta::Pasta,
    report::Refused,
    setup::Setup,
};

/// Most addresses that are remembered as let through.
const REMEMBERED: usize = 65_536;

/// A container's network that is in force.
pub(super) struct Network {
    pub(super) setup: Setup,
    pub(super) firewall: Firewall,
    /// The container's first process.
    pub(super) process: OwnedFd,
    /// To the rules in the container's network namespace.
    pub(super) rules: Socket,
    pub(super) resolver: Option<Running>,
    pub(super) bridge: Option<OnBridge>,
    pub(super) _reserved: Vec<OwnedFd>,
    pub(super) _pasta: Option<Pasta>,
    /// Addresses that were let through, by the name's place.
    pub(super) known: HashSet<(usize, IpAddr)>,
}

impl Network {
    /// Looks after it until the container has ended, then takes it down.
    pub(super) fn keep(mut self) -> Result<(), KeeperError> {
        // What goes wrong from here on must not leave anything behind.
        let kept = drop_privileges().and_then(|()| self.serve());
        let refused = self.refused();
        let given_back = self.bridge.take().map_or(Ok(()), |bridge| bridge.give_back());
        kept.and(refused).and(given_back)
    }

    /// Until the container has ended.
    fn serve(&mut self) -> Result<(), KeeperError> {
        let failed = |source| KeeperError::Kernel { doing: "wait for the container", source };
        loop {
            let (ended, asked) = {
                let mut watched = vec![PollFd::new(&self.process, PollFlags::IN)];
                let resolver = self.resolver.as_ref();
                watched.extend(resolver.map(|one| PollFd::new(&one.channel, PollFlags::IN)));
                match poll(&mut watched, None) {
                    Err(Errno::INTR) => continue,
                    result => result.map_err(failed)?,
                };
                let ready =
                    |at: usize| watched.get(at).is_some_and(|one| !one.revents().is_empty());
                (ready(0), ready(1))
            };
            if ended {
                return Ok(());
            }
            if asked && !self.learn() {
                // Without a resolver no name is looked up, and no address let through.
                self.resolver = None;
            }
        }
    }

    /// Lets through what the resolver learnt; false when it is gone, or says what makes no sense.
    fn learn(&mut self) -> bool {
        let Some(resolver) = &self.resolver else { return false };
        let Ok(Some(message)) = resolver.channel.receive() else { return false };
        let names = self.firewall.names.len();
        let Some(records) = learn::decode(&message.bytes, names) else { return false };
        let learnt = records.iter().all(|record| let_through(&self.rules, &mut self.known, record));
        let answer = if learnt { learn::LEARNT } else { learn::NOT_LEARNT };
        resolver.channel.send(answer, &[]).is_ok()
    }

    /// Keeps what was refused.
    fn refused(&mut self) -> Result<(), KeeperError> {
        let attempts = firewall::refused(&self.rules)?;
        let counts = self.resolver.as_ref().and_then(Running::counts).unwrap_or_default();
        let refused = Refused::new(&self.setup.container, &attempts, &counts);
        if refused.is_empty() && !self.firewall.restricts {
            return Ok(());
        }
        let directory = &self.setup.directory;
        refused.write(directory).map_err(|source| KeeperError::File {
            doing: "keep what was refused in",
            path: directory.display().to_string(),
            source,
        })
    }
}

/// Puts an address into its set, or has it stay there for longer.
fn let_through(rules: &Socket, known: &mut HashSet<(usize, IpAddr)>, record: &Learnt) -> bool {
    let set = set_name(record.place, SetKind::of(record.address));
    let send = |anew: bool| {
        let mut batch = Batch::default();
        if anew {
            batch.forget(TABLE, &set, record.address);
        }
        batch.learn(TABLE, &set, record.address, record.time());
        batch.send(rules)
    };
    if known.len() >= REMEMBERED {
        known.clear();
    }
    let first = known.insert((record.place, record.address));
    match send(!first) {
        // Its time was over.
        Err(error) if error.errno() == Errno::NOENT && !first => send(false).is_ok(),
        result => result.is_ok(),
    }
}
