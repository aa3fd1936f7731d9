//! What is mounted into a container, as the command line says it.

use std::path::PathBuf;

use crate::containers::volumes::VolumeName;

/// Where what is mounted comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A directory or file of this machine.
    Path(PathBuf),
    /// A named volume.
    Volume(VolumeName),
    /// Memory.
    Memory {
        /// Options of the file system.
        options: Vec<String>,
    },
    /// A character device of this machine.
    Device(PathBuf),
}

/// What is mounted, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) source: Source,
    pub(crate) destination: String,
    pub(crate) readonly: bool,
    /// Whether programs in it can be executed.
    pub(crate) exec: bool,
    /// Whether owners are mapped as the container's ids are; as the machine allows if `None`.
    pub(crate) mapped: Option<bool>,
}

/// Places that are the container's own business, or whose content keeps it in.
const RESERVED: [&str; 4] = ["/proc", "/sys", "/dev/pts", "/dev/mqueue"];

fn asked(source: Source, destination: &str) -> Result<Asked, String> {
    let parts = || destination.split('/').filter(|part| !part.is_empty() && *part != ".");
    if !destination.starts_with('/') || destination.contains('\0') {
        return Err(format!("'{destination}' is no absolute path"));
    }
    if parts().any(|part| part == "..") {
        return Err(format!("'..' is in '{destination}'"));
    }
    let plain = format!("/{}", parts().collect::<Vec<_>>().join("/"));
    let below = |reserved: &str| plain == reserved || plain.starts_with(&format!("{reserved}/"));
    if ["/", "/dev"].contains(&plain.as_str()) || RESERVED.iter().any(|r| below(r)) {
        return Err(format!("'{plain}' of a container cannot be mounted over"));
    }
    let exec = !matches!(source, Source::Memory { .. } | Source::Device(_));
    Ok(Asked { source, destination: plain, readonly: false, exec, mapped: None })
}

impl Asked {
    /// Takes an option that every kind has; false if it is none.
    fn option(&mut self, option: &str) -> bool {
        match option {
            "ro" | "readonly" => self.readonly = true,
            "rw" => self.readonly = false,
            "exec" => self.exec = true,
            "noexec" => self.exec = false,
            "idmap" => self.mapped = Some(true),
            "noidmap" => self.mapped = Some(false),
            // Always so.
            "nosuid" | "nodev" => {}
            _ => return false,
        }
        !matches!((&self.source, option), (Source::Memory { .. }, "idmap" | "noidmap"))
    }
}

/// A path of this machine if it looks like one, else a volume's name.
fn source(text: &str) -> Result<Source, String> {
    let is_path = text.starts_with('/') || text == "." || text == "..";
    if is_path || text.starts_with("./") || text.starts_with("../") {
        return Ok(Source::Path(text.into()));
    }
    text.parse().map(Source::Volume)
}

/// `SOURCE:PATH[:OPTION,…]`.
pub(crate) fn volume(text: &str) -> Result<Asked, String> {
    let mut parts = text.splitn(3, ':');
    let (Some(from), Some(to), options) = (parts.next(), parts.next(), parts.next()) else {
        return Err("SOURCE:PATH is wanted, such as ./data:/data or www:/srv:ro".into());
    };
    let mut asked = asked(source(from)?, to)?;
    for option in options.into_iter().flat_map(|options| options.split(',')) {
        if !asked.option(option) {
            return Err(format!(
                "option '{option}' is not known; there are ro, noexec, idmap and noidmap"
            ));
        }
    }
    Ok(asked)
}

/// `PATH[:OPTION,…]`.
pub(crate) fn tmpfs(text: &str) -> Result<Asked, String> {
    let (to, options) = text.split_once(':').unwrap_or((text, ""));
    memory(to, options.split(',').filter(|option| !option.is_empty()))
}

fn memory<'a>(to: &str, given: impl Iterator<Item = &'a str>) -> Result<Asked, String> {
    let mut options = Vec::new();
    let mut asked = asked(Source::Memory { options: Vec::new() }, to)?;
    for option in given {
        match option.split_once('=') {
            Some(("size", value)) => {
                options.push(format!("size={}", super::values::size(value)?));
            }
            Some(("mode", value)) if u32::from_str_radix(value, 8).is_ok_and(|m| m <= 0o1777) => {
                options.push(format!("mode={value}"));
            }
            _ if asked.option(option) => {}
            _ => {
                return Err(format!(
                    "option '{option}' is not known; there are size=, mode=, ro and exec"
                ));
            }
        }
    }
    asked.source = Source::Memory { options };
    Ok(asked)
}

