//! Reads the filters of another process back from the kernel.
#![expect(unsafe_code, reason = "ptrace(2) and waitid(2) have no safe wrapper that fits")]

use std::io;
use std::time::{Duration, Instant};

use super::{Instruction, MAXIMUM_INSTRUCTIONS, Program};

/// How long a process may take to stop. One in an uninterruptible call does not.
const PATIENCE: Duration = Duration::from_millis(500);
/// The kernel bounds the sum of all lengths to 32768 instructions.
const MAXIMUM_FILTERS: usize = 32_768;

/// The filters in force for process `pid`, in the order of their installation.
///
/// The process is stopped for that, for well under a millisecond as a rule; it neither notices
/// nor loses a signal. Must not be called where another thread traces the same process.
///
/// # Errors
/// EPERM when the process may not be traced, EACCES without `CAP_SYS_ADMIN` in the initial user
/// namespace or when the caller is itself under a filter, EINVAL when the kernel was built
/// without checkpoint and restore, `TimedOut` when the process does not stop, ESRCH when there
/// is none.
pub fn installed(pid: u32) -> io::Result<Vec<Program>> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    let tracee = Tracee::stop(pid)?;
    let mut programs = Vec::new();
    while programs.len() < MAXIMUM_FILTERS {
        match tracee.filter(programs.len()) {
            Ok(program) => programs.push(program),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(programs)
}

/// A process that is stopped, until this goes out of scope.
struct Tracee {
    pid: libc::pid_t,
    /// A signal that was about to be delivered when the process stopped.
    signal: libc::c_int,
}

impl Tracee {
    fn stop(pid: libc::pid_t) -> io::Result<Self> {
        ptrace(libc::PTRACE_SEIZE, pid, 0, std::ptr::null_mut())?;
        let mut tracee = Self { pid, signal: 0 };
        ptrace(libc::PTRACE_INTERRUPT, pid, 0, std::ptr::null_mut())?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = stopped(pid)? {
                // An event means that it stopped for us, else it is a signal on its way.
                tracee.signal = if status >> 8 == 0 { status } else { 0 };
                return Ok(tracee);
            }
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn filter(&self, index: usize) -> io::Result<Program> {
        let length = ptrace(PTRACE_SECCOMP_GET_FILTER, self.pid, index, std::ptr::null_mut())?;
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?;
        if length == 0 || length > MAXIMUM_INSTRUCTIONS {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let empty = Instruction { code: 0, jump_true: 0, jump_false: 0, k: 0 };
        let mut instructions = vec![empty; length];
        // The process is stopped, so the filter cannot be another, longer one by now.
        ptrace(PTRACE_SECCOMP_GET_FILTER, self.pid, index, instructions.as_mut_ptr().cast())?;
        Ok(Program { instructions })
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        let signal = usize::try_from(self.signal).unwrap_or_default();
        let data = std::ptr::without_provenance_mut(signal);
        // Fails only when the process is gone or never stopped; the kernel lets a process go
        // when the thread that traces it ends.
        let _ = ptrace(libc::PTRACE_DETACH, self.pid, 0, data);
    }
}

/// Linux 4.4; with it the kernel wants the filter's index as the address.
const PTRACE_SECCOMP_GET_FILTER: libc::c_uint = 0x420c;

fn ptrace(
    request: libc::c_uint,
    pid: libc::pid_t,
    address: usize,
    data: *mut libc::c_void,
) -> io::Result<libc::c_long> {
    let address = std::ptr::without_provenance_mut::<libc::c_void>(address);
    // SAFETY: of the requests made here, only GET_FILTER writes through `data`: as many
    // instructions as it has just said there are, for which the caller made room, or nothing
    // when `data` is null.
    let result = unsafe { libc::ptrace(request, pid, address, data) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The status that the process stopped with, if it has. Its state is left to be waited for, so
/// that a parent never misses a child's end on our account.
fn stopped(pid: libc::pid_t) -> io::Result<Option<libc::c_int>> {
    let id = libc::id_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    let options = libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    // SAFETY: all-zero bytes are a valid `siginfo_t`.
    let mut information: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `siginfo_t`, which lives on this stack.
    let result = unsafe { libc::waitid(libc::P_PID, id, &raw mut information, options) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: waitid fills in the fields of SIGCHLD, or leaves them zero.
    let found = unsafe { information.si_pid() };
    // SAFETY: as above.
    let status = unsafe { information.si_status() };
    Ok((found == pid).then_some(status))
}
