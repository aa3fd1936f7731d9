//! Control groups that systemd makes, by a stand-in for it on a bus of the test's own: it makes
//! the groups as systemd does, and keeps what it was asked for.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use cofferdam_oci::runtime::{Memory, Pids, Spec};
use cofferdam_runtime::{
    cgroup::Layout,
    dbus::{BusError, Connection, Kind, Message, Value},
};

use crate::{
    machine::{Caller, Place, Ran, callers, is_there},
    managed::{Managed, as_engines_do},
};

type Calls = Arc<Mutex<Vec<(String, Vec<Value>)>>>;

/// A bus with something on it that is called systemd.
struct Systemd {
    daemon: Child,
    address: String,
    calls: Calls,
    slice: String,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Directories where systemd makes groups.
fn trees() -> Vec<PathBuf> {
    match Layout::detect() {
        Layout::Unified { .. } => vec!["/sys/fs/cgroup".into()],
        Layout::Split { trees, .. } => {
            let managed = ["systemd", "pids", "memory", "cpu"];
            let is_managed = |controllers: &[String]| {
                controllers.iter().any(|name| managed.contains(&name.as_str()))
            };
            let found = trees.into_iter().filter(|tree| is_managed(&tree.controllers));
            found.map(|tree| tree.mounted).collect()
        }
        Layout::Absent => Vec::new(),
    }
}

impl Systemd {
    /// `None`, with the reason printed, where it cannot be.
    fn new(place: &Place) -> Option<Self> {
        if !is_there("dbus-daemon") {
            eprintln!("skipped: no dbus-daemon");
            return None;
        }
        if trees().is_empty() {
            eprintln!("skipped: no control groups");
            return None;
        }
        let socket = place.path("bus");
        let configuration = place.path("bus.conf");
        let text = format!(
            "<busconfig><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
             <policy context='default'><allow send_destination='*'/><allow receive_sender='*'/>\
             <allow own='*'/><allow user='*'/></policy></busconfig>",
            socket.display()
        );
        fs::write(&configuration, text).unwrap();
        let daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", configuration.display()))
            .args(["--nofork", "--nopidfile", "--nosyslog"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..500 {
            if socket.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let address = format!("unix:path={}", socket.display());
        let slice = format!("cofferdamtest{}.slice", std::process::id());
        let calls = Calls::default();
        let mut bus = Connection::open(&address).unwrap();
        let own = ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"];
        let name = Value::String("org.freedesktop.systemd1".into());
        bus.call(Message::call(own, "RequestName", vec![name, Value::Uint32(4)])).unwrap();
        let thread = std::thread::spawn({
            let (calls, slice) = (Arc::clone(&calls), slice.clone());
            move || serve(&mut bus, &calls, &slice)
        });
        Some(Self { daemon, address, calls, slice, thread: Some(thread) })
    }

    fn called(&self, member: &str) -> Vec<Vec<Value>> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(name, _)| name == member).map(|(_, body)| body.clone()).collect()
    }

    /// Runs a command of the runtime's with systemd as manager; what a container that it makes
    /// says is lost.
    fn run(&self, container: &Managed<'_>, arguments: &[&str]) -> Ran {
        let stderr = container.bundle.join("said");
        let mut command = container.command(&[&["--systemd-cgroup"], arguments].concat());
        command.env("DBUS_SYSTEM_BUS_ADDRESS", &self.address);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&stderr).unwrap());
        let status = command.status().unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: String::new(),
            stderr: fs::read_to_string(stderr).unwrap(),
        }
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // Also in trees of v1 that systemd does not look after, where the runtime has made it.
        let root = Path::new("/sys/fs/cgroup");
        let _ = fs::remove_dir(root.join(&self.slice));
        for tree in fs::read_dir(root).into_iter().flatten().filter_map(Result::ok) {
            let _ = fs::remove_dir(tree.path().join(&self.slice));
        }
    }
}

