//! Handing a container's terminal to whoever asked for it, over a socket.

use std::{
    io::IoSlice,
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, connect as connect_socket, sendmsg, socket_with,
};

use crate::error::{Doing, Error};

/// What comes along with the descriptor: its name, as runc sends it.
const NAME: &[u8] = b"/dev/ptmx";

/// Connects to a listening socket; `doing` says what for.
pub(super) fn connect(path: &Path, doing: &'static str) -> Result<OwnedFd, Error> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let socket = socket.doing(doing, path.display())?;
    let address = SocketAddrUnix::new(path).doing(doing, path.display())?;
    connect_socket(&socket, &address).doing(doing, path.display())?;
    Ok(socket)
}

/// Sends the outer side of a terminal.
pub(super) fn send(socket: &OwnedFd, outer: &OwnedFd) -> Result<(), Error> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [outer.as_fd()];
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(socket, &[IoSlice::new(NAME)], &mut ancillary, SendFlags::NOSIGNAL)
        .map(drop)
        .doing("send the terminal over", "the console socket")
}
