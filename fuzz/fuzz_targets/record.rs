//! Any bytes in place of what is kept of a container, of its log or of what is said to its monitor
//! are refused, or are something that holds to its bounds.
#![no_main]

use cofferdam_runtime::record::{
    Condition, LARGEST_LOG, LONGEST_STOP, Record,
    attach::{Frames, LONGEST},
    log,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(id) = "c1".parse() else { return };
    if let Ok(record) = Record::parse(bytes, &id) {
        assert_eq!(record.name, "c1");
        assert!(record.rootfs.is_absolute() && record.volumes.iter().all(|v| v.is_absolute()));
        assert!(record.stop_timeout <= LONGEST_STOP && record.log_size <= LARGEST_LOG);
    }
    if let Ok(condition) = Condition::parse(bytes) {
        assert!(condition.keeper.pid > 1);
    }
    if let Some(line) = log::parse(bytes) {
        assert!(line.time.is_ascii() && bytes.ends_with(line.text));
    }
    let mut frames = Frames::default();
    for piece in bytes.chunks(11) {
        let Ok(found) = frames.take(piece) else { return };
        for frame in found {
            let again = Frames::default().take(&frame.encode());
            assert_eq!(again.as_deref(), Ok(&[frame][..]));
        }
        assert!(frames.waiting() <= LONGEST + 3);
    }
});
