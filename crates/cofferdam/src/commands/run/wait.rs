use std::process::{Child, Command, ExitCode};

use cofferdam_sys::signal;
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::{error::OrFail as _, session::Ended};

/// Runs the runtime to its end; signals to this program are for the container.
pub(crate) fn wait(mut command: Command) -> Ended {
    let program = command.get_program().display().to_string();
    let attempt = || format!("could not run the container runtime '{program}'");
    let signals = signal::Set::all_but_faults();
    signals.block().map_err(std::io::Error::from).or_fail(attempt)?;
    let queue = signal::Queue::new(&signals).map_err(std::io::Error::from).or_fail(attempt)?;
    // The standard library unblocks every signal in the program that it starts.
    let mut child = command
        .spawn()
        .or_fail(attempt)
        .hint("put 'cofferdam-runtime' beside 'cofferdam' or name it in COFFERDAM_RUNTIME")?;
    pass_signals_on(&child, &queue).map_err(std::io::Error::from).or_fail(attempt)?;
    let status = child.wait().or_fail(attempt)?;
    let code = match std::os::unix::process::ExitStatusExt::signal(&status) {
        Some(signal) => Some(128 + signal),
        None => status.code(),
    };
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(125)))
}

/// Until the child has ended.
fn pass_signals_on(child: &Child, queue: &signal::Queue) -> rustix::io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(rustix::io::Errno::SRCH)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        let mut watched = [PollFd::new(&pidfd, PollFlags::IN), PollFd::new(queue, PollFlags::IN)];
        match poll(&mut watched, None) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        let ended = !watched[0].revents().is_empty();
        while let Some(arrived) = queue.next()? {
            // What the kernel sends, such as for Ctrl-C, the whole process group has got.
            if arrived.signal != Signal::CHILD && arrived.sender != 0 {
                match pidfd_send_signal(&pidfd, arrived.signal) {
                    Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if ended {
            return Ok(());
        }
    }
}
