//! A pair of sockets over which two processes exchange short messages with descriptors.

use std::{
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
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
    fn last_words_arrive_from_a_peer_that_has_not_listened() {
        let (one, other) = Channel::pair().unwrap();
        other.send(b"unread", &[]).unwrap();
        one.send(b"last words", &[]).unwrap();
        drop(one);
        assert_eq!(other.receive().unwrap().unwrap().bytes, b"last words");
        assert!(other.receive().unwrap().is_none());
    }
}
