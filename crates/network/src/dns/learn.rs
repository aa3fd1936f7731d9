//! What the resolver and its keeper tell one another.
//!
//! The keeper has the right to change the firewall, and takes nothing from the resolver but
//! records of a fixed form, bounded in number, each about a name that was allowed before.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

/// Least seconds that an address is let through: programs keep what they were told for a while.
pub const LEAST_SECONDS: u32 = 60;
/// Most seconds.
pub const MOST_SECONDS: u32 = 3600;
/// Most records in a message.
pub const AT_ONCE: usize = 256;
/// The keeper's answer when the records are in force.
pub const LEARNT: &[u8] = b"learnt";
/// Its answer when they are not.
pub const NOT_LEARNT: &[u8] = b"not learnt";
/// The keeper wants the counts.
pub const FINISH: &[u8] = b"finish";

/// Bytes of a record: place, seconds, version, address.
const RECORD: usize = 2 + 4 + 1 + 16;
// No record begins as counts do.
const _: () = assert!(crate::egress::RULES <= (b'\n' as usize) << 8);
/// Most bytes of counts, below the longest message.
const COUNTS: usize = 15 * 1024;

/// An address of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learnt {
    /// Which of the allowed names.
    pub place: usize,
    /// Its address.
    pub address: IpAddr,
    /// How long it holds, as the server said.
    pub seconds: u32,
}

impl Learnt {
    /// How long the address is let through.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.clamp(LEAST_SECONDS, MOST_SECONDS).into())
    }
}

/// Refused names, with the kind that was asked for, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<String, u64>);

/// Writes records.
#[must_use]
pub fn encode(records: &[Learnt]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(records.len() * RECORD);
    for record in records {
        bytes.extend(u16::try_from(record.place).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(record.seconds.to_be_bytes());
        match record.address {
            IpAddr::V4(address) => {
                bytes.push(4);
                bytes.extend(address.octets());
                bytes.extend([0; 12]);
            }
            IpAddr::V6(address) => {
                bytes.push(6);
                bytes.extend(address.octets());
            }
        }
    }
    bytes
}

/// Reads records about this many names; `None` when anything is wrong with them.
#[must_use]
pub fn decode(bytes: &[u8], names: usize) -> Option<Vec<Learnt>> {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if !rest.is_empty() || records.is_empty() || records.len() > AT_ONCE {
        return None;
    }
    let read = |record: &[u8; RECORD]| {
        let place = usize::from(u16::from_be_bytes([record[0], record[1]]));
        let seconds = u32::from_be_bytes([record[2], record[3], record[4], record[5]]);
        let address: [u8; 16] = record[7..].try_into().ok()?;
        let address = match record[6] {
            4 => IpAddr::from(*address.first_chunk::<4>()?),
            6 => IpAddr::from(address),
            _ => return None,
        };
        (place < names).then_some(Learnt { place, address, seconds })
    };
    records.iter().map(read).collect()
}

impl Counts {
    /// Whether a message of the resolver's is one of counts, and not of records.
    #[must_use]
    pub fn is(bytes: &[u8]) -> bool {
        bytes.first() == Some(&b'\n')
    }

    /// A line a name; what does not go in is left out.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = b"\n".to_vec();
        for (name, count) in &self.0 {
            let line = format!("{count} {name}\n");
            if bytes.len() + line.len() <= COUNTS {
                bytes.extend(line.bytes());
            }
        }
        bytes
    }

    /// Reads counts, and passes over what makes no sense.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let read = |line: &str| {
            let (count, name) = line.split_once(' ')?;
            let fine = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
            let fine = name.len() <= 300 && name.bytes().all(fine);
            Some((name.to_owned(), count.parse().ok()?)).filter(|_| fine)
        };
        Self(text.lines().filter_map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_are_read_as_they_were_written() {
        let records = [
            Learnt { place: 0, address: [192, 0, 2, 1].into(), seconds: 7 },
            Learnt { place: 1, address: [7; 16].into(), seconds: u32::MAX },
        ];
        assert_eq!(decode(&encode(&records), 2).as_deref(), Some(&records[..]));
        assert_eq!(decode(&encode(&records), 1), None, "a name that there is not");
        assert_eq!(records[0].time(), Duration::from_secs(60));
        assert_eq!(records[1].time(), Duration::from_secs(3600));
    }

    #[test]
    fn counts_are_read_as_they_were_written() {
        let counts = Counts([("evil.example A".to_owned(), 3), ("(others)".to_owned(), 1)].into());
        assert_eq!(Counts::decode(&counts.encode()), counts);
        let hostile = b"1 \x1b[31m\n18446744073709551616 a\nx b\n2 c\n";
        assert_eq!(Counts::decode(hostile), Counts([("c".to_owned(), 2)].into()));
        let many = (0..1000).map(|at| (format!("{at:0>250}"), 1)).collect();
        assert!(Counts(many).encode().len() <= COUNTS);
    }

    proptest! {
        #[test]
        fn any_bytes_are_records_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Some(records) = decode(&bytes, 5) {
                prop_assert!(records.iter().all(|record| record.place < 5));
            }
            let _ = Counts::decode(&bytes);
        }
    }
}
