//! Namespaces, mounts and filters, tried in a child.

use std::{ffi::CString, fs, io, path::Path};

use cofferdam_runtime::profile::{strict, to_policy};
use cofferdam_sys::{
    probe::{self, Failure, Namespaces, Step},
    seccomp::{self, Arch},
};

use super::{Check, Machine};

/// Linux 5.11 has overlay in user namespaces, 5.12 idmapped mounts.
const KERNEL: (u32, u32) = (5, 12);
/// An id that every system has and gives no rights.
const NOBODY: u32 = 65534;

pub(super) fn kernel() -> Check {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy().into_owned();
    let machine = uname.machine().to_string_lossy();
    let saw = format!("Linux {release} on {machine}");
    if Arch::host().is_none() {
        return Check::missing("kernel", saw)
            .means("run has no system call filter for this processor")
            .advice("run containers on x86_64 or aarch64")
            .needed_by_run();
    }
    match version(&release) {
        Some(version) if version >= KERNEL => Check::works("kernel", saw),
        Some(_) => Check::degraded("kernel", saw)
            .means("run may lack overlay for ordinary users and idmapped mounts")
            .advice("use Linux 5.12 or newer"),
        None => Check::unknown("kernel", saw),
    }
}

/// Major and minor version of a release such as `6.1.0-37-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

pub(super) fn namespaces(machine: &Machine) -> Vec<Check> {
    let kinds = [
        ("mount namespace", Namespaces::MOUNT),
        ("process namespace", Namespaces::PID),
        ("network namespace", Namespaces::NETWORK),
        ("IPC namespace", Namespaces::IPC),
        ("host name namespace", Namespaces::UTS),
        ("cgroup namespace", Namespaces::CGROUP),
    ];
    kinds.map(|(name, kind)| namespace(machine, name, kind).needed_by_run()).into()
}

fn namespace(machine: &Machine, name: &'static str, kind: Namespaces) -> Check {
    let wanted = if machine.is_root() { kind } else { kind.and(Namespaces::USER) };
    match probe::attempt(&[Step::Unshare(wanted)]) {
        Ok(()) => Check::works(name, "can be made"),
        Err(Failure { source, .. }) => Check::missing(name, source.to_string())
            .means("run cannot isolate a container")
            .advice(match source.kind() {
                io::ErrorKind::InvalidInput => "use a kernel that is built with it",
                _ => "allow namespaces: inside a container, have it started with the right to make them; else see 'user namespaces'",
            }),
    }
}

/// A file of its own of the process, and the text to map one id to root with.
struct Maps {
    user: Vec<u8>,
    group: Vec<u8>,
}

impl Maps {
    fn of(user: u32, group: u32) -> Self {
        Self { user: format!("0 {user} 1").into(), group: format!("0 {group} 1").into() }
    }

    fn steps(&self) -> [Step<'_>; 3] {
        [
            Step::Write(c"/proc/self/setgroups", b"deny"),
            Step::Write(c"/proc/self/uid_map", &self.user),
            Step::Write(c"/proc/self/gid_map", &self.group),
        ]
    }
}

/// Whether an ordinary user can make a user namespace and has rights inside: as root that is
/// tried as nobody.
pub(super) fn user_namespaces(machine: &Machine) -> Check {
    let name = "user namespaces";
    let (user, group) =
        if machine.is_root() { (NOBODY, NOBODY) } else { (machine.user, machine.group) };
    let maps = Maps::of(user, group);
    let Ok(target) = CString::new(std::env::temp_dir().into_os_string().into_encoded_bytes())
    else {
        return Check::unknown(name, "the directory for temporary files has an impossible name");
    };
    let become_user = machine.is_root().then_some(Step::Become(user));
    let unshare_at = become_user.iter().count();
    let mut steps: Vec<_> = become_user.into_iter().collect();
    steps.push(Step::Unshare(Namespaces::USER.and(Namespaces::MOUNT)));
    steps.extend(maps.steps());
    steps.push(Step::MakeMountsPrivate);
    steps.push(Step::Mount { kind: c"tmpfs", target: &target, options: c"" });
    let who = if machine.is_root() { "ordinary users" } else { "this user" };
    match probe::attempt(&steps) {
        Ok(()) => Check::works(name, format!("work for {who}")),
        Err(failure) => refused_user_namespace(name, who, &failure, unshare_at, machine),
    }
}

