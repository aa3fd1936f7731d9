//! Control groups that systemd makes: a container's scope below a slice
//! (org.freedesktop.systemd1(5), systemd.resource-control(5)).
//!
//! The scope is started with a process that only waits, so that its group is there before the
//! container's process, which can then be made inside. That process ends when the container's is in.

mod property;

use std::path::{Path, PathBuf};

use cofferdam_oci::runtime::Resources;
use cofferdam_sys::{
    channel::Channel,
    clone::{self, Child, Request},
};
use rustix::{
    process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid},
    thread::UnshareFlags,
};

use super::Layout;
use crate::{
    dbus::{BusError, Connection, Message, Value},
    error::{Doing, Error},
};

pub(crate) use property::annotations;

const MANAGER: [&str; 3] =
    ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"];
/// Longest name of a unit, in bytes (systemd.unit(5)).
const LONGEST: usize = 255;
/// The prefix of annotations that ask for properties of the unit.
pub const PROPERTY: &str = "org.systemd.property.";

/// A unit that a container's control group belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name, such as `cofferdam-web.scope`.
    pub name: String,
    /// The slice that it is in.
    pub slice: String,
    /// Properties that it is started with.
    pub properties: Vec<(String, Value)>,
}

impl Unit {
    /// The unit that `/linux/cgroupsPath` names, `SLICE:PREFIX:NAME` as engines write it; without
    /// one, a scope in the default slice.
    ///
    /// # Errors
    /// Why it names none.
    pub(crate) fn named(path: &str, id: &str) -> Result<Self, String> {
        let default = "system.slice";
        let (slice, prefix, name) = if path.is_empty() {
            (default, "cofferdam", id)
        } else {
            let mut parts = path.split(':');
            match (parts.next(), parts.next(), parts.next(), parts.next()) {
                (Some(slice), Some(prefix), Some(name), None) => {
                    (if slice.is_empty() { default } else { slice }, prefix, name)
                }
                _ => return Err(format!("'{path}' is not of the form SLICE:PREFIX:NAME")),
            }
        };
        let unit = match prefix {
            _ if name.is_empty() => return Err(format!("'{path}' names no unit")),
            _ if name.ends_with(".slice") => name.to_owned(),
            "" => format!("{name}.scope"),
            prefix => format!("{prefix}-{name}.scope"),
        };
        check_name(&unit)?;
        slice_path(slice)?;
        if unit.ends_with(".slice") {
            slice_path(&unit)?;
        }
        Ok(Self { name: unit, slice: slice.to_owned(), properties: Vec::new() })
    }

    /// The group's path in each tree.
    ///
    /// # Errors
    /// When a name is none.
    pub(crate) fn path(&self) -> Result<PathBuf, String> {
        if self.is_slice() {
            return Ok(Path::new("/").join(slice_path(&self.name)?));
        }
        Ok(Path::new("/").join(slice_path(&self.slice)?).join(&self.name))
    }

    fn is_slice(&self) -> bool {
        self.name.ends_with(".slice")
    }
}

/// Characters of unit names; nothing of them is a separator of paths or begins an option.
fn check_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    let good = name.len() <= LONGEST && !name.starts_with(['-', '.']) && name.bytes().all(plain);
    if good { Ok(()) } else { Err(format!("'{name}' is no name of a unit")) }
}

/// The path of a slice: each `-` in its name is a level.
fn slice_path(name: &str) -> Result<PathBuf, String> {
    let wrong = || format!("'{name}' is no name of a slice");
    if name == "-.slice" {
        // The root of all.
        return Ok(PathBuf::new());
    }
    check_name(name).map_err(|_| wrong())?;
    let levels = name.strip_suffix(".slice").ok_or_else(wrong)?;
    let mut path = PathBuf::new();
    let mut above = String::new();
    for level in levels.split('-') {
        if level.is_empty() || level.contains('.') {
            return Err(wrong());
        }
        if !above.is_empty() {
            above.push('-');
        }
        above.push_str(level);
        path.push(format!("{above}.slice"));
    }
    Ok(path)
}

