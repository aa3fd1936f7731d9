//! What a thread gets of the processors, the disks and the memory nodes, and what kind of Linux
//! it sees: system calls that neither rustix nor the C library wrap.

use rustix::io;

use crate::clone::last_error;

/// Scheduling of a thread (`struct sched_attr`, sched_setattr(2)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// `SCHED_*`.
    pub policy: u32,
    /// `SCHED_FLAG_*`.
    pub flags: u64,
    /// For `SCHED_OTHER` and `SCHED_BATCH`: -20 to 19.
    pub nice: i32,
    /// For `SCHED_FIFO` and `SCHED_RR`: 1 to 99.
    pub priority: u32,
    /// For `SCHED_DEADLINE`: nanoseconds of processor time in each period.
    pub runtime: u64,
    /// For `SCHED_DEADLINE`: nanoseconds from the period's begin by which it has had them.
    pub deadline: u64,
    /// For `SCHED_DEADLINE`: nanoseconds.
    pub period: u64,
}

#[repr(C)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// Schedules the calling thread so.
///
/// # Errors
/// `EPERM` without `CAP_SYS_NICE` where it is needed, `EINVAL` for what the kernel does not know.
pub fn set_scheduling(scheduling: &Scheduling) -> io::Result<()> {
    let Scheduling { policy, flags, nice, priority, runtime, deadline, period } = *scheduling;
    let size = u32::try_from(size_of::<Attributes>()).map_err(|_| io::Errno::TOOBIG)?;
    let attributes = Attributes { size, policy, flags, nice, priority, runtime, deadline, period };
    // SAFETY: the kernel reads `size` bytes, which `attributes` has, and keeps no pointer.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// Gives the calling process an I/O priority (ioprio_set(2)): `class` 1 to 3, `level` 0 to 7.
///
/// # Errors
/// `EPERM` for the real-time class without `CAP_SYS_ADMIN` or `CAP_SYS_NICE`.
pub fn set_io_priority(class: u8, level: u8) -> io::Result<()> {
    const WHO_PROCESS: libc::c_int = 1;
    let value = libc::c_int::from(class) << 13 | libc::c_int::from(level);
    // SAFETY: three numbers.
    let result = unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, value) };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// Sets the execution domain (personality(2)), such as [`LINUX32`].
///
/// # Errors
/// `EINVAL` when the kernel does not know it.
pub fn set_personality(persona: u32) -> io::Result<()> {
    // SAFETY: a number.
    let result = unsafe { libc::personality(libc::c_ulong::from(persona)) };
    if result == -1 { Err(last_error()) } else { Ok(()) }
}

/// The machine's own execution domain.
pub const LINUX: u32 = 0;
/// Programs are told that the machine has 32 bits.
pub const LINUX32: u32 = 8;

/// Most memory nodes of a machine (`MAX_NUMNODES` on x86_64 and aarch64).
pub const NODES: usize = 1024;

/// Sets the NUMA memory policy of the calling thread (set_mempolicy(2)): a mode with its flags,
/// and the nodes, all below [`NODES`].
///
/// # Errors
/// `EINVAL` when mode and nodes do not fit, or no node is there; `ENOSYS` without NUMA.
pub fn set_memory_policy(mode: u32, nodes: &[u32]) -> io::Result<()> {
    const BITS: usize = libc::c_ulong::BITS as usize;
    let mut mask = [0 as libc::c_ulong; NODES / BITS];
    for node in nodes {
        let node = usize::try_from(*node).map_err(|_| io::Errno::INVAL)?;
        let word = mask.get_mut(node / BITS).ok_or(io::Errno::INVAL)?;
        *word |= 1 << (node % BITS);
    }
    // The kernel counts one less than it is told.
    let (pointer, length) =
        if nodes.is_empty() { (std::ptr::null(), 0) } else { (mask.as_ptr(), NODES + 1) };
    // SAFETY: the kernel reads `NODES` bits from the mask, which has as many, or none from null.
    let result = unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, pointer, length) };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a thread of its own, as the settings stay.
    fn apart(test: fn()) {
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn the_kernel_takes_what_is_possible_for_everybody() {
        apart(|| {
            set_scheduling(&Scheduling { policy: 3, nice: 5, ..Scheduling::default() }).unwrap();
            // SAFETY: a question about the calling thread.
            assert_eq!(unsafe { libc::sched_getscheduler(0) }, 3);
            set_io_priority(2, 7).unwrap();
            let wrong = Scheduling { policy: 99, ..Scheduling::default() };
            assert_eq!(set_scheduling(&wrong), Err(io::Errno::INVAL));
        });
    }

    #[test]
    fn nodes_are_bounded() {
        apart(|| {
            match set_memory_policy(0, &[]) {
                Err(io::Errno::NOSYS) => eprintln!("skipped: this kernel has no NUMA"),
                result => result.unwrap(),
            }
            assert_eq!(set_memory_policy(2, &[1024]), Err(io::Errno::INVAL));
        });
    }
}
