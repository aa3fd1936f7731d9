//! Cache and memory bandwidth by resctrl (config-linux.md, intelRdt).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use cofferdam_oci::runtime::IntelRdt;
use cofferdam_sys::pseudo::{self, Kind};
use rustix::{fs::statfs, process::Pid};

use crate::{
    error::{Doing, Error},
    plan::Resctrl,
};

const MOUNTED: &str = "/sys/fs/resctrl";
/// `RDTGROUP_SUPER_MAGIC`.
const MAGIC: i64 = 0x0765_5821;

/// Groups that were made and are removed again when this is dropped, unless they are kept.
#[derive(Debug, Default)]
pub(super) struct Made(Vec<PathBuf>);

impl Made {
    /// Leaves the groups to [`remove`].
    pub(super) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for directory in &self.0 {
            // The kernel moves what is left in it to the group above.
            let _ = fs::remove_dir(directory);
        }
    }
}

/// Removes what was made for the container `id`, when it is deleted.
///
/// # Errors
/// When the kernel refuses; what is gone already is none.
pub(crate) fn remove(id: &str, asked: &IntelRdt) -> Result<(), Error> {
    let group = match asked.clos_id.as_str() {
        "" => Path::new(MOUNTED).join(id),
        "/" => PathBuf::from(MOUNTED),
        name => Path::new(MOUNTED).join(name),
    };
    let mut directories = Vec::new();
    if asked.enable_monitoring {
        directories.push(group.join("mon_groups").join(id));
    }
    if asked.clos_id.is_empty() {
        directories.push(group);
    }
    for directory in directories {
        match fs::remove_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result.doing("remove the resctrl group", directory.display())?,
        }
    }
    Ok(())
}

/// Makes the group, as far as it is to be made, and moves the process into it.
pub(super) fn apply(resctrl: &Resctrl, pid: Pid) -> Result<Made, Error> {
    if !statfs(MOUNTED).is_ok_and(|found| found.f_type == MAGIC) {
        let why = format!("this machine has no resctrl mounted at {MOUNTED}");
        return Err(Error::configuration("/linux/intelRdt", why));
    }
    let group = Path::new(MOUNTED).join(&resctrl.group);
    let mut made = Made::default();
    let existed = resctrl.group.is_empty() || group.is_dir();
    if !existed {
        if !resctrl.own && resctrl.schemata.is_empty() {
            let why = format!("there is no class of service '{}'", resctrl.group);
            return Err(Error::configuration("/linux/intelRdt/closID", why));
        }
        fs::create_dir(&group).doing("make the resctrl group", group.display())?;
        if resctrl.own {
            made.0.push(group.clone());
        }
    }
    let schemata = group.join("schemata");
    if existed && !resctrl.own && !resctrl.schemata.is_empty() {
        compare(&schemata, &resctrl.schemata)?;
    } else {
        for line in &resctrl.schemata {
            put(&schemata, line)?;
        }
    }
    let mut tasks = vec![group.join("tasks")];
    if let Some(name) = &resctrl.monitoring {
        let monitor = group.join("mon_groups").join(name);
        fs::create_dir(&monitor).doing("make the monitoring group", monitor.display())?;
        tasks.push(monitor.join("tasks"));
        made.0.insert(0, monitor);
    }
    for file in tasks {
        put(&file, &pid.as_raw_nonzero().to_string())?;
    }
    Ok(made)
}

/// A class of service that others share has to be as this container wants it.
fn compare(file: &Path, wanted: &[String]) -> Result<(), Error> {
    let text = fs::read_to_string(file).doing("read", file.display())?;
    let entries = |line: &str| {
        let (kind, rest) = line.trim().split_once(':')?;
        let mut all: Vec<_> = rest.split(';').map(|entry| entry.trim().to_lowercase()).collect();
        all.sort();
        Some((kind.trim().to_owned(), all))
    };
    let present: Vec<_> = text.lines().filter_map(entries).collect();
    let has = |line: &&String| {
        entries(line).is_some_and(|(kind, wanted)| {
            let found = present.iter().find(|(other, _)| *other == kind);
            found.is_some_and(|(_, all)| wanted.iter().all(|entry| all.contains(entry)))
        })
    };
    match wanted.iter().find(|line| !has(line)) {
        Some(line) => {
            let why = format!("'{}' is there already without '{line}'", file.display());
            Err(Error::configuration("/linux/intelRdt", why))
        }
        None => Ok(()),
    }
}

fn put(file: &Path, line: &str) -> Result<(), Error> {
    pseudo::write(Kind::Resctrl, file, format!("{line}\n").as_bytes())
        .doing("write", format_args!("{}' as '{line}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_class_has_to_agree() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("schemata");
        fs::write(&file, "    L3:0=7F0;1=1f\n    MB:0= 20;1=70\n").unwrap();
        let check = |line: &str| compare(&file, &[line.to_owned()]).is_ok();
        assert!(check("L3:0=7f0;1=1f") && check("L3:1=1f") && check("MB:1=70"));
        assert!(!check("L3:0=ff") && !check("L2:0=f") && !check("nonsense"));
    }
}
