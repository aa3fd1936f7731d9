//! A process that is told from a later one of the same number.

use std::{io, os::fd::OwnedFd};

use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

/// A process: its number, and when it started, which no later process of that number shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Its id in this process's PID namespace.
    pub pid: i32,
    /// Clock ticks from boot to its start (proc_pid_stat(5), field 22).
    pub start_time: u64,
}

impl Identity {
    /// The process that has this number now.
    ///
    /// # Errors
    /// When there is none, or /proc is not readable.
    pub fn of(pid: Pid) -> io::Result<Self> {
        let pid = pid.as_raw_nonzero().get();
        let (_, start_time) = stat(pid)?;
        Ok(Self { pid, start_time })
    }

    /// A descriptor of the process; `None` when it has ended, even if another has its number.
    ///
    /// # Errors
    /// When the kernel refuses, or /proc is not readable.
    pub fn open(&self) -> io::Result<Option<OwnedFd>> {
        let positive = Some(self.pid).filter(|pid| *pid > 0);
        let Some(pid) = positive.and_then(Pid::from_raw) else { return Ok(None) };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            // ESRCH, or EINVAL for what is a thread now.
            Err(Errno::SRCH | Errno::INVAL) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Whoever has the number now is who the descriptor stands for: compared afterwards.
        Ok(if self.is_alive()? { Some(pidfd) } else { None })
    }

    /// Whether the process is there and has not ended.
    ///
    /// # Errors
    /// When /proc is not readable.
    pub fn is_alive(&self) -> io::Result<bool> {
        match stat(self.pid) {
            Ok((state, start_time)) => {
                // Zombies and the dead are only records of how they ended.
                Ok(start_time == self.start_time && !matches!(state, b'Z' | b'X' | b'x'))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// State and start time.
fn stat(pid: i32) -> io::Result<(u8, u64)> {
    // In one call, as it tells no size; the name in it may be any bytes.
    let mut text = Vec::with_capacity(4096);
    io::Read::read_to_end(&mut std::fs::File::open(format!("/proc/{pid}/stat"))?, &mut text)?;
    parse(&text).ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat makes no sense")))
}

/// The second field is a name in parentheses that may hold anything, parentheses too.
fn parse(text: &[u8]) -> Option<(u8, u64)> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&text[end + 1..]).ok()?.split_ascii_whitespace();
    let state = fields.next()?.bytes().next()?;
    // Field 3 is the state; field 22 the start.
    let start = fields.nth(18)?.parse().ok()?;
    Some((state, start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_forge_the_fields() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        for name in ["sh", "a) R 1 (b", ") Z 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1"] {
            let text = format!("12 ({name}) {rest}");
            assert_eq!(parse(text.as_bytes()), Some((b'S', 777)), "{name}");
        }
        for broken in ["", "1 (a", "1 (a) S 1", "1 (a)"] {
            assert_eq!(parse(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn a_process_is_told_from_another_of_its_number() {
        let own = Identity::of(rustix::process::getpid()).unwrap();
        assert!(own.open().unwrap().is_some());
        let earlier = Identity { start_time: own.start_time - 1, ..own };
        assert!(earlier.open().unwrap().is_none() && !earlier.is_alive().unwrap());
        for pid in [0, -1, i32::MAX, i32::MIN] {
            assert!(Identity { pid, start_time: 1 }.open().unwrap().is_none(), "{pid}");
        }
    }

    #[test]
    fn a_zombie_has_ended() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let identity = Identity::of(pid).unwrap();
        for _ in 0..1000 {
            if !identity.is_alive().unwrap() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(identity.open().unwrap().is_none());
        child.wait().unwrap();
        assert!(identity.open().unwrap().is_none());
    }
}
