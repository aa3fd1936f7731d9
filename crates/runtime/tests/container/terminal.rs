//! A container's terminal handed over by a socket.

use std::{
    io::{IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::net::UnixListener},
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::{
    machine::{Place, callers},
    managed::Managed,
};

/// The terminal that arrives.
fn take(listener: &UnixListener) -> (String, OwnedFd) {
    let (socket, _) = listener.accept().unwrap();
    let mut bytes = [0; 256];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received =
        recvmsg(&socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::empty());
    let length = received.unwrap().bytes;
    let descriptor = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut rights) => rights.next(),
        _ => None,
    });
    (String::from_utf8_lossy(&bytes[..length]).into_owned(), descriptor.unwrap())
}

#[test]
fn it_goes_to_whoever_asks() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let mut request = place.request(&["sh", "-c", "tty; read line; echo got $line"]);
        request.terminal = true;
        let container = Managed::new(&place, &caller, &place.spec(&caller, &request));
        let path = container.bundle.join("console");
        let listener = UnixListener::bind(&path).unwrap();
        caller.own(&path);
        let bundle = container.bundle.to_str().unwrap();
        let socket = path.to_str().unwrap();

        let without = container.run(&["create", "--bundle", bundle, &container.id]);
        assert_eq!(without.code, 1, "{}", caller.name());
        assert!(without.stderr.contains("--console-socket"), "{}", without.stderr);

        let taken = std::thread::spawn({
            let listener = listener.try_clone().unwrap();
            move || take(&listener)
        });
        container.must(&["create", "--console-socket", socket, "-b", bundle, &container.id]);
        let (name, terminal) = taken.join().unwrap();
        assert_eq!(name, "/dev/ptmx");
        container.start();
        let mut terminal = std::fs::File::from(terminal);
        terminal.write_all(b"hello\n").unwrap();
        let mut said = String::new();
        let mut bytes = [0; 256];
        while !said.contains("got hello") {
            let length = terminal.read(&mut bytes).unwrap();
            said.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        assert!(said.contains("/dev/pts/0"), "{}: {said}", caller.name());
    }
}

#[test]
fn another_programs_terminal_goes_there_too() {
    let Some(place) = Place::new() else { return };
    for caller in callers() {
        let container =
            Managed::new(&place, &caller, &place.spec(&caller, &place.request(&["sleep", "60"])));
        container.create();
        container.start();
        let path = container.bundle.join("console");
        let listener = UnixListener::bind(&path).unwrap();
        caller.own(&path);
        let taken = std::thread::spawn(move || take(&listener));
        let ran = container.run(&[
            "exec",
            "--tty",
            "--detach",
            "--console-socket",
            path.to_str().unwrap(),
            &container.id,
            "sh",
            "-c",
            "tty; sleep 50",
        ]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", caller.name());
        let mut terminal = std::fs::File::from(taken.join().unwrap().1);
        let mut bytes = [0; 256];
        let length = terminal.read(&mut bytes).unwrap();
        let said = String::from_utf8_lossy(&bytes[..length]);
        assert!(said.contains("/dev/pts/0"), "{}: {said}", caller.name());
        // In the foreground it is this program's own.
        let ran = container.ask(&["exec", "-t", &container.id, "sh", "-c", "tty; exit 4"]);
        assert_eq!(ran.code, 4, "{}", ran.stderr);
        assert!(ran.stdout.contains("/dev/pts/"), "{}", ran.stdout);
    }
}
