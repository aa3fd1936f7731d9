//! Manifests and dumps of any bytes, as YAML and as JSON.
#![no_main]

use cofferdam_kube::load;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for name in ["m.yaml", "m.json"] {
        let snapshot = load::texts([(name, data)]);
        // Every kept body is an object that reads again as the same one.
        for object in &snapshot.objects {
            let again = load::texts([("m.json", object.body.as_bytes())]);
            if let [same] = again.objects.as_slice() {
                assert_eq!((&same.kind, &same.name), (&object.kind, &object.name));
            }
        }
        snapshot.workloads();
    }
});
