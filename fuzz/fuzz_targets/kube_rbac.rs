//! Roles and bindings of any shape: who-can and can agree, and paths end.
#![no_main]

use cofferdam_kube::{
    load,
    rbac::{
        Access, Request, parse_resource,
        paths::{Options, find},
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let snapshot = load::texts([("rbac.yaml", data)]);
    let access = Access::of(&snapshot);
    for (verb, resource, name) in
        [("create", "pods", ""), ("get", "pods/exec", "x"), ("get", "/metrics", "")]
    {
        for namespace in [None, Some("a")] {
            let target = parse_resource(resource, name, namespace).expect("it is a resource");
            let request = Request { verb: verb.into(), target };
            for grant in access.who_can(&request) {
                assert!(access.allows(grant.subject, &[], &request), "{}", grant.subject);
            }
        }
    }
    let options = Options { tenant_label: Some("t".into()), control_plane: true };
    let workloads = snapshot.workloads();
    for path in find(&snapshot, access, &workloads, &options).paths {
        assert!(!path.hops.is_empty() && !path.sources.is_empty());
        path.finding();
    }
});
