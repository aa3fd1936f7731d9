//! Any bytes are a message or none; one that is survives being written and read again.
#![no_main]

use cofferdam_runtime::dbus::Message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::parse(bytes) else { return };
    // Names that a field of another type would have to carry are left out when it is written.
    if let Ok(written) = message.encode(message.serial) {
        assert_eq!(Message::parse(&written).as_ref(), Ok(&message));
    }
});
