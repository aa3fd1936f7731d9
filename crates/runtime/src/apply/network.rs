//! Network devices of this machine that move into the container (config-linux.md, network
//! devices): with their permanent addresses, and set up there.

use std::os::fd::AsFd;

use cofferdam_sys::netlink::{Address, Netlink};
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use crate::{
    error::{Doing, Error},
    plan::{NetDevice, Plan},
};

/// The network namespace of the calling thread, which changes when it enters another.
const CURRENT: &str = "/proc/thread-self/ns/net";

/// Moves the devices into the network namespace of the process with this id.
pub(super) fn move_devices(plan: &Plan, pid: rustix::process::Pid) -> Result<(), Error> {
    if plan.net_devices.is_empty() {
        return Ok(());
    }
    let namespace = |file: &str| {
        open(file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).doing("open", file)
    };
    let here = namespace(CURRENT)?;
    let there = namespace(&format!("/proc/{}/ns/net", pid.as_raw_nonzero()))?;
    let doing = "talk to the kernel about";
    let ours = Netlink::open().doing(doing, "network devices")?;
    let enter = |namespace: &std::os::fd::OwnedFd| {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .doing("enter", "a network namespace")
    };
    enter(&there)?;
    let theirs = Netlink::open();
    // Whatever happened, this process goes on in its own.
    enter(&here)?;
    let theirs = theirs.doing(doing, "the container's network devices")?;
    plan.net_devices.iter().try_for_each(|device| move_one(device, &ours, &theirs, &there))
}

fn move_one(
    device: &NetDevice,
    ours: &Netlink,
    theirs: &Netlink,
    there: &std::os::fd::OwnedFd,
) -> Result<(), Error> {
    let doing = "move into the container the network device";
    let name = &device.host;
    let index = ours.index(name).doing(doing, name)?;
    let addresses: Vec<Address> = ours.addresses(index).doing(doing, name)?;
    let before = theirs.devices().doing(doing, name)?;
    if before.iter().any(|(taken, _)| *taken == device.inside) {
        let why = std::io::Error::from(Errno::EXIST);
        return Err(why).doing(doing, format_args!("{name}' as '{}", device.inside));
    }
    ours.move_device(index, there.as_fd(), Some(&device.inside)).doing(doing, name)?;
    // It may have another number there, and with a template another name.
    let after = theirs.devices().doing(doing, name)?;
    let new = after.iter().find(|(_, index)| !before.iter().any(|(_, other)| other == index));
    let (_, index) = new.ok_or(Errno::NODEV).doing(doing, name)?;
    theirs.set_up(*index).doing("set up the network device", name)?;
    for address in &addresses {
        theirs.add_address(*index, address).doing("keep the addresses of", name)?;
    }
    Ok(())
}
