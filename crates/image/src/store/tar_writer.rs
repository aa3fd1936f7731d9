use std::io::{self, Write};

use crate::tar::{EntryHeader, EntryKind};

/// Writes an archive: ustar (POSIX.1-2024 `pax`, "ustar Interchange Format"), with an extended
/// header ("pax Extended Header") for what does not fit. The same entries give the same bytes.
#[derive(Debug)]
pub(crate) struct Writer<W: Write> {
    output: W,
    /// Bytes of content of the current entry.
    written: u64,
}

const BLOCK: usize = 512;

impl<W: Write> Writer<W> {
    pub(crate) fn new(output: W) -> Self {
        Self { output, written: 0 }
    }

    /// Begins an entry; `entry.size` bytes of content must be written to `self`, then
    /// [`Writer::end`].
    pub(crate) fn begin(&mut self, entry: &EntryHeader) -> io::Result<()> {
        let records = records(entry);
        if !records.is_empty() {
            let fields = Fields {
                path: b"PaxHeaders/entry",
                link: b"",
                flag: b'x',
                size: records.len() as u64,
                mode: 0o644,
                ..Fields::default()
            };
            self.output.write_all(&header(&fields))?;
            self.output.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        self.written = 0;
        self.output.write_all(&header(&Fields::of(entry)))
    }

    /// Ends an entry.
    pub(crate) fn end(&mut self, entry: &EntryHeader) -> io::Result<()> {
        if self.written != entry.size {
            return Err(io::Error::other(format!(
                "'{}' has {} bytes where {} were announced",
                String::from_utf8_lossy(&entry.path).escape_debug(),
                self.written,
                entry.size
            )));
        }
        self.pad(entry.size)
    }

    /// A file whose content is at hand.
    pub(crate) fn file(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        let entry = plain_file(path, content.len() as u64);
        self.begin(&entry)?;
        self.write_all(content)?;
        self.end(&entry)
    }

    /// Ends the archive with two empty blocks.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.output.write_all(&[0; 2 * BLOCK])?;
        Ok(self.output)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let block = BLOCK as u64;
        let padding = usize::try_from((block - size % block) % block).unwrap_or(0);
        self.output.write_all(&[0; BLOCK][..padding])
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.output.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// A file as archives of images have them: of root, readable by all, without a date.
pub(crate) fn plain_file(path: &str, size: u64) -> EntryHeader {
    EntryHeader {
        name: path.into(),
        path: path.into(),
        left_root: false,
        kind: EntryKind::File,
        size,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 0,
        xattrs: Vec::new(),
        offset: 0,
        sparse: false,
    }
}

/// The fields of one header block; numbers and names too large for it are in the records.
struct Fields<'a> {
    path: &'a [u8],
    link: &'a [u8],
    flag: u8,
    mode: u64,
    uid: u64,
    gid: u64,
    size: u64,
    mtime: u64,
    device: Option<(u32, u32)>,
}

impl Default for Fields<'_> {
    fn default() -> Self {
        Self {
            path: b"",
            link: b"",
            flag: b'0',
            mode: 0,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: 0,
            device: None,
        }
    }
}

const LONGEST_NAME: usize = 100;
/// Seven and eleven octal digits.
const LARGEST_ID: u64 = 0o777_7777;
const LARGEST_SIZE: u64 = 0o777_7777_7777;

impl<'a> Fields<'a> {
    fn of(entry: &'a EntryHeader) -> Self {
        let (flag, link, device): (u8, &[u8], _) = match &entry.kind {
            EntryKind::File => (b'0', b"", None),
            EntryKind::Hardlink(target) => (b'1', target, None),
            EntryKind::Symlink(target) => (b'2', target, None),
            EntryKind::CharacterDevice { major, minor } => (b'3', b"", Some((*major, *minor))),
            EntryKind::BlockDevice { major, minor } => (b'4', b"", Some((*major, *minor))),
            EntryKind::Directory => (b'5', b"", None),
            EntryKind::Fifo => (b'6', b"", None),
            EntryKind::Other(flag) => (*flag, b"", None),
        };
        Self {
            path: &entry.path[..entry.path.len().min(LONGEST_NAME)],
            link: &link[..link.len().min(LONGEST_NAME)],
            flag,
            mode: u64::from(entry.mode & 0o7777),
            uid: entry.uid.min(LARGEST_ID),
            gid: entry.gid.min(LARGEST_ID),
            size: entry.size.min(LARGEST_SIZE),
            mtime: u64::try_from(entry.mtime).unwrap_or(0).min(LARGEST_SIZE),
            device,
        }
    }
}

fn header(fields: &Fields<'_>) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    // The root has no name of its own; a directory's may end in a slash, and nothing needs it to.
    let path: &[u8] = if fields.path.is_empty() { b"." } else { fields.path };
    block[..path.len()].copy_from_slice(path);
    octal(&mut block[100..108], fields.mode);
    octal(&mut block[108..116], fields.uid);
    octal(&mut block[116..124], fields.gid);
    octal(&mut block[124..136], fields.size);
    octal(&mut block[136..148], fields.mtime);
    block[148..156].fill(b' ');
    block[156] = fields.flag;
    block[157..157 + fields.link.len()].copy_from_slice(fields.link);
    block[257..265].copy_from_slice(b"ustar\x0000");
    if let Some((major, minor)) = fields.device {
        octal(&mut block[329..337], u64::from(major));
        octal(&mut block[337..345], u64::from(minor));
    }
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut block[148..155], sum);
    block
}

