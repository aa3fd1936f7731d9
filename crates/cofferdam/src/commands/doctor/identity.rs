//! Ids that this user may use inside containers (subuid(5), newuidmap(1)).

use std::{
    env, fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
};

use super::{Check, Machine};

/// As many as an image may reasonably use: every id of 16 bits.
const ENOUGH: u64 = 65536;

pub(super) fn checks(machine: &Machine) -> Vec<Check> {
    if machine.is_root() {
        return vec![Check::works("id ranges", "root maps any ids")];
    }
    let name = user_name(machine.user);
    let mut checks = vec![
        range("user id range", "/etc/subuid", &name, machine.user),
        range("group id range", "/etc/subgid", &name, machine.user),
    ];
    checks.push(program("newuidmap"));
    checks.push(program("newgidmap"));
    checks
}

/// As in `/etc/passwd`, else by number.
fn user_name(user: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&passwd, user).unwrap_or_else(|| user.to_string())
}

fn name_in(passwd: &str, user: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user)).then(|| name.to_owned())
    })
}

fn range(check: &'static str, file: &str, name: &str, user: u32) -> Check {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return without_range(check, format!("{file}: {error}"), name),
    };
    match granted(&text, name, user) {
        0 => without_range(check, format!("{file} has no range for {name}"), name),
        count @ 1..ENOUGH => Check::degraded(check, format!("{file} grants {count} ids to {name}"))
            .means("run cannot show files of ids that an image uses beyond these")
            .advice(advice(name)),
        count => Check::works(check, format!("{file} grants {count} ids to {name}")),
    }
}

fn without_range(check: &'static str, saw: String, name: &str) -> Check {
    Check::degraded(check, saw)
        .means("run maps one id only: programs that change their user fail inside")
        .advice(advice(name))
}

fn advice(name: &str) -> String {
    format!("as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}")
}

/// How many ids the lines `NAME:FIRST:COUNT` or `UID:FIRST:COUNT` grant.
fn granted(text: &str, name: &str, user: u32) -> u64 {
    let ranges = text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let first: u32 = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        let ours = owner == name || owner.parse() == Ok(user);
        (ours && fields.next().is_none() && first.checked_add(count).is_some())
            .then_some(u64::from(count))
    });
    ranges.fold(0, u64::saturating_add)
}

fn program(name: &'static str) -> Check {
    let path = env::var_os("PATH").unwrap_or_default();
    let found =
        env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file());
    let Some(file) = found else {
        return without_program(name, format!("no {name} on PATH"));
    };
    if has_rights(&file) {
        Check::works(name, file.display().to_string())
    } else {
        without_program(
            name,
            format!("{} is neither setuid root nor has capabilities", file.display()),
        )
    }
}

fn without_program(name: &'static str, saw: String) -> Check {
    Check::degraded(name, saw)
        .means("run maps one id only: programs that change their user fail inside")
        .advice("install the package uidmap (Debian) or shadow-utils (Fedora)")
}

fn has_rights(file: &PathBuf) -> bool {
    const SETUID: u32 = 0o4000;
    let setuid = fs::metadata(file)
        .is_ok_and(|metadata| metadata.uid() == 0 && metadata.permissions().mode() & SETUID != 0);
    setuid || {
        let mut value = [0_u8; 64];
        rustix::fs::getxattr(file, "security.capability", &mut value).is_ok_and(|length| length > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_granted_by_name_and_by_number() {
        let text = "root:1:1\nann:100000:65536\n1000:300000:10\nann:x:5\nann:1\nann:4294967295:9\n";
        assert_eq!(granted(text, "ann", 1000), 65546);
        assert_eq!(granted(text, "bob", 1001), 0);
        assert_eq!(granted("", "ann", 1000), 0);
    }

    #[test]
    fn names_come_from_passwd() {
        let passwd = "root:x:0:0::/root:/bin/sh\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(name_in(passwd, 1000).as_deref(), Some("ann"));
        assert_eq!(name_in(passwd, 7), None);
    }

    #[test]
    fn rights_are_read_off_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("newuidmap");
        fs::write(&file, "").unwrap();
        assert!(!has_rights(&file));
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o4755)).unwrap();
            assert!(has_rights(&file));
        }
    }
}
