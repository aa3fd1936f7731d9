/// A name made relative to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normal {
    /// Components joined by `/`, none of them empty, `.` or `..`; empty for the root.
    pub path: Vec<u8>,
    /// Whether `..` would have climbed out of the root.
    pub left_root: bool,
}

/// Makes a name relative to the root, as a process whose root is the image would see it, symbolic
/// links aside: `/a`, `./a`, `a/`, `b/../a` and `../a` are all `a`. Container engines do the same
/// or refuse the image.
pub fn normalise(name: &[u8]) -> Normal {
    let mut path: Vec<u8> = Vec::with_capacity(name.len());
    let mut left_root = false;
    for component in name.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." if path.is_empty() => left_root = true,
            b".." => {
                let parent = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                path.truncate(parent);
            }
            _ => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(component);
            }
        }
    }
    Normal { path, left_root }
}
