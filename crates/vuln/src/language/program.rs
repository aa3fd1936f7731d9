//! Executables and libraries: what Go's linker and cargo-auditable put into them.
//!
//! A program streams by and is not kept. Both leave a mark that is found wherever it is: Go a magic
//! number, in front of build information (or, before Go 1.18, marks around it); cargo-auditable a
//! zlib stream that begins with a known word. So neither the size of a program nor a table of
//! sections that was taken out or made up matters.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};
use memchr::{memchr_iter, memmem};

use super::{Extract, classify::Classifier, go, rust};

/// In two parts, as Go has it, so that this program has no mark of its own.
const GO_MAGIC: [&[u8]; 2] = [b"\xff Go build", b"inf:"];
/// Around the list of modules, in every program of Go since 1.12.
const MODULES_START: [u8; 16] = mark(
    [0x30, 0x77, 0xaf, 0x0c, 0x92, 0x74, 0x08, 0x02],
    [0x41, 0xe1, 0xc1, 0x07, 0xe6, 0xd6, 0x18, 0xe6],
);
const MODULES_END: [u8; 16] = mark(
    [0xf9, 0x32, 0x43, 0x31, 0x86, 0x18, 0x20, 0x72],
    [0x00, 0x82, 0x42, 0x10, 0x41, 0x16, 0xd8, 0xf2],
);
/// The magic is followed by its flags, and at 32 bytes by the information.
const GO_HEADER: usize = 32;
const GO_INLINE: u8 = 2;

/// What an auditable list begins with.
const LIST_START: &[u8] = b"{\"packages\":[";

/// Bytes that are looked at at a time.
const CHUNK: usize = 256 << 10;
/// Bytes of a piece that are looked at again with the next: more than any mark, or than it takes to
/// tell an auditable list from other compressed bytes.
const OVERLAP: usize = 512;
/// Bytes of build information; that of the largest programs has some 100 kB.
const MOST_INFORMATION: usize = 4 << 20;
/// Bytes of an auditable list, decompressed.
const MOST_LIST: usize = 16 << 20;

const fn mark(first: [u8; 8], second: [u8; 8]) -> [u8; 16] {
    let mut mark = [0; 16];
    let mut i = 0;
    while i < 8 {
        // Kept inverted in the program's own data, for the same reason as above.
        mark[i] = !first[i];
        mark[i + 8] = !second[i];
        i += 1;
    }
    mark
}

fn unmark(mark: [u8; 16]) -> [u8; 16] {
    mark.map(|byte| !std::hint::black_box(byte))
}

/// Reads the program at a path. What is not one has nothing.
///
/// # Errors
/// Those of `content`.
pub fn read(path: &str, content: &mut dyn Read) -> io::Result<Extract> {
    let mut extract = Extract::default();
    let mut window = Window { input: content, bytes: Vec::new(), ended: false };
    window.fill(4)?;
    let is_program = match window.bytes.get(..4) {
        Some(head) => {
            head == b"\x7fELF"
                || head.starts_with(b"MZ")
                || [[0xcf, 0xfa, 0xed, 0xfe], [0xca, 0xfe, 0xba, 0xbe]].iter().any(|m| head == m)
        }
        None => false,
    };
    if is_program {
        let mut search = Search::new(path);
        search.run(&mut window, &mut extract)?;
        if let Some(classifier) = search.classifier.take() {
            classifier.finish(&mut extract);
        }
    }
    Ok(extract)
}

/// The part of a program that is in memory.
struct Window<'a> {
    input: &'a mut dyn Read,
    bytes: Vec<u8>,
    ended: bool,
}

impl Window<'_> {
    /// Makes it at least `length` bytes long, unless the program ends before.
    fn fill(&mut self, length: usize) -> io::Result<()> {
        if self.ended || self.bytes.len() >= length {
            return Ok(());
        }
        let missing = (length - self.bytes.len()) as u64;
        let read = (&mut *self.input).take(missing).read_to_end(&mut self.bytes)?;
        self.ended = (read as u64) < missing;
        Ok(())
    }
}

struct Search {
    magic: memmem::Finder<'static>,
    modules: memmem::Finder<'static>,
    /// Modules of a Go before 1.18, which are seen before its magic.
    seen: Option<String>,
    /// Where the name is that of a well-known program.
    classifier: Option<Classifier>,
}

impl Search {
    fn new(path: &str) -> Self {
        let magic = GO_MAGIC.concat();
        Self {
            magic: memmem::Finder::new(&magic).into_owned(),
            modules: memmem::Finder::new(&unmark(MODULES_START)).into_owned(),
            seen: None,
            classifier: Classifier::of(path),
        }
    }

