//! The container's network: devices of this machine that move into it (config-linux.md, network
//! devices), with their permanent addresses; and handing it over to whoever sets it up.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
    time::Duration,
};

use cofferdam_sys::{
    channel::Channel,
    clone::Child,
    netlink::{Address, Netlink},
};
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space},
};

use crate::{
    error::{Doing, Error},
    plan::{NetDevice, Plan},
};

/// The network namespace of the calling thread, which changes when it enters another.
const CURRENT: &str = "/proc/thread-self/ns/net";

/// How long whoever sets the network up may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is sent with the descriptors, and the answer when the network is there.
const HERE: &[u8] = b"network";
const DONE: &[u8] = b"done";

/// A network that is being set up by somebody else.
pub(super) struct Handed {
    channel: Channel,
    path: String,
}

/// Sends descriptors of the container's process, of its network namespace and of its user
/// namespace to who listens on the socket.
pub(super) fn hand_over(path: &Path, plan: &Plan, child: &Child) -> Result<Handed, Error> {
    let doing = "hand the network over at";
    if !plan.namespaces.contains(UnshareFlags::NEWNET) {
        let why = "--network-socket needs a network namespace of the container's own";
        return Err(Error::configuration("/linux/namespaces", why));
    }
    let open_namespace = |kind: &str| {
        let file = format!("/proc/{}/ns/{kind}", child.pid.as_raw_nonzero());
        open(&file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).doing("open", file)
    };
    let (network, user) = (open_namespace("net")?, open_namespace("user")?);
    let channel = Channel::connect(path).doing(doing, path.display())?;
    channel.limit_waiting(PATIENCE).doing(doing, path.display())?;
    let descriptors = [child.pidfd.as_fd(), network.as_fd(), user.as_fd()];
    channel.send(HERE, &descriptors).doing(doing, path.display())?;
    Ok(Handed { channel, path: path.display().to_string() })
}

impl Handed {
    /// Waits until the network is there.
    pub(super) fn wait(self) -> Result<(), Error> {
        let doing = "wait for the network from";
        match self.channel.receive().doing(doing, &self.path)? {
            Some(message) if message.bytes == DONE => Ok(()),
            Some(message) => {
                let why = String::from_utf8_lossy(&message.bytes).into_owned();
                Err(std::io::Error::other(why)).doing("set up", "the container's network")
            }
            None => Err(Errno::PIPE).doing(doing, &self.path),
        }
    }
}

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
    let enter = |namespace: &OwnedFd| {
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
    there: &OwnedFd,
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
