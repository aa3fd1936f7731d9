//! dpkg's status of any bytes, in both forms.
#![no_main]

use cofferdam_vuln::packages::{
    Contents,
    dpkg::{Form, parse},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for form in [Form::Status, Form::StatusDirectory] {
        let contents = parse(data, form);
        assert!(contents.problems.len() <= Contents::MOST_PROBLEMS + 1);
        for record in &contents.records {
            let words = [&record.name, &record.version];
            assert!(words.iter().all(|word| !word.is_empty() && !word.contains(' ')));
        }
        // One line of a package names it: each is listed or its absence explained.
        let named = data.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"Package:"));
        let excused = data.windows(9).any(|at| at == b"installed" || at == b"fig-files");
        assert!(
            excused || !contents.problems.is_empty() || contents.records.len() >= named.count()
        );
    }
});
