//! Mount options, told apart into attributes of the mount, its propagation, flags and options of
//! the file system, and what is asked of the runtime (config.md, Linux mount options).

use cofferdam_sys::mount::attribute::{
    ATIME, NOATIME, NODEV, NODIRATIME, NOEXEC, NOSUID, NOSYMFOLLOW, RDONLY, STRICTATIME,
};

use super::{Attributes, Propagation};

/// Propagation flags of mount_setattr(2).
pub(crate) const MS_UNBINDABLE: u64 = 1 << 17;
pub(crate) const MS_PRIVATE: u64 = 1 << 18;
pub(crate) const MS_SLAVE: u64 = 1 << 19;
pub(crate) const MS_SHARED: u64 = 1 << 20;

/// Options that are known, besides those of file systems: what `features` tells.
pub const OPTIONS: &[&str] = &[
    "async",
    "atime",
    "bind",
    "defaults",
    "dev",
    "diratime",
    "dirsync",
    "exec",
    "idmap",
    "iversion",
    "lazytime",
    "loud",
    "mand",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "noiversion",
    "nolazytime",
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
    "remount",
    "rexec",
    "ridmap",
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
    "silent",
    "slave",
    "strictatime",
    "suid",
    "symfollow",
    "sync",
    "tmpcopyup",
    "unbindable",
];

/// All options of a mount, understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Attributes of the mount alone.
    pub attributes: Attributes,
    /// Attributes of it and of all below.
    pub below: Attributes,
    /// Changes of its propagation, in order.
    pub propagation: Vec<Propagation>,
    /// `bind` (false) or `rbind` (true).
    pub bind: Option<bool>,
    /// `idmap` (false) or `ridmap` (true).
    pub id_map: Option<bool>,
    /// Whether what is mounted already is changed.
    pub remount: bool,
    /// Whether what is at the destination is copied into the mount.
    pub copy_up: bool,
    /// Flags that mount(8) gives to any file system, such as `sync`.
    pub super_block: Vec<&'static str>,
    /// What only the file system itself knows.
    pub own: Vec<(String, Option<String>)>,
}

/// What an option does.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Set(u64),
    Clear(u64),
    /// Sets the first after clearing the second.
    Replace(u64, u64),
    Propagation(u64),
    /// A flag of the file system, and the one that it contradicts.
    SuperBlock(&'static str, &'static str),
    Bind(bool),
    IdMap(bool),
    Remount,
    CopyUp,
    /// Means nothing by itself.
    Nothing,
}

fn meaning(option: &str) -> Option<Meaning> {
    use Meaning::{
        Bind, Clear, CopyUp, IdMap, Nothing, Propagation, Remount, Replace, Set, SuperBlock,
    };
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
        "sync" => SuperBlock("sync", "async"),
        "async" => SuperBlock("async", "sync"),
        "dirsync" => SuperBlock("dirsync", ""),
        "lazytime" => SuperBlock("lazytime", "nolazytime"),
        "nolazytime" => SuperBlock("nolazytime", "lazytime"),
        "mand" => SuperBlock("mand", "nomand"),
        "nomand" => SuperBlock("nomand", "mand"),
        "iversion" => SuperBlock("iversion", "noiversion"),
        "noiversion" => SuperBlock("", "iversion"),
        "bind" => Bind(false),
        "rbind" => Bind(true),
        "idmap" => IdMap(false),
        "ridmap" => IdMap(true),
        "remount" => Remount,
        "tmpcopyup" => CopyUp,
        // Whether the kernel's log hears of it.
        "defaults" | "silent" | "loud" => Nothing,
        // mount(8): for whoever reads the table, not for the kernel.
        _ if option.starts_with("x-") || option.starts_with("X-") => Nothing,
        _ => return None,
    })
}

