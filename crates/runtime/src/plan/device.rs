//! Device nodes (config-linux.md, devices and default devices).

use std::path::{Path, PathBuf};

use cofferdam_oci::runtime::{DeviceType, Linux};

use super::{Device, Node, mount};
use crate::error::Error;

/// Devices that every container has (config-linux.md, default devices).
const DEFAULT: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// Symbolic links that every container has (runtime-linux.md, dev symbolic links).
pub(super) const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Permission bits unless the configuration says otherwise.
const MODE: u32 = 0o666;

/// The devices; the default ones only `with_default`, as this machine's /dev has them.
pub(super) fn plan(linux: &Linux, with_default: bool) -> Result<Vec<Device>, Error> {
    let mut devices: Vec<Device> = Vec::new();
    for (path, major, minor) in DEFAULT.into_iter().filter(|_| with_default) {
        let (path, kind) = (PathBuf::from(path), Node::Character(major, minor));
        devices.push(Device { path, kind, mode: MODE, user: 0, group: 0 });
    }
    for (index, device) in linux.devices.iter().enumerate() {
        let wrong = |why: String| Error::configuration(format!("/linux/devices/{index}"), why);
        let number =
            |n: i64| u32::try_from(n).map_err(|_| wrong(format!("'{n}' is no number of a device")));
        if !Path::new(&device.path).is_absolute() {
            return Err(wrong(format!("'{}' is not absolute", device.path)));
        }
        let (major, minor) = (device.major, device.minor);
        let kind = match device.kind {
            DeviceType::Fifo => Node::Pipe,
            DeviceType::Block => Node::Block(number(major)?, number(minor)?),
            DeviceType::Character | DeviceType::Unbuffered => {
                Node::Character(number(major)?, number(minor)?)
            }
        };
        // Engines write the whole `st_mode`; the type is told by its own field.
        let mode = device.file_mode.map_or(MODE, |mode| mode & 0o7777);
        let path = mount::destination(&device.path).map_err(wrong)?;
        devices.retain(|other| other.path != path);
        let (user, group) = (device.uid.unwrap_or(0), device.gid.unwrap_or(0));
        devices.push(Device { path, kind, mode, user, group });
    }
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(path: &str, kind: DeviceType, major: i64) -> Result<Vec<Device>, Error> {
        let device = cofferdam_oci::runtime::Device {
            path: path.into(),
            kind,
            major,
            minor: 229,
            file_mode: Some(0o20600),
            uid: Some(1),
            gid: None,
        };
        plan(&Linux { devices: vec![device], ..Linux::default() }, true)
    }

    #[test]
    fn devices_come_after_the_default_ones_or_in_their_place() {
        let devices = planned("/dev/fuse", DeviceType::Character, 10).unwrap();
        let last = Device {
            path: "/dev/fuse".into(),
            kind: Node::Character(10, 229),
            mode: 0o600,
            user: 1,
            group: 0,
        };
        assert_eq!((devices.len(), devices.last()), (7, Some(&last)));
        assert_eq!(planned("/dev/null", DeviceType::Fifo, 0).unwrap().len(), 6);
    }

    #[test]
    fn odd_paths_and_numbers_are_refused() {
        for (path, major) in [("dev/x", 1), ("/dev/../x", 1), ("/", 1), ("/dev/x", -1)] {
            assert!(planned(path, DeviceType::Block, major).is_err(), "{path} {major}");
        }
    }
}
