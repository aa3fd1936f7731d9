//! Mounts, from the configuration: options as in fstab, told apart into attributes of the mount,
//! its propagation and what the file system itself takes (config.md, Linux mount options).

use std::path::{Component, Path, PathBuf};

use cofferdam_oci::runtime::{self as oci, Spec};
use cofferdam_sys::mount::attribute::{
    ATIME, NOATIME, NODEV, NODIRATIME, NOEXEC, NOSUID, NOSYMFOLLOW, RDONLY, STRICTATIME,
};

use super::{Mount, What};
use crate::error::Error;

/// Propagation flags of mount_setattr(2).
const MS_UNBINDABLE: u64 = 1 << 17;
const MS_PRIVATE: u64 = 1 << 18;
const MS_SLAVE: u64 = 1 << 19;
const MS_SHARED: u64 = 1 << 20;

/// Options that are known, besides those of file systems: what `features` tells.
pub const OPTIONS: &[&str] = &[
    "async",
    "atime",
    "bind",
    "defaults",
    "dev",
    "diratime",
    "exec",
    "loud",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "nomand",
    "norelatime",
    "nostrictatime",
    "nosuid",
    "nosymfollow",
    "private",
    "ratime",
    "rbind",
    "rdev",
    "rdiratime",
    "relatime",
    "rexec",
    "rnoatime",
    "rnodev",
    "rnodiratime",
    "rnoexec",
    "rnorelatime",
    "rnostrictatime",
    "rnosuid",
    "rnosymfollow",
    "ro",
    "rprivate",
    "rrelatime",
    "rro",
    "rrw",
    "rshared",
    "rslave",
    "rstrictatime",
    "rsuid",
    "rsymfollow",
    "runbindable",
    "rw",
    "shared",
    "slave",
    "strictatime",
    "suid",
    "symfollow",
    "unbindable",
];

/// What an option does to the mount.
enum Meaning {
    Set(u64),
    Clear(u64),
    /// Sets the first after clearing the second.
    Replace(u64, u64),
    Propagation(u64),
    /// Means nothing by itself.
    Nothing,
}

/// Options of the mount itself. `r` before an attribute's name means mounts below as well.
fn meaning(option: &str) -> Option<Meaning> {
    use Meaning::{Clear, Nothing, Propagation, Replace, Set};
    Some(match option {
        "ro" => Set(RDONLY),
        "rw" => Clear(RDONLY),
        "nosuid" => Set(NOSUID),
        "suid" => Clear(NOSUID),
        "nodev" => Set(NODEV),
        "dev" => Clear(NODEV),
        "noexec" => Set(NOEXEC),
        "exec" => Clear(NOEXEC),
        "nosymfollow" => Set(NOSYMFOLLOW),
        "symfollow" => Clear(NOSYMFOLLOW),
        "nodiratime" => Set(NODIRATIME),
        "diratime" => Clear(NODIRATIME),
        "noatime" => Replace(NOATIME, ATIME),
        "strictatime" => Replace(STRICTATIME, ATIME),
        "relatime" | "atime" | "norelatime" | "nostrictatime" => Replace(0, ATIME),
        "private" | "rprivate" => Propagation(MS_PRIVATE),
        "slave" | "rslave" => Propagation(MS_SLAVE),
        "shared" | "rshared" => Propagation(MS_SHARED),
        "unbindable" | "runbindable" => Propagation(MS_UNBINDABLE),
        "defaults" | "async" | "loud" | "nomand" | "bind" | "rbind" => Nothing,
        _ => return None,
    })
}

pub(super) fn plan(spec: &Spec) -> Result<Vec<Mount>, Error> {
    let one = |(index, mount): (usize, &oci::Mount)| {
        self::mount(mount).map_err(|why| {
            let field = format!("/mounts/{index} ({})", mount.destination);
            Error::configuration(field, why)
        })
    };
    spec.mounts.iter().enumerate().map(one).collect()
}

fn mount(mount: &oci::Mount) -> Result<Mount, String> {
    if !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty() {
        return Err("id maps of single mounts are not supported yet".into());
    }
    let is_bind = mount.options.iter().any(|option| option == "bind" || option == "rbind");
    let mut planned = Mount {
        destination: destination(&mount.destination)?,
        what: what(mount, is_bind)?,
        set: 0,
        clear: 0,
        recursive: false,
        propagation: 0,
        optional: false,
    };
    let mut own = Vec::new();
    for option in &mount.options {
        if let Some(meaning) = meaning(option) {
            apply(&mut planned, &meaning);
            planned.recursive |=
                matches!(meaning, Meaning::Propagation(_)) && option.starts_with('r');
        } else if let Some(meaning) = option.strip_prefix('r').and_then(meaning) {
            apply(&mut planned, &meaning);
            planned.recursive = true;
        } else {
            own.push(file_system_option(option)?);
        }
    }
    match &mut planned.what {
        What::FileSystem { options, .. } => *options = own,
        What::Bind { .. } => {
            if let Some((key, _)) = own.first() {
                return Err(format!("option '{key}' means nothing for a bind mount"));
            }
        }
    }
    Ok(planned)
}

