//! The document of a publication, of any bytes, and the manifest in it as if it had been signed.
#![no_main]

use cofferdam_vuln::publication::{Envelope, Manifest, PublicKey, SigningKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(manifest) = Manifest::parse(data) {
        assert!(manifest.expires().is_ok());
        manifest.delta_from(&"a".repeat(64));
        for file in manifest.files() {
            assert!(!file.path.starts_with('/') && !file.path.split('/').any(|part| part == ".."));
        }
    }
    if let Ok(envelope) = Envelope::parse(data) {
        assert!(envelope.open(&[]).is_err());
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = text.parse::<PublicKey>();
        let _ = SigningKey::parse(text);
    }
});
