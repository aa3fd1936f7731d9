//! Named volumes: directories of the data directory that outlive containers.

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::all;
use crate::{
    error::{CliError, OrFail as _},
    session::Session,
};

/// A volume's name: 1 to 64 of `A-Z a-z 0-9 _ . -`, beginning with a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VolumeName(String);

impl FromStr for VolumeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let good = (1..=64).contains(&text.len())
            && text.as_bytes()[0].is_ascii_alphanumeric()
            && text.bytes().all(allowed);
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "'{text}' is neither a path, which has a slash, nor a volume's name: 1 to 64 of \
             A-Z a-z 0-9 _ . - that begin with a letter or a digit"
        ))
    }
}

impl std::fmt::Display for VolumeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// The directory of all volumes, which nobody else can look into.
pub(crate) struct Volumes(PathBuf);

impl Volumes {
    pub(crate) fn of(session: &Session) -> Result<Self, CliError> {
        let data = std::path::absolute(session.settings.data_dir()?)?;
        Ok(Self(data.join("volumes")))
    }

    #[cfg(test)]
    pub(crate) const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where a volume is or would be.
    pub(crate) fn path(&self, name: &VolumeName) -> PathBuf {
        self.0.join(&name.0)
    }

    /// Makes a volume unless it is there; a new one belongs to `owner`, if that is said.
    pub(crate) fn make(
        &self,
        name: &VolumeName,
        owner: Option<(u32, u32)>,
    ) -> Result<PathBuf, CliError> {
        let path = self.path(name);
        let failed = || format!("could not make volume '{name}' in '{}'", self.0.display());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0).or_fail(failed)?;
        match fs::DirBuilder::new().mode(0o755).create(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(&path).or_fail(failed)?;
                if !found.is_dir() {
                    let why = std::io::Error::other("something else is there");
                    return Err(why).or_fail(failed);
                }
            }
            made => {
                made.or_fail(failed)?;
                if let Some((user, group)) = owner {
                    std::os::unix::fs::lchown(&path, Some(user), Some(group)).or_fail(failed)?;
                }
            }
        }
        Ok(path)
    }

    /// Names of all volumes, in order.
    pub(crate) fn names(&self) -> Result<Vec<VolumeName>, CliError> {
        let failed = || format!("could not read the volumes in '{}'", self.0.display());
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.or_fail(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.or_fail(failed)?;
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if let Some(name) = entry.file_name().to_str().and_then(|name| name.parse().ok())
                && is_directory
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Removes a volume that no container uses.
    pub(crate) fn remove(&self, name: &VolumeName) -> Result<(), CliError> {
        let path = self.path(name);
        if !path.is_dir() {
            return Err(CliError::new(format!("could not find volume '{name}'"))
                .hint("cofferdam volume ls lists what there is"));
        }
        if let Some(user) = users(&path)?.first() {
            let text = format!("could not remove volume '{name}': container '{user}' uses it");
            return Err(CliError::new(text).hint(format!("cofferdam rm {user}")));
        }
        fs::remove_dir_all(&path)
            .or_fail(|| format!("could not remove volume '{name}'"))
            .hint("what ids of containers own can be removed in a container that has the volume")
    }
}

/// Containers that use the volume in `path`, whether they run or are only kept.
pub(crate) fn users(path: &Path) -> Result<Vec<String>, CliError> {
    let mut users = Vec::new();
    for (id, found) in all()? {
        match found {
            Ok(found) if !found.record.volumes.iter().any(|volume| volume == path) => {}
            // What cannot be read may use it.
            _ => users.push(id.to_string()),
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_directory() {
        for (text, good) in [
            ("www", true),
            ("A-b_c.1", true),
            ("", false),
            (".", false),
            ("..", false),
            (".hidden", false),
            ("-x", false),
            ("a/b", false),
            ("ä", false),
            ("a b", false),
        ] {
            assert_eq!(text.parse::<VolumeName>().is_ok(), good, "{text:?}");
        }
        assert!("x".repeat(65).parse::<VolumeName>().is_err());
    }

    #[test]
    fn volumes_are_made_once_and_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let volumes = Volumes(directory.path().join("data/volumes"));
        assert!(volumes.names().unwrap().is_empty());
        let name: VolumeName = "www".parse().unwrap();
        let path = volumes.make(&name, None).unwrap();
        fs::write(path.join("x"), "kept").unwrap();
        volumes.make(&name, None).unwrap();
        assert_eq!(fs::read_to_string(path.join("x")).unwrap(), "kept");
        assert_eq!(volumes.names().unwrap(), [name]);
        std::os::unix::fs::symlink("/etc", volumes.path(&"link".parse().unwrap())).unwrap();
        assert!(volumes.make(&"link".parse().unwrap(), None).is_err());
        assert_eq!(volumes.names().unwrap().len(), 1);
    }
}
