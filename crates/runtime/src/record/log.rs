//! What a container has written, line by line, in two files of bounded size.
//!
//! A line of the log is that of the container's output with the time and the stream before it, as
//! Kubernetes has it: `2026-01-01T00:00:00.000000000Z stdout F text`. `P` in place of `F` says that
//! the line goes on in the next one of its stream. Bytes are kept as they are.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{FileType, Mode, OFlags, fstat, openat, renameat, statat},
    io::Errno,
};

/// Where lines are added.
pub const NEWEST: &str = "log";
/// What was there before [`NEWEST`] was full.
pub const OLDER: &str = "log.1";
/// Bytes of output that are kept unless it is said.
pub const DEFAULT_SIZE: u64 = 8 * 1024 * 1024;
/// Longest piece of output in one line of the log, in bytes.
const LONGEST: usize = 16 * 1024;
/// Longest line of the log, with what stands before the output.
const LONGEST_LINE: u64 = LONGEST as u64 + 64;
/// Characters of a time to the nanosecond.
const TIME: usize = "2026-01-01T00:00:00.000000000Z".len();

/// Which of its two outputs a container has written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or its terminal.
    Output,
    /// Standard error.
    Error,
}

impl Stream {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Output => "stdout",
            Self::Error => "stderr",
        }
    }
}

/// A line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// When it was written; of a fixed width, so that order in time is order of the text.
    pub time: &'a str,
    /// Where to.
    pub stream: Stream,
    /// Whether a line break comes after it.
    pub complete: bool,
    /// What was written.
    pub text: &'a [u8],
}

/// Understands a line, without the line break that ends it; `None` if it is none of ours.
#[must_use]
pub fn parse(line: &[u8]) -> Option<Line<'_>> {
    let (time, rest) = line.split_at_checked(TIME)?;
    let rest = rest.strip_prefix(b" std")?;
    let (stream, rest) = match rest {
        [b'o', b'u', b't', b' ', rest @ ..] => (Stream::Output, rest),
        [b'e', b'r', b'r', b' ', rest @ ..] => (Stream::Error, rest),
        _ => return None,
    };
    let (complete, text) = match rest {
        [b'F', b' ', text @ ..] => (true, text),
        [b'P', b' ', text @ ..] => (false, text),
        _ => return None,
    };
    let shape = b"0000-00-00T00:00:00.000000000Z";
    let fits = |(byte, wanted): (&u8, &u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    };
    if !time.iter().zip(shape).all(fits) {
        return None;
    }
    Some(Line { time: std::str::from_utf8(time).ok()?, stream, complete, text })
}

/// Adds to the log.
#[derive(Debug)]
pub struct Writer {
    directory: OwnedFd,
    file: File,
    /// Bytes in it.
    size: u64,
    /// Bytes that it may have.
    limit: u64,
    /// Lines of both streams that are not complete.
    pending: [Vec<u8>; 2],
}

