use cofferdam_oci::runtime::{IdMapping, Mount};

use super::Request;
use crate::ids::is_mapped;

pub(super) fn mounts(request: &Request, groups: &[IdMapping]) -> Vec<Mount> {
    let mount = |kind: &str, destination: &str, options: &str| Mount {
        destination: destination.into(),
        kind: kind.into(),
        source: kind.into(),
        options: options.split(',').map(str::to_owned).collect(),
        ..Mount::default()
    };
    // Group 5 is `tty` on every distribution; its terminals can be written to by write(1).
    let tty = if groups.is_empty() || is_mapped(groups, 5) { ",gid=5" } else { "" };
    let terminals = format!("nosuid,noexec,newinstance,ptmxmode=0666,mode=0620{tty}");
    let mut mounts = vec![
        mount("proc", "/proc", "nosuid,noexec,nodev"),
        mount("tmpfs", "/dev", "nosuid,noexec,strictatime,mode=0755,size=64k"),
        mount("devpts", "/dev/pts", &terminals),
        mount("tmpfs", "/dev/shm", "nosuid,noexec,nodev,mode=1777,size=64m"),
        mount("mqueue", "/dev/mqueue", "nosuid,noexec,nodev"),
        mount("sysfs", "/sys", "nosuid,noexec,nodev,ro"),
    ];
    if request.readonly {
        for path in ["/tmp", "/run", "/var/tmp"] {
            mounts.push(mount("tmpfs", path, "nosuid,nodev,mode=1777,size=64m"));
        }
    }
    // What is above first, so that nothing is hidden by it.
    let mut asked = request.mounts.clone();
    asked.sort_by_key(|mount| mount.destination.split('/').filter(|p| !p.is_empty()).count());
    mounts.extend(asked);
    mounts
}
