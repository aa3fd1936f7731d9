//! Accounts and their passwords: `passwd(5)` and `shadow(5)`.

use serde::{Deserialize, Serialize};

pub(super) const PASSWD: &str = "etc/passwd";
const SHADOW: &str = "etc/shadow";
/// Bytes of such a file that are read; real ones have a few thousand.
pub(super) const LONGEST: u64 = 1 << 20;
/// Accounts that are kept.
const MOST: usize = 10_000;

/// A line of `etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Its second field.
    pub password: Password,
    /// Login shell; empty means `/bin/sh`.
    pub shell: String,
}

/// A line of `etc/shadow`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    /// Name.
    pub name: String,
    /// Its second field.
    pub password: Password,
}

/// What a password field says; never the hash itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Password {
    /// Nothing: no password is asked for.
    Empty,
    /// `x`: it is in `etc/shadow`.
    Shadowed,
    /// `*`, `!` or anything that no password hashes to.
    Locked,
    /// A hash.
    Set,
}

pub(super) fn is_of_accounts(path: &str) -> bool {
    matches!(path, PASSWD | SHADOW)
}

pub(super) fn passwd(text: &[u8]) -> Vec<Account> {
    let account = |line: &str| {
        let mut fields = line.split(':');
        let (name, password) = (fields.next()?, fields.next()?);
        let uid = fields.next()?.parse().ok()?;
        let shell = fields.nth(3).unwrap_or_default().trim().to_owned();
        Some(Account { name: name.to_owned(), uid, password: Password::of(password), shell })
    };
    lines(text).filter_map(|line| account(&line)).take(MOST).collect()
}

pub(super) fn shadow(text: &[u8]) -> Vec<Shadow> {
    let shadow = |line: &str| {
        let mut fields = line.split(':');
        let (name, password) = (fields.next()?, fields.next()?);
        Some(Shadow { name: name.to_owned(), password: Password::of(password) })
    };
    lines(text).filter_map(|line| shadow(&line)).take(MOST).collect()
}

fn lines(text: &[u8]) -> impl Iterator<Item = String> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| String::from_utf8_lossy(line).into_owned())
}

impl Password {
    fn of(field: &str) -> Self {
        match field {
            "" => Self::Empty,
            "x" => Self::Shadowed,
            // crypt(5): `!` in front of a hash locks it; a hash begins with `$`, or is 13 long.
            _ if field.starts_with('$') || field.starts_with('_') || field.len() == 13 => Self::Set,
            _ => Self::Locked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_passwd_and_shadow() {
        let accounts = passwd(b"root:x:0:0:root:/root:/bin/bash\nbroken\nsync::4:65534:s:/bin:\n");
        assert_eq!(accounts.len(), 2);
        assert_eq!((accounts[0].uid, accounts[0].shell.as_str()), (0, "/bin/bash"));
        assert_eq!(accounts[1].password, Password::Empty);
        let states: Vec<Password> = shadow(b"a::1:\nb:*:1:\nc:!:1\nd:!$6$x$y:1\ne:$y$j9T$x$y:1\n")
            .into_iter()
            .map(|line| line.password)
            .collect();
        let expected =
            [Password::Empty, Password::Locked, Password::Locked, Password::Locked, Password::Set];
        assert_eq!(states, expected);
    }
}
