//! An init process: PID 1 that passes signals on, reaps orphans and ends with the program's code.

use cofferdam_sys::{
    channel::Channel,
    clone::{self, Request},
    signal,
};
use rustix::{
    process::{
        DumpableBehavior, Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process,
        set_dumpable_behavior, setpgid, wait,
    },
    termios::{isatty, tcsetpgrp},
    thread::UnshareFlags,
};

use super::{child::Task, confine, message};
use crate::error::{Doing, Error};

/// Makes the program's process and stays as PID 1, as confined as the program is; returns the
/// exit code.
pub(super) fn run(task: Task<'_>, program: &confine::Program<'_>) -> u8 {
    match start(&task, program) {
        Ok((child, queue)) => {
            // That they are closed everywhere tells others that the program runs.
            drop((task.channel, task.gate));
            reap(child.pid, &queue)
        }
        Err(error) => task.report(&error),
    }
}

fn start(
    task: &Task<'_>,
    program: &confine::Program<'_>,
) -> Result<(clone::Child, signal::Queue), Error> {
    let (ours, theirs) = Channel::pair().doing("make", "a channel to the program")?;
    let queue = signal::Queue::new(&signal::Set::all_but_faults()).doing("watch", "signals")?;
    let request = Request { namespaces: UnshareFlags::empty(), cgroup: None };
    // Made before the filter is in force, which need not allow it.
    let child = clone::spawn_alone(&request, task.alone, || {
        task.report(&become_program(task, &theirs, program))
    })?;
    task.confine()?;
    // The program must not look into PID 1, whose memory and executable are the runtime's.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).doing("hide", "the init process")?;
    ours.send(message::GO, &[]).doing("talk to", "the program")?;
    Ok((child, queue))
}

/// Returns only on failure.
fn become_program(task: &Task<'_>, channel: &Channel, program: &confine::Program<'_>) -> Error {
    let ready = || {
        // A group of its own in front, so that the terminal's signals reach it and not PID 1 too.
        setpgid(None, None).doing("make", "a process group")?;
        let stdin = rustix::stdio::stdin();
        if task.plan.process.terminal.is_some() && isatty(stdin) {
            tcsetpgrp(stdin, getpid()).doing("come to the front of", "the terminal")?;
        }
        task.unblock_signals()?;
        confine::load_filter_last(task.plan)?;
        super::child::wait_for(channel, message::GO)
    };
    match ready() {
        Ok(()) => program.execute(),
        Err(error) => error,
    }
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
