//! What the resolver's process gives up before it reads a byte of anybody's.

use cofferdam_sys::{
    capability,
    landlock::{FILE_RIGHTS, Handled, NETWORK_RIGHTS, Rules, SCOPES, version},
    seccomp::{self, Action, Arch, Comparison, Condition, Flags, Policy, Rule},
};
use rustix::{
    io::{self, Errno},
    process::{DumpableBehavior, geteuid, set_dumpable_behavior},
    thread::{
        Gid, Uid, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

/// An id that every system has and gives no rights.
const NOBODY: u32 = 65534;

/// All that a resolver does when it has its sockets: listen, ask, tell the time, end.
const CALLS: &[&str] = &[
    "read",
    "write",
    "close",
    "poll",
    "ppoll",
    "recvfrom",
    "recvmsg",
    "sendto",
    "sendmsg",
    "connect",
    "bind",
    "getsockname",
    "clock_gettime",
    "gettimeofday",
    "getrandom",
    "brk",
    "mmap",
    "munmap",
    "mremap",
    "madvise",
    "futex",
    "exit",
    "exit_group",
    "rt_sigreturn",
    "rt_sigprocmask",
    "sigaltstack",
    "restart_syscall",
];

/// Why the resolver's process cannot be confined.
#[derive(Debug, thiserror::Error)]
#[error("could not confine the resolver: {doing}")]
pub struct ConfineError {
    doing: &'static str,
    source: Errno,
}

/// Gives up the user, all capabilities, files, and nearly all system calls, for good.
///
/// # Errors
/// When any of it is refused; Landlock alone may be missing.
pub fn confine() -> Result<(), ConfineError> {
    let failed = |doing| move |source| ConfineError { doing, source };
    if geteuid().is_root() {
        capability::limit_bounding(capability::Set::EMPTY).map_err(failed("capabilities"))?;
        set_thread_groups(&[]).map_err(failed("groups"))?;
        let group = Gid::from_raw(NOBODY);
        set_thread_res_gid(group, group, group).map_err(failed("the group"))?;
        let user = Uid::from_raw(NOBODY);
        set_thread_res_uid(user, user, user).map_err(failed("the user"))?;
    }
    capability::set(&capability::Sets::default()).map_err(failed("capabilities"))?;
    set_no_new_privs(true).map_err(failed("no_new_privs"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("being looked at"))?;
    landlock().map_err(failed("Landlock"))?;
    filter().map_err(failed("a filter of system calls"))
}

/// No file, no TCP, no signal to others, as far as the kernel knows to refuse it.
fn landlock() -> io::Result<()> {
    let Ok(version) = version() else { return Ok(()) };
    let bits = |rights: &[(&str, u32)]| {
        let known = rights.iter().enumerate().filter(|(_, (_, since))| *since <= version);
        known.fold(0, |all, (at, _)| all | 1 << at)
    };
    let handled = Handled {
        files: bits(&FILE_RIGHTS),
        network: bits(&NETWORK_RIGHTS),
        scopes: bits(&SCOPES),
    };
    Rules::new(&handled)?.enforce()
}

fn filter() -> io::Result<()> {
    let arch = Arch::host().ok_or(Errno::NOSYS)?;
    let numbers = CALLS.iter().filter_map(|name| arch.number(name)).collect();
    let rule =
        |syscalls: Vec<u32>, conditions| Rule { syscalls, conditions, action: Action::Allow };
    let mut rules = vec![rule(numbers, Vec::new())];
    // Datagrams over IPv4 and IPv6, and no other sockets.
    for family in [2, 10] {
        let is = |argument, mask, value| Condition {
            argument,
            comparison: Comparison::MaskedEqual { mask },
            value,
        };
        let socket = arch.number("socket").into_iter().collect();
        rules.push(rule(socket, vec![is(0, u64::from(u32::MAX), family), is(1, 0xf, 2)]));
    }
    let policy = Policy {
        default: Action::Errno(u16::try_from(Errno::PERM.raw_os_error()).unwrap_or(1)),
        beyond: None,
        foreign: Action::KillProcess,
        rules,
    };
    let program = seccomp::compile(&policy, arch).map_err(|_| Errno::INVAL)?;
    seccomp::install(&program, Flags::NONE)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))
}
