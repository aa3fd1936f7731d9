//! Kernel parameters (config-linux.md, sysctl): those that belong to a namespace of the container
//! and to nobody else.

use std::path::PathBuf;

use cofferdam_oci::runtime::{Linux, NamespaceType};

use crate::error::Error;

/// Parameters of IPC namespaces; one that ends with a slash stands for all below it.
const IPC: [&str; 9] = [
    "kernel/msgmax",
    "kernel/msgmnb",
    "kernel/msgmni",
    "kernel/sem",
    "kernel/shmall",
    "kernel/shmmax",
    "kernel/shmmni",
    "kernel/shm_rmid_forced",
    "fs/mqueue/",
];

/// Path under /proc/sys and value of each parameter.
pub(super) fn plan(linux: &Linux) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut found = Vec::new();
    for (name, value) in &linux.sysctl {
        let field = || format!("/linux/sysctl/{name}");
        let path = path(name).ok_or_else(|| Error::configuration(field(), "it is no name"))?;
        let kind = namespace(&path).ok_or_else(|| {
            let why = "it belongs to the machine and to no namespace that a container could have";
            Error::configuration(field(), why)
        })?;
        if linux.namespace(kind).is_none() {
            let why = format!("it belongs to the '{kind}' namespace, which is this machine's own");
            return Err(Error::configuration(field(), why));
        }
        if value.contains(['\n', '\0']) {
            return Err(Error::configuration(field(), "a line break or zero byte is in its value"));
        }
        found.push((PathBuf::from(path), value.clone()));
    }
    Ok(found)
}

/// The namespace that a parameter belongs to.
pub(crate) fn namespace(path: &str) -> Option<NamespaceType> {
    let is = |known: &&str| path == *known || known.ends_with('/') && path.starts_with(*known);
    if IPC.iter().any(is) {
        Some(NamespaceType::Ipc)
    } else if path.starts_with("net/") {
        Some(NamespaceType::Network)
    } else if path == "kernel/domainname" {
        Some(NamespaceType::Uts)
    } else {
        None
    }
}

/// The path of a name. As sysctl(8) reads them, the first separator tells which of `.` and `/`
/// separates; the other is then part of a name: `net.ipv4.conf.eth0/1.forwarding`.
fn path(name: &str) -> Option<String> {
    let dots = name.find(['.', '/']).is_some_and(|at| name.as_bytes()[at] == b'.');
    let swap = |c| match c {
        '.' if dots => '/',
        '/' if dots => '.',
        other => other,
    };
    let path: String = name.chars().map(swap).collect();
    let plain = |part: &str| {
        !["", ".", ".."].contains(&part)
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.@".contains(&b))
    };
    path.split('/').all(plain).then_some(path)
}

#[cfg(test)]
mod tests {
    use cofferdam_oci::runtime::Namespace;

    use super::*;

    fn planned(name: &str, value: &str, kinds: &[NamespaceType]) -> Result<String, String> {
        let namespaces = kinds.iter().map(|&kind| Namespace { kind, path: String::new() });
        let linux = Linux {
            sysctl: [(name.to_owned(), value.to_owned())].into(),
            namespaces: namespaces.collect(),
            ..Linux::default()
        };
        let found = plan(&linux).map_err(|error| error.to_string())?;
        Ok(found[0].0.to_str().unwrap().to_owned())
    }

    #[test]
    fn names_are_read_as_sysctl_reads_them() {
        use NamespaceType::{Ipc, Network, Uts};
        for (name, kind, wanted) in [
            ("net.ipv4.ip_forward", Network, "net/ipv4/ip_forward"),
            ("net/ipv4/conf/eth0.1/forwarding", Network, "net/ipv4/conf/eth0.1/forwarding"),
            ("net.ipv4.conf.eth0/1.forwarding", Network, "net/ipv4/conf/eth0.1/forwarding"),
            ("kernel.shmmax", Ipc, "kernel/shmmax"),
            ("fs.mqueue.msg_max", Ipc, "fs/mqueue/msg_max"),
            ("kernel.domainname", Uts, "kernel/domainname"),
        ] {
            assert_eq!(planned(name, "1", &[kind]).as_deref(), Ok(wanted));
            assert!(planned(name, "1", &[]).is_err(), "{name} without a namespace");
        }
    }

    #[test]
    fn the_machines_parameters_are_out_of_reach() {
        let all = NamespaceType::ALL;
        for name in [
            "kernel.core_pattern",
            "kernel.hostname",
            "kernel.shm_rmid_forced_",
            "vm.overcommit_memory",
            "fs.mqueue",
            "net",
            "net/../kernel/core_pattern",
            "net.ipv4/..",
            "net//x",
            "net..x",
            "net/./x",
            "kernel.shmmax/../core_pattern",
            "net.ipv4.x y",
            "",
        ] {
            assert!(planned(name, "1", all).is_err(), "{name}");
        }
        assert!(planned("net.ipv4.ip_forward", "1\nkernel.core_pattern=x", all).is_err());
    }
}
