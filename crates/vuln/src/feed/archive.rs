//! Files of a feed: a zip archive, a zstd-compressed tar archive, or a directory; one at a time.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{FeedError, Tally};

/// Bytes that one record may have; a larger one counts as broken.
pub const MAX_RECORD: u64 = 32 << 20;

/// Files that a feed may have; osv.dev's largest has some 300,000.
const MAX_FILES: u64 = 4_000_000;

/// Hands every `.json` file of a feed to `visit`, with its name.
pub(super) fn each_json(
    path: &Path,
    tally: &mut Tally,
    visit: &mut dyn FnMut(&str, &[u8], &mut Tally),
) -> Result<(), FeedError> {
    let read = |source| FeedError::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(read)?.is_dir() {
        return directory(path, tally, visit);
    }
    let mut file = File::open(path).map_err(read)?;
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic).map_err(read)?;
    let file = File::open(path).map_err(read)?;
    let outcome = match magic.as_slice() {
        b"PK\x03\x04" | b"PK\x05\x06" => zip_archive(file, tally, visit),
        [0x28, 0xb5, 0x2f, 0xfd] => zstd::Decoder::new(file)
            .map_err(|error| error.to_string())
            .and_then(|plain| tar_archive(plain, tally, visit)),
        [b'{', ..] => {
            one_file(path, path.display().to_string(), tally, visit).map_err(read)?;
            Ok(())
        }
        _ => Err("it is neither a zip nor a zstd-compressed tar archive, nor JSON".into()),
    };
    outcome.map_err(|why| FeedError::Archive { path: path.to_owned(), why })
}

fn directory(
    root: &Path,
    tally: &mut Tally,
    visit: &mut dyn FnMut(&str, &[u8], &mut Tally),
) -> Result<(), FeedError> {
    let mut pending: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let read = |source| FeedError::Read { path: path.clone(), source };
        let kind = fs::symlink_metadata(&path).map_err(read)?.file_type();
        if kind.is_dir() {
            let entries: Result<Vec<_>, io::Error> =
                fs::read_dir(&path).map_err(read)?.map(|entry| Ok(entry?.path())).collect();
            let mut entries = entries.map_err(read)?;
            // The last is popped first.
            entries.sort_by(|a, b| b.cmp(a));
            pending.extend(entries);
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "json") {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            one_file(&path, name, tally, visit).map_err(read)?;
        }
    }
    Ok(())
}

fn one_file(
    path: &Path,
    name: String,
    tally: &mut Tally,
    visit: &mut dyn FnMut(&str, &[u8], &mut Tally),
) -> io::Result<()> {
    entry(&name, File::open(path)?, tally, visit)
}

/// Reads one record, up to what one may have.
fn entry(
    name: &str,
    content: impl Read,
    tally: &mut Tally,
    visit: &mut dyn FnMut(&str, &[u8], &mut Tally),
) -> io::Result<()> {
    let mut bytes = Vec::new();
    content.take(MAX_RECORD + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_RECORD {
        tally.records += 1;
        tally.broken(name, "it is larger than 32 MiB");
    } else {
        visit(name, &bytes, tally);
    }
    Ok(())
}

fn is_json(name: &str) -> bool {
    name.len() > 5 && name.ends_with(".json")
}

fn zip_archive(
    file: File,
    tally: &mut Tally,
    visit: &mut dyn FnMut(&str, &[u8], &mut Tally),
) -> Result<(), String> {
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|e| e.to_string())?;
    if archive.len() as u64 > MAX_FILES {
        return Err(format!("it has more than {MAX_FILES} files"));
    }
    for index in 0..archive.len() {
        let (name, outcome) = match archive.by_index(index) {
            Ok(file) if !file.is_file() => continue,
            Ok(file) => {
                let name = String::from_utf8_lossy(file.name_raw()).into_owned();
                if !is_json(&name) {
                    continue;
                }
                let outcome = entry(&name, file, tally, visit).map_err(|e| e.to_string());
                (name, outcome)
            }
            Err(error) => (format!("file {index}"), Err(error.to_string())),
        };
        if let Err(why) = outcome {
            tally.records += 1;
            tally.broken(&name, &why);
        }
    }
    Ok(())
}

/// A block of a tar archive.
const BLOCK: usize = 512;

/// Reads a tar archive (POSIX.1-2001 pax, ustar or GNU) as far as records need: names only serve
/// to tell JSON files and to name them in messages, so long names may stay cut.
fn tar_archive(
    mut plain: impl Read,
    tally: &mut Tally,
    visit: &mut dyn FnMut(&str, &[u8], &mut Tally),
) -> Result<(), String> {
    let mut long_name: Option<String> = None;
    for _ in 0..MAX_FILES {
        let mut header = [0; BLOCK];
        match plain.read_exact(&mut header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err("it is cut: the end of the archive is missing".into());
            }
            outcome => outcome.map_err(|error| error.to_string())?,
        }
        if header == [0; BLOCK] {
            return Ok(());
        }
        let size = tar_size(&header).ok_or("a header of the tar archive is damaged")?;
        let mut content = plain.by_ref().take(size);
        match header[156] {
            b'0' | 0 => {
                let name = long_name.take().unwrap_or_else(|| tar_name(&header));
                if is_json(&name) {
                    let outcome = entry(&name, content.by_ref(), tally, visit);
                    outcome.map_err(|error| error.to_string())?;
                }
            }
            b'L' => {
                let mut name = Vec::new();
                let read = content.by_ref().take(4096).read_to_end(&mut name);
                read.map_err(|error| error.to_string())?;
                name.retain(|byte| *byte != 0);
                long_name = Some(String::from_utf8_lossy(&name).into_owned());
            }
            _ => {}
        }
        let rest = content.limit();
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        skip(&mut plain, rest + padding)?;
    }
    Err(format!("it has more than {MAX_FILES} files"))
}

fn skip(plain: &mut impl Read, count: u64) -> Result<(), String> {
    let skipped = io::copy(&mut plain.take(count), &mut io::sink()).map_err(|e| e.to_string())?;
    if skipped == count { Ok(()) } else { Err("it is cut in the middle of a file".into()) }
}

/// The size of an entry; `None` if the header's checksum or number is wrong.
fn tar_size(header: &[u8; BLOCK]) -> Option<u64> {
    let sum: u64 = (0..BLOCK)
        .map(|i| if (148..156).contains(&i) { u64::from(b' ') } else { u64::from(header[i]) })
        .sum();
    if octal(&header[148..156])? != sum {
        return None;
    }
    octal(&header[124..136]).filter(|size| *size < 1 << 40)
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

fn tar_name(header: &[u8; BLOCK]) -> String {
    let text = |field: &[u8]| {
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        String::from_utf8_lossy(&field[..end]).into_owned()
    };
    let (name, prefix) = (text(&header[..100]), text(&header[345..500]));
    if &header[257..262] == b"ustar" && &header[257..263] != b"ustar " && !prefix.is_empty() {
        format!("{prefix}/{name}")
    } else {
        name
    }
}
