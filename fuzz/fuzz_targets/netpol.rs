//! Network policies, pods and flow logs of any bytes: selectors, blocks and ports are read, the
//! analysis ends, and the generated policies are such that the same reader takes them.
#![no_main]

use cofferdam_kube::{
    load,
    network::{
        Cidr, Cluster, IpBlocks, Listing, Reachability, Scope,
        generate::{declared, flows, generate},
        render,
    },
};
use libfuzzer_sys::fuzz_target;

/// More make a run slow without reaching other code.
const MANY: usize = 64;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(block) = text.parse::<Cidr>()
    {
        assert_eq!(block.to_string().parse(), Ok(block));
        assert_eq!(block.range().blocks(), [block]);
    }
    let snapshot = load::texts([("m.yaml", data)]);
    let cluster = Cluster::read(&snapshot);
    if cluster.pods.len() > MANY || cluster.policies.len() > MANY {
        return;
    }
    for blocks in [IpBlocks::Everything, IpBlocks::External] {
        let reachability = Reachability::of(&cluster, blocks);
        let listing = Listing::of(&cluster, &reachability, &Scope::default());
        let mut text = Vec::new();
        render::text(&listing, &mut text).expect("writes to memory");
        render::svg(&listing, &mut text).expect("writes to memory");
    }
    let mut needs = declared::needs(&snapshot, &cluster);
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(observed) = flows::needs(text, &cluster)
    {
        needs.extend(observed.needs);
    }
    needs.truncate(MANY);
    generate(&cluster, &needs, &[], IpBlocks::Everything);
});
