//! PAX extended headers: `<length> <key>=<value>\n` records.

/// The records of an extended header that matter here. A later record replaces an earlier one; an
/// empty value takes it back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) linkpath: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<i64>,
    pub(super) xattrs: std::collections::BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) sparse: Sparse,
}

/// The `GNU.sparse.*` records of formats 0.0, 0.1 and 1.0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sparse {
    pub(super) major: Option<u64>,
    pub(super) minor: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) real_size: Option<u64>,
    /// 0.0: `offset` and `numbytes` in turn.
    pub(super) numbers: Vec<u64>,
    /// 0.1: the same, comma-separated.
    pub(super) map: Option<Vec<u64>>,
}

impl Sparse {
    pub(super) fn is_used(&self) -> bool {
        self.major.is_some() || self.real_size.is_some() || self.map.is_some()
    }
}

impl Records {
    /// Adds the records of `data`; the error names the key (or says `record`) that is invalid.
    pub(super) fn extend(&mut self, data: &[u8]) -> Result<(), String> {
        each(data, |key, value| self.set(key, value))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let name = || String::from_utf8_lossy(key).into_owned();
        let invalid = |_| name();
        match key {
            b"path" => self.path = text(value).map_err(invalid)?,
            b"linkpath" => self.linkpath = text(value).map_err(invalid)?,
            b"size" => self.size = decimal(value).map_err(invalid)?,
            b"uid" => self.uid = decimal(value).map_err(invalid)?,
            b"gid" => self.gid = decimal(value).map_err(invalid)?,
            b"mtime" => self.mtime = seconds(value).map_err(invalid)?,
            b"GNU.sparse.major" => self.sparse.major = decimal(value).map_err(invalid)?,
            b"GNU.sparse.minor" => self.sparse.minor = decimal(value).map_err(invalid)?,
            b"GNU.sparse.name" => self.sparse.name = text(value).map_err(invalid)?,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                self.sparse.real_size = decimal(value).map_err(invalid)?;
            }
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                let is_offset = key.ends_with(b"offset");
                if is_offset != self.sparse.numbers.len().is_multiple_of(2) {
                    return Err(name());
                }
                self.sparse.numbers.push(decimal(value).map_err(invalid)?.ok_or_else(name)?);
            }
            b"GNU.sparse.map" => {
                let numbers =
                    value.split(|byte| *byte == b',').map(|number| decimal(number).ok()?);
                self.sparse.map = Some(numbers.collect::<Option<_>>().ok_or_else(name)?);
            }
            _ => self.set_xattr(key, value),
        }
        Ok(())
    }

    fn set_xattr(&mut self, key: &[u8], value: &[u8]) {
        let Some(name) = key.strip_prefix(b"SCHILY.xattr.") else { return };
        if value.is_empty() {
            self.xattrs.remove(name);
        } else {
            self.xattrs.insert(name.to_vec(), value.to_vec());
        }
    }

    /// The key of a record that makes no sense for every entry of an archive.
    pub(super) fn belongs_to_one_entry(&self) -> Option<&'static str> {
        [
            ("path", self.path.is_some()),
            ("linkpath", self.linkpath.is_some()),
            ("size", self.size.is_some()),
            ("GNU.sparse", self.sparse != Sparse::default()),
            ("SCHILY.xattr", !self.xattrs.is_empty()),
        ]
        .into_iter()
        .find_map(|(key, set)| set.then_some(key))
    }
}

/// Calls `visit` with key and value of each record.
fn each(
    mut data: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let broken = || "record".to_owned();
    while !data.is_empty() {
        let space = data.iter().take(20).position(|byte| *byte == b' ').ok_or_else(broken)?;
        let length = decimal(&data[..space]).ok().flatten().ok_or_else(broken)?;
        let length = usize::try_from(length).map_err(|_| broken())?;
        let record = data.get(space + 1..length).ok_or_else(broken)?;
        let record = record.strip_suffix(b"\n").ok_or_else(broken)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
        if equals == 0 {
            return Err(broken());
        }
        visit(&record[..equals], &record[equals + 1..])?;
        data = &data[length..];
    }
    Ok(())
}

struct Invalid;

/// A name; one with a NUL in it is none.
fn text(value: &[u8]) -> Result<Option<Vec<u8>>, Invalid> {
    match value {
        [] => Ok(None),
        _ if value.contains(&0) => Err(Invalid),
        _ => Ok(Some(value.to_vec())),
    }
}

/// A number that fits a file offset.
fn decimal(value: &[u8]) -> Result<Option<u64>, Invalid> {
    if value.is_empty() {
        return Ok(None);
    }
    let number = value.iter().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    });
    number.filter(|number| i64::try_from(*number).is_ok()).map(Some).ok_or(Invalid)
}

/// Seconds with a fraction, which is dropped (rounded down, as times are compared in seconds).
fn seconds(value: &[u8]) -> Result<Option<i64>, Invalid> {
    if value.is_empty() {
        return Ok(None);
    }
    let (negative, value) = value.strip_prefix(b"-").map_or((false, value), |rest| (true, rest));
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let whole = decimal(parts.next().unwrap_or_default())?.unwrap_or(0);
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(Invalid);
    }
    let whole = i64::try_from(whole).map_err(|_| Invalid)?;
    let below = i64::from(negative && fraction.iter().any(|digit| *digit != b'0'));
    Ok(Some(if negative { -whole - below } else { whole }))
}