impl Writer {
    /// Begins a log in `directory`, or goes on with the one that is there; both files together
    /// have at most about `size` bytes.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn open(directory: impl AsFd, size: u64) -> io::Result<Self> {
        let directory = directory.as_fd().try_clone_to_owned()?;
        let file = Self::file(&directory)?;
        let size_now = file.metadata()?.len();
        let limit = (size / 2).max(LONGEST_LINE);
        Ok(Self { directory, file, size: size_now, limit, pending: [Vec::new(), Vec::new()] })
    }

    fn file(directory: &OwnedFd) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(openat(directory, NEWEST, flags | OFlags::NONBLOCK | OFlags::CLOEXEC, mode)?.into())
    }

    /// Adds what the container has written to a stream.
    ///
    /// # Errors
    /// When it cannot be written; it is lost then.
    pub fn write(&mut self, stream: Stream, mut bytes: &[u8]) -> io::Result<()> {
        let time = crate::clock::now();
        while !bytes.is_empty() {
            let pending = &mut self.pending[stream as usize];
            let room = LONGEST - pending.len().min(LONGEST);
            let end = bytes.iter().take(room).position(|byte| *byte == b'\n');
            let taken = end.unwrap_or_else(|| bytes.len().min(room));
            pending.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken + usize::from(end.is_some())..];
            if end.is_some() || pending.len() >= LONGEST {
                let text = std::mem::take(pending);
                self.line(&time, stream, end.is_some(), &text)?;
            }
        }
        Ok(())
    }

    /// Adds what is left of lines that will not be completed.
    ///
    /// # Errors
    /// When it cannot be written; it is lost then.
    pub fn flush(&mut self) -> io::Result<()> {
        let time = crate::clock::now();
        for stream in [Stream::Output, Stream::Error] {
            let text = std::mem::take(&mut self.pending[stream as usize]);
            if !text.is_empty() {
                self.line(&time, stream, false, &text)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, time: &str, stream: Stream, full: bool, text: &[u8]) -> io::Result<()> {
        let kind = if full { 'F' } else { 'P' };
        let mut line = format!("{time} {} {kind} ", stream.as_str()).into_bytes();
        line.extend_from_slice(text);
        line.push(b'\n');
        let length = line.len() as u64;
        if self.size > 0 && self.size + length > self.limit {
            renameat(&self.directory, NEWEST, &self.directory, OLDER)?;
            self.file = Self::file(&self.directory)?;
            self.size = 0;
        }
        // In one piece: a reader sees the whole line or nothing.
        self.file.write_all(&line)?;
        self.size += length;
        Ok(())
    }
}

/// Reads a log, also while it grows.
#[derive(Debug)]
pub struct Reader {
    directory: OwnedFd,
    /// The file that comes after the current one, already open.
    next: Option<File>,
    current: Option<BufReader<File>>,
    /// The part of a line that is there.
    line: Vec<u8>,
}

impl Reader {
    /// At the beginning of the log in `directory`.
    ///
    /// # Errors
    /// When a file of it is not to be read.
    pub fn open(directory: impl AsFd) -> io::Result<Self> {
        let directory = directory.as_fd().try_clone_to_owned()?;
        // In this order: what is the newest now may be the older one in a moment, but not back.
        let newest = open(&directory, NEWEST)?;
        let older = open(&directory, OLDER)?;
        let older = older.filter(|older| {
            newest.as_ref().is_none_or(|newest| identity(newest) != identity(older))
        });
        let (current, next) = match (older, newest) {
            (Some(older), newest) => (Some(older), newest),
            (None, newest) => (newest, None),
        };
        let current = current.map(BufReader::new);
        Ok(Self { directory, next, current, line: Vec::new() })
    }

    /// The next line that is there, without its end; `None` if there is no more for now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        use io::Read as _;
        loop {
            let Some(current) = &mut self.current else {
                self.current = open(&self.directory, NEWEST)?.map(BufReader::new);
                if self.current.is_none() {
                    return Ok(None);
                }
                continue;
            };
            let room = LONGEST_LINE.saturating_sub(self.line.len() as u64);
            current.take(room).read_until(b'\n', &mut self.line)?;
            if self.line.last() == Some(&b'\n') {
                self.line.pop();
                return Ok(Some(std::mem::take(&mut self.line)));
            }
            if self.line.len() as u64 >= LONGEST_LINE {
                // No line of ours: told in pieces, none of which is understood.
                return Ok(Some(std::mem::take(&mut self.line)));
            }
            if !self.advance()? {
                return Ok(None);
            }
        }
    }

    /// At the end of a file: goes on to the one after it, if there is one.
    fn advance(&mut self) -> io::Result<bool> {
        if let Some(next) = self.next.take() {
            self.line.clear();
            self.current = Some(BufReader::new(next));
            return Ok(true);
        }
        let Some(current) = &self.current else { return Ok(false) };
        let known = identity(current.get_ref());
        let found = match statat(&self.directory, NEWEST, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Some((found.st_dev, found.st_ino)),
            Err(Errno::NOENT) => None,
            Err(error) => return Err(error.into()),
        };
        if found.is_none() || found == known {
            return Ok(false);
        }
        // The file was renamed; something may have been added to it just before.
        self.next = open(&self.directory, NEWEST)?;
        Ok(self.next.is_some())
    }
}

fn identity(file: &File) -> Option<(u64, u64)> {
    fstat(file).ok().map(|found| (found.st_dev, found.st_ino))
}

