//! Which files are read, and how, by their paths.

use cofferdam_image::Candidate;

use crate::license::copyright;

use super::{Extract, dotnet, go, node, others, owned, php, python, ruby, rust};

/// How to read a text: its path, itself, where to put what it says.
pub(super) type Parse = fn(&str, &str, &mut Extract);

/// How to read a file.
pub(super) enum Reader {
    Text(Parse),
    /// A zip archive of Java.
    Archive,
    /// An executable or library.
    Program,
}

/// Programs are larger than this; Go's and Rust's are some hundred times as large.
const SMALLEST_PROGRAM: u64 = 4096;

/// How to read a file; `None` for one that names no packages.
pub(super) fn reader(candidate: &Candidate<'_>) -> Option<Reader> {
    if let Some(parse) = text(candidate.path) {
        return Some(Reader::Text(parse));
    }
    if is_archive(candidate.path) {
        return Some(Reader::Archive);
    }
    is_program(candidate).then_some(Reader::Program)
}

/// The reader of a text.
pub(super) fn text(path: &str) -> Option<Parse> {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = directory.rsplit('/').next().unwrap_or_default();
    Some(match name {
        "METADATA" if parent.ends_with(".dist-info") => python::metadata,
        "PKG-INFO" if parent.ends_with(".egg-info") || parent == "EGG-INFO" => python::metadata,
        "package.json" if is_installed_module(directory) => node::package,
        "composer.lock" | "installed.json"
            if name != "installed.json" || directory.ends_with("vendor/composer") =>
        {
            php::lock
        }
        "desc" if directory.starts_with("var/lib/pacman/local/") => others::pacman,
        "DESCRIPTION" if is_r_library(directory) => others::r_description,
        _ if name.ends_with(".egg-info") => python::metadata,
        _ if name.ends_with(".gemspec") && parent_is(directory, "specifications") => ruby::gemspec,
        _ if name.ends_with(".deps.json") => dotnet::deps,
        _ if name.ends_with(".json") && parent == "conda-meta" => others::conda,
        _ if name.ends_with(".list") && directory == "var/lib/dpkg/info" => owned::list,
        "copyright" if copyright::package(path).is_some() => copyright::read,
        // What follows are lock files: those that packages bring along are nobody's.
        _ if is_within_packages(directory) => return None,
        "package-lock.json" | "npm-shrinkwrap.json" => node::package_lock,
        "yarn.lock" => node::yarn_lock,
        "pnpm-lock.yaml" => node::pnpm_lock,
        "bun.lock" => node::bun_lock,
        "poetry.lock" | "uv.lock" | "pdm.lock" | "pylock.toml" => python::toml_lock,
        "Pipfile.lock" => python::pipfile_lock,
        "go.mod" => go::module,
        "Cargo.lock" => rust::lock,
        "Gemfile.lock" | "gems.locked" => ruby::lock,
        "packages.lock.json" => dotnet::lock,
        "pubspec.lock" => others::pub_lock,
        "mix.lock" => others::mix_lock,
        "cabal.project.freeze" => others::cabal_freeze,
        "gradle.lockfile" | "buildscript-gradle.lockfile" => others::gradle_lock,
        _ if name.starts_with("requirements") && name.ends_with(".txt") => python::requirements,
        _ => return None,
    })
}

/// `node_modules/x` and `node_modules/@s/x`, or a directory that is in no `node_modules`.
fn is_installed_module(directory: &str) -> bool {
    let Some((_, inner)) = directory.rsplit_once("node_modules/") else { return true };
    let parts = inner.split('/').count();
    parts == if inner.starts_with('@') { 2 } else { 1 }
}

fn is_r_library(directory: &str) -> bool {
    let mut parts = directory.rsplit('/').skip(1);
    matches!(parts.next(), Some("library" | "site-library" | "host-site-library"))
}

/// `specifications` itself, or `specifications/default`.
fn parent_is(directory: &str, name: &str) -> bool {
    let directory = directory.strip_suffix("/default").unwrap_or(directory);
    directory.rsplit('/').next() == Some(name)
}

fn is_within_packages(directory: &str) -> bool {
    const OF_PACKAGES: [&str; 9] = [
        "node_modules",
        "site-packages",
        "dist-packages",
        "vendor",
        "pkg/mod",
        ".cargo/registry",
        ".cargo/git",
        "gems",
        "go/src",
    ];
    let directory = format!("/{directory}/");
    OF_PACKAGES.iter().any(|part| directory.contains(&format!("/{part}/")))
}

/// Whether a path has the ending of one of Java's archives.
pub(super) fn is_archive(path: &str) -> bool {
    const ENDINGS: [&str; 8] = [".jar", ".war", ".ear", ".par", ".sar", ".jpi", ".hpi", ".kar"];
    ENDINGS.iter().any(|ending| {
        path.len() > ending.len()
            && path.is_char_boundary(path.len() - ending.len())
            && path[path.len() - ending.len()..].eq_ignore_ascii_case(ending)
    })
}

fn is_program(candidate: &Candidate<'_>) -> bool {
    const SCRIPTS: [&str; 7] = [".sh", ".py", ".pl", ".rb", ".js", ".php", ".pyc"];
    let name = candidate.path.rsplit('/').next().unwrap_or_default();
    let may_run = candidate.mode & 0o111 != 0 || name.contains(".so") || name.ends_with(".exe");
    candidate.size >= SMALLEST_PROGRAM && may_run && !SCRIPTS.iter().any(|end| name.ends_with(end))
}
