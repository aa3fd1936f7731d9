//! Copies of sources from where they are published.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path, PathBuf},
};

use cofferdam_image::{
    Progress,
    download::{self, Options, Outcome, Version, download},
};
use time::{Date, OffsetDateTime, PrimitiveDateTime, macros::format_description};

use super::Source;

/// What is known of the copies in a directory: the version of each file.
const VERSIONS: &str = "versions.json";
/// Bytes of that file.
const LONGEST_VERSIONS: u64 = 4 << 20;

/// Copies of sources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The sources, with the path of their copy and the date of their data.
    pub sources: Vec<Source>,
    /// Names of those that were not there before or had changed.
    pub changed: Vec<String>,
}

/// Why a source could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The server did not give it.
    #[error("could not fetch source '{name}' from '{url}'")]
    Download {
        /// Name of the source.
        name: String,
        /// Address of the file.
        url: String,
        /// Why.
        source: download::Error,
    },
    /// A file of the source has no name that can be kept.
    #[error("could not use source '{name}': file '{file}' is no plain relative path")]
    File {
        /// Name of the source.
        name: String,
        /// The file.
        file: String,
    },
    /// The directory of copies cannot be used.
    #[error("could not use the copies in '{}'", path.display())]
    Copies {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Brings the copies of `sources` in `directory` up to date. What has not changed since the last
/// time is not fetched again. `today` is the date of data whose server states none.
///
/// # Errors
/// If a source cannot be had. What was fetched before it is kept for the next attempt.
pub fn fetch(
    sources: &[Source],
    directory: &Path,
    options: &Options,
    today: Date,
    progress: &dyn Progress,
) -> Result<Fetched, FetchError> {
    let mut fetched = Fetched::default();
    for source in sources {
        let mut copy = Copy::open(source, directory.join(&source.name))?;
        let changed = copy.update(options, progress)?;
        if changed {
            fetched.changed.push(source.name.clone());
        }
        let path = match source.files.as_slice() {
            [] => PathBuf::from(&source.name).join(file_of(source)),
            _ => PathBuf::from(&source.name),
        };
        let date = copy.date().unwrap_or(today).to_string();
        fetched.sources.push(Source { path, date, ..source.clone() });
    }
    Ok(fetched)
}

/// A source's directory.
struct Copy<'a> {
    source: &'a Source,
    directory: PathBuf,
    versions: BTreeMap<String, Version>,
}

impl<'a> Copy<'a> {
    fn open(source: &'a Source, directory: PathBuf) -> Result<Self, FetchError> {
        let failed = |source| FetchError::Copies { path: directory.clone(), source };
        fs::create_dir_all(&directory).map_err(failed)?;
        let path = versions_of(&directory);
        let text = match fs::metadata(&path) {
            Ok(found) if found.len() <= LONGEST_VERSIONS => fs::read(&path).map_err(failed)?,
            // Without it everything is fetched again.
            _ => Vec::new(),
        };
        let versions = serde_json::from_slice(&text).unwrap_or_default();
        Ok(Self { source, directory, versions })
    }

    /// Fetches what has changed; returns whether anything had.
    fn update(&mut self, options: &Options, progress: &dyn Progress) -> Result<bool, FetchError> {
        let single = [file_of(self.source)];
        let (files, several) = match self.source.files.as_slice() {
            [] => (single.as_slice(), false),
            files => (files, true),
        };
        let mut changed = false;
        for file in files {
            if !is_plain(file) {
                let (name, file) = (self.source.name.clone(), file.clone());
                return Err(FetchError::File { name, file });
            }
            let base = self.source.url.trim_end_matches('/');
            let url = if several { format!("{base}/{file}") } else { self.source.url.clone() };
            let known = self.versions.get(file);
            let outcome = download(&url, &self.directory.join(file), known, options, progress);
            let failed =
                |source| FetchError::Download { name: self.source.name.clone(), url, source };
            if let Outcome::Fetched(version) = outcome.map_err(failed)? {
                changed = true;
                self.versions.insert(file.clone(), version);
                self.remember()?;
            }
        }
        Ok(changed)
    }

    /// After each file, so that nothing is fetched twice when a later one fails.
    fn remember(&self) -> Result<(), FetchError> {
        let failed = |source| FetchError::Copies { path: self.directory.clone(), source };
        let text = serde_json::to_vec(&self.versions).map_err(|error| failed(error.into()))?;
        let path = versions_of(&self.directory);
        let mut temporary = path.clone().into_os_string();
        temporary.push(".new");
        fs::write(&temporary, text).map_err(failed)?;
        fs::rename(&temporary, path).map_err(failed)
    }

    /// The latest day on which a server says that a file was changed.
    fn date(&self) -> Option<Date> {
        self.versions
            .values()
            .filter_map(|version| http_date(version.last_modified.as_ref()?))
            .max()
    }
}

/// Beside the directory, in which every file ending in `.json` counts as data.
fn versions_of(directory: &Path) -> PathBuf {
    let mut name = directory.as_os_str().to_owned();
    name.push(format!(".{VERSIONS}"));
    PathBuf::from(name)
}

/// The last part of the address, which says in what form the file is.
fn file_of(source: &Source) -> String {
    let path = source.url.split(['?', '#']).next().unwrap_or_default();
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if is_plain(last) && !last.contains(':') { last.to_owned() } else { "feed".to_owned() }
}

fn is_plain(file: &str) -> bool {
    let parts = |part| matches!(part, Component::Normal(_));
    !file.is_empty() && Path::new(file).components().all(parts)
}

/// The day of a date as HTTP writes it (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<Date> {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = PrimitiveDateTime::parse(text, format).ok()?;
    let epoch = OffsetDateTime::UNIX_EPOCH.date();
    Some(date.date()).filter(|date| *date > epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_servers() {
        for (text, wanted) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some("1994-11-06")),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("yesterday", None),
        ] {
            assert_eq!(http_date(text).map(|date| date.to_string()).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn only_plain_files_are_kept() {
        for plain in ["all.zip", "v3.20/main.json"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in ["", "/etc/passwd", "../x", "a/../../x"] {
            assert!(!is_plain(other), "{other}");
        }
    }
}
