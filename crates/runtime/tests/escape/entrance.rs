//! What is left in reach where a root is entered by chroot(2): without pivot_root(2), and without a
//! mount namespace of the container's own.

use std::fs;

use cofferdam_oci::runtime::{Hook, Hooks, NamespaceType, Spec};
use serde_json::json;

use crate::{
    bundle::{Bundle, Ran},
    machine::{Caller, Place},
    managed::{Managed, as_engines_do},
};

/// Programs that enter namespaces of their own and mount a procfs there, which shows what the
/// container's own masks.
const MOUNT_PROC: &str = "unshare -U -r true 2>/dev/null || { echo no; exit; }
    unshare -U -r -m -p -f sh -c 'mount -t proc proc /mnt && echo MOUNTED'";

fn with_masks(bundle: &mut Bundle) {
    bundle.change(json!({
        "process": {"user": {"uid": 1000, "gid": 1000}},
        "linux": {"maskedPaths": ["/proc/kcore", "/proc/keys"], "readonlyPaths": ["/proc/sys"]}
    }));
}

#[test]
fn without_pivot_root_no_unmasked_proc_is_in_reach() {
    let Some(bundle) = Bundle::new() else { return };
    for own_ids in [false, true] {
        let mut bundle =
            if own_ids { Bundle::new().unwrap().own_ids() } else { Bundle::new().unwrap() };
        with_masks(&mut bundle);
        for options in [&[][..], &["--no-pivot"]] {
            let mut command = bundle.command(MOUNT_PROC);
            command.args(options);
            let ran = Ran::of(&mut command);
            if ran.out == "no\n" {
                eprintln!("skipped: no user namespaces in containers here");
                return;
            }
            assert_eq!(ran.out, "", "{options:?}, own ids: {own_ids}: {}", ran.err);
        }
    }
    drop(bundle);
}

#[test]
fn without_pivot_root_nothing_else_is_mounted() {
    let Some(bundle) = Bundle::new() else { return };
    let mut command = bundle.command("cut -d' ' -f5 /proc/self/mountinfo; echo; ls /");
    command.arg("--no-pivot");
    let ran = Ran::of(&mut command);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let pivoted = Ran::of(&mut bundle.command("cut -d' ' -f5 /proc/self/mountinfo; echo; ls /"));
    assert_eq!(ran.out, pivoted.out);
}

/// Leaves a root that was entered by chroot(2), if it is no mount that has nothing above it.
const CLIMB: &str = r#"mkdir "/tmp/x"; chroot("/tmp/x") or die "chroot: $!"; chdir("..") for 1..40; chroot(".");
    print "OUT" if -e $ARGV[0]; opendir(my $root, "/"); print join(" ", sort grep { !/^\./ } readdir($root)), "\n";"#;

fn climber(place: &Place) -> Spec {
    let secret = place.path("secret");
    let mut spec = as_engines_do(place, &["/usr/bin/perl", "-e", CLIMB, secret.to_str().unwrap()]);
    spec.linux.as_mut().unwrap().seccomp = None;
    let capabilities = spec.process.as_mut().unwrap().capabilities.as_mut().unwrap();
    for set in
        [&mut capabilities.bounding, &mut capabilities.effective, &mut capabilities.permitted]
    {
        set.push("CAP_SYS_CHROOT".to_owned());
    }
    spec
}

/// What is in the root of the image.
fn root_of(place: &Place) -> String {
    let names = fs::read_dir(place.root()).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.join(" ") + "\n"
}

#[test]
fn nobody_climbs_out_of_a_root_that_was_entered_by_chroot() {
    let Some(place) = Place::new() else { return };
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: not root");
        return;
    }
    if !place.add_perl() {
        return;
    }
    let plain = climber(&place);
    let mut hooked = plain.clone();
    // With such a hook the root is mounted where it is on this machine.
    let hook = Hook { path: "/bin/true".into(), args: Vec::new(), env: Vec::new(), timeout: None };
    hooked.hooks = Some(Hooks { create_container: vec![hook], ..Hooks::default() });
    let mut ephemeral = plain.clone();
    ephemeral.annotations.insert("dev.cofferdam.root.ephemeral".into(), "1048576".into());
    let mut shared = plain.clone();
    let linux = shared.linux.as_mut().unwrap();
    linux.namespaces.retain(|namespace| namespace.kind != NamespaceType::Mount);
    let mut hooked_and_shared = shared.clone();
    hooked_and_shared.hooks.clone_from(&hooked.hooks);
    for (name, spec) in [
        ("plain", &plain),
        ("with a hook", &hooked),
        ("ephemeral", &ephemeral),
        ("without a mount namespace", &shared),
        ("with neither", &hooked_and_shared),
    ] {
        for options in [&[][..], &["--no-pivot"]] {
            let container = Managed::new(&place, &Caller::Root, spec);
            let bundle = container.bundle.to_str().unwrap();
            let command =
                [&["run", "--bundle", bundle], options, &[container.id.as_str()]].concat();
            let ran = container.ask(&command);
            assert_eq!(ran.code, 0, "{name}, {options:?}: {}", ran.stderr);
            assert_eq!(ran.stdout, root_of(&place), "{name}, {options:?}");
        }
    }
}

#[test]
fn a_program_that_follows_gets_the_containers_root() {
    let Some(place) = Place::new() else { return };
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: not root");
        return;
    }
    let mut spec = as_engines_do(&place, &["sleep", "60"]);
    let linux = spec.linux.as_mut().unwrap();
    linux.namespaces.retain(|namespace| namespace.kind != NamespaceType::Mount);
    let container = Managed::new(&place, &Caller::Root, &spec);
    container.create();
    let secret = place.path("secret");
    let look =
        format!("cat '{}' 2>/dev/null; ls -d /home/app; cat /dev/null; pwd", secret.display());
    let ran = container.exec(&look);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "/home/app\n/\n"), "{}", ran.stderr);
    container.start();
    let ran = container.exec(&look);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "/home/app\n/\n"), "{}", ran.stderr);
    for directory in ["/proc/self/cwd", "/proc/1/root", "/proc/1/cwd/.."] {
        let ran = container.ask(&["exec", "--cwd", directory, &container.id, "cat", "secret"]);
        assert_ne!(ran.code, 0, "{directory}: {}", ran.stdout);
    }
}
