//! Making a control group, and unmaking it when the container cannot be started.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use cofferdam_sys::{
    device_filter,
    pseudo::{self, Kind},
};
use rustix::{
    fs::{OFlags, fchown},
    process::Uid,
};

use super::{
    Directory, Group, Write,
    systemd::{self, Holder},
};
use crate::error::{Doing, Error};

/// Which files of a group its owner may write (cgroup v2, Delegation).
const DELEGATE: &str = "/sys/kernel/cgroup/delegate";

/// A control group that was made and is removed again, with all in it, when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Made {
    directories: Vec<PathBuf>,
    /// Directories above them that were made for it, the outermost first.
    parents: Vec<PathBuf>,
    /// Optional files that were missing.
    pub(crate) missing: Vec<String>,
    /// The unit of systemd's that it was made with.
    unit: Option<String>,
    /// What keeps that alive until the container is in it.
    holder: Option<Holder>,
}

impl Group {
    /// Makes the directories and writes the limits.
    ///
    /// # Errors
    /// When the kernel refuses, or the group holds processes already; what was made before goes
    /// away again.
    pub(crate) fn make(&self) -> Result<Made, Error> {
        let mut made = Made::default();
        if let Some(unit) = &self.unit {
            made.holder = systemd::start(unit)?;
            made.unit = Some(unit.name.clone());
        }
        for (directory, controllers) in &self.delegate {
            made.parent(directory)?;
            delegate(directory, controllers)?;
        }
        for directory in &self.directories {
            made.directory(directory, self.unified)?;
            let missing = write_all(&directory.path, &directory.writes)?;
            made.missing.extend(missing);
        }
        if let Some(rules) = &self.devices
            && let Some(directory) = self.v2_directory()
        {
            let doing = "control the devices of the cgroup";
            let flags = OFlags::DIRECTORY | OFlags::RDONLY;
            let cgroup = pseudo::open(Kind::Cgroup, &directory.path, flags);
            let cgroup = cgroup.doing(doing, directory.path.display())?;
            device_filter::attach(cgroup, &device_filter::program(rules))
                .doing(doing, directory.path.display())?;
        }
        if let Some(owner) = self.owner
            && let Some(directory) = self.v2_directory()
        {
            give(&directory.path, owner)?;
        }
        Ok(made)
    }

    fn v2_directory(&self) -> Option<&Directory> {
        self.directories.iter().find(|directory| self.unified || is_v2(&directory.mounted))
    }
}

fn is_v2(mounted: &Path) -> bool {
    mounted.join("cgroup.controllers").exists()
}

impl Made {
    /// Its directories.
    pub(crate) fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Leaves the group to live on; returns its directories.
    pub(crate) fn keep(&mut self) -> Vec<PathBuf> {
        self.parents.clear();
        self.unit = None;
        self.release();
        std::mem::take(&mut self.directories)
    }

    /// The container's process is in it: nothing else has to keep the unit alive.
    pub(crate) fn release(&mut self) {
        self.holder = None;
    }

    /// Moves a process into the group.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn add(&self, pid: rustix::process::Pid) -> Result<(), Error> {
        add(&self.directories, pid)
    }

    /// Makes a directory above the container's, where it is missing.
    fn parent(&mut self, path: &Path) -> Result<(), Error> {
        let missing = path.ancestors().take_while(|above| !above.exists());
        for directory in missing.collect::<Vec<_>>().into_iter().rev() {
            match fs::create_dir(directory) {
                // Somebody was faster, whose it then is.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => {
                    result.doing("make the cgroup", directory.display())?;
                    self.parents.push(directory.to_owned());
                }
            }
        }
        Ok(())
    }

    fn directory(&mut self, directory: &Directory, unified: bool) -> Result<(), Error> {
        let path = &directory.path;
        let mut made = fs::create_dir(path);
        if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            && let Some(parent) = path.parent()
        {
            self.parent(parent)?;
            made = fs::create_dir(path);
        }
        let is_new = made.is_ok();
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Limits are not shared with what somebody else runs, nor is that ended with the
                // container, be it in a group further below.
                let own = std::slice::from_ref(path);
                let holder = self.holder.as_ref().map(|holder| holder.pid().as_raw_nonzero().get());
                let held = super::Live::new(own, unified).processes()?;
                if held.into_iter().any(|pid| Some(pid) != holder) {
                    let why = "container's cgroup is not empty: there are processes in it already";
                    return Err(io::Error::other(why)).doing("make the cgroup", path.display());
                }
            }
            result => result.doing("make the cgroup", path.display())?,
        }
        let freezes = unified || directory.controllers.iter().any(|name| name == "freezer");
        if freezes && super::live::is_frozen(path, unified) {
            if is_new {
                // By a group above it. It goes away again if it can.
                let _ = fs::remove_dir(path);
            }
            // Nothing would come out of it again, not even by SIGKILL (v1).
            let why = io::Error::other("container's cgroup unexpectedly frozen");
            return Err(why).doing("use the cgroup", path.display());
        }
        self.directories.push(path.clone());
        let cpuset = !unified && directory.controllers.iter().any(|name| name == "cpuset");
        if cpuset { inherit_cpuset(path, &directory.mounted) } else { Ok(()) }
    }
}

