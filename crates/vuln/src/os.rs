//! Which distribution a tree is, from the files that distributions put there to say so.

mod release;

use std::{fmt, str};

use cofferdam_finding::Gap;
use cofferdam_image::Tree;
use serde::{Deserialize, Serialize};

use crate::rules::OS_NOT_RECOGNISED;

/// A Linux distribution, as its own files describe it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// `ID` of os-release(5), in lower case: `debian`, `alpine`, `almalinux`.
    pub id: String,
    /// `VERSION_ID` of os-release(5): `12`, `3.19.1`, `9.3`. Rolling releases have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// `VERSION_CODENAME` of os-release(5): `bookworm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// `NAME` of os-release(5): `Debian GNU/Linux`.
    pub name: String,
    /// `VERSION` of os-release(5): `12 (bookworm)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `PRETTY_NAME` of os-release(5): `Debian GNU/Linux 12 (bookworm)`.
    pub pretty_name: String,
    /// `ID_LIKE` of os-release(5), the closest relative first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_like: Vec<String>,
    /// `CPE_NAME` of os-release(5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
    /// Path, below the root, of the file that says so.
    pub location: String,
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.pretty_name)
    }
}

/// Releases of Debian by codename. The ones that have no number yet (testing) carry only a
/// codename in os-release.
const DEBIAN_CODENAMES: &[(&str, &str)] = &[
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
];

impl Distribution {
    /// The key under which advisories for this distribution are published, spelt as the OSV schema
    /// spells ecosystems: `Debian:12`, `Alpine:v3.19`, `AlmaLinux:9`, `Rocky Linux:9`,
    /// `Ubuntu:22.04:LTS`. Where OSV has no name for it, the key is built likewise:
    /// `Alpine:edge`, `Amazon Linux:2023`, `Oracle Linux:9`, `Fedora:40`, `Arch Linux`.
    ///
    /// Red Hat's ecosystems in OSV name a repository (`Red Hat:enterprise_linux:9::appstream`) and
    /// no file of an installed system says from which repository a package came, so the key ends
    /// before it: `Red Hat:enterprise_linux:9`.
    ///
    /// `None` if nobody is known to publish advisories for the distribution, or if its release
    /// cannot be told. A relative of a distribution (`ID_LIKE`) has packages of its own, so the
    /// relative's advisories do not hold for it.
    pub fn ecosystem(&self) -> Option<String> {
        let version = self.version_id.as_deref();
        let major = version.and_then(|v| v.split('.').next()).filter(|v| !v.is_empty());
        let keyed = |name: &str, release: Option<&str>| Some(format!("{name}:{}", release?));
        match self.id.as_str() {
            "debian" => keyed("Debian", major.or_else(|| self.debian_number())),
            "ubuntu" => version.map(ubuntu),
            "alpine" => self.alpine(),
            "wolfi" => Some("Wolfi".into()),
            "chainguard" => Some("Chainguard".into()),
            "minimos" => Some("MinimOS".into()),
            "arch" | "archlinux" => Some("Arch Linux".into()),
            "almalinux" => keyed("AlmaLinux", major),
            "rocky" => keyed("Rocky Linux", major),
            "rhel" => keyed("Red Hat:enterprise_linux", major),
            // CentOS Linux rebuilt Red Hat's packages; CentOS Stream runs ahead of them.
            "centos" if !self.name.contains("Stream") => keyed("Red Hat:enterprise_linux", major),
            "ol" => keyed("Oracle Linux", major),
            "amzn" => keyed("Amazon Linux", if major == Some("2018") { Some("1") } else { major }),
            "fedora" => keyed("Fedora", major),
            "mageia" => keyed("Mageia", major),
            "mariner" | "azurelinux" => keyed("Azure Linux", major),
            "photon" => keyed("Photon OS", version),
            "openeuler" => self.open_euler(),
            "opensuse-leap" => version.map(|v| format!("openSUSE:Leap {v}")),
            "opensuse-tumbleweed" => Some("openSUSE:Tumbleweed".into()),
            "sles" | "sles_sap" => version.map(suse_linux_enterprise),
            _ => None,
        }
    }

