//! Debian's files of copyright: `usr/share/doc/PACKAGE/copyright`.
//!
//! Most are machine-readable (<https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/>):
//! paragraphs with a field `License`, whose first line is a short expression. Of others only the
//! licences are known whose texts they refer to in `usr/share/common-licenses`.

use std::collections::BTreeSet;

use crate::language::Extract;

/// Licences of one package that are kept.
const MOST: usize = 100;
/// Bytes of one.
const LONGEST: usize = 200;
const COMMON: &str = "/usr/share/common-licenses/";

/// The package whose file of copyright is at a path.
pub(crate) fn package(path: &str) -> Option<&str> {
    let name = path.strip_prefix("usr/share/doc/")?.strip_suffix("/copyright")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// Adds the licences that a file names.
pub(crate) fn read(_path: &str, text: &str, extract: &mut Extract) {
    let named = match is_machine_readable(text) {
        true => fields(text),
        false => references(text),
    };
    extract.licenses.extend(named.into_iter().take(MOST));
}

fn is_machine_readable(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| {
        let lower = line.to_ascii_lowercase();
        lower.starts_with("format") && lower.contains("copyright-format")
            || lower.starts_with("format:")
            || lower.starts_with("format-specification:")
    })
}

/// The short names of paragraphs about files. Those of licences alone only hold texts.
fn fields(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for paragraph in paragraphs(text) {
        let is_about_files = paragraph.iter().any(|line| field(line, "files").is_some());
        if !is_about_files {
            continue;
        }
        let name = paragraph.iter().find_map(|line| field(line, "license"));
        let name = name.map(str::trim).filter(|name| !name.is_empty() && name.len() <= LONGEST);
        all.extend(name.map(str::to_owned));
    }
    all
}

fn paragraphs(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let mut lines = text.lines().peekable();
    std::iter::from_fn(move || {
        while lines.next_if(|line| line.trim().is_empty()).is_some() {}
        lines.peek()?;
        let mut paragraph = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.trim().is_empty()) {
            paragraph.push(line);
        }
        Some(paragraph)
    })
}

/// The value of a field that begins on a line.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    found.eq_ignore_ascii_case(name).then_some(value)
}

/// Licences that are referred to by the file that holds their text.
fn references(text: &str) -> BTreeSet<String> {
    let end = |c: char| !(c.is_ascii_alphanumeric() || ".-".contains(c));
    let names = text.split(COMMON).skip(1).map(|rest| rest.split(end).next().unwrap_or_default());
    let names = names.map(|name| name.trim_end_matches(['.', '-']));
    names.filter(|name| !name.is_empty() && name.len() <= LONGEST).map(str::to_owned).collect()
}
