//! Network namespaces that tests make for themselves.

use std::{
    fs::File,
    net::IpAddr,
    os::fd::{AsFd, OwnedFd},
    process::{Command, Output},
};

use cofferdam_sys::{
    netlink::{Netlink, route::Network},
    network::loopback_up,
};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

/// A network namespace; it is gone when nothing holds it.
pub(crate) struct Namespace(OwnedFd);

impl Namespace {
    /// A new one with loopback up; none, with the reason printed, where they cannot be made.
    pub(crate) fn new() -> Option<Self> {
        let made = std::thread::spawn(|| {
            cofferdam_sys::clone::unshare(UnshareFlags::NEWNET)?;
            loopback_up()?;
            let namespace = File::open("/proc/thread-self/ns/net");
            namespace.map_err(|error| rustix::io::Errno::from_io_error(&error).unwrap())
        });
        match made.join().unwrap() {
            Ok(namespace) => Some(Self(namespace.into())),
            Err(error) => {
                println!("skipped: no network namespace can be made here: {error}");
                None
            }
        }
    }

    /// Does something inside, on a thread of its own.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(self.0.as_fd(), kind).unwrap();
                work()
            });
            thread.join().unwrap()
        })
    }

    /// Runs a program inside; none if there is no such program.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Option<Output> {
        self.inside(|| Command::new(program).args(arguments).output().ok())
    }

    /// Connects it with another one by a cable; each end has its addresses.
    pub(crate) fn connect(&self, other: &Self, own: &[&str], others: &[&str]) {
        self.inside(|| {
            let netlink = Netlink::open().unwrap();
            netlink.make_pair("cable", "cable", other.0.as_fd()).unwrap();
            give("cable", own);
        });
        other.inside(|| give("cable", others));
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Gives the device addresses and sets it up.
pub(crate) fn give(device: &str, addresses: &[&str]) {
    let netlink = Netlink::open().unwrap();
    let index = netlink.index(device).unwrap();
    netlink.set_up(index).unwrap();
    for address in addresses {
        let address: IpAddr = address.parse().unwrap();
        let prefix = if address.is_ipv4() { 24 } else { 64 };
        netlink.give(index, Network { address, prefix }).unwrap();
    }
}