/// `DEVICE[:PATH]`.
pub(crate) fn device(text: &str) -> Result<Asked, String> {
    let (from, to) = text.split_once(':').unwrap_or((text, text));
    if !from.starts_with("/dev/") || from.split('/').any(|part| part == "..") {
        return Err("a path below /dev is wanted".into());
    }
    asked(Source::Device(from.into()), to)
}

/// `type=…,source=…,target=…` and options, in any order.
pub(crate) fn mount(text: &str) -> Result<Asked, String> {
    let (mut kind, mut from, mut to) = ("volume", None, None);
    let mut options = Vec::new();
    for part in text.split(',') {
        match part.split_once('=') {
            Some(("type", value)) => kind = value,
            Some(("source" | "src", value)) => from = Some(value),
            Some(("target" | "destination" | "dst", value)) => to = Some(value),
            Some(("tmpfs-size", value)) => options.push(format!("size={value}")),
            Some(("tmpfs-mode", value)) => options.push(format!("mode={value}")),
            Some(("readonly" | "ro", "true")) => options.push("ro".into()),
            Some(("readonly" | "ro", "false")) => options.push("rw".into()),
            _ => options.push(part.to_owned()),
        }
    }
    let to = to.ok_or("target= is missing")?;
    let from = || from.ok_or_else(|| "source= is missing".to_owned());
    let mut asked = match kind {
        "tmpfs" => return memory(to, options.iter().map(String::as_str)),
        "bind" => asked(Source::Path(from()?.into()), to)?,
        "volume" => asked(Source::Volume(from()?.parse()?), to)?,
        other => return Err(format!("type '{other}' is not known; there are bind, volume, tmpfs")),
    };
    match options.iter().find(|option| !asked.option(option)) {
        Some(option) => Err(format!("'{option}' is not known for a mount of type {kind}")),
        None => Ok(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory_of(options: &[&str]) -> Source {
        Source::Memory { options: options.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn one_thing_can_be_said_in_two_ways() {
        for (short, long) in [
            (volume("./a:/b"), mount("type=bind,source=./a,target=/b")),
            (volume("/a:/b/:ro"), mount("type=bind,src=/a,dst=/b,readonly")),
            (volume("v:/b:noexec,ro"), mount("source=v,target=/b,noexec,ro=true")),
            (volume("v:/b:idmap"), mount("type=volume,source=v,destination=//b,idmap,rw")),
            (
                tmpfs("/t:size=1m,mode=1777,exec"),
                mount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777,exec"),
            ),
        ] {
            assert_eq!(short.unwrap(), long.unwrap());
        }
        let memory = tmpfs("/t:size=1m").unwrap();
        assert_eq!(memory.source, memory_of(&["size=1048576"]));
        assert!(!memory.exec && volume("v:/b").unwrap().exec);
        assert_eq!(device("/dev/fuse").unwrap().destination, "/dev/fuse");
    }

    #[test]
    fn what_makes_no_sense_or_is_reserved_is_refused() {
        for text in [
            "",
            "v",
            ":/b",
            "v:",
            "v:b",
            "v:/b:z",
            "v:/b:ro,",
            "v/w:/b",
            "-v:/b",
            "v:/",
            "v:/dev",
            "v:/proc",
            "v:/proc/sys",
            "v:/sys/x",
            "v:/a/../b",
            "v:/./",
            "v:/dev/pts/1",
            "~:/b",
        ] {
            assert!(volume(text).is_err(), "{text}");
        }
        for text in ["/t:size=x", "/t:mode=9", "/t:mode=7777", "/t:uid=1", "t", "/t:idmap"] {
            assert!(tmpfs(text).is_err(), "{text}");
        }
        for text in [
            "",
            "type=bind,target=/b",
            "source=v",
            "type=npipe,source=a,target=/b",
            "source=v,target=/b,size=1m",
            "type=volume,source=/a,target=/b",
        ] {
            assert!(mount(text).is_err(), "{text}");
        }
        for text in ["fuse", "/etc/passwd", "/dev/../etc/x", "/dev/fuse:x", "/dev/fuse:/proc/x"] {
            assert!(device(text).is_err(), "{text}");
        }
        assert!(volume("v:/process").is_ok() && volume("v:/dev/shm").is_ok());
    }
}
