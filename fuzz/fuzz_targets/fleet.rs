//! A fleet index of any bytes behind a right checksum: an error, or an index that can be asked,
//! changed and written again.
#![no_main]

use cofferdam_vuln::fleet::Fleet;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};

fuzz_target!(|data: &[u8]| {
    let mut bytes = b"\x89CDFL\r\n\x1a\x01\0\0\0".to_vec();
    bytes.extend(Sha256::digest(data).as_slice());
    bytes.extend(data);
    let Ok(mut fleet) = Fleet::decode(&bytes) else { return };
    fleet.list();
    fleet.incomplete_images();
    fleet.affected("CVE-2020-1");
    fleet.remove("image");
    assert!(Fleet::decode(&fleet.encode()).is_ok());
});
