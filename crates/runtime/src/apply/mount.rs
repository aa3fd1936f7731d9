//! One mount: made or taken from this machine, changed, and put in its place.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use cofferdam_sys::{
    mount::{self, Change, VALUE_LENGTH, attribute},
    proc::path_of,
    root::{Links, Root, file_type},
};
use rustix::{
    fs::{FileType, XattrFlags, setxattr, symlinkat},
    io::Errno,
    mount::{MountAttrFlags, MountFlags},
};

use super::copy_up;
use crate::{
    error::{Doing, Error},
    plan::{CgroupView, Mount, What, option::MS_PRIVATE},
};

/// A mount that has only to be put in its place.
pub(super) enum Made {
    /// It is detached still.
    Tree(OwnedFd),
    /// Control groups, whose trees are put one by one.
    Cgroups(Vec<OwnedFd>),
    /// It cannot be made elsewhere than in its place.
    InPlace,
}

/// Makes a mount, whose trees of this machine are `trees`. This is where a kernel refuses what it
/// has not or does not allow.
pub(super) fn make(planned: &Mount, trees: Vec<OwnedFd>, label: &str) -> Result<Made, Error> {
    let destination = planned.destination.display();
    match &planned.what {
        What::FileSystem { options, .. } if is_legacy(options) => Ok(Made::InPlace),
        What::FileSystem { kind, source, options } => {
            let tree = new(planned, kind, source, options)?;
            if kind == "mqueue" && !label.is_empty() {
                let value = label.as_bytes();
                path_of(&tree)
                    .and_then(|path| setxattr(path, "security.selinux", value, XattrFlags::empty()))
                    .doing("label the message queues on", &destination)?;
            }
            Ok(Made::Tree(tree))
        }
        What::Bind { .. } => {
            let tree = trees.into_iter().next().ok_or(Errno::BADF);
            tree.doing("use the source of", &destination).map(Made::Tree)
        }
        What::Cgroups(_) => Ok(Made::Cgroups(trees)),
        What::Again { .. } => Ok(Made::InPlace),
    }
}

/// Files of /proc that engines show in another version than the machine's.
const SHOWN_OTHERWISE: [&str; 12] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/dev",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys/crypto/fips_enabled",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/kernel/random/boot_id",
    "/proc/uptime",
];

/// Lets nothing pass for procfs that is none: programs and engines trust what they read there, and
/// write there what confines them (CVE-2019-16884, CVE-2019-19921, CVE-2025-52881).
fn guard_proc(planned: &Mount, made: &Made) -> Result<(), Error> {
    let Ok(below) = planned.destination.strip_prefix("/proc") else { return Ok(()) };
    let refuse = |why: &str| {
        let destination = planned.destination.display();
        Err(Error::configuration(format!("/mounts ({destination})"), why))
    };
    let is_procfs = match (made, &planned.what) {
        (Made::Tree(tree), _) => cofferdam_sys::proc::is_procfs(tree)
            .doing("look at the mount for", planned.destination.display())?,
        (_, What::Again { .. }) => true,
        _ => false,
    };
    let is_file = || match made {
        Made::Tree(tree) => file_type(tree).is_ok_and(|kind| kind == FileType::RegularFile),
        _ => false,
    };
    let otherwise = SHOWN_OTHERWISE.iter().any(|known| Path::new(known) == planned.destination);
    match (below.as_os_str().is_empty(), is_procfs) {
        (_, true) => Ok(()),
        (true, false) => refuse("only a file system of type 'proc' may be mounted there"),
        (false, false) if otherwise && is_file() => Ok(()),
        (false, false) => refuse("nothing but procfs may be mounted inside /proc"),
    }
}

/// Changes a mount as is asked for, and puts it in its place in `root`.
pub(super) fn put(planned: &Mount, made: &Made, root: &Root) -> Result<(), Error> {
    let destination = planned.destination.display();
    guard_proc(planned, made)?;
    match (made, &planned.what) {
        (Made::Tree(tree), what) => {
            let new = matches!(what, What::FileSystem { .. });
            if planned.copy_up {
                copy_up::fill(root, &planned.destination, tree)?;
            }
            change(planned, tree, new)?;
            place(planned, tree, root)
        }
        (Made::Cgroups(trees), What::Cgroups(view)) => cgroups(planned, view, trees, root),
        (_, What::FileSystem { kind, source, options }) => {
            let target = target(planned, FileType::Directory, root)?;
            legacy(&target, kind, source, options)
                .doing("mount a file system on", format_args!("{destination}' of type '{kind}"))?;
            change(planned, &handle(planned, root)?, false)
        }
        (_, What::Again { options }) => {
            let handle = handle(planned, root)?;
            change(planned, &handle, false)?;
            if options.is_empty() {
                return Ok(());
            }
            mount::reconfigure(&handle, &borrowed(options)).doing("mount again", &destination)
        }
        (_, What::Bind { .. } | What::Cgroups(_)) => {
            Err(Errno::INVAL).doing("mount on", &destination)
        }
    }
}

fn borrowed(options: &[(String, Option<String>)]) -> Vec<(&str, Option<&str>)> {
    options.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect()
}

fn new(
    planned: &Mount,
    kind: &str,
    source: &str,
    options: &[(String, Option<String>)],
) -> Result<OwnedFd, Error> {
    mount::file_system(kind, Some(source), &borrowed(options), attributes(planned)).doing(
        "mount a file system on",
        format_args!("{}' of type '{kind}", planned.destination.display()),
    )
}

/// Attributes that a new mount has from its beginning. One that is filled first gets its own later.
fn attributes(planned: &Mount) -> MountAttrFlags {
    let own = planned.attributes.set & !attribute::RDONLY;
    u32::try_from(own).map_or(MountAttrFlags::empty(), MountAttrFlags::from_bits_retain)
}

