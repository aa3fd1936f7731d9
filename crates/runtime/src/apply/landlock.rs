//! Landlock: the rule set of a plan, made and enforced.

use cofferdam_sys::landlock::{FILE_RIGHTS, Rules, version};
use rustix::fs::{FileType, Mode, OFlags, open};

use crate::{
    error::{Doing, Error},
    plan::{Landlock, Process, landlock::lacking},
};

const FIELD: &str = "/linux/landlock";
/// Rights that a file may have; the others are a directory's.
const OF_FILES: [&str; 5] = ["execute", "write_file", "read_file", "truncate", "ioctl_dev"];

/// Makes the rule set. Paths are those of the container, whose root this process is in.
pub(super) fn prepare(process: &Process) -> Result<Option<Rules>, Error> {
    let Some(landlock) = &process.landlock else { return Ok(None) };
    check(landlock)?;
    let doing = "make the Landlock rules for";
    let rules = Rules::new(&landlock.handled).doing(doing, "the container")?;
    for (path, rights) in &landlock.paths {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let object = open(path, flags, Mode::empty()).doing(doing, path.display())?;
        let kind = cofferdam_sys::root::file_type(&object).doing(doing, path.display())?;
        let rights = if kind == FileType::Directory { *rights } else { rights & of_files() };
        if rights != 0 {
            rules.allow_beneath(rights, object).doing(doing, path.display())?;
        }
    }
    for (port, rights) in &landlock.ports {
        rules.allow_port(*rights, *port).doing(doing, format_args!("port {port}"))?;
    }
    Ok(Some(rules))
}

/// Enforces it, for good.
pub(super) fn enforce(rules: Option<&Rules>) -> Result<(), Error> {
    rules.map_or(Ok(()), |rules| rules.enforce().doing("enforce", "the Landlock rules"))
}

/// What the kernel lacks is never left out.
fn check(landlock: &Landlock) -> Result<(), Error> {
    let version = version().map_err(|error| {
        let why = format!("this kernel has no Landlock, or it is off ({error})");
        Error::configuration(FIELD, why)
    })?;
    let lacking = lacking(&landlock.handled, version);
    if lacking.is_empty() {
        return Ok(());
    }
    let names = lacking.join(", ");
    let why = format!("this kernel has Landlock of version {version}, which lacks {names}");
    Err(Error::configuration(FIELD, why))
}

fn of_files() -> u64 {
    let is_of_files = |(index, (name, _)): (usize, &(&str, u32))| {
        if OF_FILES.contains(name) { 1 << index } else { 0 }
    };
    FILE_RIGHTS.iter().enumerate().map(is_of_files).fold(0, |all, bit: u64| all | bit)
}
