//! Network devices that move into a container.

use std::process::Command;

use serde_json::json;

use crate::bundle::{Bundle, Ran};

/// Runs the container in a network namespace of its own where `prepare` has made devices.
fn run_after(prepare: &str, bundle: &Bundle, script: &str) -> Ran {
    let inner = bundle.command(script);
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", &format!("{prepare} && \"$@\"; ip -o link >&2"), "sh"]);
    command.arg(inner.get_program()).args(inner.get_args());
    Ran::of(&mut command)
}

#[test]
fn a_device_moves_with_its_addresses_and_is_up() {
    let Some(_) = Bundle::new() else { return };
    let prepare = "ip link add c0 type veth peer name c1 && ip addr add 10.9.8.7/24 dev c0 \
        && ip addr add fd00::7/64 dev c0 nodad && ip link set c1 up";
    let able = Command::new("unshare").args(["-n", "sh", "-c", prepare]).output().unwrap();
    if !able.status.success() {
        eprintln!("skipped: no pair of network devices: {}", String::from_utf8_lossy(&able.stderr));
        return;
    }
    for (name, wanted) in [("", "c0"), ("eth7", "eth7"), ("new%d", "new0")] {
        let bundle = Bundle::new().unwrap();
        let bundle = bundle.with(json!({"linux": {"netDevices": {"c0": {"name": name}}}}));
        let ran = run_after(prepare, &bundle, "ip -o addr; ip -o link");
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains(&format!("{wanted}    inet 10.9.8.7/24")), "{}", ran.out);
        assert!(ran.out.contains("fd00::7/64"), "{}", ran.out);
        let link = ran.out.lines().find(|line| line.contains(&format!(" {wanted}@"))).unwrap();
        assert!(link.contains("UP"), "{link}");
        assert!(!ran.err.contains(" c0@"), "it is gone outside: {}", ran.err);
    }
    let bundle = Bundle::new().unwrap();
    let bundle = bundle.with(json!({"linux": {"netDevices": {"c0": {"name": "lo"}}}}));
    let ran = run_after(prepare, &bundle, "true");
    assert!(ran.err.contains("c0' as 'lo'"), "{}", ran.err);
    let bundle = Bundle::new().unwrap();
    let bundle = bundle.with(json!({"linux": {"netDevices": {"missing": {}}}}));
    assert!(bundle.refusal().contains("'missing'"));
}
