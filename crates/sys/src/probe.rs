//! What this kernel lets this user do, found out by doing it in a child that then ends.
//!
//! What a version number or a setting suggests is not asked: distributions backport and switch
//! off, security modules refuse, and containers run in containers.
#![expect(unsafe_code, reason = "fork, and calls that are made between it and the end")]

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use crate::seccomp::{Flags, Program, install};

/// How long an attempt may take; a kernel that needs longer has other troubles.
const PATIENCE: Duration = Duration::from_secs(5);

/// One thing that a child tries.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// Becomes this user and group, without further groups.
    Become(u32),
    /// Makes new namespaces (`CLONE_NEW*`).
    Unshare(Namespaces),
    /// Writes to a file that exists.
    Write(&'a CStr, &'a [u8]),
    /// Makes a directory.
    MakeDirectory(&'a CStr),
    /// Mounts a file system.
    Mount {
        /// Kind of file system.
        kind: &'a CStr,
        /// Where.
        target: &'a CStr,
        /// Options of the file system.
        options: &'a CStr,
    },
    /// Makes every mount private, so that nothing mounted hereafter is seen elsewhere.
    MakeMountsPrivate,
    /// Sets `no_new_privs`.
    NoNewPrivileges,
    /// Puts a system call filter in force.
    Filter(&'a Program),
}

/// Kinds of namespaces to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespaces(libc::c_int);

impl Namespaces {
    /// Mounts.
    pub const MOUNT: Self = Self(libc::CLONE_NEWNS);
    /// Control groups.
    pub const CGROUP: Self = Self(libc::CLONE_NEWCGROUP);
    /// Host name.
    pub const UTS: Self = Self(libc::CLONE_NEWUTS);
    /// System V and POSIX communication.
    pub const IPC: Self = Self(libc::CLONE_NEWIPC);
    /// User and group ids.
    pub const USER: Self = Self(libc::CLONE_NEWUSER);
    /// Processes.
    pub const PID: Self = Self(libc::CLONE_NEWPID);
    /// Network.
    pub const NETWORK: Self = Self(libc::CLONE_NEWNET);
    /// Monotonic and boot clocks.
    pub const TIME: Self = Self(0x80);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A step that failed.
#[derive(Debug, thiserror::Error)]
#[error("step {step} failed")]
pub struct Failure {
    /// Which, counted from 0; the number of steps when the child itself could not be made.
    pub step: usize,
    /// What the kernel said.
    pub source: io::Error,
}

/// Tries the steps in order in a child, which ends after the last one or the first that fails.
/// Nothing of what it did remains but files and directories.
///
/// # Errors
/// [`Failure`] with the step that failed.
pub fn attempt(steps: &[Step<'_>]) -> Result<(), Failure> {
    let outside = |source| Failure { step: steps.len(), source };
    let (mut answer, report) = pipe().map_err(outside)?;
    let child = fork().map_err(outside)?;
    let Some(child) = child else {
        // Between fork and exit only calls that neither allocate nor lock.
        let mut word = [0; 8];
        for (step, result) in steps.iter().map(take).enumerate() {
            if let Err(error) = result {
                word = encode(step, error.raw_os_error().unwrap_or_default());
                break;
            }
        }
        let _ = File::from(report).write_all(&word);
        exit();
    };
    drop(report);
    let mut word = [0; 8];
    let read = wait_readable(&answer).and_then(|()| answer.read_exact(&mut word));
    child.end();
    read.map_err(outside)?;
    match decode(word) {
        None => Ok(()),
        Some((step, error)) => Err(Failure { step, source: io::Error::from_raw_os_error(error) }),
    }
}

fn encode(step: usize, error: i32) -> [u8; 8] {
    let step = u32::try_from(step + 1).unwrap_or(u32::MAX).to_le_bytes();
    let error = error.to_le_bytes();
    [step[0], step[1], step[2], step[3], error[0], error[1], error[2], error[3]]
}

fn decode([a, b, c, d, e, f, g, h]: [u8; 8]) -> Option<(usize, i32)> {
    let step = u32::from_le_bytes([a, b, c, d]).checked_sub(1)?;
    Some((usize::try_from(step).unwrap_or(usize::MAX), i32::from_le_bytes([e, f, g, h])))
}

/// Whether a mount of `directory` can show its files under other ids (Linux 5.12), tried with a
/// mount that is never attached.
///
/// # Errors
/// What the kernel said: EPERM without `CAP_SYS_ADMIN` on the host, EINVAL where the file system
/// cannot, ENOSYS on older kernels.
pub fn idmapped_mount(directory: &Path) -> io::Result<()> {
    let (mut ready, report) = pipe()?;
    let (hold, release) = pipe()?;
    let Some(child) = fork()? else {
        // This process has copies of both ends; without its own the parent's is the last.
        drop(release);
        let unshared = take(&Step::Unshare(Namespaces::USER)).is_ok();
        let _ = File::from(report).write_all(&[u8::from(unshared)]);
        let mut byte = [0];
        let _ = (&hold).read(&mut byte);
        exit();
    };
    drop(report);
    let result = map_ids(&mut ready, child.0).and_then(|namespace| {
        let mount = copy_mount(directory)?;
        set_id_map(&mount, &namespace)
    });
    drop(release);
    child.end();
    result
}

fn map_ids(ready: &mut File, child: libc::pid_t) -> io::Result<File> {
    let mut unshared = [0];
    wait_readable(ready)?;
    ready.read_exact(&mut unshared)?;
    if unshared == [0] {
        return Err(io::Error::other("no user namespace could be made"));
    }
    // The least that counts: one id, and another one.
    for file in ["uid_map", "gid_map"] {
        std::fs::write(format!("/proc/{child}/{file}"), "0 100000 1\n")?;
    }
    File::open(format!("/proc/{child}/ns/user"))
}

fn copy_mount(directory: &Path) -> io::Result<OwnedFd> {
    use rustix::mount::{OpenTreeFlags, open_tree};
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    Ok(open_tree(rustix::fs::CWD, directory, flags)?)
}

fn set_id_map(mount: &OwnedFd, namespace: &File) -> io::Result<()> {
    let descriptor = u64::try_from(namespace.as_raw_fd()).map_err(io::Error::other)?;
    let change = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: descriptor,
    };
    // SAFETY: the path is an empty string with its end, and the kernel reads as many bytes of
    // `change` as are told it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const change,
            size_of_val(&change),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The version of Landlock's interface; `None` where the kernel has none or it is switched off.
///
/// Source: landlock(7), `LANDLOCK_CREATE_RULESET_VERSION`.
#[must_use]
pub fn landlock_version() -> Option<u32> {
    const VERSION: libc::c_ulong = 1;
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the kernel reads nothing through the pointer, which must be null.
    let result =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, VERSION) };
    u32::try_from(result).ok().filter(|version| *version > 0)
}

/// Does one step. Runs between fork and exit.
fn take(step: &Step<'_>) -> io::Result<()> {
    match step {
        Step::Become(id) => become_user(*id),
        Step::Unshare(namespaces) => {
            // SAFETY: concerns the calling process alone, which has one thread.
            check(unsafe { libc::unshare(namespaces.0) })
        }
        Step::Write(path, bytes) => {
            let file = rustix::fs::open(*path, rustix::fs::OFlags::WRONLY, 0.into())?;
            rustix::io::write(file, bytes)?;
            Ok(())
        }
        Step::MakeDirectory(path) => Ok(rustix::fs::mkdir(*path, 0o700.into())?),
        Step::Mount { kind, target, options } => {
            // SAFETY: all four pointers lead to strings with their end.
            check(unsafe {
                let options = options.as_ptr().cast();
                libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, options)
            })
        }
        Step::MakeMountsPrivate => {
            let nothing = std::ptr::null();
            let flags = libc::MS_REC | libc::MS_PRIVATE;
            // SAFETY: a change of propagation reads only the target, a string with its end.
            check(unsafe { libc::mount(nothing, c"/".as_ptr(), nothing, flags, std::ptr::null()) })
        }
        Step::NoNewPrivileges => Ok(rustix::thread::set_no_new_privs(true)?),
        Step::Filter(program) => install(program, Flags::NONE),
    }
}

