use serde_json::Value;

use super::{Seen, Wiring, World, rule};
use crate::pss::Observed;

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-volume-host-path",
        "A persistent volume is a path of its node",
        cofferdam_finding::Severity::Medium,
        cofferdam_finding::Topic::Isolation,
        "A PersistentVolume is a hostPath.",
        "A pod that claims it is on the node's files, past the Pod Security level of its \
         namespace: hostPath is refused there, a claim is not.",
        "Use a local volume with a node affinity, or a storage driver.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for object in world.snapshot.of("", "PersistentVolume") {
        let Ok(value) = serde_json::from_str::<Value>(&object.body) else { continue };
        if let Some(path) = value.pointer("/spec/hostPath/path").and_then(Value::as_str) {
            seen.push((object, Observed::new("spec.hostPath.path".into(), path, "")));
        }
    }
    seen
}
