//! Programs that are run at points of a container's life (config.md, POSIX-platform hooks).
//!
//! A hook gets the container's state on standard input, no environment but its own, and no
//! descriptor of ours. What it says is kept for the error, should it fail, up to a bound.

use std::{
    ffi::CString,
    io::Write,
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

use cofferdam_oci::runtime::Hook;
use cofferdam_sys::{
    clone::{Child, Request, SingleThreaded, spawn_alone},
    exec, signal,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{MemfdFlags, SeekFrom, memfd_create, seek},
    io::Errno,
    pipe::{PipeFlags, pipe_with},
    process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, setsid, waitid},
    thread::UnshareFlags,
};

use crate::error::{Doing, Error};

/// How much of a failing hook's output is told, in bytes.
const OUTPUT: usize = 2048;
/// How long what a hook left running may still talk, once the hook itself has ended.
const LINGER: Duration = Duration::from_millis(50);

/// Checks what a hook needs before anything is done.
///
/// # Errors
/// When a path is not absolute, a string has a zero byte in it, or a time-out is not positive.
pub fn check(stage: &str, hooks: &[Hook]) -> Result<(), Error> {
    for (index, hook) in hooks.iter().enumerate() {
        let wrong = |field: &str, why: &str| {
            Err(Error::configuration(format!("/hooks/{stage}/{index}/{field}"), why))
        };
        if !hook.path.starts_with('/') {
            return wrong("path", "it is not absolute");
        }
        if hook.timeout.is_some_and(|seconds| seconds <= 0) {
            return wrong("timeout", "it is not greater than zero");
        }
        let mut texts = hook.args.iter().chain(&hook.env).chain([&hook.path]);
        if texts.any(|text| text.contains('\0')) {
            return wrong("args", "a zero byte is in it");
        }
    }
    Ok(())
}

/// How hooks are run.
pub(crate) struct Runner<'a> {
    /// The stage's name in the configuration, for errors.
    pub(crate) stage: &'static str,
    /// What they read.
    pub(crate) state: &'a [u8],
    /// Signals that are blocked in them.
    pub(crate) mask: &'a signal::Set,
    /// That this process has one thread.
    pub(crate) alone: &'a SingleThreaded,
    /// The last thing that is done in a hook's process before its program runs.
    pub(crate) confine: &'a dyn Fn() -> Result<(), Error>,
}

impl Runner<'_> {
    /// Runs hooks one after the other, up to the first that fails.
    ///
    /// # Errors
    /// Names the hook, and what it said.
    pub(crate) fn run(&self, hooks: &[Hook]) -> Result<(), Error> {
        hooks.iter().enumerate().try_for_each(|(index, hook)| self.run_one(index, hook))
    }

    /// Runs one hook.
    ///
    /// # Errors
    /// Names the hook, and what it said.
    pub(crate) fn run_one(&self, index: usize, hook: &Hook) -> Result<(), Error> {
        let failed =
            |why: String| Error::Hook { stage: self.stage, index, program: hook.path.clone(), why };
        let told = |error: Error| failed(error.chain().join(": "));
        let (child, output) = self.start(hook).map_err(told)?;
        let (ended, said) = watch(&child, output, hook.timeout);
        if !ended {
            let _ = pidfd_send_signal(&child.pidfd, Signal::KILL);
        }
        let status = reap(&child).map_err(told)?;
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        match status {
            _ if !ended => {
                let seconds = hook.timeout.unwrap_or_default();
                Err(failed(format!("it ran for more than {seconds} seconds and was killed{said}")))
            }
            Ok(0) => Ok(()),
            Ok(code) => Err(failed(format!("it exited with {code}{said}"))),
            // The name that this one has everywhere, as it is what filters do.
            Err(31) => Err(failed(format!("bad system call: signal 31 ended it{said}"))),
            Err(signal) => Err(failed(format!("signal {signal} ended it{said}"))),
        }
    }

    fn start(&self, hook: &Hook) -> Result<(Child, OwnedFd), Error> {
        let doing = "prepare the hook";
        // A file and not a pipe: it need not be read by the hook for us to go on.
        let input = memfd_create("state", MemfdFlags::CLOEXEC).doing(doing, &hook.path)?;
        let mut file = std::fs::File::from(input);
        file.write_all(self.state).doing(doing, &hook.path)?;
        seek(&file, SeekFrom::Start(0)).doing(doing, &hook.path)?;
        let (output, theirs) = pipe_with(PipeFlags::CLOEXEC).doing(doing, &hook.path)?;
        let strings = |texts: &[String]| {
            let strings = texts.iter().map(|text| CString::new(text.as_str()));
            strings
                .collect::<Result<Vec<_>, _>>()
                .map_err(std::io::Error::from)
                .doing(doing, &hook.path)
        };
        let path = strings(std::slice::from_ref(&hook.path))?.remove(0);
        let mut arguments = strings(&hook.args)?;
        if arguments.is_empty() {
            arguments.push(path.clone());
        }
        let environment = strings(&hook.env)?;
        let request = Request { namespaces: UnshareFlags::empty(), cgroup: None };
        let child = spawn_alone(&request, self.alone, || {
            let ready = || -> Result<(), Error> {
                // What it starts cannot reach this process's terminal.
                setsid().doing("make", "a session")?;
                rustix::stdio::dup2_stdin(&file).doing("connect", "the hook")?;
                rustix::stdio::dup2_stdout(&theirs).doing("connect", "the hook")?;
                rustix::stdio::dup2_stderr(&theirs).doing("connect", "the hook")?;
                exec::close_on_exec_from(3).doing("close", "descriptors")?;
                self.mask.set_as_mask().doing("unblock", "signals")?;
                (self.confine)()
            };
            let error = match ready() {
                Ok(()) => {
                    std::io::Error::from(exec::execve(&path, &arguments, &environment)).to_string()
                }
                Err(error) => error.chain().join(": "),
            };
            let _ = rustix::io::write(rustix::stdio::stderr(), error.as_bytes());
            127
        })?;
        Ok((child, output))
    }
}

