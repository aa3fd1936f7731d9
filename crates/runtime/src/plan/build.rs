//! From the configuration to the plan.

use std::path::{Path, PathBuf};

use cofferdam_oci::runtime::{Linux, Namespace, NamespaceType, Resources, Spec};
use rustix::thread::UnshareFlags;

use super::{
    GivenUp, Joined, Limit, Mount, Plan, Root, What, annotation, device, external, filter, mount,
    namespace, parameter, process,
};
use crate::{
    cgroup::{self, Group, Refusal},
    error::Error,
    facts::Facts,
    id::ContainerId,
    ids::{Maps, Writer},
};

impl Plan {
    /// Plans the container `id` of the bundle in `directory`.
    ///
    /// # Errors
    /// When the configuration asks for what is impossible, contradictory or not supported.
    pub fn new(
        id: ContainerId,
        spec: &Spec,
        directory: &Path,
        facts: &Facts,
    ) -> Result<Self, Error> {
        let default = Linux::default();
        let linux = spec.linux.as_ref().unwrap_or(&default);
        let asked = Asked::new(spec)?;
        refuse_unsupported(spec)?;
        let mut given_up = Vec::new();
        let (namespaces, joined) = namespace::plan(linux)?;
        let ids = namespace::ids(linux, namespaces, facts)?;
        let mapped = ids.is_some() || joined.iter().any(|other| other.kind == NamespaceType::User);
        if !mapped && !facts.is_privileged() {
            return Err(Error::configuration(
                "/linux/namespaces",
                "a user namespace is needed, as this user is not root",
            ));
        }
        let mut process = process::plan(spec, ids.as_ref())?;
        process.init = asked.init;
        if ids.as_ref().is_some_and(|maps| maps.writer == Writer::Own) {
            let why = "no subordinate ids for this user in /etc/subuid and /etc/subgid";
            given_up.push(GivenUp::new("user ids other than the own one", why));
        }
        let scene = Scene { id: &id, spec, linux, bundle: directory, facts, asked: &asked };
        let mut cgroup = scene.cgroup(mapped, &mut process.limits, &mut given_up)?;
        let mounts = scene.mounts(&cgroup, ids.as_ref())?;
        cgroup.owner = scene.cgroup_owner(&mounts, namespaces, ids.as_ref());
        let bound_dev =
            mounts.iter().any(|m| m.destination == Path::new("/dev") && is_bind(&m.what));
        Ok(Self {
            root: scene.root(ids.as_ref(), mapped)?,
            root_propagation: linux.rootfs_propagation.map(mount::root_propagation),
            loopback: namespaces.contains(UnshareFlags::NEWNET),
            namespaces,
            hostname: scene.name("/hostname", &spec.hostname)?,
            domainname: scene.name("/domainname", &spec.domainname)?,
            mounts,
            devices: device::plan(linux, !bound_dev)?,
            links: if bound_dev { Vec::new() } else { device::LINKS.to_vec() },
            masked: absolute("/linux/maskedPaths", &linux.masked_paths)?,
            readonly: absolute("/linux/readonlyPaths", &linux.readonly_paths)?,
            mount_label: linux.mount_label.clone(),
            parameters: parameter::plan(linux)?,
            time_offsets: namespace::time_offsets(linux, namespaces)?,
            net_devices: external::net_devices(linux)?,
            resctrl: external::resctrl(&id, linux)?,
            cgroup,
            filter: filter::plan(&id, spec, directory, &mut given_up)?,
            process,
            given_up,
            joined,
            ids,
            id,
        })
    }

    /// Whether the container has a user namespace other than the runtime's.
    #[must_use]
    pub fn is_in_user_namespace(&self) -> bool {
        self.ids.is_some() || self.joins(NamespaceType::User).is_some()
    }

    /// Whether the container's mount namespace is another's too: the runtime's own, or one that is
    /// joined. Its mounts are then a tree in no namespace, which nobody else sees.
    #[must_use]
    pub fn shares_mounts(&self) -> bool {
        !self.namespaces.contains(UnshareFlags::NEWNS)
    }

    /// The namespace of this type that is joined.
    #[must_use]
    pub fn joins(&self, kind: NamespaceType) -> Option<&Joined> {
        self.joined.iter().find(|joined| joined.kind == kind)
    }
}

const fn is_bind(what: &What) -> bool {
    matches!(what, What::Bind { .. })
}

