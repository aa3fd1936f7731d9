use cofferdam_finding::{Applicability, Edit, Finding};

/// The source with the safe fixes of `findings` applied, and how many. Of edits that overlap the
/// first is made; the next run finds what is left.
pub fn apply(source: &str, findings: &[Finding]) -> (String, usize) {
    let fixes = findings.iter().filter_map(|finding| finding.fix.as_ref());
    let safe = fixes.filter(|fix| fix.applicability == Applicability::Safe);
    let mut groups: Vec<&[Edit]> =
        safe.map(|fix| fix.edits.as_slice()).filter(|edits| !edits.is_empty()).collect();
    groups.sort_by_key(|edits| edits.iter().map(|edit| edit.start).min());
    let mut chosen: Vec<&Edit> = Vec::new();
    let mut applied = 0;
    for group in groups {
        let fits = |edit: &Edit| {
            edit.start <= edit.end
                && source.is_char_boundary(edit.start)
                && source.is_char_boundary(edit.end)
                && chosen.iter().all(|other| !overlap(edit, other))
        };
        if group.iter().all(fits) {
            chosen.extend(group);
            applied += 1;
        }
    }
    chosen.sort_by_key(|edit| (edit.start, edit.end));
    let mut text = String::with_capacity(source.len());
    let mut at = 0;
    for edit in chosen {
        text.push_str(&source[at..edit.start]);
        text.push_str(&edit.replacement);
        at = edit.end;
    }
    text.push_str(&source[at..]);
    (text, applied)
}

/// Two insertions at one place overlap too: their order would be chance.
fn overlap(a: &Edit, b: &Edit) -> bool {
    (a.start < b.end && b.start < a.end) || a.start == b.start
}
