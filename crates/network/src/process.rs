//! A process that is told from a later one of the same number.

use std::{fs, io};

/// A process: its number, and when it started, which no later process of that number shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Clock ticks from boot to its start (proc_pid_stat(5), field 22).
    pub start_time: u64,
}

impl Process {
    /// The process that has this number now.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(pid: u32) -> io::Result<Self> {
        let start_time = start_time(pid)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { pid, start_time })
    }

    /// Whether it has not ended; if that cannot be told, it is taken to be there.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        match start_time(self.pid) {
            Ok(found) => found == Some(self.start_time),
            Err(error) => {
                // ESRCH, when it ended while its file was read.
                error.kind() != io::ErrorKind::NotFound && error.raw_os_error() != Some(3)
            }
        }
    }
}

/// `None` for one that has ended and is only remembered.
fn start_time(pid: u32) -> io::Result<Option<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything.
    let fields = text
        .rsplit_once(") ")
        .map(|(_, rest)| rest.split(' '))
        .ok_or(io::ErrorKind::InvalidData)?;
    let fields: Vec<_> = fields.collect();
    let start =
        fields.get(19).and_then(|field| field.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(if matches!(fields.first(), Some(&("Z" | "X"))) { None } else { Some(start) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_an_earlier_one_is_not() {
        let own = Process::of(std::process::id()).unwrap();
        assert!(own.is_alive());
        assert!(!Process { start_time: own.start_time - 1, ..own }.is_alive());
        assert!(!Process { pid: u32::MAX, start_time: 1 }.is_alive());
    }
}