    fn run(&mut self, window: &mut Window<'_>, extract: &mut Extract) -> io::Result<()> {
        loop {
            window.fill(CHUNK)?;
            if let Some(classifier) = &mut self.classifier {
                classifier.look(&window.bytes);
            }
            if self.look(window, extract)? {
                return Ok(());
            }
            if window.ended {
                break;
            }
            let keep = window.bytes.len().saturating_sub(OVERLAP);
            window.bytes.drain(..keep);
        }
        if let Some(modules) = self.seen.take() {
            go::build_info("", &modules, extract);
        }
        Ok(())
    }

    /// Looks through what is in memory; whether all was found that there can be.
    fn look(&mut self, window: &mut Window<'_>, extract: &mut Extract) -> io::Result<bool> {
        let mut from = 0;
        while let Some(at) = self.magic.find(&window.bytes[from..]) {
            let at = from + at;
            if let Some((go, modules)) = inline(window, at)? {
                go::build_info(&go, &modules, extract);
                return Ok(true);
            }
            from = at + 1;
        }
        if self.seen.is_none()
            && let Some(at) = self.modules.find(&window.bytes)
        {
            window.fill(at + MOST_INFORMATION)?;
            let start = at + MODULES_START.len();
            let end = memmem::find(&window.bytes[start..], &unmark(MODULES_END));
            self.seen = end.map(|end| lossy(&window.bytes[start..start + end]));
            // The magic may be in what was read for that.
            if let Some(magic) = self.magic.find(&window.bytes)
                && let Some((go, modules)) = inline(window, magic)?
            {
                go::build_info(&go, &modules, extract);
                return Ok(true);
            }
        }
        let candidates: Vec<usize> = memchr_iter(0x78, &window.bytes)
            .filter(|at| {
                let flags = window.bytes.get(at + 1).copied().unwrap_or_default();
                (0x7800 | u16::from(flags)).is_multiple_of(31) && flags & 0x20 == 0
            })
            .collect();
        for at in candidates {
            if begins_list(&window.bytes[at..]) {
                window.fill(at + MOST_LIST)?;
                match inflate(&window.bytes[at..], MOST_LIST) {
                    Some(list) => rust::auditable(&list, extract),
                    None => extract.problem("section .dep-v0", "it does not decompress"),
                }
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The release of Go and the modules, written behind the magic since Go 1.18.
fn inline(window: &mut Window<'_>, at: usize) -> io::Result<Option<(String, String)>> {
    window.fill(at + GO_HEADER + 2 * MOST_INFORMATION.min(64 << 10))?;
    let flags = window.bytes.get(at + 15).copied().unwrap_or_default();
    if flags & GO_INLINE == 0 {
        return Ok(None);
    }
    let Some((go, next)) = text(window, at + GO_HEADER)? else { return Ok(None) };
    let go = lossy(&go);
    if !go.starts_with("go") && !go.starts_with("devel") {
        return Ok(None);
    }
    let modules = text(window, next)?.map(|(modules, _)| modules).unwrap_or_default();
    // Between marks of sixteen bytes.
    let modules = modules.get(16..modules.len().saturating_sub(16)).unwrap_or_default();
    Ok(Some((go, lossy(modules))))
}

/// A text with its length (in groups of seven bits) in front, and where it ends.
fn text(window: &mut Window<'_>, at: usize) -> io::Result<Option<(Vec<u8>, usize)>> {
    let (mut length, mut start) = (0_usize, at);
    for shift in [0, 7, 14, 21] {
        let Some(byte) = window.bytes.get(start).copied() else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << shift;
        start += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    if length > MOST_INFORMATION {
        return Ok(None);
    }
    window.fill(start + length + 64)?;
    let text = window.bytes.get(start..start + length).map(<[u8]>::to_vec);
    Ok(text.map(|text| (text, start + length)))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether bytes are a zlib stream of an auditable list.
fn begins_list(bytes: &[u8]) -> bool {
    let mut start = [0; LIST_START.len()];
    let mut stream = Decompress::new(true);
    let input = &bytes[..bytes.len().min(OVERLAP)];
    let _ = stream.decompress(input, &mut start, FlushDecompress::None);
    usize::try_from(stream.total_out()) == Ok(start.len()) && start == LIST_START
}

/// Decompresses a zlib stream; `None` if it is broken, cut or larger than `most`.
fn inflate(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut stream = Decompress::new(true);
    let mut out = Vec::with_capacity(64 << 10);
    loop {
        let taken = usize::try_from(stream.total_in()).ok()?;
        let status = stream.decompress_vec(bytes.get(taken..)?, &mut out, FlushDecompress::None);
        match status.ok()? {
            Status::StreamEnd => return Some(out),
            _ if out.len() >= most => return None,
            // Nothing more comes of what is there.
            _ if out.len() < out.capacity() => return None,
            _ => out.reserve(64 << 10),
        }
    }
}
