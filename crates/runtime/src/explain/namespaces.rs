//! `/proc/PID/ns` (namespaces(7)).

use super::Seen;
use super::process::ProcessDirectory;

/// The kinds of namespaces, by their names under `/proc/PID/ns`.
pub const KINDS: [&str; 8] = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"];

/// The namespace of one kind that a process is in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Namespace {
    /// One of [`KINDS`].
    pub kind: &'static str,
    /// Its inode number, by which the kernel tells namespaces apart.
    pub inode: Seen<u64>,
    /// The reader's own namespace of that kind.
    pub own: Seen<u64>,
    /// The one of process 1, which the reader may not be allowed to see.
    pub init: Seen<u64>,
}

impl Namespace {
    /// Whether the process is in another namespace than the reader and, as far as that can be
    /// seen, than process 1.
    #[must_use]
    pub fn is_separate(&self) -> Option<bool> {
        let inode = self.inode.known()?;
        let own = self.own.known()?;
        Some(inode != own && self.init.known() != Some(inode))
    }
}

pub(super) fn read(
    process: &ProcessDirectory,
    own: &ProcessDirectory,
    init: Option<&ProcessDirectory>,
) -> Vec<Namespace> {
    KINDS
        .into_iter()
        .map(|kind| Namespace {
            kind,
            inode: inode(process, kind),
            own: inode(own, kind),
            init: init.map_or_else(
                || Seen::Unknown("process 1 is not visible".to_owned()),
                |init| inode(init, kind),
            ),
        })
        .collect()
}

fn inode(process: &ProcessDirectory, kind: &str) -> Seen<u64> {
    match process.link(&format!("ns/{kind}")) {
        Ok(link) => parse_namespace_link(&link, kind)
            .map_or_else(|| Seen::Unknown(format!("ns/{kind} reads '{link}'")), Seen::Known),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Seen::Unknown(format!("this kernel has no {kind} namespaces"))
        }
        Err(error) => Seen::Unknown(format!("ns/{kind}: {error}")),
    }
}

/// The inode number in a link such as `net:[4026531833]`.
#[must_use]
pub fn parse_namespace_link(link: &str, kind: &str) -> Option<u64> {
    link.strip_prefix(kind)?.strip_prefix(":[")?.strip_suffix(']')?.parse().ok()
}
