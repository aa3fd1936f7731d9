//! The same for an ordinary user.

use std::{path::Path, process::Command, time::Duration};

use crate::machine::{Machine, skip, until};

/// A user who exists while this does.
struct User {
    name: String,
    id: u32,
}

impl User {
    fn new() -> Option<Self> {
        let is_there = |program: &str| {
            ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
                .iter()
                .any(|directory| Path::new(directory).join(program).is_file())
        };
        let missing = ["newuidmap", "useradd", "setpriv"].into_iter().find(|p| !is_there(p));
        if let Some(missing) = missing {
            skip(&format!("containers of an ordinary user, as '{missing}' is missing"));
            return None;
        }
        if !rustix::process::geteuid().is_root() {
            skip("not root, who could make a user");
            return None;
        }
        let name = format!("coffd{}", std::process::id());
        let add = || Command::new("useradd").args(["-M", "-s", "/bin/false", &name]).output();
        let mut added = add().unwrap();
        // Another test may have the tables of users just now.
        for _ in 0..50 {
            if added.status.success() {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
            added = add().unwrap();
        }
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let output = Command::new("id").args(["-u", &name]).output().unwrap();
        let id = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        Some(Self { name, id })
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = Command::new("userdel").arg(&self.name).output();
    }
}

#[test]
fn an_ordinary_user_has_all_of_it_too() {
    let Some(user) = User::new() else { return };
    let Some(machine) = Machine::of_user(&user.name, user.id) else { return };
    let script = "echo $(id -u); echo x > /data/x; cat /proc/self/uid_map; sleep 1000";
    let container = machine.detached(&["-v", "mine:/data", "--restart", "always"], script);
    until("it has written", || container.logs().lines().count() >= 2);
    let text = container.logs();
    let numbers: Vec<u32> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    assert_eq!(numbers[..4], [0, 0, user.id, 1], "root inside is the user: {text}");
    assert_eq!(container.row(&[]).unwrap()["status"], "running");
    let (status, text) = machine.run(&["exec", "-u", "app", &container.name, "id", "-u"]);
    assert_eq!((status, text.as_str()), (0, "1000\n"));
    // Another at the same time; there may be one range of ids only.
    let (status, text) = machine.shell(&["-v", "mine:/data:ro"], "cat /data/x");
    assert!(status == 0 && text.starts_with("x\n"), "{text}");
    let (status, text) = machine.shell(&["-v", "/etc:/x:ro"], "true");
    assert!(status == 125 && text.contains("could not show"), "{text}");
    machine.ok(&["stop", "-t", "0", &container.name]);
    assert_eq!(container.status(), "ended");
    machine.ok(&["rm", &container.name]);
    machine.ok(&["volume", "rm", "mine"]);
    broken_record(&machine);
    // Nobody else's containers are seen.
    let root = Machine::new().unwrap();
    assert!(!root.ok(&["ps", "--all"]).contains(&container.name));
}

/// What cannot be read is told of, and can be removed.
fn broken_record(machine: &Machine) {
    let container = machine.detached(&[], "true");
    container.wait();
    let folder = machine.path().join("run/cofferdam/records").join(&container.name);
    std::fs::write(folder.join("record.json"), "{\"version\":1,\"rootfs\":\"../..\"}").unwrap();
    let (status, text) = machine.run(&["ps", "--all"]);
    assert!(status == 0 && text.contains(&container.name), "{text}");
    let (status, text) = machine.run(&["rm", &container.name]);
    assert!(status == 2 && text.contains("record.json"), "{text}");
    let (status, text) = machine.run(&["volume", "ls"]);
    assert_eq!(status, 0, "{text}");
    machine.ok(&["rm", "--force", &container.name]);
    assert!(!folder.exists());
}