fn serve(bus: &mut Connection, calls: &Calls, slice: &str) {
    loop {
        let call = match bus.receive() {
            Ok(message) if message.kind == Kind::Call => message,
            Ok(_) | Err(BusError::TimedOut) => continue,
            // The bus has gone with the test.
            Err(_) => return,
        };
        let member = call.member.clone().unwrap_or_default();
        calls.lock().unwrap().push((member.clone(), call.body.clone()));
        let unit = call.body.first().and_then(Value::text).unwrap_or_default().to_owned();
        let job = Value::Path("/org/freedesktop/systemd1/job/7".into());
        let answer = match member.as_str() {
            "StopUnit" if unit.contains("gone") => {
                let name = "org.freedesktop.systemd1.NoSuchUnit";
                Message::failure(&call, name, "it is not loaded")
            }
            "StartTransientUnit" | "StopUnit" => Message::answer(&call, vec![job.clone()]),
            _ => Message::answer(&call, Vec::new()),
        };
        bus.send(&answer).unwrap();
        if member == "StartTransientUnit" {
            let result = if unit.contains("fails") { "failed" } else { start(&call, slice) };
            let body =
                vec![Value::Uint32(7), job, Value::String(unit), Value::String(result.into())];
            let (path, interface) =
                ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager");
            bus.send(&Message::signal(path, interface, "JobRemoved", body)).unwrap();
        }
    }
}

/// The value of a property in a call.
fn property(body: &[Value], at: usize, wanted: &str) -> Option<Value> {
    let Some(Value::Array(_, all)) = body.get(at) else { return None };
    all.iter().find_map(|one| match one {
        Value::Struct(pair) => match &pair[..] {
            [Value::String(name), Value::Variant(value)] if name == wanted => {
                Some(value.as_ref().clone())
            }
            _ => None,
        },
        _ => None,
    })
}

/// Makes the groups and moves the processes in.
fn start(call: &Message, slice: &str) -> &'static str {
    let unit = call.body[0].text().unwrap();
    let Some(Value::Array(_, pids)) = property(&call.body, 2, "PIDs") else { return "failed" };
    for tree in trees() {
        let group = tree.join(slice).join(unit);
        fs::create_dir_all(&group).unwrap();
        for pid in &pids {
            let Value::Uint32(pid) = pid else { return "failed" };
            fs::write(group.join("cgroup.procs"), pid.to_string()).unwrap();
        }
    }
    "done"
}

fn spec(place: &Place, path: &str) -> Spec {
    let mut spec = as_engines_do(place, &["sleep", "60"]);
    let linux = spec.linux.as_mut().unwrap();
    linux.cgroups_path = path.to_owned();
    let resources = linux.resources.get_or_insert_default();
    resources.pids = Some(Pids { limit: Some(77) });
    resources.memory = Some(Memory { limit: Some(64 << 20), ..Memory::default() });
    spec.annotations
        .insert("org.systemd.property.CollectMode".into(), "'inactive-or-failed'".into());
    spec
}

fn ready() -> Option<Place> {
    let place = Place::new()?;
    if callers().is_empty() { None } else { Some(place) }
}

