//! Messages of the domain name system (RFC 1035), as far as a resolver for addresses needs them.
//!
//! Both sides are foreign: queries come from the container, answers from the network. Nothing is
//! passed on as it came; what was understood is written anew.

use std::net::IpAddr;

use super::name::Name;

/// Bytes of a header.
const HEADER: usize = 12;
/// Most bytes of a message that is read.
pub const LONGEST: usize = 4096;
/// Most bytes of a message that is written to a client, which need not know of longer ones.
pub const LONGEST_REPLY: usize = 512;
/// Most records of an answer that are looked at.
const RECORDS: usize = 128;
/// Most names that stand for one another in an answer.
const ALIASES: usize = 16;
/// Most addresses that are passed on.
pub const ADDRESSES: usize = 16;
/// Most pointers in a name; each has to go back, so that there is an end in any case.
const POINTERS: usize = 16;
/// The size of answers that servers are told (EDNS, RFC 6891), below what networks cut up.
const SIZE: u16 = 1232;

const INTERNET: u16 = 1;
const ALIAS: u16 = 5;
const OPTIONS: u16 = 41;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// Anything else, by its number.
    Other(u16),
}

impl Kind {
    const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
            Self::Other(number) => number,
        }
    }

    const fn of(number: u16) -> Self {
        match number {
            1 => Self::A,
            28 => Self::Aaaa,
            other => Self::Other(other),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Other(2) => "NS",
            Self::Other(5) => "CNAME",
            Self::Other(6) => "SOA",
            Self::Other(12) => "PTR",
            Self::Other(15) => "MX",
            Self::Other(16) => "TXT",
            Self::Other(33) => "SRV",
            Self::Other(65) => "HTTPS",
            Self::Other(255) => "ANY",
            Self::Other(number) => return write!(f, "TYPE{number}"),
        };
        f.write_str(name)
    }
}

/// How a question was answered (RFC 1035, 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// It was.
    Fine,
    /// The question makes no sense.
    Malformed,
    /// Nobody could answer.
    Failed,
    /// There is no such name.
    NoName,
    /// Not this kind of message.
    NotImplemented,
    /// The name is not allowed.
    Refused,
}

impl Code {
    const fn number(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Malformed => 1,
            Self::Failed => 2,
            Self::NoName => 3,
            Self::NotImplemented => 4,
            Self::Refused => 5,
        }
    }
}

/// A question that a client asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Its number.
    pub id: u16,
    /// What it is about.
    pub name: Name,
    /// What is asked for.
    pub kind: Kind,
    /// The question as it was written, for the reply.
    question: Vec<u8>,
    /// Whether the client wants the answer looked for.
    recursion: bool,
}

/// A query that cannot be answered as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryError {
    /// No reply is possible, or due.
    Ignore,
    /// The reply that it gets.
    Reply(Vec<u8>),
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How.
    pub code: Code,
    /// The addresses, each with the seconds for which it holds.
    pub addresses: Vec<(IpAddr, u32)>,
}

impl Query {
    /// Reads a client's message.
    ///
    /// # Errors
    /// [`QueryError`], with the reply where there can be one.
    pub fn read(bytes: &[u8]) -> Result<Self, QueryError> {
        let header = Header::read(bytes).filter(|header| !header.is_reply());
        let header = header.ok_or(QueryError::Ignore)?;
        let malformed =
            |code: Code| QueryError::Reply(header.reply(code, &[], 0, header.recursion()));
        if header.operation() != 0 {
            return Err(malformed(Code::NotImplemented));
        }
        if header.questions != 1 || bytes.len() > LONGEST {
            return Err(malformed(Code::Malformed));
        }
        let mut reader = Reader { bytes, at: HEADER };
        let found = reader.question();
        let (name, kind, class) = found.ok_or_else(|| malformed(Code::Malformed))?;
        let question = bytes[HEADER..reader.at].to_vec();
        let recursion = header.recursion();
        let refused = || QueryError::Reply(header.reply(Code::Refused, &question, 0, recursion));
        // Names that no host has, such as the root or those with odd bytes, and other classes.
        let name = name.filter(|_| class == INTERNET).ok_or_else(refused)?;
        Ok(Self { id: header.id, name, kind: Kind::of(kind), question, recursion })
    }