/// Changes attributes and propagation, of the mounts below first. A new mount is private.
fn change(planned: &Mount, tree: &OwnedFd, new: bool) -> Result<(), Error> {
    let (own, below) = (planned.attributes, planned.below);
    let mut changes = vec![
        Change { set: below.set, clear: below.clear, recursive: true, ..Change::default() },
        if new {
            // The others it has been made with, and it has none that could be cleared.
            Change { set: own.set & attribute::RDONLY, ..Change::default() }
        } else {
            Change { set: own.set, clear: own.clear, ..Change::default() }
        },
    ];
    for propagation in &planned.propagation {
        if new && propagation.kind == MS_PRIVATE {
            continue;
        }
        let (propagation, recursive) = (propagation.kind, propagation.recursive);
        changes.push(Change { propagation, recursive, ..Change::default() });
    }
    for change in changes {
        if change.set == 0 && change.clear == 0 && change.propagation == 0 {
            continue;
        }
        mount::set_attributes(tree, &change)
            .doing("restrict the mount on", planned.destination.display())?;
    }
    Ok(())
}

/// Whether links on the way to a destination are refused. An image whose /proc, /sys or /dev is a
/// link would have us mount, mask and protect something else than what programs then see there.
pub(super) fn links(path: &Path) -> Links {
    let vital = ["/proc", "/sys", "/dev"].iter().any(|vital| path.starts_with(vital));
    if vital { Links::Refuse } else { Links::Follow }
}

fn handle(planned: &Mount, root: &Root) -> Result<OwnedFd, Error> {
    let destination = &planned.destination;
    root.handle(destination, links(destination)).doing("find what is at", destination.display())
}

fn target(planned: &Mount, kind: FileType, root: &Root) -> Result<OwnedFd, Error> {
    let path = &planned.destination;
    let target = match kind {
        FileType::Directory => root.directory(path, links(path)),
        _ => root.file(path, links(path)),
    };
    let doing = "make a place to mount on at";
    match target {
        Err(Errno::LOOP) if links(path) == Links::Refuse => {
            let why = "it must be mounted on ordinary directory, and a symbolic link is there";
            Err(std::io::Error::other(why)).doing(doing, path.display())
        }
        target => target.doing(doing, path.display()),
    }
}

fn place(planned: &Mount, tree: &OwnedFd, root: &Root) -> Result<(), Error> {
    let destination = planned.destination.display();
    let kind = file_type(tree).doing("look at the mount for", &destination)?;
    mount::attach(tree, target(planned, kind, root)?).doing("mount on", &destination)
}

/// The container's own part of each tree of control groups: one on cgroup v2; on v1 a directory
/// in memory with one for each.
fn cgroups(
    planned: &Mount,
    view: &CgroupView,
    trees: &[OwnedFd],
    root: &Root,
) -> Result<(), Error> {
    let destination = planned.destination.display();
    let restrict = |tree: &OwnedFd, foreign: bool| {
        change(planned, tree, false)?;
        let set = if foreign { attribute::RDONLY } else { 0 };
        let change = Change { set, ..Change::default() };
        mount::set_attributes(tree, &change).doing("restrict the mount on", &destination)
    };
    if let ([only], [tree]) = (&view.trees[..], trees)
        && only.name.is_empty()
    {
        restrict(tree, only.foreign)?;
        return place(planned, tree, root);
    }
    let options = [("mode".to_owned(), Some("0755".to_owned()))];
    let memory = new(planned, "tmpfs", "cgroup", &options)?;
    place(planned, &memory, root)?;
    for (shown, tree) in view.trees.iter().zip(trees) {
        restrict(tree, shown.foreign)?;
        let path = planned.destination.join(&shown.name);
        let target =
            root.directory(&path, links(&path)).doing("make a directory at", &destination)?;
        mount::attach(tree, target).doing("mount on", path.display())?;
    }
    for (link, to) in &view.links {
        symlinkat(to, &memory, link).doing("make the link in", &destination)?;
    }
    change(planned, &memory, true)
}

/// Whether only mount(2) takes these options.
fn is_legacy(options: &[(String, Option<String>)]) -> bool {
    let long = |text: &String| text.len() > VALUE_LENGTH;
    options.iter().any(|(key, value)| key == "iversion" || value.as_ref().is_some_and(long))
}

fn legacy(
    target: impl AsFd,
    kind: &str,
    source: &str,
    options: &[(String, Option<String>)],
) -> rustix::io::Result<()> {
    // MS_SYNCHRONOUS, MS_MANDLOCK, MS_DIRSYNC, MS_I_VERSION, MS_LAZYTIME.
    const FLAGS: [(&str, u32); 5] = [
        ("sync", 16),
        ("mand", 64),
        ("dirsync", 128),
        ("iversion", 1 << 23),
        ("lazytime", 1 << 25),
    ];
    const NONE: [&str; 3] = ["async", "nomand", "nolazytime"];
    let mut flags = 0;
    let mut data = Vec::new();
    for (key, value) in options {
        match (FLAGS.iter().find(|(flag, _)| flag == key), value) {
            (Some((_, bit)), None) => flags |= bit,
            (None, None) if NONE.contains(&key.as_str()) => {}
            // A comma would begin another option.
            (_, Some(value)) if value.contains(',') && key != "context" => {
                return Err(Errno::INVAL);
            }
            (_, Some(value)) if key == "context" => data.push(format!("{key}=\"{value}\"")),
            (_, Some(value)) => data.push(format!("{key}={value}")),
            (_, None) => data.push(key.clone()),
        }
    }
    mount::file_system_at(
        target,
        kind,
        source,
        &data.join(","),
        MountFlags::from_bits_retain(flags),
    )
}
