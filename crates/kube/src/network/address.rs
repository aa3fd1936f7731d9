//! Blocks and ranges of IP addresses.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// Which kind of address. Ranges never hold both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both, in the order in which they are written.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Bits of an address.
    const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The highest address, as a number.
    pub(crate) const fn last(self) -> u128 {
        match self {
            Self::V4 => u32::MAX as u128,
            Self::V6 => u128::MAX,
        }
    }
}

/// A block of addresses in CIDR notation, `10.0.0.0/8` or `fd00::/8`.
///
/// Bits behind the prefix are ignored, as Kubernetes does: `10.1.2.3/8` is `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    range: AddressRange,
    prefix: u8,
}

impl Cidr {
    /// The block of one address.
    pub fn of(address: IpAddr) -> Self {
        let range = AddressRange::of(address);
        Self { range, prefix: range.family.bits() }
    }

    /// The blocks from `first` to `last`; none if they are not of one family and in order.
    pub(crate) fn spanning(first: IpAddr, last: IpAddr) -> Option<Vec<Self>> {
        let ((family, first), (other, last)) = (number(first), number(last));
        let in_order = family == other && first <= last;
        in_order.then(|| AddressRange { family, first, last }.blocks())
    }

    /// The addresses of the block.
    pub const fn range(&self) -> AddressRange {
        self.range
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not an address block such as 10.0.0.0/8 or fd00::/8");
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        // `parse` of a number takes a sign, which CIDR notation does not.
        let digits =
            (1..=3).contains(&prefix.len()) && prefix.bytes().all(|it| it.is_ascii_digit());
        let prefix: u8 = prefix.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        // The API server takes IPv4 addresses in IPv6 clothes for neither.
        if address.is_ipv6() && address.to_canonical().is_ipv4() {
            return Err(wrong());
        }
        let (family, number) = number(address);
        let free = family.bits().checked_sub(prefix).ok_or_else(wrong)?;
        let mask = 1_u128.checked_shl(u32::from(free)).map_or(u128::MAX, |high| high - 1);
        let range = AddressRange { family, first: number & !mask, last: number | mask };
        Ok(Self { range, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", address(self.range.family, self.range.first), self.prefix)
    }
}

impl Serialize for Cidr {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Addresses from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    /// Kind of address.
    pub family: Family,
    /// The first address, as a number.
    pub first: u128,
    /// The last address, as a number.
    pub last: u128,
}

impl AddressRange {
    /// One address.
    pub fn of(address: IpAddr) -> Self {
        let (family, number) = number(address);
        Self { family, first: number, last: number }
    }

    /// Every address of a family.
    pub const fn all(family: Family) -> Self {
        Self { family, first: 0, last: family.last() }
    }

    /// Whether `address` is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (family, number) = number(address);
        family == self.family && (self.first..=self.last).contains(&number)
    }

    /// The fewest blocks that make up the range.
    pub fn blocks(&self) -> Vec<Cidr> {
        let mut blocks = Vec::new();
        let mut next = Some(self.first);
        while let Some(first) = next.filter(|first| *first <= self.last) {
            let aligned = first.trailing_zeros().min(u32::from(self.family.bits()));
            // The largest block that begins here and does not pass the end.
            let free = (0..=aligned)
                .rev()
                .find(|free| first.checked_add(ones(*free)).is_some_and(|last| last <= self.last))
                .expect("a block of one address fits");
            let last = first + ones(free);
            let prefix = self.family.bits() - u8::try_from(free).expect("at most 128");
            let range = Self { family: self.family, first, last };
            blocks.push(Cidr { range, prefix });
            next = last.checked_add(1);
        }
        blocks
    }
}

/// `count` ones.
const fn ones(count: u32) -> u128 {
    match 1_u128.checked_shl(count) {
        Some(high) => high - 1,
        None => u128::MAX,
    }
}

impl fmt::Display for AddressRange {
    /// `10.0.0.0/8` where one block will do, else `10.0.0.0-10.0.0.9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.blocks()[..] {
            [block] => write!(f, "{block}"),
            _ => write!(f, "{}-{}", self.first_address(), self.last_address()),
        }
    }
}

impl AddressRange {
    /// The first address.
    pub fn first_address(&self) -> IpAddr {
        address(self.family, self.first)
    }

    /// The last address.
    pub fn last_address(&self) -> IpAddr {
        address(self.family, self.last)
    }
}

/// Blocks that are not on the internet: private, shared, link-local, loopback, multicast, reserved.
/// From the IANA registries of special-purpose addresses, what is not globally reachable.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "::/3",
    "2001:db8::/32",
    "4000::/2",
    "8000::/1",
];

/// [`NOT_PUBLIC`], read.
pub(crate) fn not_public() -> impl Iterator<Item = Cidr> {
    NOT_PUBLIC.iter().map(|text| text.parse().expect("the table holds blocks"))
}

/// Family and number of an address. An IPv4 address in IPv6 clothes is IPv4.
pub(crate) fn number(address: IpAddr) -> (Family, u128) {
    match address.to_canonical() {
        IpAddr::V4(address) => (Family::V4, u128::from(u32::from(address))),
        IpAddr::V6(address) => (Family::V6, u128::from(address)),
    }
}

fn address(family: Family, number: u128) -> IpAddr {
    match family {
        Family::V4 => {
            let number = u32::try_from(number).expect("IPv4 ranges end at 2^32 - 1");
            IpAddr::V4(Ipv4Addr::from(number))
        }
        Family::V6 => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_parse_as_kubernetes_reads_them() {
        for (text, wanted) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("1.2.3.4/32", "1.2.3.4/32"),
            ("::/0", "::/0"),
            ("fd00:1::5/64", "fd00:1::/64"),
            ("2001:db8::1/128", "2001:db8::1/128"),
        ] {
            assert_eq!(text.parse::<Cidr>().expect(text).to_string(), wanted);
        }
    }

    #[test]
    fn what_is_no_block_is_named() {
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "/8",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "a/8",
            "10.0.0.0/8/8",
            "::ffff:1.2.3.4/120",
        ] {
            let error = text.parse::<Cidr>().expect_err(text);
            assert!(error.contains(&format!("'{text}'")), "{error}");
        }
    }

    proptest! {
        /// The blocks of a range are the range: in order, without holes, each written and read alike.
        #[test]
        fn blocks_make_up_the_range(first: u128, length in 0..u128::MAX, v4: bool) {
            let family = if v4 { Family::V4 } else { Family::V6 };
            let first = first & family.last();
            let last = first.saturating_add(length).min(family.last());
            let range = AddressRange { family, first, last };
            let mut next = Some(first);
            for block in range.blocks() {
                prop_assert_eq!(Some(block.range().first), next);
                // An IPv4-mapped block reads back as IPv4.
                if v4 {
                    prop_assert_eq!(block.to_string().parse::<Cidr>(), Ok(block));
                }
                next = block.range().last.checked_add(1);
            }
            prop_assert_eq!(next, last.checked_add(1));
        }

        #[test]
        fn any_text_is_a_block_or_an_error(text in "[0-9a-f:./]{0,24}") {
            if let Ok(block) = text.parse::<Cidr>() {
                prop_assert!(block.range().first <= block.range().last);
            }
        }
    }
}
