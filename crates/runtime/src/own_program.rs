//! This program's file, which no container may write to (CVE-2019-5736).
//!
//! Until the container's program runs, `/proc/PID/exe` of its process is this program's file, and
//! a container may also execute it by that link. Where its root has a say over the file, this
//! program executes itself again from a read-only mount of the file that is attached nowhere: by
//! no link can more be had than what that mount allows, and nobody can change the mount.

use std::{
    ffi::CString,
    io::{self, Write},
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt, OsStringExt},
    },
};

use cofferdam_oci::runtime::IdMapping;
use cofferdam_sys::{
    exec,
    mount::{self, Change, attribute},
};
use rustix::{
    fs::{
        MemfdFlags, Mode, OFlags, SealFlags, Stat, StatVfsMountFlags, fcntl_add_seals,
        fcntl_get_seals, fstat, fstatvfs, memfd_create, open,
    },
    io::Errno,
};

use crate::error::{Doing, Error};

const OWN: &str = "/proc/self/exe";
/// Set in the program that was executed again, which must not do so once more.
const AGAIN: &str = "COFFERDAM_RUNTIME_PROTECTED=1";
/// Every seal that keeps a file in memory as it is.
const SEALS: SealFlags =
    SealFlags::SEAL.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::WRITE);

/// Makes sure that root of a container with these maps of users and groups, or without any, cannot write to this
/// program's file. Returns if so; otherwise this program starts anew.
///
/// # Errors
/// When that cannot be made sure of.
pub fn protect(ids: Option<(&[IdMapping], &[IdMapping])>) -> Result<(), Error> {
    let doing = "protect this program's file";
    let file = open(OWN, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).doing(doing, OWN)?;
    let found = fstat(&file).doing(doing, OWN)?;
    if ids.is_some_and(|(users, groups)| is_beyond(&found, users, groups))
        || is_unwritable(&file).doing(doing, OWN)?
    {
        return Ok(());
    }
    let again = CString::new(AGAIN).unwrap_or_default();
    let mut environment = environment();
    if environment.contains(&again) {
        let why = io::Error::other("it is writable though it was mounted read-only");
        return Err(why).doing(doing, OWN);
    }
    environment.push(again);
    let copy = match read_only_mount(&file) {
        // Only root may mount; for others memory does.
        Err(Errno::PERM | Errno::NOSYS) => sealed_copy().doing(doing, OWN)?,
        mounted => mounted.doing(doing, OWN)?,
    };
    Err(exec::execve_file(&copy, &arguments(), &environment)).doing(doing, OWN)
}

/// Whether nobody of the container is the file's owner, of its group or otherwise allowed to write.
/// Over a file whose owner it does not have, a user namespace's root has no power either.
fn is_beyond(file: &Stat, users: &[IdMapping], groups: &[IdMapping]) -> bool {
    let maps = |map: &[IdMapping], id: u32| {
        map.iter().any(|range| id >= range.host_id && id - range.host_id < range.size)
    };
    let by_group = file.st_mode & 0o020 != 0 && maps(groups, file.st_gid);
    !maps(users, file.st_uid) && !by_group && file.st_mode & 0o002 == 0
}

/// Whether the file is on a read-only mount that is attached nowhere, or sealed.
fn is_unwritable(file: &OwnedFd) -> rustix::io::Result<bool> {
    if fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::RDONLY) && is_unattached()? {
        return Ok(true);
    }
    let opened = open(OWN, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    match fcntl_get_seals(&opened) {
        Ok(seals) => Ok(seals.contains(SEALS)),
        // Not a file in memory.
        Err(Errno::INVAL) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the mount is in no mount namespace: its root is then the file itself, called `/`.
fn is_unattached() -> rustix::io::Result<bool> {
    let link = rustix::fs::readlink(OWN, Vec::new())?;
    Ok(link.as_bytes() == b"/"
        || std::path::Path::new(std::ffi::OsStr::from_bytes(link.as_bytes())).parent().is_none())
}

fn read_only_mount(file: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let copy = mount::copy(file, false)?;
    let change = Change { set: attribute::RDONLY, ..Change::default() };
    mount::set_attributes(&copy, &change)?;
    Ok(copy)
}

fn sealed_copy() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut copy = std::fs::File::from(memfd_create("cofferdam-runtime", flags)?);
    io::copy(&mut std::fs::File::open(OWN)?, &mut copy)?;
    copy.flush()?;
    fcntl_add_seals(&copy, SEALS)?;
    Ok(copy.into())
}

fn arguments() -> Vec<CString> {
    std::env::args_os().filter_map(|argument| CString::new(argument.into_vec()).ok()).collect()
}

fn environment() -> Vec<CString> {
    let entry = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        let mut entry = name.into_vec();
        entry.push(b'=');
        entry.extend(value.into_vec());
        CString::new(entry).ok()
    };
    std::env::vars_os().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_beyond_those_who_have_nothing_of_its_owner() {
        let map = |first, size| vec![IdMapping { container_id: 0, host_id: first, size }];
        let (users, groups) = (map(1000, 10), map(2000, 10));
        let mut file = fstat(std::fs::File::open("/proc/self/exe").unwrap()).unwrap();
        for (user, group, mode, beyond) in [
            (0, 0, 0o755, true),
            (0, 0, 0o757, false),
            (1000, 0, 0o755, false),
            (1009, 0, 0o555, false),
            (1010, 0, 0o755, true),
            (999, 0, 0o755, true),
            (0, 2000, 0o755, true),
            (0, 2000, 0o775, false),
            (0, 2010, 0o775, true),
        ] {
            (file.st_uid, file.st_gid, file.st_mode) = (user, group, 0o100_000 | mode);
            assert_eq!(is_beyond(&file, &users, &groups), beyond, "{user}:{group} {mode:o}");
        }
    }
}