/// Moves a process into each of these groups.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn add(directories: &[PathBuf], pid: rustix::process::Pid) -> Result<(), Error> {
    for directory in directories {
        let file = directory.join("cgroup.procs");
        put(&file, &pid.as_raw_nonzero().to_string())
            .doing("move the container into", file.display())?;
    }
    Ok(())
}

/// Without processors and memory nodes of its own nothing can be moved into a group (v1), nor have
/// those below it any.
fn inherit_cpuset(directory: &Path, mounted: &Path) -> Result<(), Error> {
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let own = directory.join(name);
        let empty = fs::read_to_string(&own).doing("read", own.display())?.trim().is_empty();
        let Some(above) = directory.parent().filter(|_| empty && directory != mounted) else {
            continue;
        };
        inherit_cpuset(above, mounted)?;
        let above = above.join(name);
        let value = fs::read_to_string(&above).doing("read", above.display())?;
        put(&own, value.trim()).doing("write", own.display())?;
    }
    Ok(())
}

/// Passes controllers on to the groups below: those that are needed, and any others that are
/// there, so that usage can be looked up.
fn delegate(directory: &Path, needed: &[String]) -> Result<(), Error> {
    let file = directory.join("cgroup.subtree_control");
    let listed = fs::read_to_string(directory.join("cgroup.controllers")).unwrap_or_default();
    let enabled = fs::read_to_string(&file).unwrap_or_default();
    let is_enabled = |name: &str| enabled.split_whitespace().any(|other| other == name);
    for name in needed.iter().map(String::as_str).filter(|name| !is_enabled(name)) {
        put(&file, &format!("+{name}")).doing("enable controllers in", file.display())?;
    }
    let others = listed.split_whitespace().filter(|name| !needed.iter().any(|other| other == name));
    for name in others.filter(|name| !is_enabled(name)) {
        // Nothing is limited by it.
        let _ = put(&file, &format!("+{name}"));
    }
    Ok(())
}

/// Writes in order; what the kernel refuses because of another value is tried again at the end,
/// such as a period that is shorter than the old quota. Returns optional files that are missing.
pub(super) fn write_all(directory: &Path, writes: &[Write]) -> Result<Vec<String>, Error> {
    // Lists of devices are long, and take a rule a call.
    let mut last: Option<(PathBuf, pseudo::Writer)> = None;
    let mut put = |path: &Path, value: &str| {
        if last.as_ref().is_none_or(|(of, _)| of != path) {
            last = Some((path.to_owned(), pseudo::Writer::open(Kind::Cgroup, path)?));
        }
        last.as_ref().map_or(Ok(()), |(_, file)| Ok(file.write(value.as_bytes())?))
    };
    write_all_by(&mut put, directory, writes)
}

/// Writes one file.
type Put<'a> = &'a mut dyn FnMut(&Path, &str) -> io::Result<()>;