    fn debian_number(&self) -> Option<&'static str> {
        let codename = self.codename.as_deref()?;
        DEBIAN_CODENAMES.iter().find(|(name, _)| *name == codename).map(|(_, number)| *number)
    }

    fn alpine(&self) -> Option<String> {
        let version = self.version_id.as_deref()?;
        if version.contains("_alpha") || self.pretty_name.ends_with(" edge") {
            return Some("Alpine:edge".into());
        }
        let mut numbers = version.split('.');
        Some(format!("Alpine:v{}.{}", numbers.next()?, numbers.next()?))
    }

    /// `VERSION_ID="22.03"` with `VERSION="22.03 (LTS-SP1)"` is `openEuler:22.03-LTS-SP1`.
    fn open_euler(&self) -> Option<String> {
        let version = self.version_id.as_deref()?;
        let pack = self.version.as_deref().and_then(|v| v.split_once('('));
        Some(match pack.map(|(_, rest)| rest.trim_end_matches(')')) {
            Some(pack) if !pack.is_empty() => format!("openEuler:{version}-{pack}"),
            _ => format!("openEuler:{version}"),
        })
    }
}

/// Long-term releases of Ubuntu are those of April in even years.
fn ubuntu(version: &str) -> String {
    let number = version.split('.').take(2).collect::<Vec<_>>().join(".");
    let even_year = number
        .strip_suffix(".04")
        .and_then(|year| year.parse().ok())
        .is_some_and(|y: u32| y.is_multiple_of(2));
    if even_year { format!("Ubuntu:{number}:LTS") } else { format!("Ubuntu:{number}") }
}

/// `15.5` is Service Pack 5 of version 15.
fn suse_linux_enterprise(version: &str) -> String {
    match version.split_once('.') {
        Some((major, pack)) if major.parse().is_ok_and(|m: u32| m < 16) => {
            format!("SUSE:Linux Enterprise Server {major} SP{pack}")
        }
        _ => format!("SUSE:Linux Enterprise Server {version}"),
    }
}

/// How to read a file that names the distribution.
type Reader = fn(&str) -> Option<Distribution>;

/// The files that name the distribution, the most telling first: os-release(5) says that the one
/// in `etc` takes precedence; the rest are older than os-release or stand alone in small images.
const SOURCES: &[(&str, Reader)] = &[
    ("etc/os-release", release::os_release),
    ("usr/lib/os-release", release::os_release),
    ("etc/alpine-release", release::alpine_release),
    ("etc/lsb-release", release::lsb_release),
    ("etc/almalinux-release", release::red_hat_release),
    ("etc/rocky-release", release::red_hat_release),
    ("etc/oracle-release", release::red_hat_release),
    ("etc/fedora-release", release::red_hat_release),
    ("etc/centos-release", release::red_hat_release),
    ("etc/redhat-release", release::red_hat_release),
    ("etc/system-release", release::red_hat_release),
    ("etc/debian_version", release::debian_version),
    ("etc/arch-release", release::arch_release),
];

/// The files that [`detect`] reads.
pub(crate) fn files() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|(path, _)| *path)
}

/// The distribution of a tree; if none is recognised, or a file that should name it cannot be
/// read, the gap that says so.
pub fn detect(tree: &Tree) -> (Option<Distribution>, Option<Gap>) {
    let mut unreadable = Vec::new();
    for (path, read) in SOURCES {
        let Some((content, _)) = tree.file(path) else { continue };
        match str::from_utf8(content).ok().and_then(read) {
            Some(distribution) => {
                return (Some(Distribution { location: (*path).into(), ..distribution }), None);
            }
            None => unreadable.push(*path),
        }
    }
    let why = if unreadable.is_empty() {
        "no file names the distribution (etc/os-release, usr/lib/os-release, …)".into()
    } else {
        format!("{} names no distribution", unreadable.join(", "))
    };
    let object = unreadable.first().copied().unwrap_or("etc/os-release");
    (None, Some(Gap { rule: OS_NOT_RECOGNISED.into(), object: object.into(), why }))
}
