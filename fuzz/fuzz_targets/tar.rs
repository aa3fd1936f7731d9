//! The tar reader on any bytes: no panic, no endless loop, and what it returns keeps its promises.
#![no_main]

use std::io::{self, Read};

use cofferdam_image::{
    Limits,
    tar::{EntryKind, Input, Reader},
};
use libfuzzer_sys::fuzz_target;

struct Bytes<'a>(&'a [u8]);

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Input for Bytes<'_> {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let step = usize::try_from(count).unwrap_or(usize::MAX).min(self.0.len());
        self.0 = &self.0[step..];
        Ok(step as u64)
    }
}

fuzz_target!(|data: &[u8]| {
    // The first byte says whether headers get right checksums, without which little else is tried.
    let Some((reseal, data)) = data.split_first() else { return };
    let mut data = data.to_vec();
    if reseal & 1 == 1 {
        data.as_chunks_mut::<512>().0.iter_mut().for_each(seal);
    }
    let mut reader = Reader::new(Bytes(&data), &Limits::default());
    let mut end = 0;
    while let Ok(Some(header)) = reader.next_entry() {
        check_path(&header.path);
        if let EntryKind::Hardlink(target) = &header.kind {
            check_path(target);
        }
        assert!(header.offset > end, "entries move forward");
        end = header.offset;
        assert!(header.size == 0 || header.kind == EntryKind::File);
        let read = io::copy(&mut reader.body().take(1 << 16), &mut io::sink()).unwrap_or(0);
        assert!(read <= header.size);
    }
});

fn check_path(path: &[u8]) {
    assert!(!path.contains(&0), "no name has a NUL");
    let mut components = path.split(|byte| *byte == b'/');
    assert!(path.is_empty() || components.all(|part| !matches!(part, b"" | b"." | b"..")));
}

fn seal(block: &mut [u8; 512]) {
    if block[257..262] != *b"ustar" {
        return;
    }
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
