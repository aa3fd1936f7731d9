//! Requests of any bytes, and policies of any text.
#![no_main]

use cofferdam_server::admission::{Policy, export, review};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(reviewed) = review(data, &Policy::default()) {
        assert!(serde_json::from_slice::<serde_json::Value>(&reviewed.body).is_ok());
    }
    if let Ok(policy) = std::str::from_utf8(data)
        .map_or_else(|_| Err(()), |text| Policy::parse(text).map_err(|_| ()))
    {
        export(&policy, "fuzz");
    }
});
