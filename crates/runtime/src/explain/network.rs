//! `/proc/PID/net`: interfaces and ways out.

use super::Seen;
use super::process::ProcessDirectory;

/// What a process sees of the network.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Network {
    /// Interfaces by name (`net/dev`).
    pub interfaces: Seen<Vec<String>>,
    /// Interfaces that an IPv4 default route goes by (`net/route`).
    pub ipv4_default: Seen<Vec<String>>,
    /// Interfaces that an IPv6 default route goes by (`net/ipv6_route`).
    pub ipv6_default: Seen<Vec<String>>,
}

pub(super) fn read(process: &ProcessDirectory) -> Network {
    Network {
        interfaces: process.read_as("net/dev", parse_interfaces),
        ipv4_default: process.read_as("net/route", parse_ipv4_default),
        ipv6_default: process.read_as("net/ipv6_route", parse_ipv6_default),
    }
}

/// The interfaces in `net/dev`; two lines of heading have no colon after a name.
#[must_use]
pub fn parse_interfaces(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| line.rsplit_once(':'));
    names.map(|(name, _)| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// The interfaces of `net/route` whose route has destination and mask 0.
#[must_use]
pub fn parse_ipv4_default(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let columns: Vec<_> = line.split_ascii_whitespace().collect();
            let is_default =
                columns.get(1) == Some(&"00000000") && columns.get(7) == Some(&"00000000");
            is_default.then(|| columns[0].to_owned())
        })
        .collect()
}

/// The interfaces of `net/ipv6_route` whose route covers every address and is no rejection
/// (`RTF_REJECT`, which every host has on its loopback).
#[must_use]
pub fn parse_ipv6_default(text: &str) -> Vec<String> {
    const REJECT: u32 = 0x200;
    text.lines()
        .filter_map(|line| {
            let columns: Vec<_> = line.split_ascii_whitespace().collect();
            let everything = columns.first()?.bytes().all(|digit| digit == b'0');
            let flags = u32::from_str_radix(columns.get(8)?, 16).ok()?;
            let is_default = everything && columns.get(1) == Some(&"00") && flags & REJECT == 0;
            is_default.then(|| columns.get(9).map(ToString::to_string)).flatten()
        })
        .collect()
}
