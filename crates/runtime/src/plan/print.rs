//! The plan as text, one step a line, for `--dry-run`.

use std::fmt;

use super::{Mount, Node, Plan, What};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "container {}", self.id)?;
        self.fmt_namespaces(f)?;
        self.fmt_root(f)?;
        for mount in &self.mounts {
            writeln!(f, "mount {mount}")?;
        }
        for device in &self.devices {
            let path = device.path.display();
            match device.kind {
                Node::Character(major, minor) => writeln!(f, "device {path} {major}:{minor}")?,
                Node::Block(major, minor) => writeln!(f, "block device {path} {major}:{minor}")?,
                Node::Pipe => writeln!(f, "named pipe {path}")?,
            }
        }
        for path in &self.masked {
            writeln!(f, "mask {}", path.display())?;
        }
        for path in &self.readonly {
            writeln!(f, "read-only {}", path.display())?;
        }
        for (path, value) in &self.parameters {
            writeln!(f, "set /proc/sys/{} to {value}", path.display())?;
        }
        for directory in &self.cgroup.directories {
            write!(f, "cgroup {}", directory.path.display())?;
            for write in &directory.writes {
                write!(f, " {}={}", write.file, write.value)?;
            }
            writeln!(f)?;
        }
        if let Some(rules) = &self.cgroup.devices {
            writeln!(f, "device control by a program of {} rules", rules.len())?;
        }
        for device in &self.net_devices {
            writeln!(f, "move network device {} as {}", device.host, device.inside)?;
        }
        if let Some(resctrl) = &self.resctrl {
            writeln!(f, "resctrl group /{} {}", resctrl.group, resctrl.schemata.join(" "))?;
        }
        self.fmt_process(f)?;
        for given_up in &self.given_up {
            writeln!(f, "given up: {}: {}", given_up.what, given_up.why)?;
        }
        Ok(())
    }
}

impl Plan {
    fn fmt_namespaces(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = cofferdam_oci::runtime::NamespaceType::ALL.iter();
        let new = names.filter(|kind| self.namespaces.contains(super::namespace::flag(**kind)));
        let new: Vec<_> = new.map(|kind| kind.as_str()).collect();
        writeln!(f, "new namespaces {}", new.join(" "))?;
        for joined in &self.joined {
            writeln!(f, "join {} namespace {}", joined.kind, joined.path.display())?;
        }
        if let Some(maps) = &self.ids {
            for (name, map) in [("users", &maps.users), ("groups", &maps.groups)] {
                for range in map {
                    let (inside, outside) = (range.container_id, range.host_id);
                    writeln!(f, "map {name} {inside} to {outside}, {} of them", range.size)?;
                }
            }
        }
        if !self.hostname.is_empty() {
            writeln!(f, "host name {}", self.hostname)?;
        }
        Ok(())
    }

    fn fmt_root(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "root {}", self.root.path.display())?;
        if self.root.mapped {
            write!(f, ", owners mapped")?;
        }
        match self.root.ephemeral {
            Some(size) => write!(f, ", changes to a throw-away layer of {size} bytes")?,
            None => write!(f, ", changes persist")?,
        }
        writeln!(f, "{}", if self.root.readonly { ", read-only" } else { "" })
    }

    fn fmt_process(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let process = &self.process;
        for limit in &process.limits {
            writeln!(f, "limit {} {} {}", limit.name, limit.soft, limit.hard)?;
        }
        let bounding: Vec<_> = process.capabilities.bounding.names().collect();
        let none = if bounding.is_empty() { "none" } else { "" };
        writeln!(f, "capabilities {none}{}", bounding.join(" "))?;
        writeln!(f, "no new privileges {}", if process.no_new_privileges { "yes" } else { "no" })?;
        match &self.filter {
            Some(filter) => {
                let length = filter.program.instructions().len();
                writeln!(f, "system-call filter of {length} instructions")?;
            }
            None => writeln!(f, "system-call filter none")?,
        }
        for (what, label) in
            [("AppArmor profile", &process.apparmor), ("SELinux label", &process.selinux)]
        {
            if let Some(label) = label {
                writeln!(f, "{what} {label}")?;
            }
        }
        if let Some(landlock) = &process.landlock {
            let (paths, ports) = (landlock.paths.len(), landlock.ports.len());
            writeln!(f, "Landlock with {paths} paths and {ports} ports")?;
        }
        let groups: String = process.groups.iter().map(|group| format!(",{group}")).collect();
        writeln!(f, "user {}:{}{groups}", process.user, process.group)?;
        writeln!(f, "directory {}", process.directory.display())?;
        if process.terminal.is_some() {
            writeln!(f, "terminal new")?;
        }
        if process.init {
            writeln!(f, "init process as PID 1")?;
        }
        let arguments = process.arguments.iter().map(|a| format!(" {:?}", a.to_string_lossy()));
        writeln!(f, "run{}", arguments.collect::<String>())
    }
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.destination.display())?;
        match &self.what {
            What::FileSystem { kind, options, .. } => {
                write!(f, "{kind}")?;
                for (key, value) in options {
                    match value {
                        Some(value) => write!(f, " {key}={value}")?,
                        None => write!(f, " {key}")?,
                    }
                }
            }
            What::Bind { source, recursive } => {
                write!(f, "bind {}", source.display())?;
                f.write_str(if *recursive { " recursively" } else { "" })?;
            }
            What::Cgroups(view) => {
                write!(f, "cgroups")?;
                for tree in &view.trees {
                    let only = if tree.foreign { " (ro)" } else { "" };
                    write!(f, " {}{only}", tree.source.display())?;
                }
            }
            What::Again { .. } => write!(f, "as it is mounted")?,
        }
        use cofferdam_sys::mount::attribute::{NODEV, NOEXEC, NOSUID, RDONLY};
        for (bit, name) in
            [(RDONLY, "ro"), (NOSUID, "nosuid"), (NODEV, "nodev"), (NOEXEC, "noexec")]
        {
            if self.attributes.set & bit != 0 {
                write!(f, " {name}")?;
            }
            if self.below.set & bit != 0 {
                write!(f, " r{name}")?;
            }
        }
        let mapped =
            self.id_map.as_ref().map(|map| if map.recursive { " ridmap" } else { " idmap" });
        f.write_str(mapped.unwrap_or_default())
    }
}
