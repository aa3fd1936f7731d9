//! `spec`: writes a configuration to begin with.

use std::{io::Write, path::PathBuf};

use cofferdam_oci::runtime::{Mount, NamespaceType};
use cofferdam_runtime::{cgroup::Layout, template};

use super::Command;
use crate::{
    arguments::{Given, flag, value},
    session::{Ended, Session, at_most},
};

pub(super) const COMMAND: Command = Command {
    name: "spec",
    summary: "write a config.json to begin with",
    help: "\
spec [OPTIONS]

  --bundle DIR, -b   directory that it is written to (default: the current one)
  --rootless         for a user who is not root: a user namespace with the own id as its root

The root file system is expected in 'rootfs' beside it. An existing config.json is not replaced.
",
    options: &[value("bundle").or('b'), flag("rootless")],
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run,
};

fn run(given: &Given, _session: &Session) -> Ended {
    at_most(given, 0)?;
    let directory = given.value("bundle").map_or_else(PathBuf::new, PathBuf::from);
    let path = directory.join("config.json");
    let own = given
        .is_set("rootless")
        .then(|| (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()));
    let mut spec = template::configuration(own);
    if !matches!(Layout::detect(), Layout::Unified { .. })
        && let Some(linux) = &mut spec.linux
    {
        // As runc: on cgroup v1, programs are used to see where they are.
        linux.namespaces.retain(|namespace| namespace.kind != NamespaceType::Cgroup);
    }
    if own.is_none() && Layout::detect() != Layout::Absent {
        spec.mounts.push(Mount {
            destination: "/sys/fs/cgroup".into(),
            kind: "cgroup".into(),
            source: "cgroup".into(),
            options: ["nosuid", "noexec", "nodev", "relatime", "ro"].map(str::to_owned).into(),
            ..Mount::default()
        });
    }
    let json = serde_json::to_string_pretty(&spec).map_err(|error| error.to_string())?;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    file.and_then(|mut file| file.write_all(format!("{json}\n").as_bytes()))
        .map_err(|error| format!("could not write '{}': {error}", path.display()))?;
    Ok(0)
}
