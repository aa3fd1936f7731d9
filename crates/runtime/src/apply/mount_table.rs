//! /proc/PID/mountinfo: which mount is on which.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read},
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
    path::PathBuf,
};

/// The longest table that is read, in bytes; the kernel allows 100,000 mounts by default.
const LONGEST: u64 = 64 * 1024 * 1024;

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: u64,
    parent: u64,
    /// Where, from the root of whoever reads the table.
    pub(super) place: PathBuf,
    /// Type of its file system.
    pub(super) kind: String,
}

/// All mounts.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Entry>);

/// Reads a table from its file.
pub(super) fn read(file: OwnedFd) -> io::Result<Table> {
    let mut bytes = Vec::new();
    File::from(file).take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other("there are too many mounts"));
    }
    parse(&bytes)
}

/// A line that is not understood is an error: a mount that is missing here would stay.
fn parse(bytes: &[u8]) -> io::Result<Table> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let wrong = || io::Error::other("the kernel's table of mounts has an odd line");
    lines.map(|line| entry(line).ok_or_else(wrong)).collect::<Result<_, _>>().map(Table)
}

fn entry(line: &[u8]) -> Option<Entry> {
    let mut fields = line.split(|byte| *byte == b' ');
    let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
    let (id, parent) = (number()?, number()?);
    let place = unescape(fields.nth(2)?);
    // Optional fields end with a dash.
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    let kind = String::from_utf8_lossy(kind).into_owned();
    Some(Entry { id, parent, place: OsString::from_vec(place).into(), kind })
}

/// Space, tab, line feed and backslash come as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = |digits: &[u8]| {
            let digit = |byte: &u8| byte.is_ascii_digit().then(|| u32::from(*byte - b'0'));
            let value = digits.iter().try_fold(0, |value, byte| Some(value * 8 + digit(byte)?))?;
            u8::try_from(value).ok()
        };
        match after.get(..3).filter(|_| *first == b'\\').and_then(octal) {
            Some(byte) => {
                plain.push(byte);
                rest = &after[3..];
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    plain
}

impl Table {
    /// Mounts that are neither the one of this id, nor below it, nor such that it is below them; of
    /// those, the ones with no other of them above. `None` if there is no mount of this id.
    pub(super) fn besides(&self, id: u64) -> Option<Vec<&Entry>> {
        let parent_of = |id: u64| self.0.iter().find(|e| e.id == id).map(|entry| entry.parent);
        let mut parent = Some(parent_of(id)?);
        let mut above = Vec::new();
        while let Some(next) = parent.filter(|next| *next != id && !above.contains(next)) {
            above.push(next);
            parent = parent_of(next);
        }
        let is_kept = |entry: &Entry| entry.id == id || above.contains(&entry.id);
        let others = self.0.iter().filter(|e| !is_kept(e) && above.contains(&e.parent));
        Some(others.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
1 1 0:1 / / rw - rootfs rootfs rw
20 1 0:20 / /proc rw,nosuid shared:5 master:1 - proc proc rw
21 20 0:21 / /proc/sys rw - tmpfs none rw
30 1 8:1 / /with\\040space\\134 rw - ext4 /dev/sda rw,errors=continue
31 30 8:1 / /with\\040space\\134/more rw - sysfs - rw
40 1 0:40 / / rw - overlay overlay rw
41 40 0:41 / /proc rw - proc proc rw
";

    fn besides(id: u64) -> Vec<(u64, String)> {
        let table = parse(TABLE.as_bytes()).unwrap();
        let found = table.besides(id).unwrap();
        found.iter().map(|e| (e.id, e.place.to_str().unwrap().to_owned())).collect()
    }

    #[test]
    fn what_is_neither_above_nor_below_is_found() {
        let proc = (20, "/proc".to_owned());
        let spaced = (30, "/with space\\".to_owned());
        assert_eq!(besides(40), [proc.clone(), spaced]);
        let top = (40, "/".to_owned());
        assert_eq!(besides(31), [proc, top]);
        assert_eq!(parse(TABLE.as_bytes()).unwrap().0[1].kind, "proc");
    }

    #[test]
    fn odd_lines_are_errors() {
        for line in ["x", "1 1 0:1 / /", "1 x 0:1 / / rw - a b c", "1 1 0:1 / / rw proc proc rw"] {
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn no_parents_in_a_circle_keep_it_busy() {
        let table = parse(b"2 3 0:1 / /a rw - a b c\n3 2 0:1 / /b rw - a b c\n").unwrap();
        assert_eq!(table.besides(2), Some(Vec::new()));
        assert_eq!(table.besides(9), None);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "([0-9]{1,2} [0-9]{1,2} [^\\n]{0,20} - [a-z]* x x\\n|.{0,9}){0,6}", id in 0_u64..99) {
            if let Ok(table) = parse(text.as_bytes()) {
                let _ = table.besides(id);
            }
        }

        #[test]
        fn escapes_are_undone(text in "[ -~\\\\\\t\\n]{0,30}") {
            let escaped: String = text.chars().map(|c| match c {
                ' ' | '\t' | '\n' | '\\' => format!("\\{:03o}", u32::from(c)),
                c => c.to_string(),
            }).collect();
            proptest::prop_assert_eq!(unescape(escaped.as_bytes()), text.as_bytes());
        }
    }
}
