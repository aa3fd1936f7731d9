//! Any bytes are a policy, which judges any configuration, or an error. The input is cut in two at
//! the first zero byte: the policy, and the configuration.
#![no_main]

use std::path::Path;

use cofferdam_oci::runtime::Spec;
use cofferdam_runtime::policy::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (policy, spec) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Ok(policy) = Policy::parse(policy, Path::new("policy.json")) else { return };
    let Ok(spec) = Spec::parse(spec) else { return };
    for violation in policy.check(&spec, Path::new("/bundle")) {
        assert!(!violation.rule.is_empty() && violation.field.starts_with('/'));
    }
});
