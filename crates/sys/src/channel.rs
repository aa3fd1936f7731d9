//! A pair of sockets over which two processes exchange short messages with descriptors.

use std::{
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    time::Duration,
};

use rustix::{
    io,
    net::{
        self, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags,
        SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
        SocketType, recvmsg, sendmsg, socket_with, socketpair, sockopt,
    },
};

/// Longest message, in bytes.
pub const MAXIMUM: usize = 16 * 1024;
/// Most descriptors in a message.
const DESCRIPTORS: usize = 4;

/// One end; it closes on execve.
#[derive(Debug)]
pub struct Channel(OwnedFd);

/// What arrived.
#[derive(Debug)]
pub struct Message {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its descriptors; they close on execve.
    pub descriptors: Vec<OwnedFd>,
}

impl Channel {
    /// A connected pair that keeps message boundaries.
    ///
    /// # Errors
    /// When no descriptors are left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let flags = SocketFlags::CLOEXEC;
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((Self(one), Self(other)))
    }

    /// Connects to a socket of this kind that somebody listens on.
    ///
    /// # Errors
    /// `ECONNREFUSED` when nobody listens, `EPROTOTYPE` when it is of another kind.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        net::connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(Self(socket))
    }

    /// A socket at this path that takes such connections.
    ///
    /// # Errors
    /// `EADDRINUSE` when there is something, `ENAMETOOLONG` when the path is longer than 107 bytes.
    pub fn listen(path: &Path) -> io::Result<OwnedFd> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        net::listen(&socket, 1)?;
        Ok(socket)
    }

    /// The other end does not keep this one waiting for longer.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn limit_waiting(&self, time: Duration) -> io::Result<()> {
        sockopt::set_socket_timeout(&self.0, sockopt::Timeout::Recv, Some(time))?;
        sockopt::set_socket_timeout(&self.0, sockopt::Timeout::Send, Some(time))
    }

    /// Sends a message; bytes beyond [`MAXIMUM`] are cut off.
    ///
    /// # Errors
    /// `EPIPE` when the other end is closed.
    pub fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors))
        {
            return Err(io::Errno::TOOBIG);
        }
        let bytes = &bytes[..bytes.len().min(MAXIMUM)];
        let sent = retry(|| {
            sendmsg(&self.0, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL).map(drop)
        });
        match sent {
            // A filter of system calls may refuse this one and not the plainest of all.
            Err(io::Errno::PERM | io::Errno::ACCESS | io::Errno::NOSYS)
                if descriptors.is_empty() =>
            {
                retry(|| io::write(&self.0, bytes).map(drop))
            }
            sent => sent,
        }
    }

    /// Waits for a message; `None` when the other end is closed.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn receive(&self) -> io::Result<Option<Message>> {
        let mut bytes = vec![0; MAXIMUM];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let length = retry(|| {
            recvmsg(
                &self.0,
                &mut [IoSliceMut::new(&mut bytes)],
                &mut ancillary,
                RecvFlags::CMSG_CLOEXEC,
            )
            .map(|received| received.bytes)
        })?;
        if length == 0 {
            return Ok(None);
        }
        bytes.truncate(length);
        let mut descriptors = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        Ok(Some(Message { bytes, descriptors }))
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Channel {
    /// Takes over a connected socket that keeps message boundaries.
    fn from(socket: OwnedFd) -> Self {
        Self(socket)
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            // A peer that closed its end without having read everything shows as a reset once;
            // what it sent before is still to be had.
            Err(io::Errno::INTR | io::Errno::CONNRESET) => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_bytes_and_descriptors() {
        let (one, other) = Channel::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        one.send(b"hello", &[file.as_fd()]).unwrap();
        one.send(b"again", &[]).unwrap();
        let message = other.receive().unwrap().unwrap();
        assert_eq!((message.bytes.as_slice(), message.descriptors.len()), (&b"hello"[..], 1));
        assert_eq!(other.receive().unwrap().unwrap().bytes, b"again");
        drop(one);
        assert!(other.receive().unwrap().is_none());
        assert_eq!(other.send(b"x", &[]), Err(io::Errno::PIPE));
    }

    #[test]
    fn a_listener_is_found_by_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        assert_eq!(Channel::connect(&path).unwrap_err(), io::Errno::NOENT);
        let listener = Channel::listen(&path).unwrap();
        assert_eq!(Channel::listen(&path).unwrap_err(), io::Errno::ADDRINUSE);
        let one = Channel::connect(&path).unwrap();
        let other = Channel::from(net::accept(&listener).unwrap());
        one.send(b"hello", &[]).unwrap();
        assert_eq!(other.receive().unwrap().unwrap().bytes, b"hello");
        one.limit_waiting(Duration::from_millis(1)).unwrap();
        assert_eq!(one.receive().unwrap_err(), io::Errno::AGAIN);
    }

    #[test]
    fn last_words_arrive_from_a_peer_that_has_not_listened() {
        let (one, other) = Channel::pair().unwrap();
        other.send(b"unread", &[]).unwrap();
        one.send(b"last words", &[]).unwrap();
        drop(one);
        assert_eq!(other.receive().unwrap().unwrap().bytes, b"last words");
        assert!(other.receive().unwrap().is_none());
    }
}
