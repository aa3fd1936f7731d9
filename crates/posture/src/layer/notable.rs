//! Entries that a rule may be about, by mode, kind and name.

use serde::{Deserialize, Serialize};

use super::{Entry, Kind};
use crate::secret::is_foreign;

/// A file or directory that a rule may be about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notable {
    /// Its path.
    pub path: String,
    /// What is notable.
    pub what: What,
}

/// What is notable about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A program that runs with its owner's rights.
    SetUserId {
        /// The owner.
        owner: u64,
    },
    /// A program that runs with its group's rights.
    SetGroupId,
    /// A file that everybody may write.
    WritableFile,
    /// A directory that everybody may write, without the sticky bit: anybody may remove others'
    /// files.
    WritableDirectory,
    /// A device node.
    Device,
    /// A file with credentials, by its name.
    Credentials,
    /// A private key or key store, by its name.
    KeyFile,
    /// The history or metadata of development.
    Leftover,
    /// The server of SSH.
    SshServer,
    /// sudo or a relative of it.
    Sudo,
}

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
const STICKY: u32 = 0o1000;
const WRITABLE: u32 = 0o002;
const EXECUTABLE: u32 = 0o111;

/// What is notable about an entry.
pub(super) fn of(entry: Entry<'_>) -> impl Iterator<Item = What> {
    by_mode(entry).into_iter().chain(by_name(entry))
}

fn by_mode(entry: Entry<'_>) -> Vec<What> {
    let has = |bits| entry.mode & bits != 0;
    match entry.kind {
        Kind::File => [
            (has(SETUID) && has(EXECUTABLE)).then_some(What::SetUserId { owner: entry.owner }),
            (has(SETGID) && has(EXECUTABLE)).then_some(What::SetGroupId),
            has(WRITABLE).then_some(What::WritableFile),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Kind::Directory if has(WRITABLE) && !has(STICKY) => vec![What::WritableDirectory],
        Kind::Device => vec![What::Device],
        _ => Vec::new(),
    }
}

/// Names below any directory.
const CREDENTIALS: &[&str] = &[
    ".aws/credentials",
    ".docker/config.json",
    ".dockercfg",
    ".kube/config",
    ".npmrc",
    ".pypirc",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".htpasswd",
    ".env",
    ".s3cfg",
    ".boto",
    ".azure/accessTokens.json",
    ".azure/msal_token_cache.json",
    ".vault-token",
    "gcloud/application_default_credentials.json",
    "gcloud/credentials.db",
    ".config/gh/hosts.yml",
    ".terraform.d/credentials.tfrc.json",
    ".gem/credentials",
    ".cargo/credentials.toml",
    ".m2/settings-security.xml",
    "terraform.tfstate",
    ".ssh/authorized_keys",
];
const KEYS: &[&str] =
    &["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk"];
const KEY_ENDINGS: &[&str] =
    &[".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".ovpn", "_rsa", "_ed25519"];
const LEFTOVERS: &[&str] = &[
    ".git/HEAD",
    ".svn/wc.db",
    ".hg/requires",
    ".bash_history",
    ".zsh_history",
    ".ash_history",
    ".python_history",
    ".psql_history",
    ".mysql_history",
    ".viminfo",
    ".DS_Store",
    ".vagrant/machines",
];

fn by_name(entry: Entry<'_>) -> Option<What> {
    let path = entry.path;
    match path {
        "usr/sbin/sshd" | "usr/bin/sshd" | "usr/sbin/dropbear" => return Some(What::SshServer),
        "usr/bin/sudo" | "usr/bin/doas" | "bin/sudo" => return Some(What::Sudo),
        _ => {}
    }
    if entry.kind != Kind::File || entry.size == 0 || is_foreign(path) {
        return None;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let ends = |ending: &&str| {
        path.strip_suffix(*ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    if CREDENTIALS.iter().any(ends) {
        Some(What::Credentials)
    } else if KEYS.contains(&name) || KEY_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        Some(What::KeyFile)
    } else if LEFTOVERS.iter().any(ends) {
        Some(What::Leftover)
    } else {
        None
    }
}

/// Directories in which package managers keep what they fetched.
const CACHES: &[&str] = &[
    "var/lib/apt/lists",
    "var/cache/apt/archives",
    "var/cache/apk",
    "etc/apk/cache",
    "var/cache/yum",
    "var/cache/dnf",
    "var/cache/zypp",
    "var/cache/pacman/pkg",
    "root/.cache/pip",
    "root/.npm/_cacache",
    "root/.cache/yarn",
    "usr/local/share/.cache/yarn",
    "root/.cache/go-build",
    "root/.m2/repository",
    "root/.cargo/registry",
    "root/.cache/uv",
];

/// The cache that an entry belongs to.
pub(super) fn cache_of(entry: Entry<'_>) -> Option<&'static str> {
    let is_below = |directory: &&&str| {
        entry.path.strip_prefix(**directory).is_some_and(|rest| rest.starts_with('/'))
    };
    if entry.kind != Kind::File || entry.size == 0 || entry.path.ends_with("/lock") {
        return None;
    }
    CACHES.iter().find(is_below).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: Kind, mode: u32) -> Entry<'_> {
        Entry { path, kind, mode, owner: 0, size: 1 }
    }

    #[test]
    fn of_modes_and_names() {
        for (path, kind, mode, expected) in [
            ("usr/bin/su", Kind::File, 0o4755, vec![What::SetUserId { owner: 0 }]),
            ("usr/bin/su", Kind::File, 0o4644, vec![]),
            ("usr/bin/wall", Kind::File, 0o2755, vec![What::SetGroupId]),
            ("tmp", Kind::Directory, 0o1777, vec![]),
            ("data", Kind::Directory, 0o777, vec![What::WritableDirectory]),
            ("app/x", Kind::File, 0o666, vec![What::WritableFile]),
            ("lib", Kind::Other, 0o777, vec![]),
            ("root/.aws/credentials", Kind::File, 0o600, vec![What::Credentials]),
            ("app/.env", Kind::File, 0o600, vec![What::Credentials]),
            ("app/my.env", Kind::File, 0o600, vec![]),
            ("home/a/.ssh/id_rsa", Kind::File, 0o600, vec![What::KeyFile]),
            ("app/.git/HEAD", Kind::File, 0o644, vec![What::Leftover]),
            ("usr/lib/python3/dist-packages/x/server.key", Kind::File, 0o644, vec![]),
        ] {
            assert_eq!(of(entry(path, kind, mode)).collect::<Vec<_>>(), expected, "{path}");
        }
        let list = entry("var/lib/apt/lists/x_Packages", Kind::File, 0o644);
        assert_eq!(cache_of(list), Some("var/lib/apt/lists"));
    }
}
