//! What records say in words: titles, ratings, streams, references.

use cofferdam_finding::Severity;

use super::schema::Record;

/// Bytes of a title.
const TITLE: usize = 160;

/// The summary or, where there is none, the first sentence of the details.
pub(super) fn title(summary: &str, details: &str) -> String {
    const KERNEL: &str = "In the Linux kernel, the following vulnerability has been resolved:";
    let summary = summary.trim();
    if !summary.is_empty() {
        return shorten(summary.strip_prefix("Red Hat Security Advisory: ").unwrap_or(summary));
    }
    let text = details.trim();
    let text = text.strip_prefix(KERNEL).unwrap_or(text).trim_start();
    let text = text.strip_prefix("Issue summary: ").unwrap_or(text);
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    shorten(paragraph[..end].trim_end_matches('.'))
}

/// One line of limited length, cut at a word.
pub(super) fn shorten(text: &str) -> String {
    let mut line = String::new();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        if line.len() + 1 + word.len() > TITLE {
            if line.is_empty() {
                line.extend(word.chars().take(TITLE / 4));
            }
            line.push('…');
            return line;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// The rating of an update: AlmaLinux and Rocky begin the summary with it, Red Hat refers to its
/// description (<https://access.redhat.com/security/updates/classification/>).
pub(super) fn rating(record: &Record) -> Option<Severity> {
    let of_summary = record.summary.split_once(':').and_then(|(word, _)| rating_word(word.trim()));
    let of_summary = of_summary.or_else(|| rating_word(&record.database_specific.severity));
    of_summary.or_else(|| {
        record.references.iter().find_map(|reference| {
            rating_word(reference.url.split_once("/updates/classification/#")?.1)
        })
    })
}

fn rating_word(word: &str) -> Option<Severity> {
    Some(match word.to_ascii_lowercase().as_str() {
        "critical" => Severity::Critical,
        "important" | "high" => Severity::High,
        "moderate" | "medium" => Severity::Medium,
        "low" => Severity::Low,
        _ => return None,
    })
}

/// Whether the text says that the record was taken back. Copies of GitHub's records that have lost
/// the field `withdrawn` still say so in the words that GitHub puts there.
pub(super) fn is_taken_back(record: &Record) -> bool {
    const FIRST_WORDS: [&str; 5] = [
        "withdrawn",
        "advisory withdrawn",
        "cve has been withdrawn",
        "duplicate advisory",
        "reject **",
    ];
    let head = |text: &str| text.chars().take(40).collect::<String>().to_lowercase();
    let summary = head(&record.summary);
    let details = head(record.details.trim_start_matches(['#', '*', ' ', '\n', '\r']));
    summary.contains("withdrawn")
        || summary.starts_with("duplicate advisory")
        || FIRST_WORDS.iter().any(|words| details.starts_with(words))
}

/// `nodejs:20` of `Important: nodejs:20 security update`.
pub(super) fn module_stream(summary: &str) -> Option<String> {
    summary.split([' ', ',']).find_map(|word| {
        let (name, stream) = word.split_once(':')?;
        let stream = stream.split('/').next()?;
        (!name.is_empty() && !stream.is_empty()).then(|| format!("{name}:{stream}"))
    })
}

/// The references worth keeping: the publisher's advisory, then fixes. What can be derived from
/// the id of a CVE, and what only describes ratings, is left out.
pub(super) fn references(record: &Record) -> Vec<String> {
    const DERIVED: [&str; 6] = [
        "nvd.nist.gov",
        "cve.org",
        "cve.mitre.org",
        "security-tracker.debian.org",
        "/updates/classification/",
        "vulners.com",
    ];
    let of_kind = |kind: &'static str| {
        record.references.iter().filter(move |reference| reference.kind == kind)
    };
    of_kind("ADVISORY")
        .take(8)
        .chain(of_kind("FIX"))
        .map(|reference| reference.url.as_str())
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
        .filter(|url| url.len() <= 200 && !url.contains(char::is_whitespace))
        .filter(|url| !DERIVED.iter().any(|derived| url.contains(derived)))
        .take(2)
        .map(str::to_owned)
        .collect()
}