/// Properties that limit what `resources` limits.
pub(crate) fn resources(resources: &Resources, layout: &Layout) -> Vec<(String, Value)> {
    property::resources(resources, layout)
}

/// Where the address of the system's bus may be.
const ADDRESS: &str = "DBUS_SYSTEM_BUS_ADDRESS";

/// Whether systemd manages this machine, or is said to be on a bus.
#[must_use]
pub fn is_running() -> bool {
    std::env::var_os(ADDRESS).is_some() || Path::new("/run/systemd/system").is_dir()
}

fn connect() -> Result<Connection, BusError> {
    let address = std::env::var(ADDRESS);
    Connection::open(address.as_deref().unwrap_or("unix:path=/run/dbus/system_bus_socket"))
}

/// A process that keeps a scope alive until the container's is in it.
#[derive(Debug)]
pub(crate) struct Holder {
    child: Child,
    /// The other end of which the process waits for.
    _channel: Channel,
}

impl Holder {
    fn new() -> Result<Self, Error> {
        let (ours, theirs) = Channel::pair().doing("make", "a channel")?;
        let mut ours = Some(ours);
        let request = Request { namespaces: UnshareFlags::empty(), cgroup: None };
        let child = clone::spawn(&request, || {
            ours = None;
            // Until the parent is done or gone.
            let _ = theirs.receive();
            0
        })?;
        let channel = ours.ok_or_else(|| Error::configuration("/", "the channel is gone"))?;
        Ok(Self { child, _channel: channel })
    }

    /// Its process id.
    pub(crate) const fn pid(&self) -> rustix::process::Pid {
        self.child.pid
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        use std::os::fd::AsFd;
        let _ = pidfd_send_signal(&self.child.pidfd, Signal::KILL);
        let _ = waitid(WaitId::PidFd(self.child.pidfd.as_fd()), WaitIdOptions::EXITED);
    }
}

/// Starts a unit, and waits until its group is there.
///
/// # Errors
/// When systemd cannot be talked to, or does not start it.
pub(crate) fn start(unit: &Unit) -> Result<Option<Holder>, Error> {
    let holder = if unit.is_slice() { None } else { Some(Holder::new()?) };
    let mut properties = vec![
        ("Description".to_owned(), Value::String("container of cofferdam-runtime".into())),
        ("DefaultDependencies".to_owned(), Value::Bool(false)),
    ];
    match &holder {
        Some(holder) => {
            let pid = holder.pid().as_raw_nonzero().get().unsigned_abs();
            let pids = Value::Array("u".into(), vec![Value::Uint32(pid)]);
            properties.extend([
                ("Slice".to_owned(), Value::String(unit.slice.clone())),
                ("Delegate".to_owned(), Value::Bool(true)),
                ("PIDs".to_owned(), pids),
            ]);
        }
        None => {
            let slice = Value::Array("s".into(), vec![Value::String(unit.slice.clone())]);
            properties.push(("Wants".to_owned(), slice));
        }
    }
    properties.extend(unit.properties.iter().cloned());
    begin(unit, &properties).doing("have systemd start the unit", &unit.name)?;
    Ok(holder)
}

fn begin(unit: &Unit, properties: &[(String, Value)]) -> Result<(), BusError> {
    let mut bus = connect()?;
    let rule = "type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";
    let own = ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"];
    bus.call(Message::call(own, "AddMatch", vec![Value::String(rule.into())]))?;
    // Without a subscription systemd sends signals to nobody but other subscribers.
    bus.call(Message::call(MANAGER, "Subscribe", Vec::new()))?;
    let body = vec![
        Value::String(unit.name.clone()),
        Value::String("replace".into()),
        properties_value(properties),
        Value::Array("(sa(sv))".into(), Vec::new()),
    ];
    let answer = match bus.call(Message::call(MANAGER, "StartTransientUnit", body)) {
        // A slice is shared by the containers in it.
        Err(BusError::Failed { name, .. }) if unit.is_slice() && name.ends_with(".UnitExists") => {
            return Ok(());
        }
        answer => answer?,
    };
    let job = answer.first().and_then(Value::text).unwrap_or_default().to_owned();
    let of_job = |message: &Message| {
        message.member.as_deref() == Some("JobRemoved")
            && message.body.get(1).and_then(Value::text) == Some(job.as_str())
    };
    let signal = bus.wait_for(of_job)?;
    match signal.body.get(3).and_then(Value::text) {
        Some("done") => Ok(()),
        result => Err(BusError::Failed {
            name: "the job has ended".into(),
            text: format!("as '{}'", result.unwrap_or("unknown")),
        }),
    }
}