/// Collects output until the hook ends; whether it did in time, and what it said.
fn watch(child: &Child, output: OwnedFd, timeout: Option<i64>) -> (bool, String) {
    let limit = timeout.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    let mut deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let (mut said, mut output, mut ended) = (Vec::new(), Some(output), false);
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let wait = left.and_then(|left| Timespec::try_from(left).ok());
        let mut watched = vec![PollFd::new(&child.pidfd, PollFlags::IN)];
        watched.extend(output.iter().map(|output| PollFd::new(output, PollFlags::IN)));
        let ready = poll(&mut watched, wait.as_ref());
        let over = !watched[0].revents().is_empty();
        let speaks = watched.get(1).is_some_and(|output| !output.revents().is_empty());
        match ready {
            Err(Errno::INTR) => continue,
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        if speaks && !take(&mut output, &mut said) && ended {
            break;
        }
        if over && !ended {
            ended = true;
            // Only what has been said already is waited for now.
            deadline = Some(Instant::now() + LINGER);
        }
        if ended && !speaks {
            break;
        }
    }
    (ended, String::from_utf8_lossy(&said).trim().replace('\n', "; "))
}

/// Takes some output and keeps its beginning; false at its end.
fn take(output: &mut Option<OwnedFd>, said: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    match output.as_ref().map(|output| rustix::io::read(output.as_fd(), &mut buffer)) {
        Some(Ok(length)) if length > 0 => {
            let room = OUTPUT.saturating_sub(said.len());
            said.extend_from_slice(&buffer[..length.min(room)]);
            true
        }
        Some(Err(Errno::INTR)) => true,
        _ => {
            *output = None;
            false
        }
    }
}

/// The exit code, or the signal that ended it.
fn reap(child: &Child) -> Result<Result<i32, i32>, Error> {
    loop {
        match waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error).doing("wait for", "the hook"),
            Ok(status) => {
                let code = status.as_ref().and_then(rustix::process::WaitIdStatus::exit_status);
                let signal =
                    status.as_ref().and_then(rustix::process::WaitIdStatus::terminating_signal);
                return Ok(code.ok_or_else(|| signal.unwrap_or_default()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(path: &str, timeout: Option<i64>) -> Hook {
        Hook { path: path.into(), timeout, ..Hook::default() }
    }

    #[test]
    fn hooks_that_cannot_be_are_refused_by_field() {
        for (hook, wanted) in [
            (hook("bin/true", None), "/hooks/prestart/0/path"),
            (hook("/bin/true", Some(0)), "/hooks/prestart/0/timeout"),
            (hook("/bin/true", Some(-1)), "/hooks/prestart/0/timeout"),
            (hook("/bin/tr\0ue", None), "/hooks/prestart/0/args"),
        ] {
            let error = check("prestart", &[hook]).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
        }
        assert!(check("prestart", &[hook("/bin/true", Some(1))]).is_ok());
    }
}
