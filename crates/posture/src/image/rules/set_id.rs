use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, cwe, nist, rule};
use crate::{image::Image, layer::What};

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-set-id-program",
        "A program runs with the rights of its owner or group",
        Severity::Low,
        [
            "Looks for executables with the set-user-id or set-group-id bit. Those that \
             distributions ship (su, mount, passwd, …) are one row; any other has a row of its own \
             and is medium when it runs as root.",
            "Each is a door from an ordinary user to root, guarded by the program's own code. A \
             container with one service hardly ever needs one.",
            "Take the bits off at the end of the build: 'RUN find / -xdev -perm /6000 -type f -exec \
             chmod a-s {} +', or run the container with no new privileges ('cofferdam run' does, \
             Kubernetes: allowPrivilegeEscalation: false).",
        ],
        const { &[cis("Docker 4.8"), nist("3.1.2"), cwe("CWE-250")] },
    ),
    fix: "take the bits off: find / -xdev -perm /6000 -type f -exec chmod a-s {} +",
    check,
};

/// Programs that Debian, Alpine, Fedora and their relatives ship with such a bit.
const SHIPPED: &[&str] = &[
    "su",
    "mount",
    "umount",
    "passwd",
    "chsh",
    "chfn",
    "gpasswd",
    "newgrp",
    "chage",
    "expiry",
    "wall",
    "write",
    "write.ul",
    "unix_chkpwd",
    "pam_extrausers_chkpwd",
    "pam_timestamp_check",
    "ssh-agent",
    "ssh-keysign",
    "dbus-daemon-launch-helper",
    "utempter",
    "fusermount",
    "fusermount3",
    "bbsuid",
    "pkexec",
    "polkit-agent-helper-1",
    "userhelper",
    "usernetctl",
    "crontab",
    "at",
    "locate",
    "mlocate",
    "plocate",
    "newuidmap",
    "newgidmap",
    "sg",
    "grub2-set-bootflag",
    "netreport",
    "lockfile",
    "dotlockfile",
    "bsd-write",
    "ksu",
    "mount.nfs",
];

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let set = image.notable().filter_map(|(notable, layer)| {
        let (as_whom, is_root) = match notable.what {
            What::SetUserId { owner } => (format!("user {owner}"), owner == 0),
            What::SetGroupId => ("its group".to_owned(), false),
            _ => return None,
        };
        Some((notable.path.as_str(), as_whom, is_root, layer))
    });
    set.map(|(path, as_whom, is_root, layer)| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let shipped = SHIPPED.contains(&name);
        let layer = layer.map(|layer| format!(", in layer {layer}")).unwrap_or_default();
        Observation {
            subject: if shipped { "programs of the distribution".into() } else { path.into() },
            title: match shipped {
                true => "programs of the distribution run with other rights".into(),
                false => format!("{path} runs as {as_whom}"),
            },
            location: path.into(),
            saw: format!("runs as {as_whom}{layer}"),
            wanted: "no set-user-id or set-group-id bit",
            severity: (!shipped && is_root).then_some(Severity::Medium),
        }
    })
    .collect()
}
