//! Go: what a program says that it was built from, and `go.mod`.

use cofferdam_finding::PackageKind::Golang;

use super::{Extract, Found};
use crate::version::{Order, go::release};

/// The information that the linker puts into a program (`debug/buildinfo`): the release of Go, and
/// lines of the main module and its dependencies, separated by tabs.
pub fn build_info(go: &str, modules: &str, extract: &mut Extract) {
    match release(go) {
        Some(release) => extract.add(Found::new(Golang, "stdlib", &release)),
        None if go.is_empty() => extract.problem(
            "build information",
            "it was built by a Go before 1.18: the version of its standard library is not known",
        ),
        // A development version of Go has no number.
        None => extract.add(Found::new(Golang, "stdlib", "")),
    }
    let mut pending: Option<Found> = None;
    for line in modules.lines() {
        let mut words = line.split('\t');
        let (kind, name, version) =
            (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
        let version = version.unwrap_or_default();
        match kind {
            "mod" | "dep" => {
                pending.take().into_iter().for_each(|found| extract.add(found));
                let version = match version {
                    "(devel)" | "" => version_of_flags(modules).unwrap_or_default(),
                    version => version,
                };
                pending = Some(Found::new(Golang, name, version));
            }
            // What the module before was replaced by.
            "=>" => {
                if let Some(found) = &mut pending {
                    // A replacement on disk is still the module, of no version that is known.
                    let is_on_disk = matches!(version, "" | "(devel)") || name.starts_with('.');
                    if !is_on_disk {
                        found.name = name.to_owned();
                    }
                    found.version = if is_on_disk { "" } else { version }.to_owned();
                }
            }
            _ => {}
        }
    }
    pending.into_iter().for_each(|found| extract.add(found));
}

/// The version that a build wrote into the program by `-ldflags "-X main.version=v1.2.3"`: modules
/// that are built from a checkout have no other.
fn version_of_flags(modules: &str) -> Option<&str> {
    let flags = modules.lines().find_map(|line| line.strip_prefix("build\t-ldflags="))?;
    flags.split([' ', '"', '\'']).find_map(|word| {
        let (variable, value) = word.split_once('=')?;
        let name = variable.rsplit(['.', '/']).next()?;
        let is_full = value.matches('.').count() >= 2;
        let is_version = is_full && Order::Go.compare(value, value).is_ok();
        (name.eq_ignore_ascii_case("version") && is_version).then_some(value)
    })
}

/// `go.mod` (<https://go.dev/ref/mod#go-mod-file>): what it requires, as far as it is not replaced
/// by something on disk.
pub fn module(_: &str, text: &str, extract: &mut Extract) {
    let mut block = "";
    let mut required: Vec<(String, String)> = Vec::new();
    let mut replaced: Vec<(String, Option<(String, String)>)> = Vec::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let words: Vec<&str> =
            line.split_whitespace().map(|w| w.trim_matches(['"', '`'])).collect();
        match words.as_slice() {
            // Go's own modules are not fetched from anywhere.
            ["module", "std" | "cmd"] => return,
            [")"] => block = "",
            [verb @ ("require" | "replace" | "exclude" | "retract"), "("] => block = verb,
            ["require", name, version] | [name, version] if is(block, &words, "require") => {
                required.push(((*name).to_owned(), (*version).to_owned()));
            }
            ["replace", rest @ ..] => replacement(rest, &mut replaced),
            rest if block == "replace" => replacement(rest, &mut replaced),
            _ => {}
        }
    }
    for (name, version) in required {
        match replaced.iter().find(|(replaced, _)| *replaced == name) {
            None => extract.add(Found::declared(Golang, &name, &version)),
            Some((_, Some((name, version)))) => extract.add(Found::declared(Golang, name, version)),
            Some((_, None)) => {}
        }
    }
}

fn is(block: &str, words: &[&str], verb: &str) -> bool {
    (block == verb && words.len() == 2) || words.first() == Some(&verb)
}

/// `a [v1] => b [v2]`
fn replacement(words: &[&str], to: &mut Vec<(String, Option<(String, String)>)>) {
    let Some(arrow) = words.iter().position(|word| *word == "=>") else { return };
    let target = match &words[arrow + 1..] {
        [name, version] => Some(((*name).to_owned(), (*version).to_owned())),
        _ => None,
    };
    to.extend(words.first().map(|name| ((*name).to_owned(), target)));
}
