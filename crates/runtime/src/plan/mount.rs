//! Mounts, from the configuration (config.md, `mounts`).

use std::path::{Component, Path, PathBuf};

use cofferdam_oci::runtime::{self as oci, RootfsPropagation, Spec};

use super::{
    CgroupView, IdMap, Mount, Propagation, What,
    option::{self, MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE, Options},
};
use crate::{
    error::Error,
    ids::{Maps, Writer},
};

/// What the mounts of a container depend on.
pub(super) struct Surroundings<'a> {
    /// The bundle, which relative sources are below.
    pub(super) bundle: &'a Path,
    /// Ids of the container's own user namespace.
    pub(super) ids: Option<&'a Maps>,
    /// Whether the runtime is root on this machine.
    pub(super) privileged: bool,
    /// What it may see of cgroup v1 and v2, and of v2 alone.
    pub(super) cgroups: &'a dyn Fn(bool) -> Result<CgroupView, String>,
    /// SELinux context of file systems; may be empty.
    pub(super) label: &'a str,
}

pub(super) fn plan(spec: &Spec, around: &Surroundings<'_>) -> Result<Vec<Mount>, Error> {
    let one = |(index, mount): (usize, &oci::Mount)| {
        self::mount(mount, around).map_err(|why| {
            let field = format!("/mounts/{index} ({})", mount.destination);
            Error::configuration(field, why)
        })
    };
    spec.mounts.iter().enumerate().map(one).collect()
}

fn mount(mount: &oci::Mount, around: &Surroundings<'_>) -> Result<Mount, String> {
    let mut options = option::parse(&mount.options)?;
    let mut ignored = Vec::new();
    let what = what(mount, &mut options, around, &mut ignored)?;
    if options.copy_up && !matches!(&what, What::FileSystem { kind, .. } if kind == "tmpfs") {
        return Err("'tmpcopyup' is for file systems of type 'tmpfs'".into());
    }
    let mut propagation = options.propagation;
    if propagation.is_empty() && !matches!(what, What::Again { .. }) {
        propagation.push(Propagation { kind: MS_PRIVATE, recursive: true });
    }
    Ok(Mount {
        destination: destination(&mount.destination)?,
        id_map: id_map(mount, options.id_map, &what, around)?,
        what,
        attributes: options.attributes,
        below: options.below,
        propagation,
        copy_up: options.copy_up,
        optional: false,
        ignored,
    })
}

pub(super) fn destination(text: &str) -> Result<PathBuf, String> {
    // Relative ones are deprecated, and taken from the root.
    let path = Path::new("/").join(text);
    if path.components().any(|c| matches!(c, Component::ParentDir)) {
        return Err("'..' is in the destination".into());
    }
    if text.contains('\0') {
        return Err("a zero byte is in the destination".into());
    }
    let path: PathBuf = path.components().collect();
    if path == Path::new("/") {
        return Err("the root cannot be mounted over".into());
    }
    Ok(path)
}

fn what(
    mount: &oci::Mount,
    options: &mut Options,
    around: &Surroundings<'_>,
    ignored: &mut Vec<String>,
) -> Result<What, String> {
    let own = std::mem::take(&mut options.own);
    if options.remount {
        if options.bind.is_some() {
            ignored.extend(own.into_iter().map(written));
            return Ok(What::Again { options: Vec::new() });
        }
        return Ok(What::Again { options: all_options(options, own, &[]) });
    }
    if options.bind.is_some() || mount.kind == "bind" {
        ignored.extend(own.into_iter().map(written));
        if mount.source.is_empty() || mount.source.contains('\0') {
            return Err("it has no source, or one with a zero byte in it".into());
        }
        let recursive = options.bind == Some(true);
        return Ok(What::Bind { source: around.bundle.join(&mount.source), recursive });
    }
    match mount.kind.as_str() {
        "" | "none" => Err("it has no type".into()),
        kind @ ("cgroup" | "cgroup2") => {
            if let Some((key, _)) = own.first() {
                return Err(format!("option '{key}' means nothing for a {kind} mount"));
            }
            (around.cgroups)(kind == "cgroup2").map(What::Cgroups)
        }
        kind => {
            // These take no context; a message queue gets its label afterwards.
            let labelled = !["proc", "sysfs", "mqueue"].contains(&kind) && !around.label.is_empty();
            let context = [("context".to_owned(), Some(around.label.to_owned()))];
            let extra = if labelled { &context[..] } else { &[] };
            Ok(What::FileSystem {
                kind: kind.into(),
                source: if mount.source.is_empty() { kind.into() } else { mount.source.clone() },
                options: all_options(options, own, extra),
            })
        }
    }
}

/// An option as it stood in the configuration.
fn written((key, value): (String, Option<String>)) -> String {
    value.map_or_else(|| key.clone(), |value| format!("{key}={value}"))
}

fn all_options(
    options: &Options,
    own: Vec<(String, Option<String>)>,
    extra: &[(String, Option<String>)],
) -> Vec<(String, Option<String>)> {
    let flags = options.super_block.iter().map(|flag| ((*flag).to_owned(), None));
    flags.chain(own).chain(extra.iter().cloned()).collect()
}

