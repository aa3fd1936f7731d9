//! The machine's side of a container on a bridge.

use std::os::fd::AsFd as _;

use cofferdam_sys::netlink::{Netlink, Socket};

use super::{DEVICE, Handed, KeeperError};
use crate::{
    lease::{Lease, Networks, connections},
    nft::Batch,
    process::Process,
    setup::Setup,
};

/// The machine's side of a container on a bridge.
pub(super) struct OnBridge {
    pub(super) networks: Networks,
    pub(super) lease: Lease,
    netlink: Netlink,
    rules: Socket,
}

impl OnBridge {
    pub(super) fn new(setup: &Setup, name: Option<&str>) -> Result<Self, KeeperError> {
        let (netlink, rules) = connections()?;
        let networks = Networks::open(&setup.networks)?;
        let own = Process::of(std::process::id()).map_err(|source| KeeperError::File {
            doing: "look at this process in",
            path: "/proc".into(),
            source,
        })?;
        let lease = networks.take(name, &setup.container, own, &setup.ports, &netlink, &rules)?;
        Ok(Self { networks, lease, netlink, rules })
    }

    /// Makes the cable between the bridge and the container.
    pub(super) fn connect(&self, handed: &Handed, pid: u32) -> Result<(), KeeperError> {
        let failed = |doing| move |source| KeeperError::Device { doing, source };
        if let Ok(init) = Process::of(pid) {
            self.networks.note(&self.lease, init)?;
        }
        let bridge = &self.lease.bridge;
        let name = bridge.port_device(self.lease.host);
        let network = handed.namespaces.network.as_fd();
        self.netlink.make_pair(&name, DEVICE, network).map_err(failed("make"))?;
        let index = self.netlink.index(&name).map_err(failed("find"))?;
        let to = self.netlink.index(&bridge.device()).map_err(failed("find the bridge of"))?;
        self.netlink.attach(index, to, !bridge.shared).map_err(failed("attach"))?;
        self.netlink.set_up(index).map_err(failed("set up"))
    }

    /// Leads published ports to the container.
    pub(super) fn publish(&self, setup: &Setup) -> Result<(), KeeperError> {
        if setup.ports.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.replace(&self.lease.bridge.ports(self.lease.host, &setup.ports));
        Ok(batch.send(&self.rules)?)
    }

    pub(super) fn give_back(&self) -> Result<(), KeeperError> {
        Ok(self.networks.give_back(&self.lease, &self.netlink, &self.rules)?)
    }
}
