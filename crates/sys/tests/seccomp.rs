//! Filters in force for real: on a thread of this process, and on programs that are executed.
#![expect(unsafe_code, reason = "raw system calls, and a filter between fork and exec")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output};

use cofferdam_sys::seccomp::{
    Action, Arch, Comparison, Condition, Flags, Policy, Program, Rule, compile, install,
    install_with_listener, installed, is_action_available,
};

const SIGSYS: i32 = 31;
const NOBODY: u32 = 65534;

fn number(name: &str) -> u32 {
    Arch::host().unwrap().number(name).unwrap()
}

/// Everything is allowed but what the rules say.
fn filter(rules: Vec<Rule>) -> Program {
    let policy =
        Policy { default: Action::Allow, beyond: None, foreign: Action::KillProcess, rules };
    compile(&policy, Arch::host().unwrap()).unwrap()
}

fn on(name: &str, action: Action) -> Rule {
    Rule { syscalls: vec![number(name)], conditions: Vec::new(), action }
}

/// Runs a program under a filter, as `uid` and with or without `no_new_privs`.
fn run(program: Program, uid: u32, no_new_privileges: bool, words: &[&str]) -> io::Result<Output> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("LC_ALL", "C").current_dir("/");
    if rustix::process::getuid().is_root() {
        command.uid(uid).gid(uid);
    }
    let prepare = move || {
        if no_new_privileges {
            rustix::thread::set_no_new_privs(true)?;
        }
        install(&program, Flags::NONE)
    };
    // SAFETY: `prepare` makes two system calls and neither allocates nor locks.
    unsafe { command.pre_exec(prepare) };
    command.output()
}

/// What the call answers in a thread under the filter; the other threads are not touched.
fn call(program: Program, number: u32, arguments: [u64; 3]) -> io::Result<i64> {
    let thread = std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true)?;
        install(&program, Flags::NONE)?;
        let [first, second, third] = arguments;
        // SAFETY: the callers pass calls that read and write no memory.
        let result = unsafe { libc::syscall(libc::c_long::from(number), first, second, third) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
    });
    thread.join().unwrap()
}

#[test]
fn a_refused_call_fails_with_the_error_asked_for() {
    for error in [libc::EPERM, libc::ENOSYS, libc::ENOSPC] {
        let action = Action::Errno(u16::try_from(error).unwrap());
        let answer = call(filter(vec![on("getppid", action)]), number("getppid"), [0; 3]);
        assert_eq!(answer.unwrap_err().raw_os_error(), Some(error));
    }
    let other = call(filter(vec![on("getppid", Action::NOT_PERMITTED)]), number("getpid"), [0; 3]);
    assert_eq!(other.unwrap(), i64::from(std::process::id()));
}

#[test]
fn arguments_are_compared_in_64_bits() {
    let of = |comparison, value| {
        filter(vec![Rule {
            conditions: vec![Condition { argument: 0, comparison, value }],
            ..on("umask", Action::Errno(95))
        }])
    };
    // `umask` takes any argument and never fails by itself; each thread would share the mask
    // with its process, so it is set to what it most likely is.
    let umask = number("umask");
    let wide = 0x7_0000_0012;
    let exact = |argument| call(of(Comparison::Equal, wide), umask, [argument, 0, 0]);
    assert!(exact(wide).is_err());
    assert!(exact(0o22).is_ok(), "the upper half differs");
    let low = Comparison::MaskedEqual { mask: 0xffff_ffff };
    let masked = |argument| call(of(low, 0x12), umask, [argument, 0, 0]);
    assert!(masked(wide).is_err());
    assert!(masked(0o22).is_err());
    assert!(masked(0o22 + 1).is_ok());
    let above = |argument| call(of(Comparison::Greater, 0o22), umask, [argument, 0, 0]);
    assert!(above(wide).is_err());
    assert!(above(0o22).is_ok());
}

#[test]
fn a_killing_filter_ends_the_program_by_sigsys() {
    let arch = Arch::host().unwrap();
    let calls = ["mkdir", "mkdirat"].into_iter().filter(|name| arch.number(name).is_some());
    let program = filter(calls.map(|name| on(name, Action::KillProcess)).collect());
    let output = run(program, NOBODY, true, &["mkdir", "/tmp/never-made"]).unwrap();
    assert_eq!(output.status.signal(), Some(SIGSYS), "{output:?}");
}

#[test]
fn the_kernel_shows_the_filter_in_status() {
    let program = filter(Vec::new());
    let output = run(program, NOBODY, true, &["cat", "/proc/self/status"]).unwrap();
    let status = String::from_utf8(output.stdout).unwrap();
    assert!(status.contains("Seccomp:\t2\n"), "{status}");
    assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
}

#[test]
fn an_unprivileged_user_needs_no_new_privileges() {
    let run = |no_new_privileges| run(filter(Vec::new()), NOBODY, no_new_privileges, &["true"]);
    let error = run(false).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EACCES));
    assert!(run(true).unwrap().status.success());
}

#[test]
fn programs_of_any_length_are_installed() {
    let rules = (0..440).map(|value| Rule {
        conditions: vec![Condition { argument: 1, comparison: Comparison::Greater, value }],
        ..on("getppid", Action::Errno(u16::try_from(value).unwrap() + 1))
    });
    let program = filter(rules.rev().collect());
    assert!(program.instructions().len() > 2000);
    let error = call(program, number("getppid"), [0, 17, 0]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(17), "of 16 < 17 the last that applies comes first");
}

#[test]
fn a_listener_is_a_descriptor() {
    let program = filter(vec![on("getppid", Action::Notify)]);
    let listener = std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true)?;
        install_with_listener(&program, Flags::NONE)
    });
    let listener = listener.join().unwrap().unwrap();
    let target =
        std::fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&listener)));
    assert_eq!(target.unwrap().to_string_lossy(), "anon_inode:seccomp notify");
}

#[test]
fn actions_of_this_kernel_are_told() {
    for action in [Action::Allow, Action::Errno(1), Action::KillThread, Action::Trap] {
        assert!(is_action_available(action).unwrap(), "{action:?}: since Linux 3.5");
    }
}

/// A program under two filters, stopped at reading its input, is asked for them.
#[test]
fn filters_are_read_back_as_they_were_installed() {
    let first = filter(vec![on("getppid", Action::NOT_PERMITTED)]);
    let second = filter(vec![on("umask", Action::KillProcess)]);
    let mut command = Command::new("cat");
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
    let prepare = {
        let (first, second) = (first.clone(), second.clone());
        move || {
            rustix::thread::set_no_new_privs(true)?;
            install(&first, Flags::NONE)?;
            install(&second, Flags::NONE)
        }
    };
    // SAFETY: `prepare` makes three system calls and neither allocates nor locks.
    unsafe { command.pre_exec(prepare) };
    let mut child = command.spawn().unwrap();
    let read = installed(child.id());
    drop(child.stdin.take());
    let status = child.wait().unwrap();
    assert!(status.success(), "goes on as if nothing had been: {status}");
    match read {
        Ok(programs) => assert_eq!(programs, [first, second]),
        Err(error) if !rustix::process::getuid().is_root() => {
            eprintln!("skipped: reading filters takes CAP_SYS_ADMIN: {error}");
        }
        Err(error) => panic!("{error}"),
    }
    assert!(installed(u32::MAX).is_err());
}
