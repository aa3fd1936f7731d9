use cofferdam_finding::{Rule, Severity, Topic};

use super::nist;

pub(in crate::image) const ID: &str = "image-search-cut";

/// A gap: not everything that was found is in the report.
pub(super) static RULE: Rule = Rule::new(
    ID,
    "Not everything that was found is listed",
    Severity::Medium,
    Topic::Coverage,
    [
        "Counts secrets in a file and notable files in a layer. There are more than the report \
             keeps: hundreds in one file, or tens of thousands in one layer.",
        "What is beyond is not in the report, though it is in the image.",
        "Look at the file or layer itself. Lists of hashes or of test keys are a common cause; \
             if they are meant to be there, a waiver can say so.",
    ],
    const { &[nist("3.1.4")] },
);
