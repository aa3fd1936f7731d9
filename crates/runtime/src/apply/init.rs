//! An init process: PID 1 that passes signals on, reaps orphans and ends with the program's code.

use cofferdam_sys::{
    channel::Channel,
    clone,
    signal,
};
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, WaitStatus, kill_process, set_dumpable_behavior, wait,
};

use crate::error::{Doing, Error};

/// Splits into PID 1, which stays here and never returns, and the process that becomes the
/// program, in which this returns.
pub(super) fn split(channel: &Channel) -> Result<(), Error> {
    // The program must not look into PID 1, whose memory and executable are the runtime's.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).doing("hide", "the init process")?;
    let everything = signal::Set::all_but_faults();
    let queue = signal::Queue::new(&everything).doing("watch", "signals")?;
    let program = clone::fork().doing("make", "the program's process")?;
    let Some(program) = program else {
        signal::Set::none().set_as_mask().doing("unblock", "signals")?;
        // A process of its own group, so that a terminal's signals reach it.
        rustix::process::setpgid(None, None).doing("make", "a process group")?;
        let _ = rustix::termios::tcsetpgrp(rustix::stdio::stdin(), rustix::process::getpid());
        return Ok(());
    };
    // The parent knows by its closing that the program runs.
    channel.shut();
    let code = reap(program, &queue);
    cofferdam_sys::exec::exit(code)
}

fn reap(program: Pid, queue: &signal::Queue) -> u8 {
    loop {
        wait_readable(queue);
        while let Ok(Some(arrived)) = queue.next() {
            if arrived.signal != Signal::CHILD {
                // It may be gone already, which shows below.
                let _ = kill_process(program, arrived.signal);
            }
        }
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == program => return exit_code(status),
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => break,
                Err(_) => return 125,
            }
        }
    }
}

fn wait_readable(queue: &signal::Queue) {
    use rustix::event::{PollFd, PollFlags, poll};
    let _ = poll(&mut [PollFd::new(queue, PollFlags::IN)], None);
}

fn exit_code(status: WaitStatus) -> u8 {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|s| 128 + s));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(125)
}
