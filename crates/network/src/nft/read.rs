//! Counts read back from sets.

use std::net::IpAddr;

use cofferdam_sys::netlink::{
    Socket,
    message::{DUMP, attribute, attributes},
};

use super::{NftError, SetKind, encode, message};

const GET_ELEMENT: u16 = 13;
const NEW_ELEMENT: u16 = super::SUBSYSTEM | 12;
/// Bytes of `struct nfgenmsg`.
const FAMILY: usize = 4;

/// What packets there were to one destination.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    /// Where they were to go.
    pub address: IpAddr,
    /// The protocol's number in IP.
    pub protocol: u8,
    /// The port; 0 where there are none.
    pub port: u16,
    /// How many.
    pub packets: u64,
}

/// Reads a set of attempts.
///
/// # Errors
/// When there is no such set.
pub fn attempts(
    socket: &Socket,
    table: &str,
    set: &str,
    kind: SetKind,
) -> Result<Vec<Attempt>, NftError> {
    Ok(elements(socket, table, set)?.iter().filter_map(|found| attempt(found, kind)).collect())
}

/// Reads the addresses in a set.
///
/// # Errors
/// When there is no such set.
pub fn addresses(socket: &Socket, table: &str, set: &str) -> Result<Vec<IpAddr>, NftError> {
    let found = elements(socket, table, set)?;
    Ok(found.iter().filter_map(|found| address(&found.key)).collect())
}

/// An element: its key, and what its counter says.
struct Element {
    key: Vec<u8>,
    packets: u64,
}

fn elements(socket: &Socket, table: &str, set: &str) -> Result<Vec<Element>, NftError> {
    let mut request = message(GET_ELEMENT, DUMP);
    request.text(1, table);
    request.text(2, set);
    let answer = socket.ask(request);
    let answer = answer.map_err(|source| NftError::Read { what: set.to_owned(), source })?;
    let bodies = answer.iter().filter(|message| message.kind == NEW_ELEMENT);
    Ok(bodies.flat_map(|message| list(&message.body)).collect())
}

/// The elements in one message.
fn list(body: &[u8]) -> Vec<Element> {
    const ELEMENTS: u16 = 3;
    let list = body.get(FAMILY..).and_then(|body| attribute(body, ELEMENTS)).unwrap_or_default();
    attributes(list).filter_map(|(_, element)| read(element)).collect()
}

fn read(element: &[u8]) -> Option<Element> {
    const KEY: u16 = 1;
    const EXPRESSION: u16 = 7;
    const EXPRESSIONS: u16 = 11;
    let key = attribute(attribute(element, KEY)?, encode::DATA_VALUE)?.to_vec();
    let several = attribute(element, EXPRESSIONS).into_iter().flat_map(attributes);
    let all = attribute(element, EXPRESSION).into_iter().chain(several.map(|(_, value)| value));
    Some(Element { key, packets: all.filter_map(packets).sum() })
}

/// What an expression says if it is a counter.
fn packets(expression: &[u8]) -> Option<u64> {
    const PACKETS: u16 = 2;
    let name = attribute(expression, encode::EXPRESSION_NAME)?;
    let data = attribute(expression, encode::EXPRESSION_DATA)?;
    let value = attribute(data, PACKETS).filter(|_| name == b"counter\0")?;
    Some(u64::from_be_bytes(value.try_into().ok()?))
}

fn attempt(element: &Element, kind: SetKind) -> Option<Attempt> {
    let length = if kind == SetKind::V4 { 4 } else { 16 };
    let (address_bytes, rest) = element.key.split_at_checked(length)?;
    Some(Attempt {
        address: address(address_bytes)?,
        protocol: *rest.first()?,
        port: u16::from_be_bytes(rest.get(4..6)?.try_into().ok()?),
        packets: element.packets,
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match <[u8; 4]>::try_from(bytes) {
        Ok(bytes) => Some(bytes.into()),
        Err(_) => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_key_are_words() {
        let key = vec![192, 0, 2, 1, 6, 0, 0, 0, 1, 187, 0, 0];
        let element = Element { key, packets: 3 };
        let wanted = Attempt { address: [192, 0, 2, 1].into(), protocol: 6, port: 443, packets: 3 };
        assert_eq!(attempt(&element, SetKind::V4), Some(wanted));
        assert_eq!(attempt(&element, SetKind::V6), None);
    }
}
