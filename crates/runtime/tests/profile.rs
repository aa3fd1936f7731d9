//! Real programs under the strict profile: they work, and their attempts to get out do not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::process::{Command, Output, Stdio};

use cofferdam_runtime::profile::{strict, to_policy};
use cofferdam_sys::seccomp::{Arch, Flags, compile, install};

/// Runs a program from a thread that the filter is in force for, and which it inherits it from.
/// `None` where the machine lacks the program.
fn run(words: &'static [&'static str]) -> Option<Output> {
    let arch = Arch::host().unwrap();
    let program = compile(&to_policy(&strict(), arch).unwrap().policy, arch).unwrap();
    let thread = std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        install(&program, Flags::NONE).unwrap();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        match command.output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            output => Some(output.unwrap()),
        }
    });
    let output = thread.join().unwrap();
    if output.is_none() {
        eprintln!("skipped: no {} on this machine", words[0]);
    }
    output
}

fn works(words: &'static [&'static str]) {
    if let Some(output) = run(words) {
        assert!(output.status.success(), "{words:?}: {output:?}");
    }
}

fn fails(words: &'static [&'static str], says: &str) {
    if let Some(output) = run(words) {
        assert!(!output.status.success(), "{words:?}: {output:?}");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(complaint.contains(says), "{words:?}: {complaint}");
    }
}

#[test]
fn shells_and_their_tools_work() {
    works(&["sh", "-c", "ls -la / | sort | tail -n 3; (sleep 0.01 & wait); echo $(date)"]);
    works(&[
        "sh",
        "-c",
        "d=$(mktemp -d) && mkfifo $d/f && touch -d yesterday $d/t && cp -a $d/t $d/u && rm -r $d",
    ]);
    works(&["perl", "-e", "fork // die; wait; socketpair(A, B, 1, 1, 0) or die"]);
    works(&["openssl", "version"]);
    works(&["apt-cache", "--version"]);
}

#[test]
fn threads_processes_and_sockets_work_in_python() {
    works(&[
        "python3",
        "-c",
        "import threading, subprocess, socket, mmap, asyncio, multiprocessing as m
t = threading.Thread(target=lambda: None); t.start(); t.join()
subprocess.run(['true'], check=True)
s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname())
socket.socketpair(); mmap.mmap(-1, 4096); asyncio.run(asyncio.sleep(0)); m.Lock()
socket.if_nameindex(); socket.getaddrinfo('127.0.0.1', 80)",
    ]);
}

#[test]
fn ways_out_are_shut() {
    fails(&["unshare", "--user", "true"], "Operation not permitted");
    fails(&["unshare", "--map-root-user", "--net", "true"], "Operation not permitted");
    fails(&["sh", "-c", "nsenter --target $$ --uts true"], "Operation not permitted");
    fails(&["mount", "-t", "tmpfs", "none", "/mnt"], "");
    fails(&["setarch", "--addr-no-randomize", "true"], "Operation not permitted");
    fails(&["dmesg", "--syslog"], "Operation not permitted");
    fails(&["mknod", "/tmp/never-made", "c", "1", "3"], "Operation not permitted");
    fails(
        &["python3", "-c", "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"],
        "Address family not supported",
    );
    fails(
        &["python3", "-c", "import socket; socket.socket(38, socket.SOCK_SEQPACKET)"],
        "Address family not supported",
    );
}