fn properties_value(properties: &[(String, Value)]) -> Value {
    let one = |(name, value): &(String, Value)| {
        let value = Value::Variant(Box::new(value.clone()));
        Value::Struct(vec![Value::String(name.clone()), value])
    };
    Value::Array("(sv)".into(), properties.iter().map(one).collect())
}

/// Changes limits of a unit, which systemd would else put back some day.
///
/// # Errors
/// When systemd cannot be talked to, or refuses them.
pub(crate) fn update(name: &str, properties: &[(String, Value)]) -> Result<(), Error> {
    if properties.is_empty() {
        return Ok(());
    }
    let set = || {
        let body = vec![
            Value::String(name.to_owned()),
            // Until the unit ends.
            Value::Bool(true),
            properties_value(properties),
        ];
        connect()?.call(Message::call(MANAGER, "SetUnitProperties", body))
    };
    set().map(drop).doing("have systemd change the unit", name)
}

/// Has a unit stopped; one that is gone already is as good.
///
/// # Errors
/// When systemd cannot be talked to, or refuses.
pub(crate) fn stop(name: &str) -> Result<(), Error> {
    if name.ends_with(".slice") {
        // Other containers may be in it.
        return Ok(());
    }
    let stop = || {
        let body = vec![Value::String(name.to_owned()), Value::String("replace".into())];
        match connect()?.call(Message::call(MANAGER, "StopUnit", body)) {
            Err(BusError::Failed { name, .. }) if name.ends_with(".NoSuchUnit") => Ok(()),
            answer => answer.map(drop),
        }
    };
    stop().doing("have systemd stop the unit", name)
}

/// Whether a name that was kept can be a unit's.
pub(crate) fn is_name(name: &str) -> bool {
    check_name(name).is_ok() && (name.ends_with(".scope") || name.ends_with(".slice"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_named_as_engines_write_them() {
        for (path, unit, wanted) in [
            ("", "cofferdam-c1.scope", "/system.slice/cofferdam-c1.scope"),
            (":crio:abc", "crio-abc.scope", "/system.slice/crio-abc.scope"),
            ("machine.slice::abc", "abc.scope", "/machine.slice/abc.scope"),
            (
                "kubepods-burstable-pod1.slice:cri-containerd:abc",
                "cri-containerd-abc.scope",
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-abc.scope",
            ),
            ("-.slice:a:b", "a-b.scope", "/a-b.scope"),
            ("x.slice:a:y-z.slice", "y-z.slice", "/y.slice/y-z.slice"),
        ] {
            let found = Unit::named(path, "c1").unwrap();
            assert_eq!(
                (found.name.as_str(), found.path().unwrap().to_str().unwrap()),
                (unit, wanted)
            );
            assert!(is_name(unit));
        }
    }

    #[test]
    fn what_is_no_unit_is_refused() {
        for path in [
            "/a/b",
            "a:b",
            "a:b:c",
            "a.slice:b:c:d",
            "a.slice:b:",
            "../a.slice:b:c",
            "a--b.slice:b:c",
            "-a.slice:b:c",
            ".slice:b:c",
            "a.slice:b:../../etc",
            "a.slice:b:c d",
            "a.slice:b:c\nExecStart=/evil",
            "a.slice:b:c;d",
            "a.b.slice:b:c",
            "a.slice:x:a--b.slice",
            &format!("a.slice:b:{}", "c".repeat(300)),
        ] {
            assert!(Unit::named(path, "c1").is_err(), "{path}");
        }
        for name in ["", "x", "x.service", "../x.scope", "x/y.scope", "-x.scope", "x y.scope"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
