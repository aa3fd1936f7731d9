//! Asking the kernel, one request or a batch of them at a time.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::{
    io::{self, Errno},
    net::{
        AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv,
        send, socket_with,
    },
};

use super::message::{ACKNOWLEDGE, Message, Part, REQUEST, Request, parts};

/// Most datagrams that one answer may have.
const DATAGRAMS: usize = 4096;
/// A datagram of the kernel's is not longer than this (`NLMSG_GOODSIZE` is at most 32 KiB).
const BUFFER: usize = 64 * 1024;
/// The number of a request that is alone, and of a batch's beginning.
const FIRST: u32 = 1;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;

/// A connection to the kernel about the network namespace that it was opened in.
#[derive(Debug)]
pub struct Socket(OwnedFd);

/// A batch that the kernel refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("request {request} of the batch was refused")]
pub struct BatchError {
    /// Which request, counted from 0; 0 also when it was the batch itself.
    pub request: usize,
    /// Why.
    pub source: Errno,
}

impl From<Errno> for BatchError {
    fn from(source: Errno) -> Self {
        Self { request: 0, source }
    }
}

impl Socket {
    /// Connects to rtnetlink(7), which knows devices, addresses and routes.
    ///
    /// # Errors
    /// When the kernel has none.
    pub fn route() -> io::Result<Self> {
        // NETLINK_ROUTE is protocol 0, the default.
        Self::open(None)
    }

    /// Connects to netfilter, which knows nf_tables.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` when the kernel has none.
    pub fn netfilter() -> io::Result<Self> {
        Self::open(Some(netlink::NETFILTER))
    }

    fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol).map(Self)
    }

    /// Sends a request and collects the answer to its end.
    ///
    /// # Errors
    /// What the kernel refuses it with; `EMSGSIZE` when the answer is too long.
    pub fn ask(&self, request: Request) -> io::Result<Vec<Message>> {
        send(&self.0, &request.finish(FIRST)?, SendFlags::empty())?;
        let mut collected = Vec::new();
        let mut buffer = vec![0; BUFFER];
        for _ in 0..DATAGRAMS {
            for part in parts(self.receive(&mut buffer, RecvFlags::empty())?)? {
                match part {
                    Part::Done(_) => return Ok(collected),
                    Part::Refused(_, error) => return Err(error),
                    Part::Told(message, more) => {
                        collected.push(message);
                        if !more {
                            return Ok(collected);
                        }
                    }
                }
            }
        }
        Err(Errno::MSGSIZE)
    }

    /// Sends requests that take effect all at once or not at all (nfnetlink's batches).
    ///
    /// `family` is what follows the header of the messages that begin and end the batch.
    ///
    /// # Errors
    /// The first that was refused; then none has taken effect.
    pub fn batch(&self, family: &[u8], requests: Vec<Request>) -> Result<(), BatchError> {
        let count = u32::try_from(requests.len()).map_err(|_| Errno::MSGSIZE)?;
        if count == 0 {
            return Ok(());
        }
        let mut bytes = Request::new(BATCH_BEGIN, REQUEST, family).finish(FIRST)?;
        for (at, mut request) in (FIRST + 1..).zip(requests) {
            // Refusals are told in any case; that all went well only the last has to say, or
            // answers would fill the socket.
            if at == FIRST + count {
                request.flag(ACKNOWLEDGE);
            }
            bytes.extend(request.finish(at)?);
        }
        bytes.extend(Request::new(BATCH_END, REQUEST, family).finish(FIRST + count + 1)?);
        send(&self.0, &bytes, SendFlags::empty())?;
        let result = self.outcome(FIRST + count);
        if result.is_err() {
            self.drain();
        }
        result
    }

    fn outcome(&self, last: u32) -> Result<(), BatchError> {
        let mut buffer = vec![0; BUFFER];
        for _ in 0..DATAGRAMS {
            for part in parts(self.receive(&mut buffer, RecvFlags::empty())?)? {
                match part {
                    Part::Done(sequence) if sequence == last => return Ok(()),
                    Part::Refused(sequence, source) => {
                        let request = sequence.saturating_sub(FIRST + 1);
                        let request = usize::try_from(request).unwrap_or_default();
                        return Err(BatchError { request, source });
                    }
                    Part::Done(_) | Part::Told(..) => {}
                }
            }
        }
        Err(Errno::MSGSIZE.into())
    }

    /// Takes further refusals of the same batch out of the way of the next answer.
    fn drain(&self) {
        let mut buffer = vec![0; BUFFER];
        for _ in 0..DATAGRAMS {
            if self.receive(&mut buffer, RecvFlags::DONTWAIT).is_err() {
                return;
            }
        }
    }

    fn receive<'a>(&self, buffer: &'a mut [u8], flags: RecvFlags) -> io::Result<&'a [u8]> {
        let (length, whole) = loop {
            match recv(&self.0, &mut *buffer, RecvFlags::TRUNC | flags) {
                Err(Errno::INTR) => {}
                received => break received?,
            }
        };
        if whole > length { Err(Errno::MSGSIZE) } else { Ok(&buffer[..length]) }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Socket {
    /// Takes over a netlink socket that another process opened.
    fn from(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.0
    }
}
