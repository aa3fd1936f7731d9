//! Links that are exchanged with directories and files of a volume while containers are made:
//! CVE-2021-30465, CVE-2024-45310 (mounts), CVE-2025-31133 (what masks paths), CVE-2025-52565 (the
//! terminal).
//!
//! Each race is tried 100 times, or as often as `COFFERDAM_RACE_ROUNDS` says; 1,000 are wanted
//! before a release.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rustix::fs::{CWD, FileType, Mode, RenameFlags, makedev, mknodat, renameat_with};
use serde_json::json;

use crate::{
    bundle::{Bundle, Ran},
    filesystem::{bind, prizes},
    machine::{Caller, Place, callers},
};

/// How many containers are made at a time.
const WORKERS: usize = 4;

fn rounds() -> usize {
    let asked = std::env::var("COFFERDAM_RACE_ROUNDS").ok();
    asked.map_or(100, |text| text.parse().expect("COFFERDAM_RACE_ROUNDS is a number"))
}

/// Two names in a directory that are exchanged over and over.
struct Exchanged {
    directory: tempfile::TempDir,
    place: PathBuf,
    link: PathBuf,
}

impl Exchanged {
    /// A volume with something at `place`, and beside it a link.
    fn new(place: &str, make: impl Fn(&Path), link_to: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let volume = directory.path().join("volume");
        fs::create_dir(&volume).unwrap();
        let (place, link) = (volume.join(place), volume.join("link"));
        make(&place);
        symlink(link_to, &link).unwrap();
        Self { directory, place, link }
    }

    fn volume(&self) -> PathBuf {
        self.directory.path().join("volume")
    }

    /// Runs containers meanwhile; how many of them have started.
    fn race(&self, command: impl Fn() -> Command + Sync) -> usize {
        let (over, next) = (AtomicBool::new(false), AtomicUsize::new(0));
        let (rounds, started) = (rounds(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let exchange = RenameFlags::EXCHANGE;
                    let _ = renameat_with(CWD, &self.place, CWD, &self.link, exchange);
                }
            });
            let work = || {
                while next.fetch_add(1, Ordering::Relaxed) < rounds {
                    let ran = Ran::of(&mut command());
                    started.fetch_add(usize::from(ran.code == 0), Ordering::Relaxed);
                    assert!(ran.code == 0 || ran.code == 125, "{ran:?}");
                }
            };
            let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
            let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
            over.store(true, Ordering::Relaxed);
            assert!(results.into_iter().all(|result| result.is_ok()));
        });
        started.load(Ordering::Relaxed)
    }
}

/// Lines of this machine's mount table about a directory of the test's.
fn mounted(below: &Path) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let ours = table.lines().filter(|line| line.contains(below.to_str().unwrap()));
    ours.map(str::to_owned).collect()
}

#[test]
fn links_exchanged_under_a_mount_lead_nowhere() {
    let Some(bundle) = Bundle::new() else { return };
    let victim = bundle.path("victim");
    fs::create_dir(&victim).unwrap();
    let up = format!("../../../../../../../../..{}", victim.display());
    let exchanged = Exchanged::new("place", |place| fs::create_dir(place).unwrap(), &up);
    let volume = exchanged.volume();
    let mut config = bundle;
    config.mount(bind(&volume, "/volume"));
    // Mounted inside what is exchanged, and made there with the directories on the way.
    config.mount(json!({"destination": "/volume/place/memory", "type": "tmpfs"}));
    config.mount(bind(&volume, "/volume/place/deep/er/directory"));
    let started = exchanged.race(|| config.command("true"));
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0, "something was made outside");
    assert_eq!(mounted(exchanged.directory.path()), [""; 0]);
    assert_eq!(mounted(&victim), [""; 0]);
    assert!(started > 0, "some of them start");
}

/// The same as an ordinary user, whose containers have a user namespace.
#[test]
fn nor_do_they_for_an_ordinary_user() {
    let Some(place) = Place::new() else { return };
    for caller in callers().into_iter().filter(|caller| matches!(caller, Caller::User(_))) {
        let victim = place.path("victim");
        fs::create_dir(&victim).unwrap();
        caller.own(&victim);
        let up = format!("../../../../../../../../..{}", victim.display());
        let exchanged = Exchanged::new("place", |place| fs::create_dir(place).unwrap(), &up);
        let volume = exchanged.volume();
        for path in [exchanged.directory.path(), &volume, &volume.join("place")] {
            caller.own(path);
        }
        let mut spec = place.spec(&caller, &place.request(&["true"]));
        for mount in [
            bind(&volume, "/volume"),
            json!({"destination": "/volume/place/memory", "type": "tmpfs"}),
            bind(&volume, "/volume/place/deep/er/directory"),
        ] {
            spec.mounts.push(serde_json::from_value(mount).unwrap());
        }
        let started = exchanged.race(|| place.command(&caller, &spec));
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0, "something was made outside");
        assert_eq!(mounted(&victim), [""; 0]);
        assert!(started > 0, "some of them start");
    }
}

fn null(at: &Path) {
    let mode = Mode::from_raw_mode(0o666);
    mknodat(CWD, at, FileType::CharacterDevice, mode, makedev(1, 3)).unwrap();
}

/// Whether device nodes can be made for the test.
fn can_make_devices() -> bool {
    let directory = tempfile::tempdir().unwrap();
    let mode = Mode::from_raw_mode(0o600);
    let made =
        mknodat(CWD, directory.path().join("null"), FileType::CharacterDevice, mode, makedev(1, 3));
    if made.is_err() {
        eprintln!("skipped: no device node can be made here");
    }
    made.is_ok()
}

#[test]
fn a_null_that_is_exchanged_masks_and_opens_nothing() {
    let Some(bundle) = Bundle::new() else { return };
    if !can_make_devices() {
        return;
    }
    let before = prizes();
    for target in ["../proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"] {
        let exchanged = Exchanged::new("null", null, target);
        let mut changed = Bundle::new().unwrap();
        fs::write(changed.root().join("etc/secret"), "secret").unwrap();
        let mounts = changed.config["mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
        changed.mount(bind(&exchanged.volume(), "/dev"));
        changed.change(json!({"linux": {"maskedPaths": ["/etc/secret", "/proc/keys"]}}));
        let script = "[ $(stat -c %t:%T /etc/secret) = 1:3 ] && [ -z \"$(cat /etc/secret)\" ] && \
                      echo evil > /etc/secret";
        let started = exchanged.race(|| changed.command(script));
        assert!(started > 0, "{target}: some of them start");
    }
    drop(bundle);
    assert_eq!(prizes(), before);
}

#[test]
fn a_console_that_is_exchanged_is_no_terminal() {
    let Some(bundle) = Bundle::new() else { return };
    let before = prizes();
    let victim = bundle.path("victim");
    fs::write(&victim, "victim").unwrap();
    for target in [victim.to_str().unwrap(), "../proc/sys/kernel/core_pattern"] {
        let make = |place: &Path| fs::write(place, "").unwrap();
        let exchanged = Exchanged::new("console", make, target);
        fs::create_dir(exchanged.volume().join("pts")).unwrap();
        let mut changed = Bundle::new().unwrap();
        let mounts = changed.config["mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| mount["destination"] != "/dev");
        mounts.insert(1, bind(&exchanged.volume(), "/dev"));
        changed.change(json!({"process": {"terminal": true}}));
        // Where the link is at that moment, the volume's owner may see what is written to it.
        exchanged.race(|| changed.command("true"));
    }
    assert_eq!(fs::read_to_string(victim).unwrap(), "victim");
    assert_eq!(prizes(), before);
}
