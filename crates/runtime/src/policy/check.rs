//! The rules, each applied to a configuration.

use std::{
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Component, Path, PathBuf},
};

use cofferdam_oci::runtime::{Action, Linux, Mount, NamespaceType, Process, Resources, Spec};

use super::{Limited, Policy, Rules, Verdict, Violation, Whom};
use crate::{cgroup, plan::option};

/// Sockets by which one rules over the machine.
const ENGINE_SOCKETS: [&str; 11] = [
    "/run/docker.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/run/cri-dockerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/snapd.socket",
    "/run/buildkit/buildkitd.sock",
    "/run/systemd/private",
    "/run/dbus/system_bus_socket",
];
/// What every engine masks.
const MASKED: [&str; 2] = ["/proc/kcore", "/sys/firmware"];

struct Check<'a> {
    policy: &'a Policy,
    rules: &'a Rules,
    spec: &'a Spec,
    process: &'a Process,
    linux: &'a Linux,
    bundle: &'a Path,
    found: Vec<Violation>,
}

pub(super) fn all(policy: &Policy, spec: &Spec, bundle: &Path) -> Vec<Violation> {
    let (process, linux) = (Process::default(), Linux::default());
    let mut check = Check {
        policy,
        rules: &policy.rules,
        spec,
        process: spec.process.as_ref().unwrap_or(&process),
        linux: spec.linux.as_ref().unwrap_or(&linux),
        bundle,
        found: Vec::new(),
    };
    check.privileged();
    check.namespaces();
    check.capabilities();
    check.mounts();
    check.devices();
    check.parameters();
    check.hooks();
    check.confinement();
    check.limits();
    check.found
}

