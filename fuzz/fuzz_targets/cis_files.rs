//! Configuration and checks of a benchmark of any bytes.
#![no_main]

use cofferdam_kube::cis::{
    check::{Filter, Scene, run},
    config::Config,
    controls::Controls,
    node::Memory,
    substitute::Variables,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut node = Memory { processes: Some(Vec::new()), ..Memory::default() };
    node.add("/etc/a", 0o644, &text);
    let mut variables = Variables::default();
    if let Ok(mut config) = Config::parse(&text) {
        config.merge(&config.clone());
        for version in ["1.31", "a", "1.x"] {
            config.benchmark_for(version);
        }
        variables = Variables::of(&config.components("node").unwrap_or_default(), &node);
    }
    if let Ok(controls) = Controls::parse(&variables.substitute(&text).text) {
        let all = controls.checks().count();
        let scene = Scene { node: &node, cluster: None, fallback: None };
        let results = run(controls, &[], &Filter::default(), &scene);
        assert_eq!(results.checks().count(), all);
    }
});
