//! Rules as the kernel takes them: expressions over registers.
//!
//! Source: Linux `include/uapi/linux/netfilter/nf_tables.h`.

use std::net::IpAddr;

use cofferdam_sys::netlink::{message::Request, route::Network};

use super::rule::{Action, Match, Protocol, Rule, SetKind};

/// An element of a list (`NFTA_LIST_ELEM`).
pub(super) const ELEMENT: u16 = 1;
pub(super) const EXPRESSION_NAME: u16 = 1;
pub(super) const EXPRESSION_DATA: u16 = 2;
pub(super) const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;

const VERDICT_REGISTER: u32 = 0;
/// The first register of 16 bytes, and the same place seen as registers of 4.
const FIRST: u32 = 1;
const WORDS: u32 = 8;

const EQUAL: u32 = 0;
const UNEQUAL: u32 = 1;
const AT_MOST: u32 = 3;
const AT_LEAST: u32 = 5;

const IN_NAME: u32 = 6;
const OUT_NAME: u32 = 7;
const NETWORK_PROTOCOL: u32 = 15;
const TRANSPORT_PROTOCOL: u32 = 16;

const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;

const STATE: u32 = 0;
const STATUS: u32 = 2;
/// `NF_CT_STATE_BIT` of established and related connections.
const ESTABLISHED_OR_RELATED: u32 = 2 | 4;
/// `IPS_DST_NAT`.
const DESTINATION_REWRITTEN: u32 = 1 << 5;
/// `RTN_LOCAL`.
const LOCAL: u32 = 2;

/// Writes the expressions of a rule.
pub(super) fn expressions(rule: &Rule, into: &mut Request) {
    for wanted in &rule.matches {
        encode_match(wanted, into);
    }
    for action in &rule.actions {
        encode_action(action, into);
    }
}

fn encode_match(wanted: &Match, into: &mut Request) {
    match wanted {
        Match::In(name) => device(IN_NAME, EQUAL, name, into),
        Match::Out(name) => device(OUT_NAME, EQUAL, name, into),
        Match::OutOther(name) => device(OUT_NAME, UNEQUAL, name, into),
        Match::Established => connection(STATE, ESTABLISHED_OR_RELATED, into),
        Match::Redirected => connection(STATUS, DESTINATION_REWRITTEN, into),
        Match::Local => {
            const DESTINATION_ADDRESS: u32 = 2;
            const ADDRESS_TYPE: u32 = 3;
            expression("fib", into, |data| {
                data.big_endian(1, FIRST);
                data.big_endian(2, ADDRESS_TYPE);
                data.big_endian(3, DESTINATION_ADDRESS);
            });
            compare(EQUAL, &LOCAL.to_ne_bytes(), into);
        }
        Match::Protocol(protocol) => {
            meta(TRANSPORT_PROTOCOL, FIRST, into);
            compare(EQUAL, &[protocol.number()], into);
        }
        Match::Icmp6(first, last) => {
            encode_match(&Match::Protocol(Protocol::Icmp6), into);
            payload(TRANSPORT_HEADER, 0, 1, FIRST, into);
            compare(AT_LEAST, &[*first], into);
            compare(AT_MOST, &[*last], into);
        }
        Match::From(network) => address(network, false, into),
        Match::To(network) => address(network, true, into),
        Match::ToSet(kind, set) => {
            is_version(*kind, into);
            destination(*kind, FIRST, into);
            expression("lookup", into, |data| {
                data.text(1, set);
                data.big_endian(2, FIRST);
            });
        }
        Match::Port(first, last) => {
            payload(TRANSPORT_HEADER, 2, 2, FIRST, into);
            if first == last {
                compare(EQUAL, &first.to_be_bytes(), into);
            } else {
                compare(AT_LEAST, &first.to_be_bytes(), into);
                compare(AT_MOST, &last.to_be_bytes(), into);
            }
        }
    }
}

fn encode_action(action: &Action, into: &mut Request) {
    match action {
        Action::Accept => verdict(1, into),
        Action::Drop => verdict(0, into),
        Action::Reject => {
            const ANY_VERSION: u32 = 2;
            const PROHIBITED: u8 = 3;
            expression("reject", into, |data| {
                data.big_endian(1, ANY_VERSION);
                data.attribute(2, &[PROHIBITED]);
            });
        }
        Action::Count => expression("counter", into, |_| {}),
        Action::Note(kind, set, port) => note(*kind, set, *port, into),
        Action::Redirect(address, port) => redirect(*address, *port, into),
        Action::Masquerade => expression("masq", into, |_| {}),
    }
}

/// The destination, the protocol and the port side by side as the key of a set that grows.
fn note(kind: SetKind, set: &str, port: bool, into: &mut Request) {
    is_version(kind, into);
    destination(kind, FIRST, into);
    let after = WORDS + if kind == SetKind::V4 { 1 } else { 4 };
    meta(TRANSPORT_PROTOCOL, after, into);
    match port {
        true => payload(TRANSPORT_HEADER, 2, 2, after + 1, into),
        false => immediate(after + 1, &[0; 2], into),
    }
    expression("dynset", into, |data| {
        data.text(1, set);
        data.big_endian(3, 0);
        data.big_endian(4, FIRST);
        data.nested(7, |counter| {
            counter.text(EXPRESSION_NAME, "counter");
            counter.nested(EXPRESSION_DATA, |_| {});
        });
    });
}

