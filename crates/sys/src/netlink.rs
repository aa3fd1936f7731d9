//! Network devices by rtnetlink(7): found, moved into another network namespace, set up there.

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    str,
};

use rustix::{
    io::{self, Errno},
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with},
};

/// Longest name of a network device (`IFNAMSIZ` without its zero byte).
pub const NAME_LENGTH: usize = 15;
/// Most datagrams that one answer may have.
const DATAGRAMS: usize = 4096;
/// A datagram of the kernel's is not longer than this (`NLMSG_GOODSIZE` is at most 32 KiB).
const BUFFER: usize = 64 * 1024;

const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
const ERROR: u16 = 2;
const DONE: u16 = 3;

const REQUEST: u16 = 1;
const MULTI: u16 = 2;
const ACKNOWLEDGE: u16 = 4;
const CREATE: u16 = 0x400;
const EXCLUSIVE: u16 = 0x200;
const DUMP: u16 = 0x300;

const LINK_NAME: u16 = 3;
const LINK_NAMESPACE: u16 = 28;
const ADDRESS_FLAGS: u16 = 8;
const PERMANENT: u32 = 0x80;
const DUPLICATE_DETECTION_OFF: u32 = 0x2;
const SCOPE_GLOBAL: u8 = 0;

/// A connection to the kernel about the network namespace that it was opened in.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

/// A message of the kernel's: its type and what follows its header.
struct Message {
    kind: u16,
    body: Vec<u8>,
}

/// An address of a device, as the kernel told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `struct ifaddrmsg` and its attributes.
    body: Vec<u8>,
}

