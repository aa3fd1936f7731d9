//! Any bytes in place of a container's state are refused with a reason, or are a state whose paths
//! and process cannot be this machine's own; such a state survives being told.
#![no_main]

use cofferdam_runtime::state::{State, Status};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(id) = "c1".parse() else { return };
    let Ok(state) = State::parse(bytes, &id) else { return };
    assert!(state.bundle.is_absolute() && state.rootfs.is_absolute());
    assert!(state.init.is_none_or(|init| init.pid > 1));
    for path in &state.cgroups {
        assert!(path.starts_with("/sys/fs/cgroup") && path.as_os_str() != "/sys/fs/cgroup");
        assert!(!path.components().any(|part| part == std::path::Component::ParentDir));
    }
    for status in [Status::Creating, Status::Running, Status::Stopped] {
        let told: serde_json::Value =
            serde_json::from_slice(&state.for_hook(status, 7)).expect("a state is told as JSON");
        assert_eq!(told["id"], "c1");
    }
});
