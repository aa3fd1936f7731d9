//! A network for ordinary users by `pasta` of the passt project, which speaks for the container
//! with sockets of its own and needs no rights on this machine.

use std::{
    ffi::{CString, OsString},
    fs,
    os::{fd::OwnedFd, unix::ffi::OsStringExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cofferdam_sys::{
    clone::{self, CloneError, Request},
    exec, signal,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Signal, pidfd_send_signal, set_parent_process_death_signal},
    thread::UnshareFlags,
};

use crate::{nft::Protocol, port::Port};

/// How long pasta may take until the network is there.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most that it says of why it is not.
const WORDS: usize = 2000;

/// A pasta that runs; it ends with this.
#[derive(Debug)]
pub struct Pasta {
    pidfd: OwnedFd,
}

/// Why there is no pasta.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PastaError {
    /// No such program.
    #[error("could not find the program 'pasta', which Debian has in the package passt")]
    Missing,
    /// It could not be started.
    #[error("could not start pasta")]
    Start(#[from] CloneError),
    /// A file of its own.
    #[error("could not use '{path}'")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It could not be waited for.
    #[error("could not wait for pasta")]
    Wait(#[source] Errno),
    /// It ended, or took too long.
    #[error("could not have pasta make a network: {0}")]
    Failed(String),
}

/// Where pasta is.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("pasta"))
        .find(|program| program.is_file())
}

/// What pasta is told about the container whose first process has this id.
#[must_use]
pub fn arguments(ports: &[Port], pid_file: &Path, pid: u32) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["pasta", "--foreground", "--quiet", "--config-net"]
        .into_iter()
        .chain(["--no-map-gw", "--pid"])
        .map(Into::into)
        .collect();
    words.push(pid_file.into());
    for (flag, protocol) in [("-t", Protocol::Tcp), ("-u", Protocol::Udp)] {
        let of_protocol: Vec<_> = ports.iter().filter(|port| port.protocol == protocol).collect();
        if of_protocol.is_empty() {
            words.extend([flag.into(), "none".into()]);
        }
        for port in of_protocol {
            let address = port.address.map(|address| format!("{address}/")).unwrap_or_default();
            let text = format!("{address}{}:{}", port.outside, port.inside);
            words.extend([flag.into(), text.into()]);
        }
    }
    // Nothing of this machine's loopback is the container's.
    words.extend(["-T", "none", "-U", "none"].map(Into::into));
    words.push(pid.to_string().into());
    words
}

impl Pasta {
    /// Starts it and waits until the network is there.
    ///
    /// # Errors
    /// When there is none, or it fails.
    pub fn start(ports: &[Port], directory: &Path, pid: u32) -> Result<Self, PastaError> {
        let program = program().ok_or(PastaError::Missing)?;
        let pid_file = directory.join("pasta.pid");
        let words_file = directory.join("pasta.log");
        let failed = |source: std::io::Error| PastaError::File { path: words_file.clone(), source };
        let words = fs::File::create(&words_file).map_err(failed)?;
        let nothing = fs::File::open("/dev/null").map_err(failed)?;
        let zero = |text: OsString| CString::new(text.into_vec()).unwrap_or_default();
        let arguments: Vec<CString> =
            arguments(ports, &pid_file, pid).into_iter().map(zero).collect();
        let path = zero(program.into_os_string());
        let request = Request { namespaces: UnshareFlags::empty(), cgroup: None };
        let child = clone::spawn(&request, || {
            // Ctrl-C is for the container; when this process is gone, so is pasta.
            let _ = rustix::process::setsid();
            let _ = signal::Set::none().set_as_mask();
            // Some versions take it for a failure that the signal is ignored already.
            signal::restore_pipe();
            let prepared = set_parent_process_death_signal(Some(Signal::KILL))
                .and_then(|()| rustix::stdio::dup2_stdin(&nothing))
                .and_then(|()| rustix::stdio::dup2_stdout(&words))
                .and_then(|()| rustix::stdio::dup2_stderr(&words))
                .and_then(|()| exec::close_on_exec_from(3));
            if prepared.is_ok() {
                let _ = exec::execve(&path, &arguments, &[c"PATH=/usr/bin:/bin".to_owned()]);
            }
            127
        })?;
        let pasta = Self { pidfd: child.pidfd };
        pasta.wait(&pid_file, &words_file)?;
        Ok(pasta)
    }

    /// It writes its file when the network is there.
    fn wait(&self, pid_file: &Path, words: &Path) -> Result<(), PastaError> {
        let start = Instant::now();
        let pause = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
        loop {
            let has_ended = {
                let mut watched = [PollFd::new(&self.pidfd, PollFlags::IN)];
                match poll(&mut watched, Some(&pause)) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(PastaError::Wait(error)),
                }
                !watched[0].revents().is_empty()
            };
            let is_there = fs::read(pid_file).is_ok_and(|text| text.ends_with(b"\n"));
            if is_there && !has_ended {
                return Ok(());
            }
            if has_ended || start.elapsed() > PATIENCE {
                return Err(PastaError::Failed(last_words(words)));
            }
        }
    }
}

impl Drop for Pasta {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }
}

impl std::os::fd::AsFd for Pasta {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// What it said, without what it says of syslog, in one line.
fn last_words(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines = text.lines().filter(|line| !line.contains("syslog") && !line.trim().is_empty());
    let words = lines.collect::<Vec<_>>().join("; ");
    let cut: String = words.chars().filter(|c| !c.is_control()).take(WORDS).collect();
    if cut.is_empty() { "it did not say why".to_owned() } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_published_ports_lead_in_and_none_leads_out() {
        let port = |text: &str| text.parse().unwrap();
        let words =
            arguments(&[port("127.0.0.1:8080:80"), port("[::1]:53:5353/udp")], Path::new("/p"), 7);
        let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
        let text = words.join(" ");
        assert!(text.contains(" -t 127.0.0.1/8080:80 -u ::1/53:5353 -T none -U none 7"), "{text}");
        assert!(text.contains(" --no-map-gw "), "{text}");
        let text = format!("{:?}", arguments(&[], Path::new("/p"), 7));
        assert!(text.contains("\"-t\", \"none\", \"-u\", \"none\""), "{text}");
    }
}
