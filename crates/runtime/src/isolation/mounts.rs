//! The mounts of a container against the plan.

use std::path::Path;

use cofferdam_sys::mount::attribute;

use super::{Evidence, Place, Severity, There, difference::Findings, limits::RESTART};
use crate::{
    explain::{Mount, Observation},
    plan::{self, Plan, What, option::MS_SHARED},
};

const UNMOUNT: &str = "find out who has mounted it, and start the container anew";

/// Compares the mounts that the first process sees.
pub(super) fn compare(plan: &Plan, evidence: &Evidence, seen: &Observation, out: &mut Findings) {
    let pid = Some(seen.pid);
    let Some(mounts) = out.known(pid, "mount namespace", &seen.mounts) else { return };
    let scene = Scene { plan, evidence, mounts, pid };
    scene.root(out);
    for path in &plan.masked {
        scene.masked(path, out);
    }
    for path in plan.readonly.iter().filter(|path| !plan.masked.contains(path)) {
        scene.readonly(path, out);
    }
    for (index, planned) in plan.mounts.iter().enumerate() {
        let is_hidden = plan.mounts[index + 1..]
            .iter()
            .any(|later| planned.destination.starts_with(&later.destination))
            || plan.masked.iter().any(|masked| planned.destination.starts_with(masked));
        if !is_hidden && !matches!(planned.what, What::Again { .. }) {
            scene.planned(planned, out);
        }
    }
    scene.unplanned(out);
    scene.shared(out);
}

struct Scene<'a> {
    plan: &'a Plan,
    evidence: &'a Evidence,
    mounts: &'a [Mount],
    pid: Option<u32>,
}

impl<'a> Scene<'a> {
    /// What is at a path that the plan is about, with its mount; `None` if nothing is, or that is
    /// not known, which is a gap.
    fn at(
        &self,
        path: &Path,
        layer: &'static str,
        out: &mut Findings,
    ) -> Option<(There, Option<&'a Mount>)> {
        let place = self.evidence.places.iter().find(|place| place.path == path)?;
        let there = (*out.known(self.pid, layer, &place.found)?)?;
        Some((there, self.mount(there.mount)))
    }

