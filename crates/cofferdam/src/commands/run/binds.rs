//! From what is asked for to mounts of the configuration, with what may not be shown refused.

use std::{
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use cofferdam_oci::runtime::{Mount, Spec, VERSION};
use cofferdam_runtime::policy::Policy;

use super::mounts::{Asked, Source};
use crate::{
    containers::volumes::{VolumeName, Volumes},
    error::{CliError, OrFail as _},
};

/// Character devices that lead to the machine's memory, ports or messages: major and minor.
const DANGEROUS: [(u32, u32); 4] = [(1, 1), (1, 2), (1, 4), (1, 11)];
/// What tells secrets of the machine, steers it, or belongs to those who run containers on it.
const DENIED: [&str; 20] = [
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/sudoers",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/kubernetes",
    "/root/.ssh",
    "/run/cofferdam",
    "/run/containerd",
    "/run/credentials",
    "/run/systemd",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/kubelet",
    "/var/lib/rancher",
];
/// What only the machine's own package manager and administrator change.
const READONLY: [&str; 8] =
    ["/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/var/lib/dpkg", "/var/lib/rpm"];
/// The same of a user's own directory.
const OF_USERS: [&str; 6] = [".ssh", ".gnupg", ".aws", ".kube", ".docker", ".config/gcloud"];

/// Most reasons that are told of why something is not shown.
const TOLD: usize = 3;

/// What the mounts depend on.
pub(super) struct Around<'a> {
    pub(super) volumes: &'a Volumes,
    pub(super) privileged: bool,
    /// Whether the container has ids that are not this machine's.
    pub(super) has_own_ids: bool,
    pub(super) data_dir: PathBuf,
    pub(super) home: Option<PathBuf>,
}

/// Mounts of a configuration, and the volumes among them, which are not made yet.
pub(super) fn mounts(
    all: &[&Asked],
    around: &Around<'_>,
) -> Result<(Vec<Mount>, Vec<VolumeName>), CliError> {
    let (mut mounts, mut volumes) = (Vec::new(), Vec::new());
    let mut destinations: Vec<&str> = Vec::new();
    for asked in all {
        if destinations.contains(&asked.destination.as_str()) {
            let text = format!("could not mount at '{}' twice", asked.destination);
            return Err(CliError::new(text).hint("leave one of them out"));
        }
        destinations.push(&asked.destination);
        mounts.push(match &asked.source {
            Source::Memory { options } => memory(asked, options),
            Source::Device(path) => device(asked, path)?,
            Source::Volume(name) => {
                volumes.push(name.clone());
                bind(asked, &around.volumes.path(name), around)?
            }
            Source::Path(path) => {
                let real = std::fs::canonicalize(path).or_fail(|| failed(path, asked));
                let real = real.hint("make it first; nothing is made outside of volumes")?;
                let mount = bind(asked, &real, around)?;
                allow(&mount, around)?;
                mount
            }
        });
    }
    Ok((mounts, volumes))
}

fn failed(path: &Path, asked: &Asked) -> String {
    format!("could not show '{}' at '{}'", path.display(), asked.destination)
}

fn memory(asked: &Asked, options: &[String]) -> Mount {
    let mut all = vec!["nosuid".to_owned(), "nodev".to_owned()];
    if !asked.exec {
        all.push("noexec".into());
    }
    if asked.readonly {
        all.push("ro".into());
    }
    for (key, default) in [("size=", "size=64m"), ("mode=", "mode=1777")] {
        let given = options.iter().find(|option| option.starts_with(key));
        all.push(given.cloned().unwrap_or_else(|| default.into()));
    }
    Mount {
        destination: asked.destination.clone(),
        kind: "tmpfs".into(),
        source: "tmpfs".into(),
        options: all,
        ..Mount::default()
    }
}

fn bind(asked: &Asked, source: &Path, around: &Around<'_>) -> Result<Mount, CliError> {
    let can_map = around.privileged && around.has_own_ids;
    if asked.mapped == Some(true) && !can_map {
        let text = format!("could not map the owners of files at '{}'", asked.destination);
        let why = match around.privileged {
            true => "the container has this machine's ids",
            false => "only root may; a user's own files belong to the container's root as they are",
        };
        return Err(CliError::new(text).because([why.into()]).hint("leave 'idmap' out"));
    }
    let source = source.to_str().ok_or_else(|| {
        CliError::new(failed(source, asked)).because(["its name is not UTF-8".into()])
    })?;
    // What is mounted below comes along only where the kernel does not let it be left out: for
    // those who may not see what it hides.
    let mut options: Vec<String> = match around.privileged {
        true => vec!["bind".into()],
        false => vec!["rbind".into()],
    };
    options.extend(["nosuid", "nodev"].map(str::to_owned));
    if !asked.exec {
        options.push("noexec".into());
    }
    if asked.readonly {
        options.push(if around.privileged { "ro" } else { "rro" }.into());
    }
    if can_map && asked.mapped != Some(false) {
        options.push("idmap".into());
    }
    Ok(Mount {
        destination: asked.destination.clone(),
        kind: "bind".into(),
        source: source.into(),
        options,
        ..Mount::default()
    })
}

