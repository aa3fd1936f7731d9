//! dpkg: `var/lib/dpkg/status`, and the files of `var/lib/dpkg/status.d` that distroless images
//! have instead, one for each package.
//!
//! The format is deb822(5); the fields are those of deb-control(5) and the `Status` field of
//! dpkg(1). Of the states of a package, all in which its files are on the disk count as installed:
//! `installed`, `unpacked`, `half-configured`, `triggers-awaited` and `triggers-pending`, whatever
//! the selection (`install`, `hold`, `deinstall`, …) says that shall become of it. Not installed
//! are `not-installed`, `config-files` and `half-installed`; the last is reported as a problem,
//! because some of the files may be there.

use cofferdam_finding::SourcePackage;

use super::{Contents, Record, word};

/// Which of dpkg's files is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `status`: every stanza has a `Status`, and ends with an empty line.
    Status,
    /// A file of `status.d`: one stanza, without a `Status`; its end is the end of the file.
    StatusDirectory,
}

/// Reads a status file.
pub fn parse(content: &[u8], form: Form) -> Contents {
    let mut contents = Contents::default();
    let mut stanza = Stanza::default();
    let whole_lines = content.is_empty() || content.ends_with(b"\n");
    let mut lines = content.split(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let last = lines.peek().is_none();
        if last && whole_lines {
            break;
        }
        stanza.take(line, index + 1, form, &mut contents, last);
    }
    if form == Form::Status && stanza.first_line != 0 {
        contents.problem(
            stanza.place(),
            "no empty line ends it, as dpkg writes one: the file seems to be cut here",
        );
    }
    stanza.close(form, &mut contents);
    contents.finish()
}

/// The fields of a stanza that matter here.
#[derive(Debug, Default, Clone, Copy)]
struct Stanza<'a> {
    first_line: usize,
    package: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    architecture: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
}

impl<'a> Stanza<'a> {
    fn take(
        &mut self,
        line: &'a [u8],
        number: usize,
        form: Form,
        contents: &mut Contents,
        cut: bool,
    ) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return self.close(form, contents);
        }
        if self.first_line == 0 {
            self.first_line = number;
        }
        if matches!(line[0], b' ' | b'\t') {
            return;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return contents.problem(format!("line {number}"), "not a field: it has no colon");
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if !name.iter().all(u8::is_ascii_graphic) {
            return contents.problem(format!("line {number}"), "not a field: its name is not text");
        }
        self.field(name, value, number, form, contents, cut);
    }

    fn field(
        &mut self,
        name: &'a [u8],
        value: &'a [u8],
        number: usize,
        form: Form,
        contents: &mut Contents,
        cut: bool,
    ) {
        // An empty line was lost: what follows is the next stanza, not more of this one.
        if name.eq_ignore_ascii_case(b"Package") && self.package.is_some() {
            contents.problem(self.place(), format!("no empty line ends it before line {number}"));
            self.close(form, contents);
            self.first_line = number;
        }
        let place = self.place();
        let Some(slot) = self.slot(name) else { return };
        if cut {
            contents.problem(place, format!("the file ends within field {}", name.escape_ascii()));
        } else if slot.replace(value).is_some() {
            contents.problem(place, format!("field {} occurs twice", name.escape_ascii()));
        }
    }

    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        match name.to_ascii_lowercase().as_slice() {
            b"package" => Some(&mut self.package),
            b"status" => Some(&mut self.status),
            b"version" => Some(&mut self.version),
            b"architecture" => Some(&mut self.architecture),
            b"source" => Some(&mut self.source),
            _ => None,
        }
    }

    fn place(&self) -> String {
        match self.package.and_then(word) {
            Some(name) => format!("package {name}"),
            None => format!("stanza at line {}", self.first_line),
        }
    }

    /// Ends the stanza: it becomes a package, a problem, or (not installed) nothing.
    fn close(&mut self, form: Form, contents: &mut Contents) {
        let stanza = std::mem::take(self);
        if stanza.first_line != 0 && stanza.is_installed(form, contents) {
            stanza.record(contents);
        }
    }

    fn is_installed(&self, form: Form, contents: &mut Contents) -> bool {
        let Some(status) = self.status else {
            if form == Form::Status {
                contents.problem(self.place(), "it has no Status; counted as installed");
            }
            return true;
        };
        let state = status.rsplit(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        match state {
            b"installed" | b"unpacked" | b"half-configured" | b"triggers-awaited"
            | b"triggers-pending" => true,
            b"not-installed" | b"config-files" => false,
            b"half-installed" => {
                let why = "its installation was interrupted; some of its files may be present";
                contents.problem(self.place(), why);
                false
            }
            _ => {
                let why = format!("unknown Status '{}'; counted as installed", excerpt(status));
                contents.problem(self.place(), why);
                true
            }
        }
    }

    fn record(&self, contents: &mut Contents) {
        let Some(name) = self.package.and_then(word) else {
            return contents.problem(self.place(), missing("Package", self.package));
        };
        let Some(version) = self.version.and_then(word) else {
            return contents.problem(self.place(), missing("Version", self.version));
        };
        let source = match self.source.map(|source| parse_source(source, version)) {
            Some(None) => {
                contents.problem(self.place(), missing("Source", self.source));
                None
            }
            other => other.flatten(),
        };
        contents.records.push(Record {
            name: name.into(),
            version: version.into(),
            architecture: self.architecture.and_then(word).map(str::to_owned),
            source,
            ..Record::default()
        });
    }
}

fn missing(field: &str, value: Option<&[u8]>) -> String {
    value.map_or_else(
        || format!("it has no {field}"),
        |value| format!("its {field} '{}' is not one word", excerpt(value)),
    )
}

/// The start of a value, made printable.
fn excerpt(value: &[u8]) -> String {
    value[..value.len().min(60)].escape_ascii().to_string()
}

/// `glibc`, or `glibc (2.36-9)` where the version of the source is another than that of the
/// package, as after a rebuild (deb-control(5)).
fn parse_source(source: &[u8], package_version: &str) -> Option<SourcePackage> {
    let (name, version) = match source.iter().position(|byte| *byte == b'(') {
        Some(at) => {
            let inner = source[at + 1..].strip_suffix(b")")?.trim_ascii();
            (source[..at].trim_ascii(), word(inner)?)
        }
        None => (source, package_version),
    };
    Some(SourcePackage { name: word(name)?.into(), version: version.into() })
}