fn apply(mount: &mut Mount, meaning: &Meaning) {
    match *meaning {
        Meaning::Set(bits) => {
            mount.set |= bits;
            mount.clear &= !bits;
        }
        Meaning::Clear(bits) => {
            mount.clear |= bits;
            mount.set &= !bits;
        }
        Meaning::Replace(set, clear) => {
            mount.set = mount.set & !clear | set;
            mount.clear |= clear;
        }
        Meaning::Propagation(bits) => mount.propagation = bits,
        Meaning::Nothing => {}
    }
}

fn destination(text: &str) -> Result<PathBuf, String> {
    // Relative ones are deprecated, and taken from the root.
    let path = Path::new("/").join(text);
    if path.components().any(|c| matches!(c, Component::ParentDir)) {
        return Err("'..' is in the destination".into());
    }
    let path: PathBuf = path.components().collect();
    if path == Path::new("/") {
        return Err("the root cannot be mounted over".into());
    }
    Ok(path)
}

fn what(mount: &oci::Mount, is_bind: bool) -> Result<What, String> {
    if is_bind || mount.kind == "bind" {
        if !mount.source.starts_with('/') {
            return Err(format!("the source '{}' is not absolute", mount.source));
        }
        let recursive = mount.options.iter().any(|option| option == "rbind");
        return Ok(What::Bind { source: PathBuf::from(&mount.source), recursive });
    }
    match mount.kind.as_str() {
        "" | "none" => Err("it has no type".into()),
        "cgroup" => Err("mounting the cgroup tree is not supported yet".into()),
        kind => Ok(What::FileSystem {
            kind: kind.into(),
            source: if mount.source.is_empty() { kind.into() } else { mount.source.clone() },
            options: Vec::new(),
        }),
    }
}

fn file_system_option(option: &str) -> Result<(String, Option<String>), String> {
    const UNSUPPORTED: [&str; 4] = ["tmpcopyup", "idmap", "ridmap", "remount"];
    if UNSUPPORTED.contains(&option) {
        return Err(format!("option '{option}' is not supported yet"));
    }
    if option.is_empty() || option.contains('\0') {
        return Err("an option is empty or has a zero byte in it".into());
    }
    Ok(match option.split_once('=') {
        Some((key, value)) => (key.into(), Some(value.into())),
        None => (option.into(), None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(kind: &str, options: &[&str]) -> Result<Mount, String> {
        let options = options.iter().map(ToString::to_string).collect();
        let (destination, source) = ("/x".to_owned(), "/src".to_owned());
        mount(&oci::Mount {
            destination,
            kind: kind.into(),
            source,
            options,
            ..oci::Mount::default()
        })
    }

    #[test]
    fn the_last_of_contradicting_options_counts() {
        let mount = planned("tmpfs", &["ro", "nosuid", "rw", "noatime", "strictatime", "size=1k"]);
        let mount = mount.unwrap();
        assert_eq!(mount.set, NOSUID | STRICTATIME);
        assert_eq!(mount.clear, RDONLY | ATIME);
        let What::FileSystem { options, .. } = mount.what else { panic!() };
        assert_eq!(options, [("size".to_owned(), Some("1k".to_owned()))]);
    }

    #[test]
    fn recursion_is_told_from_names_that_begin_with_r() {
        assert!(planned("bind", &["rbind", "rro"]).unwrap().recursive);
        assert!(!planned("bind", &["rbind", "ro", "relatime"]).unwrap().recursive);
        assert!(planned("bind", &["bind", "rslave"]).unwrap().recursive);
        assert_eq!(planned("bind", &["bind", "rslave"]).unwrap().propagation, MS_SLAVE);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (kind, options) in [
            ("bind", &["size=1"][..]),
            ("tmpfs", &["tmpcopyup"]),
            ("", &[]),
            ("cgroup", &["ro"]),
            ("tmpfs", &[""]),
        ] {
            assert!(planned(kind, options).is_err(), "{kind} {options:?}");
        }
        assert!(destination("/a/../..").is_err() && destination("/").is_err());
        assert_eq!(destination("a//b/.").unwrap(), Path::new("/a/b"));
    }
}
