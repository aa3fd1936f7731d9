//! Commands of any bytes: the interpreter ends, within its bounds, and the same way each time.
#![no_main]

use cofferdam_kube::{
    cis::{
        Cluster,
        node::{Memory, Process},
        shell::run,
    },
    load,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut node = Memory::default();
    node.add("/etc/a/b", 0o644, "x: 1\ny=2\n");
    node.processes = Some(vec![Process {
        pid: 1,
        name: "kubelet".into(),
        command: "kubelet --a=b".into(),
        ..Process::default()
    }]);
    let objects = b"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostPID: true}}";
    let snapshot = load::texts([("a.yaml", &objects[..])]);
    let cluster = Cluster::new(&snapshot);
    let ended = run(&text, &node, Some(&cluster));
    assert_eq!(ended, run(&text, &node, Some(&cluster)));
});