/// Understands options; `r` before an attribute's name means mounts below as well.
///
/// # Errors
/// What is wrong with which option.
pub fn parse<S: AsRef<str>>(options: &[S]) -> Result<Options, String> {
    let mut found = Options::default();
    for option in options.iter().map(AsRef::as_ref) {
        let mut below = || {
            let meaning = option.strip_prefix('r').and_then(meaning);
            meaning.is_some_and(|meaning| apply(&mut found.below, meaning))
        };
        match meaning(option) {
            Some(meaning) => found.apply(meaning, option),
            None if below() => {}
            None => found.own.push(file_system_option(option)?),
        }
    }
    Ok(found)
}

impl Options {
    fn apply(&mut self, meaning: Meaning, option: &str) {
        if apply(&mut self.attributes, meaning) {
            return;
        }
        match meaning {
            Meaning::Propagation(kind) => {
                self.propagation.push(Propagation { kind, recursive: option.starts_with('r') });
            }
            Meaning::SuperBlock(set, contradicted) => {
                self.super_block.retain(|flag| *flag != contradicted && *flag != set);
                if !set.is_empty() {
                    self.super_block.push(set);
                }
            }
            Meaning::Bind(recursive) => self.bind = Some(recursive || self.bind == Some(true)),
            Meaning::IdMap(recursive) => self.id_map = Some(recursive),
            Meaning::Remount => self.remount = true,
            Meaning::CopyUp => self.copy_up = true,
            Meaning::Set(_) | Meaning::Clear(_) | Meaning::Replace(..) | Meaning::Nothing => {}
        }
    }
}

/// Whether the option was about attributes, which it then has changed.
fn apply(attributes: &mut Attributes, meaning: Meaning) -> bool {
    match meaning {
        Meaning::Set(bits) => {
            attributes.set |= bits;
            attributes.clear &= !bits;
        }
        Meaning::Clear(bits) => {
            attributes.clear |= bits;
            attributes.set &= !bits;
        }
        Meaning::Replace(set, clear) => {
            attributes.set = attributes.set & !clear | set;
            attributes.clear |= clear;
        }
        _ => return false,
    }
    true
}

fn file_system_option(option: &str) -> Result<(String, Option<String>), String> {
    if option.is_empty() || option.contains('\0') {
        return Err("an option is empty or has a zero byte in it".into());
    }
    Ok(match option.split_once('=') {
        Some(("", _)) => return Err(format!("option '{option}' has no name")),
        Some((key, value)) => (key.into(), Some(value.into())),
        None => (option.into(), None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_contradicting_options_counts() {
        let options = ["ro", "nosuid", "rw", "noatime", "strictatime", "size=1k", "sync", "async"];
        let found = parse(&options).unwrap();
        assert_eq!(found.attributes.set, NOSUID | STRICTATIME);
        assert_eq!(found.attributes.clear, RDONLY | ATIME);
        assert_eq!(found.own, [("size".to_owned(), Some("1k".to_owned()))]);
        assert_eq!(found.super_block, ["async"]);
    }

    #[test]
    fn recursion_is_of_single_options() {
        let found = parse(&["rbind", "ro", "rnosuid", "rro", "rrw", "rslave", "shared"]).unwrap();
        assert_eq!(found.bind, Some(true));
        assert_eq!(found.attributes, Attributes { set: RDONLY, clear: 0 });
        assert_eq!(found.below, Attributes { set: NOSUID, clear: RDONLY });
        let wanted = [(MS_SLAVE, true), (MS_SHARED, false)];
        let wanted = wanted.map(|(kind, recursive)| Propagation { kind, recursive });
        assert_eq!(found.propagation, wanted);
    }

    #[test]
    fn every_option_of_the_specification_is_known() {
        for name in OPTIONS {
            assert_eq!(parse(&[name]).unwrap().own, [], "{name}");
        }
        // An `r` alone makes no option of what is none of an attribute.
        for name in ["rsync", "rremount", "rdefaults", "rrbind", "rr"] {
            assert_eq!(parse(&[name]).unwrap().own.len(), 1, "{name}");
        }
        assert!(parse(&[""]).is_err() && parse(&["=x"]).is_err() && parse(&["a\0"]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(options in proptest::collection::vec(".{0,12}", 0..8)) {
            let _ = parse(&options);
        }
    }
}