fn open(directory: &OwnedFd, name: &str) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(io::Error::other(format!("{name} is not a regular file")));
    }
    Ok(Some(file.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn directory() -> (tempfile::TempDir, File) {
        let directory = tempfile::tempdir().unwrap();
        let file = File::open(directory.path()).unwrap();
        (directory, file)
    }

    /// What was written to a stream, as the log has it.
    fn read(reader: &mut Reader, stream: Stream) -> Vec<u8> {
        let mut found = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            let line = parse(&line).unwrap();
            if line.stream == stream {
                found.extend_from_slice(line.text);
                found.extend_from_slice(if line.complete { b"\n" } else { b"" });
            }
        }
        found
    }

    #[test]
    fn only_lines_of_the_log_are_understood() {
        let time = "2026-01-01T00:00:00.000000000Z";
        let line = format!("{time} stderr P a b");
        let wanted = Line { time, stream: Stream::Error, complete: false, text: b"a b" };
        assert_eq!(parse(line.as_bytes()), Some(wanted));
        assert_eq!(parse(format!("{time} stdout F ").as_bytes()).unwrap().text, b"");
        for line in [
            "",
            "text",
            time,
            "2026-01-01T00:00:00.00000000xZ stdout F a",
            "2026-01-01 00:00:00.000000000Z stdout F a",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
        for rest in [" stdin F a", " stdout F", " stdout X a", "stdout F a", " stdoutF a"] {
            assert_eq!(parse(format!("{time}{rest}").as_bytes()), None, "{rest}");
        }
    }

    #[test]
    fn the_log_never_grows_beyond_its_size_and_keeps_the_newest() {
        let (place, directory) = directory();
        let size = 100_000;
        let mut writer = Writer::open(&directory, size).unwrap();
        for number in 0..10_000 {
            writer.write(Stream::Output, format!("line {number}\n").as_bytes()).unwrap();
        }
        let on_disk: u64 = [NEWEST, OLDER]
            .iter()
            .map(|name| std::fs::metadata(place.path().join(name)).unwrap().len())
            .sum();
        assert!(on_disk <= size, "{on_disk}");
        let text = read(&mut Reader::open(&directory).unwrap(), Stream::Output);
        let text = String::from_utf8(text).unwrap();
        assert!(text.ends_with("line 9998\nline 9999\n"));
        let first: u32 = text.lines().next().unwrap()[5..].parse().unwrap();
        assert_eq!(text.lines().count(), 10_000 - first as usize, "without a gap");
    }

    #[test]
    fn a_reader_follows_the_log_over_a_change_of_files() {
        let (_place, directory) = directory();
        let mut reader = Reader::open(&directory).unwrap();
        assert_eq!(reader.next_line().unwrap(), None);
        let mut writer = Writer::open(&directory, 0).unwrap();
        let long = "x".repeat(9000);
        let mut found = Vec::new();
        let mut wanted = Vec::new();
        for number in 0..20 {
            let text = format!("{number} {long}\n");
            writer.write(Stream::Error, text.as_bytes()).unwrap();
            wanted.extend_from_slice(text.as_bytes());
            found.extend(read(&mut reader, Stream::Error));
        }
        assert!(found == wanted);
    }

    #[test]
    fn odd_files_are_not_read() {
        let (place, directory) = directory();
        std::os::unix::fs::symlink("/etc/passwd", place.path().join(NEWEST)).unwrap();
        assert!(Reader::open(&directory).is_err() && Writer::open(&directory, 0).is_err());
        std::fs::remove_file(place.path().join(NEWEST)).unwrap();
        std::fs::write(place.path().join(NEWEST), vec![b'x'; 100_000]).unwrap();
        let mut reader = Reader::open(&directory).unwrap();
        let mut pieces = 0;
        while let Some(line) = reader.next_line().unwrap() {
            assert!(line.len() as u64 <= LONGEST_LINE && parse(&line).is_none());
            pieces += 1;
        }
        assert!(pieces >= 6);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            chunks in proptest::collection::vec(
                (any::<bool>(), proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..60)),
                0..40,
            )
        ) {
            let (_place, directory) = directory();
            let mut writer = Writer::open(&directory, DEFAULT_SIZE).unwrap();
            let mut wanted = [Vec::new(), Vec::new()];
            for (error, bytes) in &chunks {
                let stream = if *error { Stream::Error } else { Stream::Output };
                writer.write(stream, bytes).unwrap();
                wanted[usize::from(*error)].extend_from_slice(bytes);
            }
            writer.flush().unwrap();
            for stream in [Stream::Output, Stream::Error] {
                let found = read(&mut Reader::open(&directory).unwrap(), stream);
                prop_assert_eq!(&found, &wanted[stream as usize]);
            }
        }

        #[test]
        fn parsing_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
        }
    }
}
