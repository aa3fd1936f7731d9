//! Which files belong to packages of the distribution.

use std::collections::HashMap;

use super::{
    Extract, classify,
    select::{is_archive, text},
};

/// The lists of dpkg: a path a line.
pub(super) fn list(_: &str, text: &str, extract: &mut Extract) {
    let paths = text.lines().filter_map(|line| line.strip_prefix('/'));
    extract.owned.extend(paths.filter(|path| may_be_owned(path)).map(str::to_owned));
}

/// Whether a file of that path may be one that names packages of a language. Programs may have any
/// name; they are in directories of programs.
pub(crate) fn may_be_owned(path: &str) -> bool {
    const OF_PROGRAMS: [&str; 5] = ["bin", "sbin", "libexec", "lib", "games"];
    if text(path).is_some() || is_archive(path) || classify::is_named(path) {
        return true;
    }
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_of_programs = directory.split('/').any(|part| OF_PROGRAMS.contains(&part));
    is_of_programs && (!name.contains('.') || name.contains(".so"))
}

/// Packages of the distribution by the files that they own.
#[derive(Debug, Default)]
pub(crate) struct Owners(HashMap<String, String>);

impl Owners {
    /// Notes that a package owns a file.
    pub(crate) fn add(&mut self, path: &str, package: &str) {
        self.0.insert(key(path).to_owned(), package.to_owned());
    }

    /// Who owns a file. An egg is a directory or a file; dpkg names either.
    pub(crate) fn of(&self, path: &str) -> Option<&String> {
        self.0.get(key(path))
    }
}

/// Debian's `/lib` is a link to `/usr/lib`, and packages name either.
fn key(path: &str) -> &str {
    path.strip_prefix("usr/").unwrap_or(path)
}