impl Netlink {
    /// Connects in the present network namespace.
    ///
    /// # Errors
    /// When the kernel has no rtnetlink.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        // NETLINK_ROUTE is protocol 0, the default.
        socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None).map(Self)
    }

    /// The number of the device of this name.
    ///
    /// # Errors
    /// `ENODEV` when there is none.
    pub fn index(&self, name: &str) -> io::Result<u32> {
        let mut request = Request::new(GET_LINK, REQUEST, &[0; 16]);
        request.attribute(LINK_NAME, &terminated(name)?);
        let answer = self.ask(request)?;
        let link = answer.into_iter().find(|message| message.kind == NEW_LINK);
        number(&link.ok_or(Errno::NODEV)?.body, 4)
    }

    /// The permanent addresses of global scope that the device has.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn addresses(&self, index: u32) -> io::Result<Vec<Address>> {
        let request = Request::new(GET_ADDRESS, REQUEST | DUMP, &[0; 8]);
        let mut found = Vec::new();
        for message in self.ask(request)? {
            let body = message.body;
            if message.kind != NEW_ADDRESS || body.len() < 8 || number(&body, 4)? != index {
                continue;
            }
            let flags = match attribute(&body[8..], ADDRESS_FLAGS) {
                Some(value) => number(value, 0)?,
                None => u32::from(body[2]),
            };
            if flags & PERMANENT != 0 && body[3] == SCOPE_GLOBAL {
                found.push(Address { body });
            }
        }
        Ok(found)
    }

    /// Moves the device into the network namespace, under another name if one is given; `%d` in
    /// it stands for the first number that is free there.
    ///
    /// # Errors
    /// `EEXIST` when the name is taken there, `EINVAL` when the device cannot be moved.
    pub fn move_device(
        &self,
        index: u32,
        namespace: BorrowedFd<'_>,
        name: Option<&str>,
    ) -> io::Result<()> {
        let mut request = Request::new(NEW_LINK, REQUEST | ACKNOWLEDGE, &link(index, 0)?);
        request.attribute(LINK_NAMESPACE, &namespace.as_raw_fd().to_ne_bytes());
        if let Some(name) = name {
            request.attribute(LINK_NAME, &terminated(name)?);
        }
        self.ask(request).map(drop)
    }

    /// Names of the devices, with their numbers.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn devices(&self) -> io::Result<Vec<(String, u32)>> {
        let answer = self.ask(Request::new(GET_LINK, REQUEST | DUMP, &[0; 16]))?;
        let mut found = Vec::new();
        for message in answer.into_iter().filter(|message| message.kind == NEW_LINK) {
            let index = number(&message.body, 4)?;
            let name = message.body.get(16..).and_then(|rest| attribute(rest, LINK_NAME));
            let name = name.and_then(|name| str::from_utf8(name.strip_suffix(&[0])?).ok());
            found.extend(name.map(|name| (name.to_owned(), index)));
        }
        Ok(found)
    }

    /// Gives the device an address that it had elsewhere.
    ///
    /// # Errors
    /// As the kernel says; that it is there already is none.
    pub fn add_address(&self, index: u32, address: &Address) -> io::Result<()> {
        let mut body = address.body.clone();
        let flags = match attribute(&body[8..], ADDRESS_FLAGS) {
            Some(value) => number(value, 0)?,
            None => u32::from(body[2]),
        };
        body[4..8].copy_from_slice(&index.to_ne_bytes());
        let mut request =
            Request::new(NEW_ADDRESS, REQUEST | ACKNOWLEDGE | CREATE | EXCLUSIVE, &body[..8]);
        // Local, the peer's or network's, label, broadcast, flags, priority: without the cache
        // information, whose lifetimes are those of permanent addresses.
        for kind in [2, 1, 4, 9] {
            if let Some(value) = attribute(&body[8..], kind) {
                request.attribute(kind, value);
            }
        }
        // Its uniqueness was found out before; it has to be usable at once.
        let flags = flags | DUPLICATE_DETECTION_OFF;
        request.attribute(ADDRESS_FLAGS, &flags.to_ne_bytes());
        match self.ask(request) {
            Ok(_) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sets the device up.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn set_up(&self, index: u32) -> io::Result<()> {
        const UP: u32 = 1;
        let request = Request::new(NEW_LINK, REQUEST | ACKNOWLEDGE, &link(index, UP)?);
        self.ask(request).map(drop)
    }

    /// Sends a request and collects the answer to its end.
    fn ask(&self, request: Request) -> io::Result<Vec<Message>> {
        let bytes = request.finish()?;
        send(&self.0, &bytes, SendFlags::empty())?;
        let mut collected = Vec::new();
        let mut buffer = vec![0; BUFFER];
        for _ in 0..DATAGRAMS {
            let (length, whole) = match recv(&self.0, &mut buffer[..], RecvFlags::TRUNC) {
                Err(Errno::INTR) => continue,
                received => received?,
            };
            if whole > length {
                return Err(Errno::MSGSIZE);
            }
            if collect(&buffer[..length], &mut collected)? {
                return Ok(collected);
            }
        }
        Err(Errno::MSGSIZE)
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Takes a datagram apart; true at the answer's end.
fn collect(mut datagram: &[u8], collected: &mut Vec<Message>) -> io::Result<bool> {
    while datagram.len() >= 16 {
        let length = usize::try_from(number(datagram, 0)?).map_err(|_| Errno::BADMSG)?;
        let (kind, flags) = (short(datagram, 4)?, short(datagram, 6)?);
        let body = datagram.get(16..length).ok_or(Errno::BADMSG)?;
        match kind {
            DONE => return Ok(true),
            ERROR => {
                let code = number(body, 0)?.cast_signed();
                return if code == 0 { Ok(true) } else { Err(Errno::from_raw_os_error(-code)) };
            }
            _ => collected.push(Message { kind, body: body.to_vec() }),
        }
        if flags & MULTI == 0 {
            return Ok(true);
        }
        datagram = datagram.get(aligned(length)..).unwrap_or_default();
    }
    Ok(false)
}

/// `struct ifinfomsg` with the flags that change.
fn link(index: u32, flags: u32) -> io::Result<[u8; 16]> {
    if index == 0 {
        return Err(Errno::NODEV);
    }
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&flags.to_ne_bytes());
    Ok(header)
}

fn terminated(name: &str) -> io::Result<Vec<u8>> {
    if name.is_empty() || name.len() > NAME_LENGTH || name.contains(['\0', '/']) {
        return Err(Errno::INVAL);
    }
    Ok([name.as_bytes(), &[0]].concat())
}

fn number(bytes: &[u8], at: usize) -> io::Result<u32> {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    found.map(|bytes| u32::from_ne_bytes(*bytes)).ok_or(Errno::BADMSG)
}

fn short(bytes: &[u8], at: usize) -> io::Result<u16> {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>());
    found.map(|bytes| u16::from_ne_bytes(*bytes)).ok_or(Errno::BADMSG)
}

/// The value of the first attribute of this kind.
fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    while bytes.len() >= 4 {
        let length = usize::from(short(bytes, 0).ok()?);
        let value = bytes.get(4..length)?;
        if short(bytes, 2).ok()? & 0x3fff == wanted {
            return Some(value);
        }
        bytes = bytes.get(aligned(length)..)?;
    }
    None
}

const fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

/// A request that is being written.
struct Request(Vec<u8>);

impl Request {
    fn new(kind: u16, flags: u16, header: &[u8]) -> Self {
        let mut bytes = vec![0; 16];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(header);
        Self(bytes)
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(aligned(self.0.len()), 0);
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        let length = u32::try_from(self.0.len()).map_err(|_| Errno::MSGSIZE)?;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_device_is_found() {
        let netlink = Netlink::open().unwrap();
        let index = netlink.index("lo").unwrap();
        assert!(netlink.devices().unwrap().contains(&("lo".to_owned(), index)));
        assert_eq!(netlink.index("no-such-device"), Err(Errno::NODEV));
        assert_eq!(netlink.index("a-name-that-is-too-long"), Err(Errno::INVAL));
        // Those of loopback are of host scope.
        assert_eq!(netlink.addresses(index).unwrap(), []);
    }

    #[test]
    fn broken_messages_are_errors() {
        let mut collected = Vec::new();
        assert!(collect(&[0; 3], &mut collected).is_ok_and(|end| !end));
        let mut short = [0; 16];
        short[0] = 200;
        assert_eq!(collect(&short, &mut collected), Err(Errno::BADMSG));
        assert_eq!(attribute(&[2, 0, 3, 0, 0], 3), None);
        assert_eq!(attribute(&[5, 0, 3, 0, 7, 0, 0, 0], 3), Some(&[7][..]));
    }
}
