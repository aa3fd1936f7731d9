//! Network devices by rtnetlink(7): found, made, moved into another network namespace, set up there.
//!
//! [`Netlink`] speaks of devices, [`route`] makes them; [`Socket`] and [`message`] are what any
//! family of netlink needs.

pub mod message;
pub mod route;
mod socket;

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    str,
};

use rustix::io::{self, Errno};

use message::{ACKNOWLEDGE, CREATE, DUMP, EXCLUSIVE, REQUEST, Request, attribute, number};
pub use socket::{BatchError, Socket};

/// Longest name of a network device (`IFNAMSIZ` without its zero byte).
pub const NAME_LENGTH: usize = 15;

const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;

const LINK_NAME: u16 = 3;
const LINK_NAMESPACE: u16 = 28;
const ADDRESS_FLAGS: u16 = 8;
const PERMANENT: u32 = 0x80;
const DUPLICATE_DETECTION_OFF: u32 = 0x2;
const SCOPE_GLOBAL: u8 = 0;

/// A connection to the kernel about the network namespace that it was opened in.
#[derive(Debug)]
pub struct Netlink(Socket);

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
        Socket::route().map(Self)
    }

    /// The number of the device of this name.
    ///
    /// # Errors
    /// `ENODEV` when there is none.
    pub fn index(&self, name: &str) -> io::Result<u32> {
        let mut request = Request::new(GET_LINK, REQUEST, &[0; 16]);
        request.attribute(LINK_NAME, &terminated(name)?);
        let answer = self.0.ask(request)?;
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
        for message in self.0.ask(request)? {
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
        self.0.ask(request).map(drop)
    }

    /// Names of the devices, with their numbers.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn devices(&self) -> io::Result<Vec<(String, u32)>> {
        let answer = self.0.ask(Request::new(GET_LINK, REQUEST | DUMP, &[0; 16]))?;
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
        match self.0.ask(request) {
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
        self.0.ask(request).map(drop)
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
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
}