    fn mount(&self, id: u64) -> Option<&'a Mount> {
        self.mounts.iter().find(|mount| mount.id == id)
    }

    fn root(&self, out: &mut Findings) {
        const LAYER: &str = "image kept unchanged";
        if !self.plan.root.readonly {
            return;
        }
        let root = self.at(Path::new("/"), LAYER, out).and_then(|(_, mount)| mount);
        if root.is_some_and(|mount| !mount.is_read_only()) {
            let what = "the root file system can be written to";
            out.differ(Severity::Medium, LAYER, self.pid, what, "read-only", "writable", RESTART);
        }
    }

    fn masked(&self, path: &Path, out: &mut Findings) {
        const LAYER: &str = "kernel files hidden";
        let Some((there, mount)) = self.at(path, LAYER, out) else { return };
        let is_empty = there.is_mount_root != Some(false)
            && mount.is_some_and(|mount| mount.kind == "tmpfs" && mount.is_read_only());
        if there.is_null || there.is_directory && is_empty {
            return;
        }
        let what = format!("{} is not masked", path.display());
        let found = mount.map_or("its content", |mount| mount.kind.as_str());
        out.differ(Severity::High, LAYER, self.pid, what, "nothing to be read", found, RESTART);
    }

    fn readonly(&self, path: &Path, out: &mut Findings) {
        const LAYER: &str = "kernel settings read-only";
        let Some((_, mount)) = self.at(path, LAYER, out) else { return };
        if mount.is_some_and(|mount| !mount.is_read_only()) {
            let what = format!("{} can be written to", path.display());
            out.differ(Severity::High, LAYER, self.pid, what, "read-only", "writable", RESTART);
        }
    }

    fn planned(&self, planned: &plan::Mount, out: &mut Findings) {
        const LAYER: &str = "mount namespace";
        let path = planned.destination.display();
        let found = self.at(&planned.destination, LAYER, out);
        let Some((_, Some(mount))) = found.filter(|(there, _)| there.is_mount_root != Some(false))
        else {
            let is_known =
                self.place(&planned.destination).is_some_and(|p| p.found.why().is_none());
            if is_known && !planned.optional {
                let what = format!("what belongs at {path} is not mounted there");
                out.differ(Severity::Medium, LAYER, self.pid, what, "a mount", "none", RESTART);
            }
            return;
        };
        let asked = planned.attributes.set | planned.below.set;
        for (bit, name) in [
            (attribute::RDONLY, "ro"),
            (attribute::NOSUID, "nosuid"),
            (attribute::NODEV, "nodev"),
            (attribute::NOEXEC, "noexec"),
        ] {
            let has = mount.has(name) || name == "ro" && mount.is_read_only();
            if asked & bit != 0 && !has {
                let what = format!("{path} is mounted without '{name}'");
                let found = mount.options.join(",");
                out.differ(Severity::Medium, LAYER, self.pid, what, name, found, RESTART);
            }
        }
    }

    fn place(&self, path: &Path) -> Option<&Place> {
        self.evidence.places.iter().find(|place| place.path == path)
    }

    /// Mounts that nothing of the plan stands for.
    fn unplanned(&self, out: &mut Findings) {
        const LAYER: &str = "mount namespace";
        // Where links lead, a mount is elsewhere than the plan says.
        let resolved: Vec<(&Path, &str)> = self
            .evidence
            .places
            .iter()
            .filter_map(|place| {
                let there = place.found.known().copied().flatten()?;
                Some((place.path.as_path(), self.mount(there.mount)?.at.as_str()))
            })
            .collect();
        for mount in self.mounts {
            let at = Path::new(&mount.at);
            let is_at = |path: &Path| path == at || resolved.contains(&(path, mount.at.as_str()));
            let is_below = |path: &Path| {
                at.starts_with(path)
                    || resolved.iter().any(|(asked, found)| *asked == path && at.starts_with(found))
            };
            let is_planned = is_at(Path::new("/"))
                || at.starts_with("/dev")
                || self.plan.masked.iter().chain(&self.plan.readonly).any(|path| is_at(path))
                || self.plan.mounts.iter().any(|planned| match &planned.what {
                    // What is mounted below the source comes along, or comes later.
                    What::Bind { .. } | What::Cgroups(_) => is_below(&planned.destination),
                    What::FileSystem { .. } | What::Again { .. } => is_at(&planned.destination),
                })
                // The same below a read-only path, which is a copy with all that is below it.
                || self.plan.readonly.iter().any(|path| is_below(path))
                || self.is_of_root(mount);
            if !is_planned {
                let what = format!("something is mounted at {} that was not asked for", mount.at);
                let found = format!("{} from '{}' ({})", mount.kind, mount.source, mount.root);
                out.differ(Severity::Medium, LAYER, self.pid, what, "no mount", found, UNMOUNT);
            }
        }
    }

    /// Whether it came with the root directory, below which something was mounted on this machine.
    fn is_of_root(&self, mount: &Mount) -> bool {
        let below = mount.at.trim_start_matches('/');
        let there = self.plan.root.path.join(below);
        self.plan.root.ephemeral.is_none()
            && self.evidence.machine.iter().any(|at| Path::new(at) == there)
    }

    /// Mounts whose changes reach the machine.
    fn shared(&self, out: &mut Findings) {
        const LAYER: &str = "mount namespace";
        let asked = |mount: &Mount| {
            let at = Path::new(&mount.at);
            self.plan.root_propagation.is_some_and(|p| p.kind == MS_SHARED)
                || self.plan.mounts.iter().any(|planned| {
                    at.starts_with(&planned.destination)
                        && planned.propagation.iter().any(|p| p.kind == MS_SHARED)
                })
        };
        for mount in self.mounts {
            let peers = &self.evidence.peers;
            let group = mount.propagation.iter().find(|p| p.starts_with("shared:"));
            let Some(group) = group.filter(|group| peers.contains(group) && !asked(mount)) else {
                continue;
            };
            let what = format!("what is mounted at {} shows on this machine too", mount.at);
            out.differ(Severity::High, LAYER, self.pid, what, "private", group, RESTART);
        }
    }
}
