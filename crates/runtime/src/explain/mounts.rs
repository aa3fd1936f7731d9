//! `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).

/// A mount, as the process sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mount {
    /// Its number, unique while it is there.
    pub id: u64,
    /// What of the file system is mounted: `/` for all of it.
    pub root: String,
    /// Where, under the process's root.
    pub at: String,
    /// Options of this mount, such as `ro` and `nosuid`.
    pub options: Vec<String>,
    /// Propagation, such as `shared:3` or `master:2`; empty when private.
    pub propagation: Vec<String>,
    /// Kind of file system.
    pub kind: String,
    /// What it is made from: a device, or whatever the kind uses it for.
    pub source: String,
    /// Options of the file system itself.
    pub file_system_options: Vec<String>,
}

impl Mount {
    /// Whether nothing can be written through this mount.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        let ro = |options: &[String]| options.iter().any(|option| option == "ro");
        ro(&self.options) || ro(&self.file_system_options)
    }

    /// Whether this mount has the option.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|has| has == option)
    }

    /// The value of a file system option such as `upperdir`.
    #[must_use]
    pub fn file_system_option(&self, name: &str) -> Option<&str> {
        let values = self.file_system_options.iter();
        values
            .filter_map(|option| option.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|o| o.1)
    }
}

/// Reads `mountinfo`. A line that is none of a mount is left out.
#[must_use]
pub fn parse_mounts(text: &str) -> Vec<Mount> {
    text.lines().filter_map(parse_mount).collect()
}

fn parse_mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ');
    let id = before.next()?.parse().ok()?;
    let mut before = before.skip(2);
    let root = unescape(before.next()?);
    let at = unescape(before.next()?);
    let options = list(before.next()?);
    let propagation = before.map(str::to_owned).collect();
    let mut after = after.split(' ');
    let kind = unescape(after.next()?);
    let source = unescape(after.next()?);
    let file_system_options = list(after.next().unwrap_or_default());
    Some(Mount { id, root, at, options, propagation, kind, source, file_system_options })
}

fn list(options: &str) -> Vec<String> {
    options.split(',').filter(|option| !option.is_empty()).map(unescape).collect()
}

/// Space, tab, newline and backslash are written as `\` and three octal digits.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if byte == b'\\' => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        bytes.push(octal.unwrap_or(byte));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