/// By the bare system calls: the C library's would try to bring other threads along.
fn become_user(id: u32) -> io::Result<()> {
    let nothing = std::ptr::null::<libc::gid_t>();
    // SAFETY: no groups are read through the pointer.
    check_long(unsafe { libc::syscall(libc::SYS_setgroups, 0_usize, nothing) })?;
    // SAFETY: takes three numbers.
    check_long(unsafe { libc::syscall(libc::SYS_setresgid, id, id, id) })?;
    // SAFETY: takes three numbers.
    check_long(unsafe { libc::syscall(libc::SYS_setresuid, id, id, id) })?;
    // The change made the files under /proc/self root's.
    // SAFETY: takes numbers.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn check_long(result: libc::c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

struct Child(libc::pid_t);

impl Child {
    /// Ends and buries the child, whatever it is doing.
    fn end(&self) {
        // SAFETY: the number is of our own child, which nobody has waited for yet.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        loop {
            // SAFETY: no status is written through a null pointer.
            let result = unsafe { libc::waitpid(self.0, std::ptr::null_mut(), 0) };
            let interrupted = io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
            if result != -1 || !interrupted {
                return;
            }
        }
    }
}

/// `None` in the child, which may only make calls that neither allocate nor lock, and must
/// [`exit`].
fn fork() -> io::Result<Option<Child>> {
    // SAFETY: the callers keep the child to what is said above.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some(Child(pid))),
    }
}