fn redirect(to: IpAddr, port: u16, into: &mut Request) {
    const DESTINATION: u32 = 1;
    const SECOND: u32 = 2;
    let bytes = match to {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    immediate(FIRST, &bytes, into);
    immediate(SECOND, &port.to_be_bytes(), into);
    expression("nat", into, |data| {
        data.big_endian(1, DESTINATION);
        data.big_endian(2, u32::from(version(SetKind::of(to))));
        data.big_endian(3, FIRST);
        data.big_endian(5, SECOND);
    });
}

/// An address of a network, or any of it.
fn address(network: &Network, is_destination: bool, into: &mut Request) {
    let kind = SetKind::of(network.address);
    is_version(kind, into);
    let (offset, bytes) = match network.address {
        IpAddr::V4(address) => (12, address.octets().to_vec()),
        IpAddr::V6(address) => (8, address.octets().to_vec()),
    };
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    let offset = offset + if is_destination { length } else { 0 };
    payload(NETWORK_HEADER, offset, length, FIRST, into);
    let mask = mask(network.prefix, bytes.len());
    if mask.iter().any(|byte| *byte != 0xff) {
        masked(&mask, into);
    }
    let network: Vec<_> = bytes.iter().zip(&mask).map(|(byte, mask)| byte & mask).collect();
    compare(EQUAL, &network, into);
}

fn mask(prefix: u8, length: usize) -> Vec<u8> {
    let ones = |at: usize| usize::from(prefix).saturating_sub(at * 8).min(8);
    (0..length)
        .map(|at| !0xff_u8.checked_shr(u32::try_from(ones(at)).unwrap_or(8)).unwrap_or(0))
        .collect()
}

fn destination(kind: SetKind, register: u32, into: &mut Request) {
    match kind {
        SetKind::V4 => payload(NETWORK_HEADER, 16, 4, register, into),
        SetKind::V6 => payload(NETWORK_HEADER, 24, 16, register, into),
    }
}

fn is_version(kind: SetKind, into: &mut Request) {
    meta(NETWORK_PROTOCOL, FIRST, into);
    compare(EQUAL, &[version(kind)], into);
}

/// `NFPROTO_IPV4` and `NFPROTO_IPV6`.
pub(super) const fn version(kind: SetKind) -> u8 {
    match kind {
        SetKind::V4 => 2,
        SetKind::V6 => 10,
    }
}

/// A device's name, compared with its zero bytes and all.
fn device(key: u32, operator: u32, name: &str, into: &mut Request) {
    let mut bytes = [0; 16];
    for (place, byte) in bytes.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    meta(key, FIRST, into);
    compare(operator, &bytes, into);
}

/// Whether some of these bits are set of what is known of the packet's connection.
fn connection(key: u32, bits: u32, into: &mut Request) {
    expression("ct", into, |data| {
        data.big_endian(1, FIRST);
        data.big_endian(2, key);
    });
    masked(&bits.to_ne_bytes(), into);
    compare(UNEQUAL, &[0; 4], into);
}

fn meta(key: u32, register: u32, into: &mut Request) {
    expression("meta", into, |data| {
        data.big_endian(1, register);
        data.big_endian(2, key);
    });
}

fn payload(base: u32, offset: u32, length: u32, register: u32, into: &mut Request) {
    expression("payload", into, |data| {
        data.big_endian(1, register);
        data.big_endian(2, base);
        data.big_endian(3, offset);
        data.big_endian(4, length);
    });
}

fn masked(mask: &[u8], into: &mut Request) {
    expression("bitwise", into, |data| {
        data.big_endian(1, FIRST);
        data.big_endian(2, FIRST);
        data.big_endian(3, u32::try_from(mask.len()).unwrap_or_default());
        data.nested(4, |value| value.attribute(DATA_VALUE, mask));
        data.nested(5, |value| value.attribute(DATA_VALUE, &vec![0; mask.len()]));
    });
}

fn compare(operator: u32, value: &[u8], into: &mut Request) {
    expression("cmp", into, |data| {
        data.big_endian(1, FIRST);
        data.big_endian(2, operator);
        data.nested(3, |inside| inside.attribute(DATA_VALUE, value));
    });
}

fn immediate(register: u32, value: &[u8], into: &mut Request) {
    expression("immediate", into, |data| {
        data.big_endian(1, register);
        data.nested(2, |inside| inside.attribute(DATA_VALUE, value));
    });
}

fn verdict(code: u32, into: &mut Request) {
    expression("immediate", into, |data| {
        data.big_endian(1, VERDICT_REGISTER);
        data.nested(2, |inside| {
            inside.nested(DATA_VERDICT, |verdict| verdict.big_endian(1, code));
        });
    });
}

fn expression(name: &str, into: &mut Request, data: impl FnOnce(&mut Request)) {
    into.nested(ELEMENT, |expression| {
        expression.text(EXPRESSION_NAME, name);
        expression.nested(EXPRESSION_DATA, data);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_as_many_ones_as_the_prefix() {
        for (prefix, wanted) in [
            (0, [0; 4]),
            (8, [255, 0, 0, 0]),
            (9, [255, 128, 0, 0]),
            (32, [255; 4]),
            (200, [255; 4]),
        ] {
            assert_eq!(mask(prefix, 4), wanted, "{prefix}");
        }
    }
}