    /// A reply with these addresses, as many as go in.
    #[must_use]
    pub fn reply(&self, code: Code, addresses: &[(IpAddr, u32)]) -> Vec<u8> {
        let header = Header { id: self.id, flags: 0, questions: 1, answers: 0 };
        let records: Vec<_> = addresses.iter().filter_map(|found| self.record(found)).collect();
        let mut room = LONGEST_REPLY - HEADER - self.question.len();
        let fits = records.iter().take_while(|record| {
            let before = room;
            room = room.saturating_sub(record.len());
            before >= record.len()
        });
        let fits: Vec<_> = fits.collect();
        let count = u16::try_from(fits.len()).unwrap_or_default();
        let mut bytes = header.reply(code, &self.question, count, self.recursion);
        fits.into_iter().for_each(|record| bytes.extend(record));
        bytes
    }

    /// A record whose name is the question's.
    fn record(&self, (address, seconds): &(IpAddr, u32)) -> Option<Vec<u8>> {
        const TO_QUESTION: u16 = 0xc00c;
        let data = match (address, self.kind) {
            (IpAddr::V4(address), Kind::A) => address.octets().to_vec(),
            (IpAddr::V6(address), Kind::Aaaa) => address.octets().to_vec(),
            _ => return None,
        };
        let mut record = Vec::new();
        record.extend(TO_QUESTION.to_be_bytes());
        record.extend(self.kind.number().to_be_bytes());
        record.extend(INTERNET.to_be_bytes());
        record.extend(seconds.to_be_bytes());
        record.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        record.extend(data);
        Some(record)
    }
}

/// A question to a server.
#[must_use]
pub fn ask(id: u16, name: &Name, kind: Kind) -> Vec<u8> {
    const RECURSION_WANTED: u16 = 0x0100;
    let mut bytes = Vec::new();
    for number in [id, RECURSION_WANTED, 1, 0, 0, 1] {
        bytes.extend(number.to_be_bytes());
    }
    for label in name.labels() {
        bytes.push(u8::try_from(label.len()).unwrap_or_default());
        bytes.extend(label);
    }
    bytes.push(0);
    bytes.extend(kind.number().to_be_bytes());
    bytes.extend(INTERNET.to_be_bytes());
    // A record for the root that tells how long an answer may be.
    bytes.push(0);
    bytes.extend(OPTIONS.to_be_bytes());
    bytes.extend(SIZE.to_be_bytes());
    bytes.extend([0; 6]);
    bytes
}

/// Reads a server's message; `None` unless it answers exactly that question.
#[must_use]
pub fn answer(bytes: &[u8], id: u16, name: &Name, kind: Kind) -> Option<Answer> {
    let header = Header::read(bytes).filter(|header| header.is_reply() && header.id == id)?;
    if header.questions != 1 || header.operation() != 0 || bytes.len() > LONGEST {
        return None;
    }
    let mut reader = Reader { bytes, at: HEADER };
    let (asked, asked_kind, class) = reader.question()?;
    if asked.as_ref() != Some(name) || asked_kind != kind.number() || class != INTERNET {
        return None;
    }
    let code = match header.flags & 0xf {
        0 => Code::Fine,
        3 => Code::NoName,
        _ => Code::Failed,
    };
    if code != Code::Fine {
        return Some(Answer { code, addresses: Vec::new() });
    }
    let count = usize::from(header.answers).min(RECORDS);
    // What is broken, or cut off for want of room, ends the list.
    let records: Vec<_> = std::iter::from_fn(|| reader.record()).take(count).collect();
    Some(Answer { code, addresses: addresses(&records, name, kind) })
}