fn exit() -> ! {
    // SAFETY: ends the process without running anything of the parent's.
    unsafe { libc::_exit(0) }
}

fn pipe() -> io::Result<(File, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: just opened for us, and nobody else knows of it.
    let read = unsafe { File::from_raw_fd(ends[0]) };
    // SAFETY: as above.
    let write = unsafe { OwnedFd::from_raw_fd(ends[1]) };
    Ok((read, write))
}

/// Waits until something can be read or the other end is closed.
fn wait_readable(file: &File) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    let timeout = rustix::event::Timespec::try_from(PATIENCE).map_err(io::Error::other)?;
    let mut wanted = [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN)];
    match poll(&mut wanted, Some(&timeout))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::{Action, Arch, Policy, Rule, compile};

    #[test]
    fn nothing_can_be_tried() {
        attempt(&[]).unwrap();
    }

    #[test]
    fn the_step_that_failed_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = std::ffi::CString::new(directory.path().to_str().unwrap()).unwrap();
        let steps = [Step::NoNewPrivileges, Step::MakeDirectory(&path), Step::NoNewPrivileges];
        let failure = attempt(&steps).unwrap_err();
        assert_eq!(failure.step, 1);
        assert_eq!(failure.source.raw_os_error(), Some(libc::EEXIST));
    }

    #[test]
    fn a_child_that_is_killed_is_a_failure_and_not_waited_for() {
        let calls = ["write", "pwrite64"].map(|name| Arch::host().unwrap().number(name).unwrap());
        let policy = Policy {
            default: Action::Allow,
            beyond: None,
            foreign: Action::KillProcess,
            rules: vec![Rule {
                syscalls: calls.to_vec(),
                conditions: Vec::new(),
                action: Action::KillProcess,
            }],
        };
        let program = compile(&policy, Arch::host().unwrap()).unwrap();
        let failure = attempt(&[Step::NoNewPrivileges, Step::Filter(&program)]).unwrap_err();
        assert_eq!(failure.step, 2);
        assert_eq!(failure.source.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn rights_that_were_given_up_are_missed() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can become another user");
            return;
        }
        let failure = attempt(&[Step::Become(65534), Step::Unshare(Namespaces::UTS)]).unwrap_err();
        assert_eq!(failure.step, 1);
        assert_eq!(failure.source.raw_os_error(), Some(libc::EPERM));
        attempt(&[Step::Unshare(Namespaces::UTS.and(Namespaces::IPC))]).unwrap();
    }

    #[test]
    fn a_mount_stays_in_its_namespace() {
        let directory = tempfile::tempdir().unwrap();
        let target = std::ffi::CString::new(directory.path().to_str().unwrap()).unwrap();
        let namespaces = Namespaces::USER.and(Namespaces::MOUNT);
        let steps = [
            Step::Unshare(namespaces),
            Step::MakeMountsPrivate,
            Step::Mount { kind: c"tmpfs", target: &target, options: c"" },
        ];
        match attempt(&steps) {
            Ok(()) => {}
            Err(Failure { step: 0, source }) => {
                eprintln!("skipped: no user namespaces here: {source}");
            }
            Err(failure) => panic!("{failure:?}"),
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(directory.path().to_str().unwrap()));
    }

    #[test]
    fn idmapped_mounts_leave_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let before = std::fs::read_dir("/proc/self/fd").unwrap().count();
        if let Err(error) = idmapped_mount(directory.path()) {
            eprintln!("not possible here: {error}");
        }
        let after = std::fs::read_dir("/proc/self/fd").unwrap().count();
        // Other tests open and close at the same time, but not that many.
        assert!(after < before + 20);
        assert!(idmapped_mount(Path::new("/does/not/exist")).is_err());
    }
}
