//! Labels of security modules: the AppArmor profile and the SELinux context that a program runs
//! under, told to the kernel for the next execve.

use std::path::Path;

use cofferdam_sys::proc::Proc;
use rustix::{
    fs::{OFlags, statfs},
    io::Errno,
};

use crate::{
    error::{Doing, Error},
    plan::{Plan, Process},
};

/// `SELINUX_MAGIC`.
const SELINUX_MAGIC: i64 = 0xf97c_ff8c;

/// Refuses what this kernel cannot enforce, before anything has been done.
pub(super) fn check(plan: &Plan) -> Result<(), Error> {
    let process = &plan.process;
    if process.apparmor.is_some() && !has_apparmor() {
        let why = "this kernel has no AppArmor, or it is off";
        return Err(Error::configuration("/process/apparmorProfile", why));
    }
    let selinux = [
        ("/process/selinuxLabel", process.selinux.is_some()),
        ("/linux/mountLabel", !plan.mount_label.is_empty()),
    ];
    let asked = selinux.into_iter().find(|(_, asked)| *asked);
    match asked.filter(|_| !has_selinux()) {
        Some((field, _)) => {
            Err(Error::configuration(field, "this kernel has no SELinux, or it is off"))
        }
        None => Ok(()),
    }
}

fn has_apparmor() -> bool {
    let enabled = std::fs::read_to_string("/sys/module/apparmor/parameters/enabled");
    enabled.is_ok_and(|text| text.trim() == "Y")
}

fn has_selinux() -> bool {
    statfs("/sys/fs/selinux").is_ok_and(|found| found.f_type == SELINUX_MAGIC)
}

/// Asks for the labels from the next execve on.
pub(super) fn set(process: &Process, proc: &Proc) -> Result<(), Error> {
    if let Some(profile) = &process.apparmor {
        let text = format!("exec {profile}");
        // The file without the module's name is that of whichever module came first.
        let file = ["self/attr/apparmor/exec", "self/attr/exec"]
            .into_iter()
            .find(|file| !matches!(proc.file(Path::new(file), OFlags::PATH), Err(Errno::NOENT)));
        let file = file.unwrap_or("self/attr/exec");
        proc.write(Path::new(file), text.as_bytes())
            .doing("change to the AppArmor profile", profile)?;
    }
    if let Some(label) = &process.selinux {
        proc.write(Path::new("self/attr/exec"), label.as_bytes())
            .doing("change to the SELinux label", label)?;
    }
    Ok(())
}