/// Follows aliases from the name to the records with addresses.
fn addresses(records: &[Record<'_>], name: &Name, kind: Kind) -> Vec<(IpAddr, u32)> {
    let mut owner = name.clone();
    let mut least = u32::MAX;
    for _ in 0..ALIASES {
        let of_owner = || records.iter().filter(|record| record.owner.as_ref() == Some(&owner));
        let found: Vec<_> = of_owner()
            .filter(|record| record.kind == kind.number())
            .filter_map(|record| Some((record.address()?, record.seconds.min(least))))
            .take(ADDRESSES)
            .collect();
        if !found.is_empty() {
            return found;
        }
        let Some(alias) = of_owner().find(|record| record.kind == ALIAS) else { break };
        let Some(target) = alias.target.clone() else { break };
        least = least.min(alias.seconds);
        owner = target;
    }
    Vec::new()
}

#[derive(Debug, Clone, Copy)]
struct Header {
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER>()?;
        let at = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        Some(Self { id: at(0), flags: at(2), questions: at(4), answers: at(6) })
    }

    const fn is_reply(self) -> bool {
        self.flags & 0x8000 != 0
    }

    const fn operation(self) -> u16 {
        self.flags >> 11 & 0xf
    }

    const fn recursion(self) -> bool {
        self.flags & 0x0100 != 0
    }

    /// The reply's header and question.
    fn reply(self, code: Code, question: &[u8], answers: u16, recursion: bool) -> Vec<u8> {
        const REPLY: u16 = 0x8000;
        const RECURSION_AVAILABLE: u16 = 0x0080;
        let wanted = if recursion { 0x0100 } else { 0 };
        let flags = REPLY | RECURSION_AVAILABLE | wanted | u16::from(code.number());
        let mut bytes = Vec::new();
        for number in [self.id, flags, u16::from(!question.is_empty()), answers, 0, 0] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(question);
        bytes
    }
}

struct Record<'a> {
    /// `None` when it is a name that no host has.
    owner: Option<Name>,
    kind: u16,
    seconds: u32,
    data: &'a [u8],
    /// Of an alias.
    target: Option<Name>,
}

impl Record<'_> {
    fn address(&self) -> Option<IpAddr> {
        match self.kind {
            1 => <[u8; 4]>::try_from(self.data).ok().map(IpAddr::from),
            28 => <[u8; 16]>::try_from(self.data).ok().map(IpAddr::from),
            _ => None,
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u16> {
        let found = self.bytes.get(self.at..)?.first_chunk::<2>()?;
        self.at += 2;
        Some(u16::from_be_bytes(*found))
    }

    /// Name, kind and class; the name is `None` when no host has such a one.
    fn question(&mut self) -> Option<(Option<Name>, u16, u16)> {
        Some((self.name()?, self.number()?, self.number()?))
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let owner = self.name()?;
        let (kind, class) = (self.number()?, self.number()?);
        let seconds = u32::from(self.number()?) << 16 | u32::from(self.number()?);
        let length = usize::from(self.number()?);
        let start = self.at;
        let data = self.bytes.get(start..start + length)?;
        let target = if kind == ALIAS { self.name()? } else { None };
        self.at = start + length;
        let kind = if class == INTERNET { kind } else { 0 };
        // A lifetime with the highest bit means none (RFC 2181, 8).
        let seconds = if seconds > i32::MAX.cast_unsigned() { 0 } else { seconds };
        Some(Record { owner, kind, seconds, data, target })
    }

    /// `None` when it is broken, `Some(None)` when it is no host's.
    fn name(&mut self) -> Option<Option<Name>> {
        let mut labels: Vec<&[u8]> = Vec::new();
        let (mut at, mut total, mut pointers) = (self.at, 0, 0);
        let mut after = None;
        loop {
            let length = usize::from(*self.bytes.get(at)?);
            match length {
                0 => break at += 1,
                1..=63 => {
                    labels.push(self.bytes.get(at + 1..at + 1 + length)?);
                    total += length + 1;
                    at += length + 1;
                }
                192.. => {
                    let target = length & 0x3f;
                    let target = target << 8 | usize::from(*self.bytes.get(at + 1)?);
                    pointers += 1;
                    if target >= at || pointers > POINTERS {
                        return None;
                    }
                    after.get_or_insert(at + 2);
                    at = target;
                }
                _ => return None,
            }
            if total > super::name::LONGEST + 1 {
                return None;
            }
        }
        self.at = after.unwrap_or(at);
        Some(Name::from_labels(labels))
    }
}

#[cfg(test)]
mod tests;
