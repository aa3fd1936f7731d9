//! Being told when a container's memory has run out.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::PathBuf,
};

use rustix::{
    event::{EventfdFlags, PollFlags, eventfd},
    fs::{Mode, OFlags, open},
    io::Errno,
};

use super::Live;
use crate::error::{Doing, Error};

/// Tells when the memory of a container has run out.
#[derive(Debug)]
pub struct Shortage {
    directory: PathBuf,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// v1: a counter that the kernel adds to.
    Counter(OwnedFd),
    /// v2: a file that says how often processes were killed, and how often they were before.
    File(File, u64),
}

impl Live<'_> {
    /// Starts to watch; `None` if the container's memory is not counted.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn watch_memory(&self) -> Result<Option<Shortage>, Error> {
        let Some(directory) = self.of("memory") else { return Ok(None) };
        let doing = "watch the memory of";
        let file = |name: &str| directory.join(name);
        let source = if self.is_unified() {
            match File::open(file("memory.events")) {
                // The controller is not handed on to this group.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => {
                    let mut opened = opened.doing(doing, directory.display())?;
                    let kills = kills(&mut opened).doing(doing, directory.display())?;
                    Source::File(opened, kills)
                }
            }
        } else {
            let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
            let counter = eventfd(0, flags).doing(doing, directory.display())?;
            let watched =
                open(file("memory.oom_control"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
            let watched = watched.doing(doing, directory.display())?;
            let order = format!("{} {}", counter.as_raw_fd(), watched.as_raw_fd());
            fs::write(file("cgroup.event_control"), order).doing(doing, directory.display())?;
            Source::Counter(counter)
        };
        Ok(Some(Shortage { directory: directory.to_owned(), source }))
    }
}

impl Shortage {
    /// What poll(2) has to wait for.
    #[must_use]
    pub const fn flags(&self) -> PollFlags {
        match self.source {
            Source::Counter(_) => PollFlags::IN,
            Source::File(..) => PollFlags::PRI,
        }
    }

    /// Whether memory has run out since the last time; never when the group itself is gone.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn happened(&mut self) -> io::Result<bool> {
        match &mut self.source {
            Source::Counter(counter) => {
                let mut count = [0; 8];
                match rustix::io::read(&*counter, &mut count) {
                    // The end of the group counts as well.
                    Ok(_) => Ok(self.directory.exists()),
                    Err(Errno::AGAIN) => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }
            Source::File(file, before) => match kills(file) {
                Ok(kills) => {
                    let more = kills > *before;
                    *before = kills;
                    Ok(more)
                }
                Err(error) if error.raw_os_error() == Some(Errno::NODEV.raw_os_error()) => {
                    Ok(false)
                }
                Err(error) => Err(error),
            },
        }
    }
}

impl AsFd for Shortage {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.source {
            Source::Counter(counter) => counter.as_fd(),
            Source::File(file, _) => file.as_fd(),
        }
    }
}

/// How many processes were killed, by memory.events.
fn kills(file: &mut File) -> io::Result<u64> {
    /// The kernel writes some lines of a word and a number.
    const LONGEST: u64 = 4096;
    file.seek(SeekFrom::Start(0))?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    Ok(line.and_then(|number| number.trim().parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn kills_are_read_anew_each_time() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"low 0\noom 7\noom_kill 2\noom_group_kill 1\n").unwrap();
        let mut shortage =
            Shortage { directory: "/".into(), source: Source::File(file.try_clone().unwrap(), 1) };
        assert_eq!(shortage.flags(), PollFlags::PRI);
        assert!(shortage.happened().unwrap());
        assert!(!shortage.happened().unwrap());
        file.set_len(0).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(b"oom_kill 3\n").unwrap();
        assert!(shortage.happened().unwrap());
    }

    #[test]
    fn the_end_of_a_group_is_no_shortage() {
        let counter = eventfd(1, EventfdFlags::NONBLOCK).unwrap();
        let directory = "/does/not/exist".into();
        let mut shortage = Shortage { directory, source: Source::Counter(counter) };
        assert!(!shortage.happened().unwrap());
        let counter = eventfd(1, EventfdFlags::NONBLOCK).unwrap();
        let mut shortage = Shortage { directory: "/".into(), source: Source::Counter(counter) };
        assert!(shortage.happened().unwrap() && !shortage.happened().unwrap());
    }
}