/// What the annotations ask for.
#[derive(Debug, Default)]
struct Asked {
    ephemeral: Option<u64>,
    mapped: bool,
    init: bool,
    optional_limits: bool,
    optional_swap: bool,
    optional_mounts: Vec<PathBuf>,
}

impl Asked {
    fn new(spec: &Spec) -> Result<Self, Error> {
        let mut asked = Self::default();
        for (key, value) in &spec.annotations {
            let wrong = |wanted: &str| {
                Error::configuration(
                    format!("/annotations/{key}"),
                    format!("'{value}' is not {wanted}"),
                )
            };
            let flag = || match value.as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(wrong("true or false")),
            };
            match key.as_str() {
                annotation::EPHEMERAL_ROOT => {
                    let size = value.parse().ok().filter(|size| *size > 0);
                    asked.ephemeral = Some(size.ok_or_else(|| wrong("a number of bytes"))?);
                }
                annotation::MAPPED_ROOT => asked.mapped = flag()?,
                annotation::INIT => asked.init = flag()?,
                annotation::OPTIONAL_LIMITS => asked.optional_limits = flag()?,
                annotation::OPTIONAL_SWAP => asked.optional_swap = flag()?,
                annotation::OPTIONAL_MOUNTS => {
                    asked.optional_mounts = value.split(',').map(PathBuf::from).collect();
                }
                // Read where it is used.
                annotation::LANDLOCK => {}
                _ if key.starts_with(annotation::PREFIX) => {
                    return Err(Error::configuration(
                        "/annotations",
                        format!("'{key}' is unknown"),
                    ));
                }
                _ => {}
            }
        }
        Ok(asked)
    }
}

/// What the specification knows and this runtime does not do.
fn refuse_unsupported(spec: &Spec) -> Result<(), Error> {
    let asked = [("/vm", spec.vm.is_some())];
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((field, _)) => Err(Error::configuration(field, "not supported yet")),
        None => Ok(()),
    }
}

/// What parts of the plan are made from.
struct Scene<'a> {
    id: &'a ContainerId,
    spec: &'a Spec,
    linux: &'a Linux,
    bundle: &'a Path,
    facts: &'a Facts,
    asked: &'a Asked,
}

