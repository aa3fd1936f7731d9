//! The isolation of real processes, made by other tools, as the kernel tells it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use cofferdam_runtime::explain::{Layer, ReadFilters, Seen, State, layers, observe};
use cofferdam_runtime::profile::{strict, to_policy};
use cofferdam_sys::seccomp::{Arch, Flags, compile, install};

/// Ends the process by closing its input when the test is over, and waits for it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a shell that waits for its input to end, in front of which stand `words`. `None`
/// where that is not possible.
fn start(words: &[&str]) -> Option<Running> {
    let mut command = Command::new(words.first().copied().unwrap_or("sh"));
    command.args(words.get(1..).unwrap_or_default());
    if !words.is_empty() {
        command.arg("sh");
    }
    command.args(["-c", "echo ready; read line"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = Running(command.spawn().ok()?);
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (line == "ready\n").then_some(running)
}

fn state(layers: &[Layer], name: &str) -> State {
    layers.iter().find(|layer| layer.name == name).unwrap().state
}

#[test]
fn namespaces_that_were_made_are_seen() {
    let Some(running) =
        start(&["unshare", "--user", "--map-root-user", "--net", "--uts", "--ipc", "--mount"])
    else {
        eprintln!("skipped: unshare makes no user namespace here");
        return;
    };
    let layers = layers(&observe(running.0.id(), ReadFilters::No).unwrap(), &[]);
    for name in ["network namespace", "IPC namespace", "host name namespace", "mount namespace"] {
        assert_eq!(state(&layers, name), State::InForce, "{name}");
    }
    let expected =
        if rustix::process::geteuid().is_root() { State::Partly } else { State::InForce };
    assert_eq!(state(&layers, "user namespace"), expected, "{layers:?}");
    for name in ["process namespace", "system call filter", "no new privileges"] {
        assert_eq!(state(&layers, name), State::NotInForce, "{name}");
    }
}

#[test]
fn the_strict_filter_is_seen_and_tried() {
    let arch = Arch::host().unwrap();
    let program = compile(&to_policy(&strict(), arch).unwrap().policy, arch).unwrap();
    let length = program.instructions().len();
    let thread = std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        install(&program, Flags::NONE).unwrap();
        start(&[]).unwrap()
    });
    let running = thread.join().unwrap();
    let observation = observe(running.0.id(), ReadFilters::Yes).unwrap();
    let found = layers(&observation, &[]);
    assert_eq!(state(&found, "system call filter"), State::InForce, "{found:?}");
    assert_eq!(state(&found, "no new privileges"), State::InForce);
    match &observation.filters {
        Seen::Known(filters) => {
            assert_eq!(filters.lengths, [length]);
            assert!(filters.probes.iter().all(|probe| probe.refused), "{filters:?}");
        }
        Seen::Unknown(why) if rustix::process::geteuid().is_root() => panic!("{why}"),
        Seen::Unknown(why) => eprintln!("skipped: {why}"),
    }
}

/// As root this starts itself again as a user without rights.
#[test]
fn what_an_ordinary_user_may_not_see_is_unknown() {
    const NOBODY: u32 = 65534;
    if rustix::process::geteuid().is_root() {
        let own = std::env::current_exe().unwrap();
        let mut command = Command::new(own);
        command.args(["--exact", "what_an_ordinary_user_may_not_see_is_unknown"]);
        match command.uid(NOBODY).gid(NOBODY).current_dir("/").output() {
            Ok(output) => assert!(output.status.success(), "{output:?}"),
            Err(error) => eprintln!("skipped: nobody may not run this test: {error}"),
        }
        return;
    }
    let observation = observe(1, ReadFilters::Yes).unwrap();
    let layers = layers(&observation, &[]);
    assert_eq!(state(&layers, "process namespace"), State::Unknown, "{layers:?}");
    assert!(observation.filters.why().is_some());
}
