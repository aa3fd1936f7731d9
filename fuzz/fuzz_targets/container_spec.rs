//! Any bytes are a configuration that plans, or an error: no panic, no path out of the root, and
//! what is read is written as it was.
#![no_main]

use std::path::{Component, Path};

use cofferdam_oci::runtime::Spec;
use cofferdam_runtime::{cgroup::Layout, facts::Facts, plan::Plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(spec) = Spec::parse(bytes) else { return };
    let written = serde_json::to_vec(&spec).expect("a configuration is JSON");
    assert_eq!(Spec::parse(&written).expect("what was written reads"), spec);
    for (user, systemd) in [(0, false), (0, true), (1000, false)] {
        let facts = Facts { user, group: user, nested: false, systemd, cgroups: Layout::Absent };
        let id = "fuzz".parse().expect("it is a name");
        let Ok(plan) = Plan::new(id, &spec, Path::new("/bundle"), &facts) else { continue };
        for mount in &plan.mounts {
            let inside = |c| matches!(c, Component::RootDir | Component::Normal(_));
            assert!(mount.destination.components().all(inside), "{:?}", mount.destination);
        }
        for (path, _) in &plan.parameters {
            assert!(path.components().all(|c| matches!(c, Component::Normal(_))), "{path:?}");
        }
        let _ = plan.to_string();
    }
});
