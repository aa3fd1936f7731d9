//! The system call profile: the default one, and how any becomes a filter.
//!
//! [`strict`] is what `cofferdam run` uses unless told otherwise: an allow-list of what ordinary
//! programs need, with a reason for everything that is refused (`table.rs`). [`to_policy`] turns
//! a profile of the runtime-spec, this one or another's, into the policy that
//! `cofferdam_sys::seccomp` compiles.

mod policy;
mod table;

use cofferdam_oci::runtime::{Action, Argument, Operator, Seccomp, Syscall};

pub use policy::{Conversion, ProfileError, architecture, to_policy};
pub use table::{GROUPS, Group, Verdict};

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
const EPROTONOSUPPORT: u32 = 93;
const EAFNOSUPPORT: u32 = 97;

/// Arguments that the kernel takes as an `int` or `unsigned int`.
const INT: u64 = 0xffff_ffff;
/// `CLONE_NEWNS`, `CLONE_NEWCGROUP`, `CLONE_NEWUTS`, `CLONE_NEWIPC`, `CLONE_NEWUSER`,
/// `CLONE_NEWPID`, `CLONE_NEWNET`.
const NEW_NAMESPACES: u64 = 0x7e02_0000;
/// `CLONE_NEWTIME`; to clone(2) the same bit is part of the exit signal.
const NEW_TIME_NAMESPACE: u64 = 0x80;
/// The bits of a file mode that say its type (`S_IFMT`).
const FILE_TYPE: u64 = 0o170_000;

/// The strict default profile.
///
/// The rules rely on the first that applies being the one that counts (see
/// [`cofferdam_sys::seccomp::Policy`]): the profile is made for Cofferdam's own runtime.
#[must_use]
pub fn strict() -> Seccomp {
    let mut syscalls = conditional();
    syscalls.extend(GROUPS.iter().filter_map(|group| {
        let names = group.names.iter().map(ToString::to_string).collect();
        match group.verdict {
            Verdict::Allowed => Some(rule(names, Action::Allow, None, Vec::new())),
            Verdict::NotPermitted => Some(rule(names, Action::Errno, Some(EPERM), Vec::new())),
            Verdict::NotImplemented => Some(rule(names, Action::Errno, Some(ENOSYS), Vec::new())),
            Verdict::ByArgument => None,
        }
    }));
    Seccomp {
        default_action: Action::Errno,
        default_errno_ret: Some(EPERM),
        architectures: Vec::new(),
        flags: Vec::new(),
        listener_path: String::new(),
        listener_metadata: String::new(),
        syscalls,
    }
}

/// The rules on calls of which some uses are allowed: [`Verdict::ByArgument`].
fn conditional() -> Vec<Syscall> {
    let allow = |name: &str, arguments| one(name, Action::Allow, None, arguments);
    let mut rules = vec![
        allow("clone", vec![masked(0, NEW_NAMESPACES, 0)]),
        allow("unshare", vec![masked(0, NEW_NAMESPACES | NEW_TIME_NAMESPACE, 0)]),
    ];
    rules.extend(sockets());
    // A plain x86_64 program, one that claims to be 32-bit (uname only), either as on Linux 2.6
    // (UNAME26), and the question which it is now. Never ADDR_NO_RANDOMIZE or READ_IMPLIES_EXEC.
    for persona in [0, 0x8, 0x2_0000, 0x2_0008, INT] {
        rules.push(allow("personality", vec![masked(0, INT, persona)]));
    }
    // Regular files (also as 0), named pipes and sockets, but no device.
    for kind in [0, 0o100_000, 0o010_000, 0o140_000] {
        rules.push(allow("mknod", vec![masked(1, FILE_TYPE, kind)]));
        rules.push(allow("mknodat", vec![masked(2, FILE_TYPE, kind)]));
    }
    // TIOCSTI types into the terminal of whoever started the container, TIOCLINUX pastes there,
    // TIOCSETD loads line disciplines, whose drivers are rarely used and were often broken.
    for request in [0x5412, 0x541c, 0x5423] {
        rules.push(one("ioctl", Action::Errno, Some(EPERM), vec![masked(1, INT, request)]));
    }
    rules.push(allow("ioctl", Vec::new()));
    rules
}

/// Sockets within the machine and the internet's. A refused family or protocol reads as one that
/// the kernel lacks, which programs know to live with: PAM, for one, wants the audit netlink
/// and only goes on without it when told that there is none.
fn sockets() -> Vec<Syscall> {
    const UNIX: u64 = 1;
    const INTERNET: [u64; 2] = [2, 10];
    const NETLINK: u64 = 16;
    const NETLINK_ROUTE: u64 = 0;
    // Default, ICMP, TCP, UDP, ICMPv6, MPTCP: no SCTP, DCCP, UDP-Lite, L2TP.
    const PROTOCOLS: [u64; 6] = [0, 1, 6, 17, 58, 262];

    let mut rules = vec![
        one("socket", Action::Allow, None, vec![masked(0, INT, UNIX)]),
        one("socketpair", Action::Allow, None, vec![masked(0, INT, UNIX)]),
        one("socketpair", Action::Errno, Some(EAFNOSUPPORT), Vec::new()),
        // What getifaddrs(3) asks for addresses.
        one(
            "socket",
            Action::Allow,
            None,
            vec![masked(0, INT, NETLINK), masked(2, INT, NETLINK_ROUTE)],
        ),
    ];
    for family in INTERNET {
        for protocol in PROTOCOLS {
            let arguments = vec![masked(0, INT, family), masked(2, INT, protocol)];
            rules.push(one("socket", Action::Allow, None, arguments));
        }
    }
    for family in [NETLINK, INTERNET[0], INTERNET[1]] {
        let arguments = vec![masked(0, INT, family)];
        rules.push(one("socket", Action::Errno, Some(EPROTONOSUPPORT), arguments));
    }
    rules.push(one("socket", Action::Errno, Some(EAFNOSUPPORT), Vec::new()));
    rules
}

fn one(name: &str, action: Action, errno_ret: Option<u32>, args: Vec<Argument>) -> Syscall {
    rule(vec![name.to_owned()], action, errno_ret, args)
}

fn rule(
    names: Vec<String>,
    action: Action,
    errno_ret: Option<u32>,
    args: Vec<Argument>,
) -> Syscall {
    Syscall { names, action, errno_ret, args }
}

fn masked(index: u32, mask: u64, value: u64) -> Argument {
    Argument { index, value: mask, value_two: value, op: Operator::MaskedEqual }
}

#[cfg(test)]
mod tests;