impl Scene<'_> {
    /// A host or domain name, which needs a namespace that is not this machine's.
    fn name(&self, field: &str, name: &str) -> Result<String, Error> {
        if !name.is_empty() && self.linux.namespace(NamespaceType::Uts).is_none() {
            let why = "it would be this machine's: there is no 'uts' namespace";
            return Err(Error::configuration(field, why));
        }
        Ok(name.to_owned())
    }

    fn root(&self, ids: Option<&Maps>, mapped: bool) -> Result<Root, Error> {
        let root = self.spec.root.as_ref();
        let root = root.ok_or_else(|| Error::configuration("/root", "it is missing"))?;
        if self.asked.mapped && !(ids.is_some() && self.facts.is_privileged()) {
            let why = "mapping the root's owners needs root and a new user namespace";
            let field = format!("/annotations/{}", annotation::MAPPED_ROOT);
            return Err(Error::configuration(field, why));
        }
        // No control group keeps a container with ids of its own from devices in its image.
        let without_rules = mapped && self.facts.is_privileged() && self.device_rules() == 0;
        Ok(Root {
            path: self.bundle.join(&root.path),
            ephemeral: self.asked.ephemeral,
            mapped: self.asked.mapped,
            readonly: root.readonly,
            nodev: without_rules,
        })
    }

    fn device_rules(&self) -> usize {
        self.linux.resources.as_ref().map_or(0, |resources| resources.devices.len())
    }

    fn mounts(&self, cgroup: &Group, ids: Option<&Maps>) -> Result<Vec<Mount>, Error> {
        let around = mount::Surroundings {
            bundle: self.bundle,
            ids,
            privileged: self.facts.is_privileged(),
            cgroups: &|only_v2| cgroup::view(&self.facts.cgroups, cgroup, only_v2),
            label: &self.linux.mount_label,
        };
        let mut mounts = mount::plan(self.spec, &around)?;
        for mount in &mut mounts {
            mount.optional = self.asked.optional_mounts.contains(&mount.destination);
        }
        let own = |namespace: &Namespace| namespace.path.is_empty();
        if !self.linux.namespace(NamespaceType::Mount).is_some_and(own)
            && let Some(index) = mounts.iter().position(Mount::is_unbindable)
        {
            let why = "'unbindable' needs a new 'mount' namespace";
            return Err(Error::configuration(format!("/mounts/{index}"), why));
        }
        Ok(mounts)
    }

    /// The unit that systemd makes the control group with, if it does, and the group's path.
    fn unit(
        &self,
        resources: &Resources,
    ) -> Result<Option<(cgroup::systemd::Unit, PathBuf)>, Error> {
        use cgroup::systemd;
        if !self.facts.systemd {
            return Ok(None);
        }
        let wrong = |why| Error::configuration("/linux/cgroupsPath", why);
        let path = &self.linux.cgroups_path;
        let mut unit = systemd::Unit::named(path, self.id.as_str()).map_err(wrong)?;
        unit.properties = systemd::resources(resources, &self.facts.cgroups);
        unit.properties.extend(systemd::annotations(&self.spec.annotations)?);
        let path = unit.path().map_err(wrong)?;
        Ok(Some((unit, path)))
    }

    fn cgroup(
        &self,
        mapped: bool,
        limits: &mut Vec<Limit>,
        given_up: &mut Vec<GivenUp>,
    ) -> Result<Group, Error> {
        let default = Resources::default();
        let resources = self.linux.resources.as_ref().unwrap_or(&default);
        let fallback = format!("cofferdam-{}", self.id);
        let unit = self.unit(resources)?;
        let path = &self.linux.cgroups_path;
        let path = match &unit {
            Some((_, path)) => path.as_path(),
            None => Path::new(if path.is_empty() { &fallback } else { path }),
        };
        let privileged = self.facts.is_machines_root();
        let request = cgroup::Request {
            path,
            resources,
            // In a user namespace no node works but those that the runtime and the caller bring;
            // an ordinary user has no rights to give away.
            devices: privileged && (!mapped || !resources.devices.is_empty()),
            needed: privileged,
        };
        match cgroup::plan(&self.facts.cgroups, &request) {
            Ok(mut group) => {
                let writes = group.directories.iter_mut().flat_map(|d| &mut d.writes);
                for write in writes.filter(|write| write.file.starts_with("memory.memsw.")) {
                    write.optional |= self.asked.optional_swap;
                }
                group.unit = unit.map(|(unit, _)| unit);
                Ok(group)
            }
            Err(Refusal::Unsupported(field, why)) => Err(Error::configuration(field, why)),
            Err(Refusal::NotDelegated(why)) if self.asked.optional_limits => {
                if let Some(pids) = resources.pids.as_ref().and_then(|pids| pids.limit) {
                    limits.extend(process::task_limit(pids));
                    let why = format!("{why}; RLIMIT_NPROC limits each user id instead");
                    given_up.push(GivenUp::new("process limit", why));
                }
                Ok(Group::default())
            }
            Err(Refusal::NotDelegated(why)) => {
                Err(Error::configuration("/linux/resources", format!("no limit can be set: {why}")))
            }
        }
    }

    /// Who may make groups in the container's (config-linux.md, cgroup ownership): on cgroup v2,
    /// when the container sees it, alone and writable.
    fn cgroup_owner(&self, mounts: &[Mount], new: UnshareFlags, ids: Option<&Maps>) -> Option<u32> {
        use cofferdam_sys::mount::attribute::RDONLY;
        let unified = matches!(self.facts.cgroups, cgroup::Layout::Unified { .. });
        let writable = mounts.iter().any(|mount| {
            matches!(mount.what, What::Cgroups(_))
                && (mount.attributes.set | mount.below.set) & RDONLY == 0
        });
        let alone = new.contains(UnshareFlags::NEWCGROUP) && self.facts.is_privileged();
        let user = self.spec.process.as_ref().map_or(0, |process| process.user.uid);
        let range = ids?.users.iter().find(|range| {
            user.checked_sub(range.container_id).is_some_and(|offset| offset < range.size)
        })?;
        (unified && writable && alone).then(|| range.host_id + (user - range.container_id))
    }
}

fn absolute(field: &str, paths: &[String]) -> Result<Vec<PathBuf>, Error> {
    let absolute = |(index, path): (usize, &String)| {
        if path.is_empty() {
            Err(Error::configuration(format!("{field}/{index}"), "it is empty"))
        } else {
            // A relative one is taken from the root, rather than protect nothing.
            Ok(Path::new("/").join(path))
        }
    };
    paths.iter().enumerate().map(absolute).collect()
}
