//! Messages of netlink(7): a header, what belongs to the family, and attributes.

use rustix::io::{self, Errno};

/// The request's flag for a nested attribute (`NLA_F_NESTED`).
const NESTED: u16 = 0x8000;
/// The bits of an attribute's type that are its number (`NLA_TYPE_MASK`).
const TYPE: u16 = 0x3fff;
/// Bytes of `struct nlmsghdr`.
const HEADER: usize = 16;

/// A message is a request (`NLM_F_REQUEST`).
pub const REQUEST: u16 = 1;
/// More messages of this answer follow (`NLM_F_MULTI`).
pub const MULTI: u16 = 2;
/// An answer is wanted even if all went well (`NLM_F_ACK`).
pub const ACKNOWLEDGE: u16 = 4;
/// Make it if it is not there (`NLM_F_CREATE`).
pub const CREATE: u16 = 0x400;
/// Fail if it is there (`NLM_F_EXCL`).
pub const EXCLUSIVE: u16 = 0x200;
/// Add at the end of a list (`NLM_F_APPEND`).
pub const APPEND: u16 = 0x800;
/// All there are (`NLM_F_DUMP`).
pub const DUMP: u16 = 0x300;

const ERROR: u16 = 2;
const DONE: u16 = 3;

/// A message of the kernel's: its type and what follows its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its type, with the subsystem in the upper byte where there are such.
    pub kind: u16,
    /// What follows the header.
    pub body: Vec<u8>,
}

/// What a part of an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The request with this number is done (`NLMSG_DONE`, or an error of 0).
    Done(u32),
    /// The request with this number was refused.
    Refused(u32, Errno),
    /// Something was told; whether more follows.
    Told(Message, bool),
}

/// Takes a datagram apart.
pub(super) fn parts(mut datagram: &[u8]) -> io::Result<Vec<Part>> {
    let mut found = Vec::new();
    while datagram.len() >= HEADER {
        let length = usize::try_from(number(datagram, 0)?).map_err(|_| Errno::BADMSG)?;
        let (kind, flags) = (short(datagram, 4)?, short(datagram, 6)?);
        let sequence = number(datagram, 8)?;
        let body = datagram.get(HEADER..length).ok_or(Errno::BADMSG)?;
        found.push(match kind {
            DONE => Part::Done(sequence),
            ERROR => match number(body, 0)?.cast_signed() {
                0 => Part::Done(sequence),
                code => Part::Refused(sequence, Errno::from_raw_os_error(code.wrapping_neg())),
            },
            _ => Part::Told(Message { kind, body: body.to_vec() }, flags & MULTI != 0),
        });
        datagram = datagram.get(aligned(length)..).unwrap_or_default();
    }
    Ok(found)
}

/// A number of 32 bits in this machine's order.
///
/// # Errors
/// `EBADMSG` when there are too few bytes.
pub fn number(bytes: &[u8], at: usize) -> io::Result<u32> {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    found.map(|bytes| u32::from_ne_bytes(*bytes)).ok_or(Errno::BADMSG)
}

pub(super) fn short(bytes: &[u8], at: usize) -> io::Result<u16> {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>());
    found.map(|bytes| u16::from_ne_bytes(*bytes)).ok_or(Errno::BADMSG)
}

/// The value of the first attribute of this kind.
#[must_use]
pub fn attribute(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// Kinds and values of a row of attributes, as far as they are whole.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(short(bytes, 0).ok()?);
        let (kind, value) = (short(bytes, 2).ok()? & TYPE, bytes.get(4..length)?);
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

const fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

/// A request that is being written.
#[derive(Debug, Clone)]
pub struct Request(Vec<u8>);

impl Request {
    /// A message of this type, with these flags and what the family wants after the header.
    #[must_use]
    pub fn new(kind: u16, flags: u16, family: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(family);
        Self(bytes)
    }

    /// Adds an attribute; one that is too long makes the request invalid.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(aligned(self.0.len()), 0);
    }

    /// Adds an attribute that consists of attributes.
    pub fn nested(&mut self, kind: u16, inside: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.attribute(kind | NESTED, &[]);
        inside(self);
        let length = u16::try_from(self.0.len() - start).unwrap_or(u16::MAX);
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }

    /// Adds a number of 32 bits in network order, as netfilter wants them.
    pub fn big_endian(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_be_bytes());
    }

    /// Adds a text with its terminating zero.
    pub fn text(&mut self, kind: u16, value: &str) {
        self.attribute(kind, &[value.as_bytes(), &[0]].concat());
    }

    /// Adds bytes as they are: what a family wants after attributes' headers.
    pub fn bytes(&mut self, value: &[u8]) {
        self.0.extend(value);
        self.0.resize(aligned(self.0.len()), 0);
    }

    /// Adds flags to those that it has.
    pub(super) fn flag(&mut self, flags: u16) {
        let present = short(&self.0, 6).unwrap_or_default();
        self.0[6..8].copy_from_slice(&(present | flags).to_ne_bytes());
    }

    /// The message with its length and number.
    pub(super) fn finish(mut self, sequence: u32) -> io::Result<Vec<u8>> {
        let length = u32::try_from(self.0.len()).map_err(|_| Errno::MSGSIZE)?;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_nested_is_found_again() {
        let mut request = Request::new(7, REQUEST, &[1, 2, 3, 4]);
        request.nested(3, |inner| {
            inner.text(1, "abc");
            inner.big_endian(2, 5);
        });
        request.attribute(4, &[9]);
        let bytes = request.finish(1).unwrap();
        let outer = attribute(&bytes[20..], 3).unwrap();
        assert_eq!(attribute(outer, 1), Some(&b"abc\0"[..]));
        assert_eq!(attribute(outer, 2), Some(&[0, 0, 0, 5][..]));
        assert_eq!(attribute(&bytes[20..], 4), Some(&[9][..]));
    }

    #[test]
    fn broken_messages_are_errors() {
        assert_eq!(parts(&[0; 3]), Ok(Vec::new()));
        let mut short = [0; 16];
        short[0] = 200;
        assert_eq!(parts(&short), Err(Errno::BADMSG));
        // A length of 0 would never end.
        assert_eq!(parts(&[0; 16]), Err(Errno::BADMSG));
        assert_eq!(attribute(&[2, 0, 3, 0, 0], 3), None);
        assert_eq!(attribute(&[5, 0, 3, 0, 7, 0, 0, 0], 3), Some(&[7][..]));
    }

    proptest! {
        #[test]
        fn any_bytes_come_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = parts(&bytes);
            prop_assert!(attributes(&bytes).count() <= bytes.len() / 4 + 1);
        }
    }
}