impl Check<'_> {
    fn refuse(&mut self, rule: &'static str, field: impl Into<String>, why: impl Into<String>) {
        let (file, field, why) = (self.policy.file.clone(), field.into(), why.into());
        self.found.push(Violation { file, rule, field, why });
    }

    fn privileged(&mut self) {
        const RULE: &str = "privileged";
        if self.rules.privileged == Verdict::Allow {
            return;
        }
        let sets = self.process.capabilities.clone().unwrap_or_default();
        let all = &cofferdam_sys::capability::NAMES;
        let has_all = |set: &Vec<String>| all.iter().all(|name| set.iter().any(|c| c == name));
        if has_all(&sets.bounding) || has_all(&sets.permitted) || has_all(&sets.effective) {
            self.refuse(RULE, "/process/capabilities", "every capability is there");
        }
        let default = Resources::default();
        let resources = self.linux.resources.as_ref().unwrap_or(&default);
        if cgroup::allow_every_device(resources) {
            self.refuse(RULE, "/linux/resources/devices", "every device is allowed");
        }
    }

    fn namespaces(&mut self) {
        let maps = !self.linux.uid_mappings.is_empty();
        let user = self.linux.namespace(NamespaceType::User);
        let own_ids =
            user.is_some_and(|ns| maps || !is_the_machines(NamespaceType::User, &ns.path));
        match self.rules.require_user_namespace {
            Some(Whom::All) if !own_ids => {
                let why = "there is no 'user' namespace of the container's own";
                self.refuse("requireUserNamespace", "/linux/namespaces", why);
            }
            Some(Whom::Root) if !own_ids && self.process.user.uid == 0 => {
                let why = "it is root, without a 'user' namespace of the container's own";
                self.refuse("requireUserNamespace", "/process/user/uid", why);
            }
            _ => {}
        }
        let Some(allowed) = &self.rules.allowed_host_namespaces else { return };
        for kind in NamespaceType::ALL {
            // A time namespace is of use to few and withheld from none.
            let of_use = ![NamespaceType::Time, NamespaceType::User].contains(kind);
            let shared = match self.linux.namespace(*kind) {
                None => of_use,
                Some(namespace) => is_the_machines(*kind, &namespace.path),
            };
            if shared && !allowed.contains(kind) {
                let why = format!("the '{kind}' namespace is the machine's");
                self.refuse("allowedHostNamespaces", "/linux/namespaces", why);
            }
        }
    }

    fn capabilities(&mut self) {
        let Some(allowed) = &self.rules.allowed_capabilities else { return };
        let Some(sets) = &self.process.capabilities else { return };
        for (name, set) in [
            ("bounding", &sets.bounding),
            ("effective", &sets.effective),
            ("permitted", &sets.permitted),
            ("inheritable", &sets.inheritable),
            ("ambient", &sets.ambient),
        ] {
            for capability in set.iter().filter(|capability| !allowed.contains(capability)) {
                let field = format!("/process/capabilities/{name}");
                self.refuse("allowedCapabilities", field, format!("{capability} is not allowed"));
            }
        }
    }

    fn mounts(&mut self) {
        for (index, mount) in self.spec.mounts.iter().enumerate() {
            let options = option::parse(&mount.options).unwrap_or_default();
            if options.bind.is_some() || mount.kind == "bind" {
                let readonly = is_readonly(&options);
                self.mount(&format!("/mounts/{index}/source"), mount, readonly);
            }
        }
    }

    fn mount(&mut self, field: &str, mount: &Mount, readonly: bool) {
        let given = plain(&self.bundle.join(&mount.source));
        let real = resolved(&self.bundle.join(&mount.source));
        let shown = real.display();
        let rules = self.rules;
        if let Some(allowed) = &rules.allowed_mount_sources
            && !allowed.iter().any(|path| real.starts_with(resolved(path)))
        {
            self.refuse("allowedMountSources", field, format!("'{shown}' is below none of them"));
        }
        for denied in &rules.denied_mount_sources {
            if meet(&real, &resolved(denied)) || meet(&given, denied) {
                let why = format!("'{shown}' shows '{}'", denied.display());
                self.refuse("deniedMountSources", field, why);
            }
        }
        for path in &rules.readonly_mount_sources {
            if real.starts_with(resolved(path)) && !readonly {
                self.refuse("readonlyMountSources", field, format!("'{shown}' is not read-only"));
            }
        }
        if rules.engine_sockets == Verdict::Deny {
            self.engine_sockets(field, &real);
        }
    }

    fn engine_sockets(&mut self, field: &str, source: &Path) {
        const RULE: &str = "engineSockets";
        let known =
            ENGINE_SOCKETS.iter().map(Path::new).find(|socket| meet(source, &resolved(socket)));
        if let Some(socket) = known {
            self.refuse(
                RULE,
                field,
                format!("'{}' shows '{}'", source.display(), socket.display()),
            );
            return;
        }
        let is_socket = std::fs::metadata(source).is_ok_and(|found| found.file_type().is_socket());
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        let engines = ["docker", "containerd", "crio", "podman", "buildkit", "nerdctl"];
        if is_socket && engines.iter().any(|engine| name.contains(engine)) {
            self.refuse(RULE, field, format!("'{}' is a socket of an engine", source.display()));
        }
    }

    fn devices(&mut self) {
        let Some(allowed) = &self.rules.allowed_devices else { return };
        for (index, device) in self.linux.devices.iter().enumerate() {
            if !allowed.iter().any(|path| path == Path::new(&device.path)) {
                let field = format!("/linux/devices/{index}/path");
                self.refuse("allowedDevices", field, format!("'{}' is not allowed", device.path));
            }
        }
    }

    fn parameters(&mut self) {
        let Some(allowed) = &self.rules.allowed_sysctls else { return };
        for name in self.linux.sysctl.keys() {
            let dotted = name.replace('/', ".");
            let is = |rule: &String| match rule.strip_suffix('*') {
                Some(begin) => dotted.starts_with(begin),
                None => dotted == *rule,
            };
            if !allowed.iter().any(is) {
                self.refuse("allowedSysctls", format!("/linux/sysctl/{name}"), "it is not allowed");
            }
        }
    }

    fn hooks(&mut self) {
        let any = self.spec.hooks.as_ref().is_some_and(|hooks| !hooks.is_empty());
        if self.rules.hooks == Verdict::Deny && any {
            self.refuse("hooks", "/hooks", "they run on the machine, and are not allowed");
        }
    }

    fn confinement(&mut self) {
        let rules = self.rules;
        if rules.require_seccomp {
            match &self.linux.seccomp {
                None => self.refuse("requireSeccomp", "/linux/seccomp", "there is none"),
                Some(seccomp) if [Action::Allow, Action::Log].contains(&seccomp.default_action) => {
                    let field = "/linux/seccomp/defaultAction";
                    self.refuse("requireSeccomp", field, "it lets through what is not named");
                }
                Some(_) => {}
            }
        }
        if rules.require_no_new_privileges && !self.process.no_new_privileges {
            self.refuse("requireNoNewPrivileges", "/process/noNewPrivileges", "it is not set");
        }
        if rules.require_readonly_root && !self.spec.root.as_ref().is_some_and(|root| root.readonly)
        {
            self.refuse("requireReadonlyRoot", "/root/readonly", "it is not set");
        }
        if rules.require_masked_paths {
            for path in MASKED {
                if !self.linux.masked_paths.iter().any(|masked| masked == path) {
                    let why = format!("'{path}' is not masked");
                    self.refuse("requireMaskedPaths", "/linux/maskedPaths", why);
                }
            }
        }
        if let Some(profiles) = &rules.allowed_apparmor_profiles
            && !profiles.contains(&self.process.apparmor_profile)
        {
            let why = format!("'{}' is none of them", self.process.apparmor_profile);
            self.refuse("allowedApparmorProfiles", "/process/apparmorProfile", why);
        }
    }

    fn limits(&mut self) {
        let default = Resources::default();
        let resources = self.linux.resources.as_ref().unwrap_or(&default);
        let above_zero = |limit: Option<i64>| limit.is_some_and(|limit| limit > 0);
        let unified = |file: &str| resources.unified.get(file).is_some_and(|v| !v.contains("max"));
        for limited in &self.rules.require_limits {
            let (field, limited) = match limited {
                Limited::Memory => (
                    "/linux/resources/memory/limit",
                    above_zero(resources.memory.as_ref().and_then(|memory| memory.limit))
                        || unified("memory.max"),
                ),
                Limited::Pids => (
                    "/linux/resources/pids/limit",
                    above_zero(resources.pids.as_ref().and_then(|pids| pids.limit))
                        || unified("pids.max"),
                ),
                Limited::Cpu => (
                    "/linux/resources/cpu/quota",
                    above_zero(resources.cpu.as_ref().and_then(|cpu| cpu.quota))
                        || unified("cpu.max"),
                ),
            };
            if !limited {
                self.refuse("requireLimits", field, "there is no limit");
            }
        }
    }
}

