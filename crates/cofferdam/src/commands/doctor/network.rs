//! Bridges, firewalls and pasta, tried in a network namespace that is gone afterwards.

use std::os::fd::AsFd as _;

use cofferdam_network::{
    firewall::{Firewall, TABLE},
    nft, pasta,
};
use cofferdam_sys::{
    channel::Channel,
    clone::{self, Request},
    netlink::Netlink,
};
use rustix::thread::UnshareFlags;

use super::{Check, Machine};

pub(super) fn checks(machine: &Machine) -> Vec<Check> {
    let mut checks = vec![firewall(machine)];
    checks.push(if machine.is_root() { bridge(machine) } else { pasta() });
    checks
}

fn firewall(machine: &Machine) -> Check {
    let name = "egress firewall";
    let tried = inside(machine, || {
        let rules = ["10.0.0.0/8:1-2", "[fd00::/8]:1/udp", "name.example:443"];
        let rules = rules.iter().filter_map(|rule| rule.parse().ok()).collect::<Vec<_>>();
        let table = Firewall::new(&rules).table;
        nft::open().and_then(|socket| nft::probe(&socket, &table)).map_err(|error| chain(&error))
    });
    match tried {
        Ok(()) => Check::works(name, format!("nf_tables takes its rules (table inet {TABLE})")),
        Err(why) => Check::missing(name, why)
            .means("run has no network but loopback")
            .advice("use a kernel with nf_tables: CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET, CONFIG_NFT_CT, CONFIG_NFT_REJECT, CONFIG_NFT_NAT, CONFIG_NFT_MASQ, CONFIG_NFT_FIB_INET"),
    }
}

fn bridge(machine: &Machine) -> Check {
    let name = "bridge network";
    let tried = inside(machine, || {
        let said = |what: &'static str| move |error| format!("{what}: {error}");
        let netlink = Netlink::open().map_err(said("rtnetlink"))?;
        netlink.make_bridge("probe", [2, 0, 0, 0, 0, 1]).map_err(said("no bridge can be made"))?;
        let own = std::fs::File::open("/proc/self/ns/net").map_err(|error| error.to_string())?;
        let made = netlink.make_pair("one", "other", own.as_fd());
        made.map_err(said("no pair of devices can be made"))
    });
    match tried {
        Ok(()) => Check::works(name, "bridges and pairs of devices can be made"),
        Err(why) => Check::missing(name, why)
            .means("run --network bridge does not work")
            .advice("load the modules bridge and veth (CONFIG_BRIDGE, CONFIG_VETH)"),
    }
}

fn pasta() -> Check {
    let name = "pasta network";
    let Some(program) = pasta::program() else {
        return Check::missing(name, "no program 'pasta' on the path")
            .means("run --network pasta does not work")
            .advice("install passt (on Debian: apt-get install passt)");
    };
    match std::fs::File::options().read(true).write(true).open("/dev/net/tun") {
        Ok(_) => Check::works(name, program.display().to_string()),
        Err(error) => Check::missing(name, format!("/dev/net/tun: {error}"))
            .means("run --network pasta does not work")
            .advice("as root: modprobe tun; chmod 666 /dev/net/tun"),
    }
}

/// Does something in a network namespace of its own, in a process that ends with it.
fn inside(machine: &Machine, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let mut namespaces = UnshareFlags::NEWNET;
    if !machine.is_root() {
        namespaces |= UnshareFlags::NEWUSER;
    }
    let (ours, theirs) = Channel::pair().map_err(|error| error.to_string())?;
    let mut heard = Some(ours);
    let request = Request { namespaces, cgroup: None };
    let child = clone::spawn(&request, || {
        heard = None;
        let why = work().err().unwrap_or_default();
        u8::from(theirs.send(format!("={why}").as_bytes(), &[]).is_err())
    });
    drop(theirs);
    let child = child.map_err(|error| chain(&error))?;
    let answer = heard.as_ref().map(Channel::receive);
    let ended = rustix::process::WaitIdOptions::EXITED;
    let _ = rustix::process::waitid(rustix::process::WaitId::PidFd(child.pidfd.as_fd()), ended);
    let answer = answer.and_then(Result::ok).flatten().map(|message| message.bytes);
    let answer = answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    match answer.as_deref().and_then(|answer| answer.strip_prefix('=')) {
        Some("") => Ok(()),
        Some(why) => Err(why.to_owned()),
        None => Err("it could not be tried".to_owned()),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}
