mod build;
mod scalar;

use saphyr_parser::{Event, Parser};
use serde_json::Value;

use self::build::Builder;
pub use self::scalar::resolve;
use super::intake::Intake;
use crate::Snapshot;

/// Reads YAML: every document by itself, so that a broken one does not hide those behind it.
pub(super) fn read(text: &str, intake: &mut Intake<'_>) {
    for document in documents(text) {
        intake.begin();
        if let Err(broken) = document_into(document, intake) {
            // A template that was not rendered is the usual reason.
            let hint = if document.text.contains("{{") {
                "; this looks like a template: render it first (helm template, kustomize build)"
            } else {
                ""
            };
            intake.broken(document.line + broken.line, &broken.reason, hint);
        }
    }
}

/// The value of a text that is one YAML or JSON document: for files that are no manifests.
///
/// # Errors
/// If it cannot be understood; says where and why.
pub fn document(text: &str) -> Result<Value, String> {
    let mut scratch = Snapshot::default();
    let mut intake = Intake::new(&mut scratch, 0);
    let mut builder = Builder::new(&mut intake, 0);
    feed(text, &mut builder)
        .map_err(|broken| format!("line {}: {}", broken.line + 1, broken.reason))?;
    Ok(builder.into_root())
}

/// Why a document cannot be understood; `line` counts from 0.
struct Broken {
    line: usize,
    reason: String,
}

fn document_into(document: Document<'_>, intake: &mut Intake<'_>) -> Result<(), Broken> {
    let mut builder = Builder::new(intake, document.line);
    feed(document.text, &mut builder)?;
    builder.finish();
    Ok(())
}

fn feed(text: &str, builder: &mut Builder<'_, '_>) -> Result<(), Broken> {
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| Broken {
            line: error.marker().line().saturating_sub(1),
            reason: error.info().to_owned(),
        })?;
        let line = span.start.line().saturating_sub(1);
        let broken = |reason| Broken { line, reason };
        if matches!(event, Event::StreamEnd) {
            break;
        }
        builder.event(event, line).map_err(broken)?;
    }
    Ok(())
}

/// The documents of a text that are more than comments, each with the byte at which it begins. JSON is
/// one document.
pub(crate) fn parts(text: &str) -> Vec<(usize, &str)> {
    if text.trim_start().starts_with(['{', '[']) && !text.contains("\n---") {
        return vec![(0, text)];
    }
    documents(text).map(|document| (document.start, document.text)).collect()
}

/// A document of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Document<'a> {
    text: &'a str,
    /// Bytes before it.
    start: usize,
    /// Lines before it.
    line: usize,
}

/// Cuts a stream at its document markers. A line that begins with one ends any scalar, so that no
/// YAML needs to be understood for it. Documents with nothing but comments are left out.
fn documents(text: &str) -> impl Iterator<Item = Document<'_>> {
    let mut starts = vec![(0, 0)];
    let mut offset = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if number > 0 && is_marker(line) {
            starts.push((offset, number));
        }
        offset += line.len();
    }
    let ends: Vec<usize> =
        starts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]).collect();
    let all = starts.into_iter().zip(ends);
    let cut =
        all.map(move |((start, line), end)| Document { text: &text[start..end], start, line });
    cut.filter(|document| !is_blank(document.text))
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn is_blank(document: &str) -> bool {
    document.lines().all(|line| {
        let line = line.strip_prefix("---").unwrap_or(line).trim();
        line.is_empty() || line.starts_with(['#', '%']) || line == "..."
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_at_markers_only() {
        let text = "# none\n---\na: |\n  ---\n  b\n---\n\n--- # c\nd: 1\n----\n";
        let lines: Vec<_> = documents(text).map(|document| document.line).collect();
        assert_eq!(lines, [1, 7]);
    }
}