fn is_readonly(options: &option::Options) -> bool {
    use cofferdam_sys::mount::attribute::RDONLY;
    // Of all that is shown, when mounts below come along.
    let below = options.below.set & RDONLY != 0;
    below || options.bind != Some(true) && options.attributes.set & RDONLY != 0
}

/// Whether one path is the other, or holds it.
fn meet(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Where a path really is: links are followed as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    // The kernel takes `..` after a link for what is above the link's target, and so does this.
    let real = |above: &Path| {
        let rest = path.strip_prefix(above).unwrap_or_else(|_| Path::new(""));
        // Joining nothing would add a slash.
        std::fs::canonicalize(above)
            .ok()
            .map(|real| if rest.as_os_str().is_empty() { real } else { real.join(rest) })
    };
    path.ancestors().find_map(real).unwrap_or_else(|| plain(path))
}

/// Without `.` and `..`, as written.
fn plain(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(found.pop()),
            Component::CurDir => {}
            other => found.push(other),
        }
    }
    found
}

/// Whether a namespace that is joined is the machine's, or the runtime's own.
fn is_the_machines(kind: NamespaceType, path: &str) -> bool {
    if path.is_empty() {
        return false;
    }
    let name = match kind {
        NamespaceType::Network => "net",
        NamespaceType::Mount => "mnt",
        other => other.as_str(),
    };
    let identity = |path: &str| std::fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    // What cannot be looked at is taken for the worse.
    let Some(theirs) = identity(path) else { return true };
    [1.to_string(), "self".into()]
        .iter()
        .any(|process| identity(&format!("/proc/{process}/ns/{name}")) == Some(theirs))
}
