//! The file of one layer: digest of the rest, version, key, then the facts, lengths in front.
//! Numbers are little-endian.

use sha2::{Digest as _, Sha256};

use crate::{
    Skipped,
    facts::{Fact, Facts, What},
};

/// Changes whenever the format, or what is collected of a layer, does.
pub(super) const VERSION: &[u8; 16] = b"cofferdam layer2";

const DIGEST: usize = 32;

pub(super) fn encode(key: &[u8; 32], facts: &Facts) -> Vec<u8> {
    let mut out = vec![0; DIGEST];
    out.extend_from_slice(VERSION);
    out.extend_from_slice(key);
    number(&mut out, facts.entries.len() as u64);
    for (position, fact) in &facts.entries {
        number(&mut out, *position);
        bytes(&mut out, fact.path.as_bytes());
        let (kind, value): (u8, &[u8]) = match &fact.what {
            What::File(content) => (0, content),
            What::Symlink(target) => (1, target.as_bytes()),
            What::Hardlink(target) => (2, target.as_bytes()),
            What::Directory => (3, b""),
            What::Other => (4, b""),
            What::Whiteout => (5, b""),
            What::OpaqueDirectory => (6, b""),
            What::Extract(extract) => (7, extract),
        };
        out.push(kind);
        bytes(&mut out, value);
    }
    number(&mut out, facts.skipped.len() as u64);
    for skipped in &facts.skipped {
        bytes(&mut out, skipped.object.as_bytes());
        bytes(&mut out, skipped.why.as_bytes());
    }
    out.push(u8::from(facts.through.any));
    for hashes in [&facts.through.hashes, &facts.replaced] {
        let mut hashes: Vec<u64> = hashes.iter().copied().collect();
        hashes.sort_unstable();
        number(&mut out, hashes.len() as u64);
        hashes.into_iter().for_each(|hash| number(&mut out, hash));
    }
    let digest = Sha256::digest(&out[DIGEST..]);
    out[..DIGEST].copy_from_slice(&digest);
    out
}

/// `None` if it is not what [`encode`] wrote for this key.
pub(super) fn decode(key: &[u8; 32], file: &[u8]) -> Option<Facts> {
    let (digest, rest) = file.split_at_checked(DIGEST)?;
    if Sha256::digest(rest).as_slice() != digest {
        return None;
    }
    let mut input = Input(rest);
    if input.take(VERSION.len())? != VERSION || input.take(key.len())? != key {
        return None;
    }
    let mut facts = Facts::default();
    for _ in 0..input.number()? {
        let position = input.number()?;
        let path = input.text()?;
        let what = match input.take(1)? {
            [0] => What::File(input.bytes()?.into()),
            [1] => What::Symlink(input.text()?),
            [2] => What::Hardlink(input.text()?),
            [7] => What::Extract(input.bytes()?.into()),
            [kind @ 3..=6] => {
                input.bytes()?;
                match kind {
                    3 => What::Directory,
                    4 => What::Other,
                    5 => What::Whiteout,
                    _ => What::OpaqueDirectory,
                }
            }
            _ => return None,
        };
        facts.entries.insert(position, Fact { path, what });
    }
    for _ in 0..input.number()? {
        facts.skipped.push(Skipped { object: input.text()?, why: input.text()? });
    }
    facts.through.any = input.take(1)? != [0];
    for hashes in [&mut facts.through.hashes, &mut facts.replaced] {
        for _ in 0..input.number()? {
            hashes.insert(input.number()?);
        }
    }
    input.0.is_empty().then_some(facts)
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take(8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
}