#[test]
fn a_container_is_in_the_scope_that_systemd_makes() {
    let Some(place) = ready() else { return };
    let Some(systemd) = Systemd::new(&place) else { return };
    let path = format!("{}:cofferdam:c{}", systemd.slice, std::process::id());
    let container = Managed::new(&place, &Caller::Root, &spec(&place, &path));
    let bundle = container.bundle.to_str().unwrap();
    let ran = systemd.run(&container, &["create", "--bundle", bundle, &container.id]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let unit = format!("cofferdam-c{}.scope", std::process::id());
    let started = systemd.called("StartTransientUnit");
    assert_eq!(started.len(), 1);
    let asked = |name| property(&started[0], 2, name);
    assert_eq!(started[0][..2], [Value::String(unit.clone()), Value::String("replace".into())]);
    assert_eq!(asked("Slice"), Some(Value::String(systemd.slice.clone())));
    assert_eq!(asked("Delegate"), Some(Value::Bool(true)));
    assert_eq!(asked("TasksMax"), Some(Value::Uint64(77)));
    assert_eq!(asked("CollectMode"), Some(Value::String("inactive-or-failed".into())));

    let pid = container.told()["pid"].to_string();
    let below = format!("/{}/{unit}", systemd.slice);
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(groups.lines().filter(|line| line.ends_with(&below)).count() >= trees().len());
    // The process that kept the scope alive is gone, and limits are in force at once.
    let pids = trees().into_iter().find(|tree| tree.join(&below[1..]).join("pids.max").exists());
    if let Some(tree) = &pids {
        let group = tree.join(&below[1..]);
        assert_eq!(fs::read_to_string(group.join("cgroup.procs")).unwrap().trim(), pid);
        assert_eq!(fs::read_to_string(group.join("pids.max")).unwrap().trim(), "77");
    }
    assert_eq!(systemd.run(&container, &["start", &container.id]).code, 0);
    assert_eq!(container.exec("true").code, 0);
    let inspected = container.ask(&["inspect", "--isolation", &container.id]);
    assert_eq!(inspected.code, 0, "{} {}", inspected.stdout, inspected.stderr);

    let ran = systemd.run(&container, &["update", "--pids-limit", "66", &container.id]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let changed = systemd.called("SetUnitProperties");
    assert_eq!(changed[0][0], Value::String(unit.clone()));
    assert_eq!(property(&changed[0], 2, "TasksMax"), Some(Value::Uint64(66)));

    let ran = systemd.run(&container, &["delete", "--force", &container.id]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(systemd.called("StopUnit")[0][0], Value::String(unit));
    for tree in trees() {
        assert!(!tree.join(&below[1..]).exists(), "{}", tree.display());
    }
}

#[test]
fn what_does_not_start_leaves_nothing() {
    let Some(place) = ready() else { return };
    let Some(systemd) = Systemd::new(&place) else { return };
    let name = format!("fails{}", std::process::id());
    let path = format!("{}::{name}", systemd.slice);
    let container = Managed::new(&place, &Caller::Root, &spec(&place, &path));
    let bundle = container.bundle.to_str().unwrap();
    let ran = systemd.run(&container, &["create", "--bundle", bundle, &container.id]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("as 'failed'"), "{}", ran.stderr);
    assert!(!Path::new(&container.state()).join(&container.id).exists());
    // A program that is not there, in a scope that is; it is gone when it is to be stopped.
    let path = format!("{}::gone{}", systemd.slice, std::process::id());
    let mut broken = spec(&place, &path);
    broken.process.as_mut().unwrap().args = vec!["/no/such/program".into()];
    let container = Managed::new(&place, &Caller::Root, &broken);
    let bundle = container.bundle.to_str().unwrap();
    let ran = systemd.run(&container, &["run", "--bundle", bundle, &container.id]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("no such file"), "{}", ran.stderr);
    assert!(!systemd.called("StopUnit").is_empty());
    for tree in trees() {
        let group = tree.join(&systemd.slice).join(format!("gone{}.scope", std::process::id()));
        assert!(!group.exists(), "{}", group.display());
    }
}

/// CVE-2022-0811 and CVE-2024-3154: neither names nor annotations reach what they should not.
#[test]
fn nothing_else_is_passed_to_systemd() {
    let Some(place) = ready() else { return };
    let Some(systemd) = Systemd::new(&place) else { return };
    let good = format!("{}:a:b", systemd.slice);
    let refused = |spec: &Spec, field: &str| {
        let container = Managed::new(&place, &Caller::Root, spec);
        let bundle = container.bundle.to_str().unwrap();
        let ran = systemd.run(&container, &["create", "--bundle", bundle, &container.id]);
        assert_eq!(ran.code, 1, "{field}");
        assert!(ran.stderr.contains(field), "{field}: {}", ran.stderr);
    };
    for (name, value) in [
        ("ExecStart", "[('/bin/sh', ['sh', '-c', 'evil'], false)]"),
        ("User", "'root'"),
        ("DeviceAllow", "[('/dev/sda', 'rwm')]"),
        ("MemoryMax", "uint64 18446744073709551615"),
        ("CollectMode", "'inactive'\nExecStart=/evil"),
    ] {
        let mut spec = spec(&place, &good);
        spec.annotations.insert(format!("org.systemd.property.{name}"), value.into());
        refused(&spec, &format!("org.systemd.property.{name}"));
    }
    for path in ["/a/b", "a:b", "../../etc.slice:a:b", "system.slice:a:b/../../c", "x.slice:a:b\nc"]
    {
        refused(&spec(&place, path), "/linux/cgroupsPath");
    }
    assert!(systemd.called("StartTransientUnit").is_empty());
}

#[test]
fn without_systemd_that_is_said() {
    let Some(place) = ready() else { return };
    let container = Managed::new(&place, &Caller::Root, &spec(&place, "x.slice:a:b"));
    let bundle = container.bundle.to_str().unwrap();
    let socket = place.path("none");
    for address in [format!("unix:path={}", socket.display()), "tcp:host=x".into()] {
        let arguments = ["--systemd-cgroup", "create", "--bundle", bundle, &container.id];
        let mut command = container.command(&arguments);
        let ran = Ran::new(command.env("DBUS_SYSTEM_BUS_ADDRESS", address).output().unwrap());
        assert_eq!(ran.code, 1);
        let wanted = "could not have systemd start the unit 'a-b.scope'";
        assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
    }
}
