//! Sockets that are passed to a container, as systemd does it.

use std::{
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixListener,
    },
    process::{Command, Stdio},
};

use crate::{
    machine::{Caller, Place, Ran},
    managed::as_engines_do,
};

/// Runs a command with a socket as its descriptor 3 and variables that say so, for itself or for
/// another process.
fn with_socket(command: &Command, socket: &OwnedFd, process: &str) -> Ran {
    let script = format!(
        "export LISTEN_FDS=1 LISTEN_PID={process}; exec \"$0\" \"$@\" 3<&{}",
        socket.as_raw_fd()
    );
    let mut wrapped = Command::new("bash");
    wrapped.args(["-c", &script]).args(command.get_args().skip(2));
    Ran::new(wrapped.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn sockets_are_passed_to_whom_they_are_for() {
    let Some(place) = Place::new() else { return };
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: not root");
        return;
    }
    let listener = UnixListener::bind(place.path("socket")).unwrap();
    let listener = OwnedFd::from(listener);
    // Kept by the shell that is made.
    let listener = rustix::io::dup(&listener).unwrap();
    let script = "echo $LISTEN_FDS $LISTEN_PID; readlink /proc/self/fd/3 | cut -d: -f1; true";
    let spec = as_engines_do(&place, &["sh", "-c", script]);
    for (process, wanted) in [("$$", "1 1\nsocket\n"), ("1", "\n")] {
        let command = place.command(&Caller::Root, &spec);
        let ran = with_socket(&command, &listener, process);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, wanted), "{}", ran.stderr);
    }
}
