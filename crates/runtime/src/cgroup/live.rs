//! A container's control group while it is there: its processes, frozen or not, and its end.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{ROOT, put};
use crate::error::{Doing, Error};

/// Most groups below a container's that are looked at.
const GROUPS: usize = 100_000;
/// How often the kernel is asked again, and with what pause.
const ROUNDS: u32 = 400;
const PAUSE: Duration = Duration::from_millis(5);

/// The directories of a container's control group.
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    directories: &'a [PathBuf],
    unified: bool,
}

impl<'a> Live<'a> {
    /// Takes the directories that were made for a container.
    #[must_use]
    pub const fn new(directories: &'a [PathBuf], unified: bool) -> Self {
        Self { directories, unified }
    }

    /// Whether it is of cgroup v2.
    #[must_use]
    pub const fn is_unified(&self) -> bool {
        self.unified
    }

    /// All directories.
    #[must_use]
    pub const fn directories(&self) -> &'a [PathBuf] {
        self.directories
    }

    /// The directory where a controller's files are, if the container has one.
    #[must_use]
    pub fn of(&self, controller: &str) -> Option<&'a Path> {
        if self.unified {
            return self.directories.first().map(PathBuf::as_path);
        }
        let directories = || self.directories.iter().map(PathBuf::as_path);
        let tree = |path: &Path| {
            let below = path.strip_prefix(ROOT).ok()?.components().next()?;
            Some(below.as_os_str().to_string_lossy().into_owned())
        };
        // Mounted together, controllers have a comma between them in the tree's name.
        let of_v1 =
            |path: &&Path| tree(path).is_some_and(|t| t.split(',').any(|c| c == controller));
        let of_v2 = |path: &&Path| {
            let listed = fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default();
            listed.split_whitespace().any(|other| other == controller)
        };
        directories().find(of_v1).or_else(|| directories().find(of_v2))
    }

    /// Ids of the processes in it and in the groups below it, in order.
    ///
    /// # Errors
    /// When a group cannot be read.
    pub fn processes(&self) -> Result<Vec<i32>, Error> {
        // Any directory will do; the container can make groups below none that it cannot write.
        let Some(directory) = self.directories.first() else { return Ok(Vec::new()) };
        let mut found = BTreeSet::new();
        for group in groups(directory).doing("read the cgroup", directory.display())? {
            match fs::read_to_string(group.join("cgroup.procs")) {
                Ok(text) => found.extend(
                    text.lines().filter_map(|line| line.parse::<i32>().ok().filter(|pid| *pid > 0)),
                ),
                // It went away, or it is a threaded one whose processes its parent lists.
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error).doing("read the cgroup", group.display()),
            }
        }
        Ok(found.into_iter().collect())
    }

    /// Sends a signal to every process, again until no new one turns up.
    ///
    /// # Errors
    /// When the processes cannot be found.
    pub fn signal(&self, number: i32) -> Result<(), Error> {
        let mut told = BTreeSet::new();
        for _ in 0..ROUNDS {
            let new: Vec<i32> =
                self.processes()?.into_iter().filter(|pid| told.insert(*pid)).collect();
            if new.is_empty() {
                break;
            }
            for pid in new {
                let Some(pid) = Pid::from_raw(pid) else { continue };
                // Whoever has the number when it is opened is who gets the signal, and no later
                // one; that it is still the container's is looked at in between.
                let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
                if self.processes()?.contains(&pid.as_raw_nonzero().get()) {
                    // It may have ended, which is as good.
                    let _ = cofferdam_sys::signal::send(&pidfd, number);
                }
            }
        }
        Ok(())
    }

    /// Whether its processes are frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.of("freezer").is_some_and(|directory| is_frozen(directory, self.unified))
    }

    /// Freezes or thaws its processes, and waits until they are.
    ///
    /// # Errors
    /// When the container has no group that can be frozen, or the kernel does not get it done.
    pub fn freeze(&self, frozen: bool) -> Result<(), Error> {
        let Some(directory) = self.of("freezer") else {
            let why = io::Error::other("the container has no cgroup with a freezer");
            return Err(why).doing("freeze", "the container");
        };
        let doing = if frozen { "freeze" } else { "thaw" };
        let (file, value) = match (self.unified, frozen) {
            (true, true) => ("cgroup.freeze", "1"),
            (true, false) => ("cgroup.freeze", "0"),
            (false, true) => ("freezer.state", "FROZEN"),
            (false, false) => ("freezer.state", "THAWED"),
        };
        let file = directory.join(file);
        for _ in 0..ROUNDS {
            // Written each time: a task that is made meanwhile can keep v1 freezing for ever.
            put(&file, value).doing(doing, directory.display())?;
            if self.is_settled(directory, frozen) {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        if frozen {
            // Half frozen is worse than not frozen.
            let _ = self.freeze(false);
        }
        Err(io::Error::from(io::ErrorKind::TimedOut)).doing(doing, directory.display())
    }

    fn is_settled(&self, directory: &Path, frozen: bool) -> bool {
        if !self.unified {
            return self.is_frozen() == frozen;
        }
        let wanted = if frozen { "frozen 1" } else { "frozen 0" };
        let events = fs::read_to_string(directory.join("cgroup.events")).unwrap_or_default();
        events.lines().any(|line| line == wanted)
    }

    /// Kills what is left in it and removes it, with the groups below it.
    ///
    /// # Errors
    /// When a directory cannot be removed.
    pub fn remove(&self) -> Result<(), Error> {
        const KILL: i32 = rustix::process::Signal::KILL.as_raw();
        if self.is_frozen() {
            // What is frozen cannot die (v1).
            self.freeze(false)?;
        }
        for directory in self.directories {
            for round in 0..ROUNDS {
                match remove_tree(directory) {
                    Err(error) if is_busy(&error) && round + 1 < ROUNDS => {
                        if round == 0 || round % 20 == 0 {
                            Live::new(std::slice::from_ref(directory), self.unified)
                                .signal(KILL)?;
                        }
                        std::thread::sleep(PAUSE);
                    }
                    result => {
                        result.doing("remove the cgroup", directory.display())?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether the processes of a group are frozen or, if it has none, would be.
pub(super) fn is_frozen(directory: &Path, unified: bool) -> bool {
    let (file, wanted) = if unified { ("cgroup.freeze", "1") } else { ("freezer.state", "FROZEN") };
    fs::read_to_string(directory.join(file)).is_ok_and(|text| text.trim() == wanted)
}

/// A directory and those below it, parents first.
fn groups(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![directory.to_owned()];
    let mut next = 0;
    while next < found.len() && found.len() < GROUPS {
        let entries = match fs::read_dir(&found[next]) {
            Ok(entries) => entries,
            Err(error) if is_gone(&error) => {
                next += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                found.push(entry.path());
            }
        }
        next += 1;
    }
    Ok(found)
}

fn remove_tree(directory: &Path) -> io::Result<()> {
    match fs::remove_dir(directory) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
    }
    for group in groups(directory)?.iter().rev() {
        match fs::remove_dir(group) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
        || error.raw_os_error() == Some(rustix::io::Errno::OPNOTSUPP.raw_os_error())
}

fn is_busy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error())
}