/// A device, shown as it is: in ids of its own a container could make none.
fn device(asked: &Asked, path: &Path) -> Result<Mount, CliError> {
    let attempt = || format!("could not give device '{}' to the container", path.display());
    let real = std::fs::canonicalize(path).or_fail(attempt)?;
    let found = std::fs::metadata(&real).or_fail(attempt)?;
    let number = found.rdev();
    let number = (rustix::fs::major(number), rustix::fs::minor(number));
    let why = if !found.file_type().is_char_device() {
        "it is no character device; a disk would be the machine's with all that is on it"
    } else if !real.starts_with("/dev") {
        "it is not below /dev"
    } else if DANGEROUS.contains(&number) {
        "it leads to the machine's memory or messages"
    } else {
        let options = ["bind", "nosuid", "noexec"].map(str::to_owned).to_vec();
        return Ok(Mount {
            destination: asked.destination.clone(),
            kind: "bind".into(),
            source: real.display().to_string(),
            options,
            ..Mount::default()
        });
    };
    Err(CliError::new(attempt()).because([why.into()]))
}

/// Refuses what no container is to see, or only to read.
fn allow(mount: &Mount, around: &Around<'_>) -> Result<(), CliError> {
    let mut denied: Vec<PathBuf> = DENIED.iter().map(PathBuf::from).collect();
    denied.push(around.data_dir.clone());
    denied.extend(around.home.iter().flat_map(|home| OF_USERS.map(|name| home.join(name))));
    let policy = serde_json::json!({
        "version": 1,
        "engineSockets": "deny",
        "deniedMountSources": denied,
        "readonlyMountSources": READONLY,
    });
    let policy = Policy::parse(policy.to_string().as_bytes(), Path::new("cofferdam run"))?;
    let spec = Spec { oci_version: VERSION.into(), mounts: vec![mount.clone()], ..Spec::default() };
    let violations = policy.check(&spec, Path::new("/"));
    if violations.is_empty() {
        return Ok(());
    }
    let text = format!("could not show '{}' to the container", mount.source);
    let mut why: Vec<String> = violations.into_iter().map(|violation| violation.why).collect();
    let hint = match why.iter().all(|why| why.ends_with("read-only")) {
        true => "add the option 'ro', or copy what is needed to a directory of its own",
        false => "copy what is needed to a directory of its own",
    };
    if why.len() > TOLD {
        let more = why.len() - TOLD;
        why.truncate(TOLD);
        why.push(format!("and {more} more like these"));
    }
    Err(CliError::new(text).because(why).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::{mounts as all_mounts, *};
    use crate::commands::run::mounts;

    fn mount(text: &str, privileged: bool) -> Result<Mount, CliError> {
        let directory = tempfile::tempdir().unwrap();
        let session_volumes = Volumes::at(directory.path().join("volumes"));
        let around = Around {
            volumes: &session_volumes,
            privileged,
            has_own_ids: true,
            data_dir: directory.path().to_owned(),
            home: Some("/home/nobody-here".into()),
        };
        let is_device = text.starts_with("/dev/");
        let asked = if is_device { mounts::device(text) } else { mounts::volume(text) }.unwrap();
        all_mounts(&[&asked], &around).map(|(mounts, _)| mounts[0].clone())
    }

    #[test]
    fn what_rules_the_machine_is_never_shown() {
        for text in [
            "/:/x",
            "/proc:/x:ro",
            "/sys/fs:/x:ro",
            "/dev:/x",
            "/etc:/x:ro",
            "/etc:/x",
            "/usr:/x",
            "/usr/bin:/x",
            "/boot:/x:ro",
            "/run:/x",
            "/var:/x:ro",
        ] {
            // Where a machine lacks it there is nothing to be refused.
            if Path::new(text.split(':').next().unwrap()).exists() {
                let error = mount(text, true).unwrap_err();
                assert!(error.message().starts_with("could not show '/"), "{text}: {error:?}");
                assert!(!error.hints().is_empty(), "{text}");
            }
        }
        assert!(mount("/usr:/x:ro", true).is_ok());
        for device in ["/dev/mem", "/dev/kmsg", "/dev/port"] {
            if Path::new(device).exists() {
                assert!(mount(device, true).is_err(), "{device}");
            }
        }
        assert!(mount("/dev/null:/dev/nothing", true).is_ok());
    }

    #[test]
    fn owners_are_mapped_where_that_can_be() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display();
        let has = |text: String, privileged, option: &str| {
            mount(&text, privileged).unwrap().options.iter().any(|o| o == option)
        };
        assert!(has(format!("{path}:/x"), true, "idmap"));
        assert!(!has(format!("{path}:/x:noidmap"), true, "idmap"));
        assert!(!has(format!("{path}:/x"), false, "idmap"));
        assert!(mount(&format!("{path}:/x:idmap"), false).is_err());
        assert!(has(format!("{path}:/x:ro"), true, "ro"));
        assert!(has(format!("{path}:/x:ro"), false, "rro"));
        for option in ["nosuid", "nodev"] {
            assert!(has(format!("{path}:/x:rw"), true, option));
        }
    }
}