/// Octal digits that fill the field but for a NUL at its end.
fn octal(field: &mut [u8], value: u64) {
    let width = field.len() - 1;
    let digits = format!("{value:0width$o}");
    field[..width].copy_from_slice(&digits.as_bytes()[digits.len() - width..]);
}

/// What the header block cannot say of the entry.
fn records(entry: &EntryHeader) -> Vec<u8> {
    let mut records = Vec::new();
    let mut add = |key: &[u8], value: &[u8]| records.extend(record(key, value));
    if entry.path.len() > LONGEST_NAME {
        add(b"path", &entry.path);
    }
    if let EntryKind::Hardlink(target) | EntryKind::Symlink(target) = &entry.kind
        && target.len() > LONGEST_NAME
    {
        add(b"linkpath", target);
    }
    for (key, value, largest) in [
        (&b"uid"[..], entry.uid, LARGEST_ID),
        (b"gid", entry.gid, LARGEST_ID),
        (b"size", entry.size, LARGEST_SIZE),
    ] {
        if value > largest {
            add(key, value.to_string().as_bytes());
        }
    }
    if !u64::try_from(entry.mtime).is_ok_and(|mtime| mtime <= LARGEST_SIZE) {
        add(b"mtime", entry.mtime.to_string().as_bytes());
    }
    for (name, value) in &entry.xattrs {
        add(&[b"SCHILY.xattr.", name.as_slice()].concat(), value);
    }
    records
}

/// `length key=value\n`, the length counting itself.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

/// An archive in memory, for tests.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Bytes(pub(crate) io::Cursor<Vec<u8>>);

#[cfg(test)]
impl io::Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

#[cfg(test)]
impl crate::tar::Input for Bytes {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        io::copy(&mut io::Read::take(&mut self.0, count), &mut io::sink())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;
    use crate::{Limits, tar::Reader};

    fn written(entries: &[(EntryHeader, Vec<u8>)]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for (entry, content) in entries {
            writer.begin(entry).unwrap();
            writer.write_all(content).unwrap();
            writer.end(entry).unwrap();
        }
        writer.finish().unwrap()
    }

    fn name() -> impl Strategy<Value = Vec<u8>> {
        let component = prop::collection::vec(
            any::<u8>().prop_filter("a name", |byte| !b"\0/".contains(byte)),
            1..150,
        )
        .prop_filter("not a dot", |name| name != b"." && name != b"..");
        prop::collection::vec(component, 1..4).prop_map(|parts| parts.join(&b'/'))
    }

    fn kind() -> impl Strategy<Value = EntryKind> {
        prop_oneof![
            Just(EntryKind::File),
            Just(EntryKind::Directory),
            Just(EntryKind::Fifo),
            name().prop_map(EntryKind::Hardlink),
            name().prop_map(EntryKind::Symlink),
            (0..1u32 << 12, 0..1u32 << 20)
                .prop_map(|(major, minor)| EntryKind::CharacterDevice { major, minor }),
        ]
    }

    fn entry() -> impl Strategy<Value = (EntryHeader, Vec<u8>)> {
        let xattrs = prop::collection::btree_map(
            "[a-z]{1,4}\\.[a-z]{1,9}".prop_map(String::into_bytes),
            // An empty value of a record means that there is none ("pax Extended Header").
            prop::collection::vec(any::<u8>(), 1..40),
            0..3,
        );
        let owner = 0..u64::from(u32::MAX);
        let content = prop::collection::vec(any::<u8>(), 0..1500);
        (name(), kind(), 0u32..0o10000, owner.clone(), owner, any::<i32>(), xattrs, content)
            .prop_map(|(path, kind, mode, uid, gid, mtime, xattrs, mut content)| {
                if kind != EntryKind::File {
                    content.clear();
                }
                let mut header = plain_file("", content.len() as u64);
                header.name.clone_from(&path);
                header.xattrs = xattrs.into_iter().collect();
                (EntryHeader { path, kind, mode, uid, gid, mtime: mtime.into(), ..header }, content)
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_is_read(entries in prop::collection::vec(entry(), 0..5)) {
            let archive = written(&entries);
            prop_assert_eq!(archive.len() % BLOCK, 0);
            let limits = Limits::default();
            let mut reader = Reader::new(Bytes(io::Cursor::new(archive)), &limits);
            for (expected, content) in &entries {
                let found = reader.next_entry().unwrap().unwrap();
                let expected = EntryHeader { offset: found.offset, ..expected.clone() };
                prop_assert_eq!(&found, &expected);
                let mut read = Vec::new();
                reader.body().read_to_end(&mut read).unwrap();
                prop_assert_eq!(&read, content);
            }
            prop_assert!(reader.next_entry().unwrap().is_none());
        }
    }

    #[test]
    fn an_entry_with_other_content_than_announced_is_an_error() {
        let mut writer = Writer::new(Vec::new());
        let entry = plain_file("a", 2);
        writer.begin(&entry).unwrap();
        writer.write_all(b"a").unwrap();
        assert!(writer.end(&entry).unwrap_err().to_string().contains("'a' has 1 bytes"));
    }
}
