//! Well-known programs that no package manager installed: what they are by the name of the file and
//! by a text in it that has the version.
//!
//! A name alone says nothing, and neither does a text in a file of any name: `nginx/1.25` may be in
//! every client that has been seen. Both together are what the program says of itself.

use cofferdam_finding::PackageKind;
use memchr::memmem;

use super::{Extract, Found};

/// Bytes of a version.
const LONGEST_VERSION: usize = 40;

/// How to recognise a program.
struct Program {
    /// What reports call it.
    name: &'static str,
    /// Names of files; `*` at the end stands for what follows a version or an ABI.
    files: &'static [&'static str],
    /// What stands in front of the version, or behind it.
    marks: &'static [Mark],
}

enum Mark {
    /// The version follows this text.
    Before(&'static [u8]),
    /// The version precedes this text.
    Behind(&'static [u8]),
    /// The version is a text of its own that begins with the one in the name of the file.
    OfName,
}

/// By what the programs print when they are asked for their version.
const PROGRAMS: [Program; 16] = [
    Program { name: "apache", files: &["httpd", "apache2"], marks: &[Mark::Before(b"Apache/")] },
    Program { name: "bash", files: &["bash"], marks: &[Mark::Before(b"Bash version ")] },
    Program { name: "busybox", files: &["busybox"], marks: &[Mark::Before(b"BusyBox v")] },
    Program { name: "curl", files: &["libcurl.so*"], marks: &[Mark::Before(b"libcurl/")] },
    Program { name: "lighttpd", files: &["lighttpd"], marks: &[Mark::Before(b"lighttpd/")] },
    Program {
        name: "mariadb",
        files: &["mariadb", "mariadbd", "mysqld"],
        marks: &[Mark::Behind(b"-MariaDB")],
    },
    Program { name: "memcached", files: &["memcached"], marks: &[Mark::Before(b"memcached ")] },
    Program {
        name: "nginx",
        files: &["nginx"],
        marks: &[Mark::Before(b"nginx version: nginx/"), Mark::Before(b"Server: nginx/")],
    },
    Program { name: "node", files: &["node", "nodejs"], marks: &[Mark::Before(b"node.js/v")] },
    Program {
        name: "openssl",
        files: &["openssl", "libcrypto.so*", "libssl.so*"],
        marks: &[Mark::Before(b"OpenSSL ")],
    },
    Program { name: "perl", files: &["perl", "perl5*"], marks: &[Mark::Before(b"/lib/perl5/")] },
    Program {
        name: "php",
        files: &["php", "php-fpm", "php-cgi", "libphp.so"],
        marks: &[Mark::Before(b"X-Powered-By: PHP/")],
    },
    Program { name: "postgresql", files: &["postgres"], marks: &[Mark::Before(b"PostgreSQL ")] },
    Program { name: "python", files: &["python*", "libpython*"], marks: &[Mark::OfName] },
    Program {
        name: "redis",
        files: &["redis-server"],
        marks: &[Mark::Behind(b"buildkitsandbox-")],
    },
    Program { name: "ruby", files: &["ruby", "libruby*"], marks: &[Mark::Before(b"ruby ")] },
];

/// Looks for the version of the program that a file may be.
pub(super) struct Classifier {
    program: &'static Program,
    finders: Vec<(memmem::Finder<'static>, bool)>,
    /// The version so far: the first that is whole.
    found: Option<String>,
}

impl Classifier {
    /// For the file at a path; `None` if no well-known program has that name.
    pub(super) fn of(path: &str) -> Option<Self> {
        let file = file_of(path);
        let program = program_of(file)?;
        let finders = program.marks.iter().filter_map(|mark| match mark {
            Mark::Before(text) => Some((memmem::Finder::new(text).into_owned(), true)),
            Mark::Behind(text) => Some((memmem::Finder::new(text).into_owned(), false)),
            Mark::OfName => {
                let series = series(file)?;
                Some((memmem::Finder::new(&format!("\0{series}.")).into_owned(), true))
            }
        });
        let finders: Vec<_> = finders.collect();
        (!finders.is_empty()).then_some(Self { program, finders, found: None })
    }

    /// Looks through a piece of the file.
    pub(super) fn look(&mut self, bytes: &[u8]) {
        let own_series = matches!(self.program.marks, [Mark::OfName]);
        for (finder, is_before) in &self.finders {
            for at in finder.find_iter(bytes) {
                if self.found.is_some() {
                    return;
                }
                let end = at + finder.needle().len();
                self.found = match (own_series, is_before) {
                    // The mark is the beginning of the version, behind a zero.
                    (true, _) => whole(&bytes[at + 1..]),
                    (false, true) => following(&bytes[end..]),
                    (false, false) => preceding(&bytes[..at]),
                };
            }
        }
    }

    /// Adds the program, if it said its version.
    pub(super) fn finish(self, extract: &mut Extract) {
        if let Some(version) = self.found {
            extract.add(Found::new(PackageKind::Generic, self.program.name, &version));
        }
    }
}

/// Whether a file has the name of a well-known program.
pub(super) fn is_named(path: &str) -> bool {
    program_of(file_of(path)).is_some()
}

fn file_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn program_of(file: &str) -> Option<&'static Program> {
    let is_named = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(start) => file.strip_prefix(start).is_some_and(is_version_or_abi),
        None => *pattern == file,
    };
    PROGRAMS.iter().find(|program| program.files.iter().any(is_named))
}

/// What follows a name that stands for several: nothing, or what begins with a digit, a dot or the
/// like.
fn is_version_or_abi(rest: &str) -> bool {
    rest.chars().all(|c| c.is_ascii_digit() || ".-_sotdm".contains(c))
}

/// `3.12` of `python3.12`, `libpython3.12.so.1.0`.
fn series(file: &str) -> Option<String> {
    let start = file.find(|c: char| c.is_ascii_digit())?;
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let major = digits(&file[start..]);
    let minor = digits(file[start + major.len()..].strip_prefix('.')?);
    (!minor.is_empty()).then(|| format!("{major}.{minor}"))
}

const fn is_of_version(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.'
}

/// The version at the beginning of bytes: two numbers at least, ended by something else.
fn following(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().take(LONGEST_VERSION + 1).position(|byte| !is_of_version(*byte))?;
    version(&bytes[..end])
}

/// A version that is a text of its own.
fn whole(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().take(LONGEST_VERSION + 1).position(|byte| *byte == 0)?;
    // A local build of Python says so by a plus sign.
    version(bytes[..end].strip_suffix(b"+").unwrap_or(&bytes[..end]))
}

/// The version at the end of bytes.
fn preceding(bytes: &[u8]) -> Option<String> {
    let start = bytes
        .iter()
        .rev()
        .take(LONGEST_VERSION)
        .position(|byte| !(byte.is_ascii_digit() || *byte == b'.'))?;
    version(&bytes[bytes.len() - start..])
}

fn version(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim_end_matches('.');
    let is_version = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(is_of_version)
        && text
            .split('.')
            .take(2)
            .filter(|part| part.starts_with(|c: char| c.is_ascii_digit()))
            .count()
            == 2;
    is_version.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn classified(path: &str, content: &[u8]) -> Option<String> {
        let mut classifier = Classifier::of(path)?;
        classifier.look(content);
        let mut extract = Extract::default();
        classifier.finish(&mut extract);
        extract.packages.first().map(|found| format!("{} {}", found.name, found.version))
    }

    #[test]
    fn programs_are_what_their_name_and_text_say() {
        for (path, content, expected) in [
            ("usr/local/bin/node", "x\0node.js/v18.12.1\0", Some("node 18.12.1")),
            ("usr/local/bin/python3.12", "a\x003.12.1\0", Some("python 3.12.1")),
            ("usr/lib/libpython3.11.so.1.0", "\x003.11.4+\0", Some("python 3.11.4")),
            ("usr/local/bin/python3.12", "a\x003.11.4\0", None),
            ("usr/local/bin/python3", "a\x003.11.4\0", None),
            ("usr/local/bin/python-config", "a\x003.11.4\0", None),
            ("bin/busybox", "BusyBox v1.36.1 (2023-05-18)", Some("busybox 1.36.1")),
            ("opt/openssl", "OpenSSL 1.1.1w  11 Sep 2023\0", Some("openssl 1.1.1w")),
            (
                "opt/libcrypto.so.3",
                "OpenSSL %s\0OpenSSL 3.0.13 30 Jan 2024",
                Some("openssl 3.0.13"),
            ),
            ("opt/libcrypto.so.3", "OpenSSL 3.0.13", None),
            ("usr/sbin/nginx", "nginx version: nginx/1.25.3\0", Some("nginx 1.25.3")),
            ("usr/bin/other", "nginx version: nginx/1.25.3\0", None),
            ("usr/bin/mariadbd", "\x0010.11.6-MariaDB\0", Some("mariadb 10.11.6")),
            (
                "usr/local/bin/redis-server",
                "\x007.2.4buildkitsandbox-1704800000000000000\0",
                Some("redis 7.2.4"),
            ),
            ("usr/bin/postgres", "PostgreSQL JDBC\0PostgreSQL 16.1 on\0", Some("postgresql 16.1")),
            ("usr/local/bin/ruby", "ruby 3.2.2 (2023-03-30)", Some("ruby 3.2.2")),
            ("usr/bin/bash", "@(#)Bash version 5.2.15(1) release GNU", Some("bash 5.2.15")),
            ("usr/local/bin/php", "X-Powered-By: PHP/8.2.11\0", Some("php 8.2.11")),
        ] {
            assert_eq!(
                classified(path, content.as_bytes()).as_deref(),
                expected,
                "{path}: {content:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_content_panics(content in any::<Vec<u8>>(), version in "[0-9.a-z+ -]{0,50}") {
            for path in ["node", "python3.12", "mariadbd", "redis-server", "openssl", "libruby.so.3"] {
                let _ = classified(path, &content);
                for text in ["node.js/v", "\x003.12", "OpenSSL ", "ruby "] {
                    let _ = classified(path, format!("{text}{version}").as_bytes());
                    let _ = classified(path, format!("{version}-MariaDB").as_bytes());
                }
            }
        }
    }
}