fn id_map(
    mount: &oci::Mount,
    option: Option<bool>,
    what: &What,
    around: &Surroundings<'_>,
) -> Result<Option<IdMap>, String> {
    let (users, groups) = (&mount.uid_mappings, &mount.gid_mappings);
    if users.is_empty() != groups.is_empty() {
        return Err("uidMappings and gidMappings need each other".into());
    }
    let given = !users.is_empty();
    if !given && option.is_none() {
        return Ok(None);
    }
    if !matches!(what, What::Bind { .. }) {
        return Err("only bind mounts have id maps".into());
    }
    if !given && around.ids.is_none() {
        let why = "'idmap' needs uidMappings and gidMappings, as the container has no user \
                   namespace of its own whose maps could be used";
        return Err(why.into());
    }
    if !around.privileged {
        return Err("only root may map the ids of a mount".into());
    }
    let maps = || Maps { users: users.clone(), groups: groups.clone(), writer: Writer::Privileged };
    Ok(Some(IdMap { maps: given.then(maps), recursive: option == Some(true) }))
}

/// Propagation of the root mount, from its name.
pub(super) const fn root_propagation(name: RootfsPropagation) -> Propagation {
    let (kind, recursive) = match name {
        RootfsPropagation::Shared => (MS_SHARED, false),
        RootfsPropagation::Slave => (MS_SLAVE, false),
        RootfsPropagation::Private => (MS_PRIVATE, false),
        RootfsPropagation::Unbindable => (MS_UNBINDABLE, false),
        RootfsPropagation::SharedBelow => (MS_SHARED, true),
        RootfsPropagation::SlaveBelow => (MS_SLAVE, true),
        RootfsPropagation::PrivateBelow => (MS_PRIVATE, true),
        RootfsPropagation::UnbindableBelow => (MS_UNBINDABLE, true),
    };
    Propagation { kind, recursive }
}

#[cfg(test)]
mod tests {
    use cofferdam_oci::runtime::IdMapping;

    use super::*;

    fn planned_as(own_ids: bool, root: bool, mount: &oci::Mount) -> Result<Mount, String> {
        let range = vec![IdMapping { container_id: 0, host_id: 1000, size: 1 }];
        let maps = Maps { users: range.clone(), groups: range, writer: Writer::Privileged };
        super::mount(
            mount,
            &Surroundings {
                bundle: Path::new("/bundle"),
                ids: own_ids.then_some(&maps),
                privileged: root,
                cgroups: &|_| Ok(CgroupView::default()),
                label: "",
            },
        )
    }

    fn described(kind: &str, source: &str, options: &[&str]) -> oci::Mount {
        oci::Mount {
            destination: "/x".into(),
            kind: kind.into(),
            source: source.into(),
            options: options.iter().map(ToString::to_string).collect(),
            ..oci::Mount::default()
        }
    }

    fn planned(kind: &str, source: &str, options: &[&str]) -> Result<Mount, String> {
        planned_as(false, true, &described(kind, source, options))
    }

    #[test]
    fn sources_are_below_the_bundle() {
        for (source, wanted) in [("/src", "/src"), ("src", "/bundle/src")] {
            let What::Bind { source, recursive } =
                planned("none", source, &["rbind"]).unwrap().what
            else {
                panic!()
            };
            assert_eq!((source.as_path(), recursive), (Path::new(wanted), true));
        }
    }

    #[test]
    fn a_mount_is_private_unless_it_says_otherwise() {
        let private = Propagation { kind: MS_PRIVATE, recursive: true };
        assert_eq!(planned("bind", "/a", &["bind"]).unwrap().propagation, [private]);
        let slave = Propagation { kind: MS_SLAVE, recursive: true };
        assert_eq!(planned("bind", "/a", &["bind", "rslave"]).unwrap().propagation, [slave]);
    }

    #[test]
    fn what_means_nothing_for_a_bind_mount_is_left_out_and_told() {
        for options in
            [&["bind", "mode=755", "ro", "huge"][..], &["remount", "bind", "mode=755", "huge"]]
        {
            let mount = planned("none", "/a", options).unwrap();
            assert_eq!(mount.ignored, ["mode=755", "huge"]);
        }
        assert!(planned("bind", "/a", &["rbind", "ro", "nosuid"]).unwrap().ignored.is_empty());
        assert!(planned("tmpfs", "a", &["mode=755"]).unwrap().ignored.is_empty());
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (kind, source, options) in [
            ("bind", "", &[][..]),
            ("bind", "/a", &["tmpcopyup"]),
            ("proc", "proc", &["tmpcopyup"]),
            ("", "", &[]),
            ("cgroup", "cgroup", &["cpu"]),
            ("tmpfs", "tmpfs", &[""]),
            ("tmpfs", "tmpfs", &["idmap"]),
            ("bind", "/a", &["idmap"]),
        ] {
            assert!(planned(kind, source, options).is_err(), "{kind} {options:?}");
        }
        assert!(destination("/a/../..").is_err() && destination("/").is_err());
        assert_eq!(destination("a//b/.").unwrap(), Path::new("/a/b"));
    }

    #[test]
    fn ids_are_mapped_as_the_mount_or_the_container_says() {
        let range = vec![IdMapping { container_id: 0, host_id: 5, size: 1 }];
        let mut mount = described("bind", "/a", &["rbind", "ridmap"]);
        let id_map = planned_as(true, true, &mount).unwrap().id_map.unwrap();
        assert!(id_map.recursive && id_map.maps.is_none());
        assert!(planned_as(true, false, &mount).is_err(), "only root may");
        mount.uid_mappings = range.clone();
        assert!(planned_as(false, true, &mount).is_err(), "both are needed");
        mount.gid_mappings = range;
        mount.options.pop();
        let id_map = planned_as(false, true, &mount).unwrap().id_map.unwrap();
        assert!(!id_map.recursive && id_map.maps.unwrap().users[0].host_id == 5);
    }
}