fn write_all_by(put: Put<'_>, directory: &Path, writes: &[Write]) -> Result<Vec<String>, Error> {
    let mut missing = Vec::new();
    let mut again = Vec::new();
    for write in writes {
        match write_one(put, directory, write) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && write.quiet => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && write.optional => {
                missing.push(write.file.clone());
            }
            Err(error) if depends_on_others(&error) => again.push(write),
            Err(error) => return Err(error).doing("set the limit", file(directory, write)),
        }
    }
    for write in again {
        write_one(put, directory, write).doing("set the limit", file(directory, write))?;
    }
    Ok(missing)
}

fn file(directory: &Path, write: &Write) -> String {
    format!("{}' to '{}", directory.join(&write.file).display(), write.value)
}

fn depends_on_others(error: &io::Error) -> bool {
    let busy = rustix::io::Errno::BUSY.raw_os_error();
    error.kind() == io::ErrorKind::InvalidInput || error.raw_os_error() == Some(busy)
}

fn write_one(put: Put<'_>, directory: &Path, write: &Write) -> io::Result<()> {
    match (put(&directory.join(&write.file), &write.value), &write.instead) {
        (Err(error), Some((file, value))) if error.kind() == io::ErrorKind::NotFound => {
            match put(&directory.join(file), value) {
                // The first name is the one that is looked for.
                Err(second) if second.kind() == io::ErrorKind::NotFound => Err(error),
                result => result,
            }
        }
        (result, _) => result,
    }
}

fn give(directory: &Path, owner: u32) -> Result<(), Error> {
    let listed = fs::read_to_string(DELEGATE);
    let listed = listed.unwrap_or("cgroup.procs\ncgroup.subtree_control\ncgroup.threads".into());
    let files = listed.lines().filter(|name| !name.is_empty() && !name.contains('/'));
    let paths = files.map(|name| directory.join(name)).filter(|file| file.exists());
    for path in std::iter::once(directory.to_owned()).chain(paths) {
        let doing = "give to the container the cgroup's";
        let file = pseudo::open(Kind::Cgroup, &path, OFlags::RDONLY);
        file.and_then(|file| fchown(file, Some(Uid::from_raw(owner)), None))
            .doing(doing, path.display())?;
    }
    Ok(())
}

/// Writes a file of a control group, and no other.
pub(super) fn put(path: &Path, value: &str) -> io::Result<()> {
    Ok(pseudo::write(Kind::Cgroup, path, value.as_bytes())?)
}

impl Drop for Made {
    fn drop(&mut self) {
        self.release();
        if let Some(unit) = &self.unit {
            // Without processes it goes by itself; what is left of its group goes below.
            let _ = systemd::stop(unit);
        }
        for directory in &self.directories {
            // Tasks that were killed with the container may take a moment to go.
            for _ in 0..200 {
                match fs::remove_dir(directory) {
                    Err(error) if error.raw_os_error() == Some(BUSY) => {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    _ => break,
                }
            }
        }
        for parent in self.parents.iter().rev() {
            // Another container's may be there by now.
            let _ = fs::remove_dir(parent);
        }
    }
}

const BUSY: i32 = rustix::io::Errno::BUSY.raw_os_error();

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: &str, value: &str) -> Write {
        Write { file: file.into(), value: value.into(), ..Write::default() }
    }

    #[test]
    fn files_that_are_missing_are_errors_unless_they_may_be() {
        let directory = tempfile::tempdir().unwrap();
        let path: PathBuf = directory.path().into();
        fs::write(path.join("b"), "").unwrap();
        let instead = Some(("b".to_owned(), "2".to_owned()));
        let optional = Write { optional: true, ..write("c", "3") };
        let quiet = Write { quiet: true, ..write("d", "4") };
        let all = [Write { instead, ..write("a", "1") }, optional, quiet];
        let mut put = |path: &Path, value: &str| {
            use std::io::Write as _;
            fs::OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
        };
        assert_eq!(write_all_by(&mut put, &path, &all).unwrap(), ["c"]);
        assert_eq!(fs::read_to_string(path.join("b")).unwrap(), "2");
        let error = write_all_by(&mut put, &path, &[write("e", "5")]).unwrap_err();
        assert!(error.to_string().contains("/e' to '5'"), "{error}");
        assert!(!path.join("e").exists());
        // It is no control group.
        assert!(write_all(&path, &[write("b", "6")]).is_err());
        assert_eq!(fs::read_to_string(path.join("b")).unwrap(), "2");
    }
}
