//! Who a container runs as: names looked up in its own /etc/passwd and /etc/group.
//!
//! Both files come from whoever made the image: they are read within the root only, if they are
//! regular files of bounded size, and lines that make no sense are passed over.

use std::path::Path;

use cofferdam_sys::root::Root;
use rustix::io::Errno;

/// The largest passwd or group file that is read, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// A user of the container, with its groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub user: u32,
    /// Group id.
    pub group: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Home directory, where the container says one.
    pub home: Option<String>,
}

/// Why a user is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// The text is no user.
    #[error("could not use '{text}' as a user: USER, UID, USER:GROUP or UID:GID is wanted")]
    Text {
        /// What was given.
        text: String,
    },
    /// The container has no such user or group.
    #[error("could not find {kind} '{name}' in the container's {file}")]
    Missing {
        /// User or group.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Where it was looked for.
        file: &'static str,
    },
    /// A file could not be read.
    #[error("could not read the container's '{file}'")]
    File {
        /// Which.
        file: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

/// Looks a user up; empty text is root.
///
/// A number is always an id, even where a user of that name is in passwd (CVE-2016-3697).
///
/// # Errors
/// When the text is no user, the container does not have it, or a file is not to be read.
pub fn resolve(root: &Root, text: &str) -> Result<Identity, UserError> {
    let wrong = || UserError::Text { text: text.to_owned() };
    if text.len() > 256 || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(wrong());
    }
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (if text.is_empty() { "0" } else { text }, None),
    };
    if user.is_empty() || group.is_some_and(|group| group.is_empty() || group.contains(':')) {
        return Err(wrong());
    }
    let passwd = read(root, "/etc/passwd")?;
    let number = number(user).map_err(|()| wrong())?;
    let entry = passwd.lines().filter_map(Passwd::parse).find(|entry| match number {
        Some(id) => entry.id == id,
        None => entry.name == user,
    });
    let mut found = match (&entry, number) {
        (Some(entry), _) => Identity {
            user: entry.id,
            group: entry.group,
            groups: Vec::new(),
            home: Some(entry.home.to_owned()).filter(|home| home.starts_with('/')),
        },
        (None, Some(id)) => Identity { user: id, ..Identity::default() },
        (None, None) => {
            let name = user.to_owned();
            return Err(UserError::Missing { kind: "user", name, file: "/etc/passwd" });
        }
    };
    match group {
        Some(group) => found.group = group_id(root, group)?.ok_or_else(wrong)?,
        None => {
            if let Some(entry) = entry {
                let table = read(root, "/etc/group")?;
                let member = |group: &Group<'_>| group.members.split(',').any(|m| m == entry.name);
                let groups = table.lines().filter_map(Group::parse).filter(member);
                found.groups = groups.map(|group| group.id).collect();
                found.groups.sort_unstable();
                found.groups.dedup();
            }
        }
    }
    Ok(found)
}

/// `None` in the answer when the text is no group.
fn group_id(root: &Root, text: &str) -> Result<Option<u32>, UserError> {
    match number(text) {
        Err(()) => return Ok(None),
        Ok(Some(id)) => return Ok(Some(id)),
        Ok(None) => {}
    }
    let table = read(root, "/etc/group")?;
    let found = table.lines().filter_map(Group::parse).find(|group| group.name == text);
    match found {
        Some(group) => Ok(Some(group.id)),
        None => {
            Err(UserError::Missing { kind: "group", name: text.to_owned(), file: "/etc/group" })
        }
    }
}

/// The number that a text is, if it is one; an error if it looks like one and is none that an id
/// can have. 4294967295 means «no change» to the kernel.
fn number(text: &str) -> Result<Option<u32>, ()> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse::<u32>() {
        Ok(id) if id != u32::MAX && digits.len() == text.len() => Ok(Some(id)),
        _ => Err(()),
    }
}

/// Empty where the container has no such file.
fn read(root: &Root, file: &'static str) -> Result<String, UserError> {
    match root.read(Path::new(file), LARGEST) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(String::new()),
        Err(error) => Err(UserError::File { file, source: error.into() }),
    }
}

/// A line of passwd(5).
struct Passwd<'a> {
    name: &'a str,
    id: u32,
    group: u32,
    home: &'a str,
}

impl<'a> Passwd<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, id, group, _, home, ..] = fields[..] else { return None };
        let (id, group) = (number(id).ok().flatten()?, number(group).ok().flatten()?);
        (!name.is_empty()).then_some(Self { name, id, group, home })
    }
}

/// A line of group(5).
struct Group<'a> {
    name: &'a str,
    id: u32,
    members: &'a str,
}

impl<'a> Group<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, id, members, ..] = fields[..] else { return None };
        let id = number(id).ok().flatten()?;
        (!name.is_empty()).then_some(Self { name, id, members })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:5:5::/:/\napp:x:1000:1001::/home/app:/bin/sh\n\
                          1000:x:0:0::/:/bin/sh\nfar:x:4294967295:0::/:/\nneg:x:-1:0::/:/\n";
    const GROUP: &str =
        "root:x:0:\napp:x:1001:\nextra:x:2000:other,app\nmore:x:2001:app\nbad:x:y:app\n";

    fn container() -> (tempfile::TempDir, Root) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        std::fs::write(directory.path().join("etc/passwd"), PASSWD).unwrap();
        std::fs::write(directory.path().join("etc/group"), GROUP).unwrap();
        let root = Root::open(directory.path()).unwrap();
        (directory, root)
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        let (_directory, root) = container();
        for (text, user, group, groups) in [
            ("", 0, 0, &[][..]),
            ("app", 1000, 1001, &[2000, 2001]),
            // The number, not the user who calls himself so.
            ("1000", 1000, 1001, &[2000, 2001]),
            ("app:extra", 1000, 2000, &[]),
            ("app:7", 1000, 7, &[]),
            ("4242", 4242, 0, &[]),
            ("4242:app", 4242, 1001, &[]),
        ] {
            let found = resolve(&root, text).unwrap();
            assert_eq!(
                (found.user, found.group, found.groups.as_slice()),
                (user, group, groups),
                "{text}"
            );
        }
        assert_eq!(resolve(&root, "app").unwrap().home.unwrap(), "/home/app");
    }

    #[test]
    fn odd_users_are_refused() {
        let (_directory, root) = container();
        for text in [
            "nobody",
            "far",
            "neg",
            "-1",
            "+1",
            "4294967295",
            "4294967296",
            "99999999999999999999",
            ":",
            "app:",
            ":app",
            "app:nope",
            "app:1:2",
            "app:-1",
            "a b",
            "app\n",
            "broken",
        ] {
            assert!(resolve(&root, text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_hostile_passwd_is_not_followed_out_of_the_root() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join("etc/passwd")).unwrap();
        let root = Root::open(directory.path()).unwrap();
        assert!(matches!(resolve(&root, "root"), Err(UserError::File { .. })));
        std::fs::remove_dir_all(directory.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("/etc", directory.path().join("etc")).unwrap();
        assert!(resolve(&root, "root").is_err());
        assert!(resolve(&root, "0").is_err());
        std::fs::remove_file(directory.path().join("etc")).unwrap();
        assert_eq!(resolve(&root, "0").unwrap(), Identity::default());
    }
}
