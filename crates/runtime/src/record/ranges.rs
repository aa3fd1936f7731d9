//! Ranges of ids that are one container's alone.
//!
//! A file named after the first id of a range says whose it is: `u100000` for user ids, `g100000`
//! for group ids. Whoever takes or gives back holds a lock on the directory; what belongs to a
//! container that is not there any more is taken back.

use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};

use super::{Records, RecordsError};
use crate::{
    id::ContainerId,
    ids::{Range, overlap},
    state::{Store, StoreError},
};

/// How many ranges are looked at: more than a machine runs containers.
const MOST: usize = 65_536;
/// Longest name that is read.
const LONGEST_NAME: u64 = 256;

/// The ranges that a container has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Of user ids.
    pub users: Range,
    /// Of group ids.
    pub groups: Range,
}

/// The directory of ranges that are taken.
#[derive(Debug)]
pub struct Taken {
    path: PathBuf,
    _lock: std::os::fd::OwnedFd,
}

impl Taken {
    /// Waits until nobody else takes or gives back; holds them off while this exists.
    ///
    /// # Errors
    /// When the directory cannot be made, used or locked.
    pub fn lock() -> Result<Self, RecordsError> {
        Self::lock_at(&super::folder::default_directory().with_file_name("ids"))
    }

    fn lock_at(path: &Path) -> Result<Self, RecordsError> {
        // For what it checks of the directory.
        Store::open_or_make(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let lock = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|error| failed("open", path, error.into()))?;
        flock(&lock, FlockOperation::LockExclusive)
            .map_err(|error| failed("lock", path, error.into()))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Takes the first pair of `pools` of which nobody has an id; `None` if all are taken.
    ///
    /// # Errors
    /// When the directory cannot be read or written to.
    pub fn take(
        &self,
        pools: impl Iterator<Item = (Range, Range)>,
        id: &ContainerId,
        records: &Records,
    ) -> Result<Option<Pair>, RecordsError> {
        let (mut users, mut groups) = (Vec::new(), Vec::new());
        for (kind, range, file) in self.entries()? {
            match self.owner(&file) {
                // Without a container it is nobody's: a command ended too soon to give it back.
                Some(owner) if records.find(&owner)?.is_none() => self.remove(&file)?,
                _ if kind == 'u' => users.push(range),
                _ => groups.push(range),
            }
        }
        let free = |range: &Range, taken: &[Range]| !taken.iter().any(|t| overlap(*t, *range));
        let found = pools
            .take(MOST)
            .find(|(user, group)| free(user, &users) && free(group, &groups))
            .map(|(users, groups)| Pair { users, groups });
        if let Some(pair) = &found {
            for (kind, range) in [('u', pair.users), ('g', pair.groups)] {
                let file = self.path.join(format!("{kind}{}-{}", range.first, range.size));
                std::fs::write(&file, id.as_str())
                    .map_err(|error| failed("write to", &file, error))?;
            }
        }
        Ok(found)
    }

    /// Gives back what a container has.
    ///
    /// # Errors
    /// When the directory cannot be read or written to.
    pub fn give_back(&self, id: &ContainerId) -> Result<(), RecordsError> {
        for (_, _, file) in self.entries()? {
            if self.owner(&file).as_ref() == Some(id) {
                self.remove(&file)?;
            }
        }
        Ok(())
    }

    /// Kind, range and file of each; other files are passed over.
    fn entries(&self) -> Result<Vec<(char, Range, PathBuf)>, RecordsError> {
        let error = |error| failed("read", &self.path, error);
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(error)? {
            let entry = entry.map_err(error)?;
            if let Some((kind, range)) = entry.file_name().to_str().and_then(parse) {
                entries.push((kind, range, entry.path()));
            }
        }
        Ok(entries)
    }

    /// The container that a range belongs to; `None` if that cannot be told.
    fn owner(&self, file: &Path) -> Option<ContainerId> {
        use std::io::Read as _;
        let mut text = String::new();
        std::fs::File::open(file).ok()?.take(LONGEST_NAME).read_to_string(&mut text).ok()?;
        text.parse().ok()
    }

    fn remove(&self, file: &Path) -> Result<(), RecordsError> {
        Ok(std::fs::remove_file(file).map_err(|error| failed("remove", file, error))?)
    }
}

/// `u100000-65536`.
fn parse(name: &str) -> Option<(char, Range)> {
    let kind = name.chars().next().filter(|kind| matches!(kind, 'u' | 'g'))?;
    let (first, size) = name[1..].split_once('-')?;
    Some((kind, Range { first: first.parse().ok()?, size: size.parse().ok()? }))
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{SIZE, pool_for_root};

    fn pools(table: &str) -> impl Iterator<Item = (Range, Range)> + '_ {
        pool_for_root(table).zip(pool_for_root(table))
    }

    #[test]
    fn no_two_containers_share_an_id_and_what_is_given_back_is_used_again() {
        let directory = tempfile::tempdir().unwrap();
        let records = directory.path().join("records");
        std::fs::create_dir(&records).unwrap();
        let records = Records::at(&records).unwrap();
        let ids: Vec<ContainerId> = (0..3).map(|n| format!("c{n}").parse().unwrap()).collect();
        for id in &ids {
            records.reserve(id).unwrap();
        }
        let taken = || Taken::lock_at(&directory.path().join("ids")).unwrap();
        let table = "cofferdam:500000:131072";
        let take = |id| taken().take(pools(table), id, &records).unwrap();
        let first = take(&ids[0]).unwrap();
        let second = take(&ids[1]).unwrap();
        assert!(!overlap(first.users, second.users) && !overlap(first.groups, second.groups));
        assert_eq!(take(&ids[2]), None, "there are two ranges only");
        taken().give_back(&ids[0]).unwrap();
        assert_eq!(take(&ids[2]), Some(first));
        // A table that has changed meanwhile.
        let shifted = format!("cofferdam:{}:131072", 500_000 - SIZE / 2);
        assert_eq!(taken().take(pools(&shifted), &ids[0], &records).unwrap(), None);
        // Whose container is gone.
        records.remove(&records.find(&ids[1]).unwrap().unwrap()).unwrap();
        assert_eq!(take(&ids[0]), Some(second));
    }

    #[test]
    fn what_cannot_be_understood_stays_taken() {
        let directory = tempfile::tempdir().unwrap();
        let records = directory.path().join("records");
        std::fs::create_dir(&records).unwrap();
        let records = Records::at(&records).unwrap();
        let path = directory.path().join("ids");
        let id: ContainerId = "c".parse().unwrap();
        drop(Taken::lock_at(&path).unwrap());
        std::fs::write(path.join("u500000-65536"), "../..\0").unwrap();
        std::fs::write(path.join("g565536-65536"), "").unwrap();
        std::fs::write(path.join("ü500000-1"), "").unwrap();
        let table = "cofferdam:500000:131072";
        let taken = Taken::lock_at(&path).unwrap();
        assert_eq!(taken.take(pools(table), &id, &records).unwrap(), None);
    }

    proptest! {
        #[test]
        fn any_name_is_understood_or_passed_over(name in "\\PC{0,20}", number in any::<u32>()) {
            let _ = parse(&name);
            let range = Range { first: number, size: SIZE };
            prop_assert_eq!(parse(&format!("u{number}-{SIZE}")), Some(('u', range)));
        }
    }
}