fn refused_user_namespace(
    name: &'static str,
    who: &str,
    failure: &Failure,
    unshare_at: usize,
    machine: &Machine,
) -> Check {
    let source = &failure.source;
    let at = if failure.step <= unshare_at { "cannot be made" } else { "give no rights inside" };
    let saw = format!("{at} by {who}: {source}{}", settings_in_the_way());
    let check = if machine.is_root() {
        Check::degraded(name, saw).means("run works for root only")
    } else {
        Check::missing(name, saw).means("run does not work for this user").needed_by_run()
    };
    check.advice(advice_on_user_namespaces())
}

/// Settings that forbid user namespaces to ordinary users, with the value that does.
const SETTINGS: [(&str, &str); 3] = [
    ("kernel/unprivileged_userns_clone", "0"),
    ("user/max_user_namespaces", "0"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1"),
];

fn forbidding() -> impl Iterator<Item = (String, &'static str)> {
    SETTINGS.into_iter().filter_map(|(path, forbids)| {
        let value = fs::read_to_string(format!("/proc/sys/{path}")).ok()?;
        (value.trim() == forbids).then(|| (path.replace('/', "."), forbids))
    })
}

fn settings_in_the_way() -> String {
    forbidding().map(|(name, value)| format!("; {name} = {value}")).collect()
}

fn advice_on_user_namespaces() -> String {
    let changes = forbidding().map(|(name, _)| match name.as_str() {
        "kernel.unprivileged_userns_clone" => "sysctl kernel.unprivileged_userns_clone=1",
        "user.max_user_namespaces" => "sysctl user.max_user_namespaces=15000",
        _ => "give cofferdam-runtime an AppArmor profile that allows userns",
    });
    let changes: Vec<_> = changes.collect();
    if changes.is_empty() {
        "allow user namespaces, or run as root".to_owned()
    } else {
        format!("as root: {}", changes.join("; "))
    }
}

/// An overlay over a file system in memory, in the namespaces that a container would have.
pub(super) fn overlay(machine: &Machine) -> Check {
    let name = "overlay file system";
    let temporary = std::env::temp_dir();
    let text = temporary.to_string_lossy();
    // Commas and colons set options apart.
    if text.contains([',', ':', '\\', '\0']) {
        return Check::unknown(name, format!("cannot be tried under '{text}'"));
    }
    let directories = ["", "/lower", "/upper", "/work", "/merged"];
    let paths: Result<Vec<_>, _> =
        directories.iter().map(|below| CString::new(format!("{text}{below}"))).collect();
    let more = if machine.is_root() { "" } else { ",userxattr" };
    let options = CString::new(format!(
        "lowerdir={text}/lower,upperdir={text}/upper,workdir={text}/work{more}"
    ));
    let (Ok(paths), Ok(options)) = (paths, options) else {
        return Check::unknown(name, format!("cannot be tried under '{text}'"));
    };
    let maps = Maps::of(machine.user, machine.group);
    let mut steps = if machine.is_root() {
        vec![Step::Unshare(Namespaces::MOUNT)]
    } else {
        let mut steps = vec![Step::Unshare(Namespaces::USER.and(Namespaces::MOUNT))];
        steps.extend(maps.steps());
        steps
    };
    steps.push(Step::MakeMountsPrivate);
    steps.push(Step::Mount { kind: c"tmpfs", target: &paths[0], options: c"" });
    steps.extend(paths[1..].iter().map(|path| Step::MakeDirectory(path)));
    steps.push(Step::Mount { kind: c"overlay", target: &paths[4], options: &options });
    match probe::attempt(&steps) {
        Ok(()) => Check::works(name, "can be mounted"),
        Err(Failure { step, source }) if step + 1 == steps.len() => {
            Check::missing(name, format!("cannot be mounted: {source}"))
                .means("run cannot keep an image unchanged without copying it")
                .advice(
                    "load the overlay module (modprobe overlay); ordinary users need Linux 5.11",
                )
        }
        Err(Failure { source, .. }) => {
            Check::unknown(name, format!("could not be tried: {source}"))
                .means("run may have to copy images")
                .advice("see the namespaces above")
        }
    }
}

pub(super) fn idmapped_mounts(machine: &Machine) -> Check {
    let name = "idmapped mounts";
    if !machine.is_root() {
        return Check::unknown(name, "only root can make them")
            .means("nothing: run as an ordinary user does without");
    }
    let directory = existing_ancestor(&machine.data_directory);
    match probe::idmapped_mount(directory) {
        Ok(()) => Check::works(name, format!("of {}", directory.display())),
        Err(error) => Check::degraded(name, format!("of {}: {error}", directory.display()))
            .means("run shifts the owners of an image's files by other means")
            .advice("keep the data directory on ext4, xfs, btrfs or tmpfs, on Linux 5.12 or newer"),
    }
}

pub(super) fn existing_ancestor(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"))
}

/// The strict profile, put in force in a child.
pub(super) fn system_call_filter() -> Check {
    let name = "system call filter";
    let Some(arch) = Arch::host() else {
        return Check::missing(name, "no table of calls for this processor").needed_by_run();
    };
    let compiled = to_policy(&strict(), arch)
        .map_err(|error| error.to_string())
        .and_then(|made| seccomp::compile(&made.policy, arch).map_err(|error| error.to_string()));
    let program = match compiled {
        Ok(program) => program,
        Err(error) => return Check::missing(name, error).needed_by_run(),
    };
    match probe::attempt(&[Step::NoNewPrivileges, Step::Filter(&program)]) {
        Ok(()) => works_with_actions(name, program.instructions().len()),
        Err(Failure { source, .. }) => Check::missing(name, source.to_string())
            .means("run refuses to start a container without one")
            .advice("use a kernel with CONFIG_SECCOMP_FILTER"),
    }
    .needed_by_run()
}

fn works_with_actions(name: &'static str, instructions: usize) -> Check {
    let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail");
    let actions = actions.map_or_else(
        |error| format!("which actions the kernel has is unknown: {error}"),
        |actions| format!("actions: {}", actions.trim()),
    );
    Check::works(name, format!("strict profile in force ({instructions} instructions); {actions}"))
}

pub(super) fn security_modules() -> [Check; 2] {
    let modules = fs::read_to_string("/sys/kernel/security/lsm");
    let path_or_label = match &modules {
        Ok(modules) => labelling(modules.trim()),
        Err(error) => {
            Check::unknown("security module", format!("/sys/kernel/security/lsm: {error}"))
                .advice("mount securityfs to see which there are")
        }
    };
    let landlock = match probe::landlock_version() {
        Some(version) => Check::works("Landlock", format!("interface version {version}")),
        None => Check::degraded("Landlock", "not in this kernel, or switched off")
            .means("one layer less; run works without")
            .advice("use Linux 5.13 or newer with landlock among the security modules"),
    };
    [path_or_label, landlock]
}

fn labelling(modules: &str) -> Check {
    let name = "security module";
    let found = modules.split(',').find(|module| ["apparmor", "selinux", "smack"].contains(module));
    match found {
        Some(module) => Check::works(name, format!("{module} (of {modules})")),
        None => Check::degraded(name, format!("none that labels programs (of {modules})"))
            .means("one layer less; run works without")
            .advice(
                "boot a kernel with AppArmor or SELinux where a second line of defence is wanted",
            ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Status, *};

    #[test]
    fn releases_are_read() {
        for (release, expected) in [
            ("6.1.0-37-amd64", Some((6, 1))),
            ("5.15.167.4-microsoft-standard-WSL2", Some((5, 15))),
            ("6.18-rc1", Some((6, 18))),
            ("7", None),
            ("", None),
            ("99999999999.1", None),
        ] {
            assert_eq!(version(release), expected, "{release}");
        }
    }

    #[test]
    fn a_kernel_without_a_labelling_module_is_weaker() {
        assert_eq!(labelling("capability,landlock,bpf").status, Status::Degraded);
        assert_eq!(labelling("lockdown,capability,apparmor").status, Status::Works);
    }

    #[test]
    fn what_root_can_do_is_found_out_by_doing_it() {
        let machine = Machine {
            user: rustix::process::geteuid().as_raw(),
            group: rustix::process::getegid().as_raw(),
            data_directory: std::env::temp_dir().join("does/not/exist"),
            database: None,
        };
        for check in namespaces(&machine) {
            assert!([Status::Works, Status::Missing].contains(&check.status), "{check:?}");
            assert_eq!(check.status == Status::Works, check.advice.is_none(), "{check:?}");
        }
        assert_eq!(system_call_filter().status, Status::Works, "Linux 3.17 and newer");
        for check in [overlay(&machine), user_namespaces(&machine), idmapped_mounts(&machine)] {
            assert!(check.status == Status::Works || check.means.is_some(), "{check:?}");
        }
    }
}
