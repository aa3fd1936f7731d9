//! The data directory.

use std::path::Path;

use super::{Check, Machine, isolation::existing_ancestor};

/// Below this, most images do not fit.
const COMFORTABLE: u64 = 2 << 30;
/// Below this, nothing fits.
const ENOUGH: u64 = 64 << 20;

pub(super) fn checks(machine: &Machine) -> Vec<Check> {
    let directory = &machine.data_directory;
    let existing = existing_ancestor(directory);
    vec![writable(directory, existing), space(existing)]
}

/// Asks the kernel, as a file that is made and removed would change the directory's time.
fn writable(directory: &Path, existing: &Path) -> Check {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let name = "data directory";
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    let saw = if existing == directory {
        directory.display().to_string()
    } else {
        format!("{} (to be made in {})", directory.display(), existing.display())
    };
    if !existing.is_dir() {
        return refused(Check::missing(name, format!("{saw}: {} is a file", existing.display())));
    }
    match accessat(CWD, existing, wanted, AtFlags::EACCESS) {
        Ok(()) => Check::works(name, saw),
        Err(error) => refused(Check::missing(name, format!("{saw}: {error}"))),
    }
}

/// `run --rootfs` and `scan` of what lies on disk need no store.
fn refused(check: Check) -> Check {
    check
        .means("no image and no database can be kept; scan and run of files on disk work")
        .advice("choose another with --data-dir or COFFERDAM_DATA_DIR")
}

fn space(existing: &Path) -> Check {
    let name = "space";
    match rustix::fs::statvfs(existing) {
        Ok(status) => {
            let free = status.f_bavail.saturating_mul(status.f_frsize);
            judge_space(name, free, existing)
        }
        Err(error) => Check::unknown(name, format!("{}: {error}", existing.display())),
    }
}

fn judge_space(name: &'static str, free: u64, existing: &Path) -> Check {
    let saw = format!("{} MiB free at {}", free >> 20, existing.display());
    if free >= COMFORTABLE {
        return Check::works(name, saw);
    }
    let check = if free < ENOUGH { Check::missing(name, saw) } else { Check::degraded(name, saw) };
    check
        .means("large images cannot be kept")
        .advice("cofferdam image remove what is not needed, or choose another --data-dir")
}

#[cfg(test)]
mod tests {
    use super::{super::Status, *};

    #[test]
    fn a_directory_that_can_be_made_works() {
        let top = tempfile::tempdir().unwrap();
        let machine = |path| Machine { user: 0, group: 0, data_directory: path, database: None };
        let found = checks(&machine(top.path().join("a/b")));
        assert_eq!(found[0].status, Status::Works, "{found:?}");
        assert!(!top.path().join("a").exists(), "nothing is made");
        std::fs::write(top.path().join("file"), "").unwrap();
        let found = checks(&machine(top.path().join("file/b")));
        assert_eq!(found[0].status, Status::Missing, "{found:?}");
        assert!(found[0].saw.ends_with("file is a file"));
    }

    #[test]
    fn little_space_is_told() {
        for (free, status) in
            [(3 << 30, Status::Works), (1 << 30, Status::Degraded), (1 << 20, Status::Missing)]
        {
            assert_eq!(judge_space("space", free, Path::new("/")).status, status, "{free}");
        }
    }
}
