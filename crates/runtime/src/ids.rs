//! Which ids of this machine a container's ids stand for (user_namespaces(7), subuid(5)).

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use cofferdam_oci::runtime::IdMapping;
use cofferdam_sys::proc::Proc;

use crate::error::{Doing, Error};

/// How many ids a container gets.
pub const SIZE: u32 = 65_536;
/// First of the ids that are used when no range is set aside for containers: high, and beyond what
/// systemd hands out (0x6FFFFFFF) and useradd gives (600,100,000).
pub const DEFAULT_FIRST: u32 = 0x7000_0000;

/// Id maps of a container.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Maps {
    /// User ids.
    pub users: Vec<IdMapping>,
    /// Group ids.
    pub groups: Vec<IdMapping>,
    /// What writes them.
    pub writer: Writer,
}

/// What writes id maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Writer {
    /// This process, being privileged.
    Privileged,
    /// This process for its own id alone; supplementary groups are given up for that.
    Own,
    /// newuidmap and newgidmap, for the ranges that /etc/subuid and /etc/subgid give the user.
    Helpers,
}

/// A range of /etc/subuid or /etc/subgid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First id.
    pub first: u32,
    /// How many.
    pub size: u32,
}

/// Ranges that `table` (subuid(5)) gives to a user, by name or by number. Other lines are passed
/// over, as the programs that use the file do.
#[must_use]
pub fn ranges(table: &str, name: Option<&str>, id: u32) -> Vec<Range> {
    let number = id.to_string();
    entries(table)
        .filter(|(owner, _)| Some(*owner) == name || *owner == number)
        .map(|(_, range)| range)
        .collect()
}

fn entries(table: &str) -> impl Iterator<Item = (&str, Range)> {
    table.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next().filter(|owner| !owner.is_empty() && !owner.starts_with('#'))?;
        let first = fields.next()?.parse().ok()?;
        let size = fields.next()?.parse().ok().filter(|size| *size > 0)?;
        let complete = fields.next().is_none() && u32::checked_add(first, size).is_some();
        complete.then_some((owner, Range { first, size }))
    })
}

/// The ids that containers started by root use, and why these.
#[must_use]
pub fn for_root(table: &str) -> (Range, &'static str) {
    for (owner, why) in [
        ("cofferdam", "range of user 'cofferdam'"),
        ("containers", "range of user 'containers'"),
        ("root", "range of user 'root'"),
    ] {
        let wide = |range: &Range| range.size >= SIZE;
        if let Some(range) = ranges(table, Some(owner), u32::MAX).into_iter().find(wide) {
            return (Range { first: range.first, size: SIZE }, why);
        }
    }
    (free_range(table), "default range, as no range is set aside for user 'cofferdam'")
}

/// Ranges for the containers that root starts, each of [`SIZE`] ids: those of the range that is set
/// aside for containers or, where none is, from [`DEFAULT_FIRST`] on what nobody has in `table`.
pub fn pool_for_root(table: &str) -> Box<dyn Iterator<Item = Range> + '_> {
    for owner in ["cofferdam", "containers", "root"] {
        let own = ranges(table, Some(owner), u32::MAX);
        let parts: Vec<Range> =
            own.into_iter().flat_map(parts).filter(|p| p.size == SIZE).collect();
        if !parts.is_empty() {
            return Box::new(parts.into_iter());
        }
    }
    let last = u32::MAX - SIZE;
    let candidates = (DEFAULT_FIRST..last).step_by(SIZE as usize);
    let free = candidates.map(|first| Range { first, size: SIZE });
    Box::new(free.filter(|part| !entries(table).any(|(_, taken)| overlap(taken, *part))))
}

/// Ranges for the containers that a user starts, of up to [`SIZE`] ids each.
pub fn pool_for_user(table: &str, name: Option<&str>, id: u32) -> impl Iterator<Item = Range> {
    ranges(table, name, id).into_iter().flat_map(parts)
}

/// A range in parts of [`SIZE`] ids; one that is smaller is a part by itself.
fn parts(range: Range) -> impl Iterator<Item = Range> {
    let count = (range.size / SIZE).max(1);
    (0..count)
        .map(move |index| Range { first: range.first + index * SIZE, size: range.size.min(SIZE) })
}

/// The first range from [`DEFAULT_FIRST`] on that nobody has in `table`.
fn free_range(table: &str) -> Range {
    let mut candidate = Range { first: DEFAULT_FIRST, size: SIZE };
    // Bounded: each step passes one entry's end for good.
    while let Some(taken) = entries(table).map(|(_, range)| range).find(|r| overlap(*r, candidate))
    {
        let Some(first) = (taken.first + taken.size).checked_next_multiple_of(SIZE) else { break };
        if first > u32::MAX - SIZE {
            break;
        }
        candidate.first = first;
    }
    candidate
}

/// Whether two ranges share an id.
#[must_use]
pub const fn overlap(one: Range, other: Range) -> bool {
    (one.first as u64) < other.first as u64 + other.size as u64
        && (other.first as u64) < one.first as u64 + one.size as u64
}

/// The map of a container whose root is an id of this machine and whose others come from `range`.
#[must_use]
pub fn own_and_range(own: u32, range: Option<Range>) -> Vec<IdMapping> {
    let mut map = vec![IdMapping { container_id: 0, host_id: own, size: 1 }];
    map.extend(range.map(|range| IdMapping {
        container_id: 1,
        host_id: range.first,
        size: range.size.min(SIZE),
    }));
    map
}

/// The map of a container whose ids all come from `range`.
#[must_use]
pub fn all_from(range: Range) -> Vec<IdMapping> {
    vec![IdMapping { container_id: 0, host_id: range.first, size: range.size }]
}

/// Whether an id of the container stands for one of this machine.
#[must_use]
pub fn is_mapped(map: &[IdMapping], id: u32) -> bool {
    map.iter().any(|range| id >= range.container_id && id - range.container_id < range.size)
}

/// Writes the maps of process `pid`, which is in a new user namespace.
///
/// # Errors
/// When the kernel or a helper refuses.
pub(crate) fn write(pid: rustix::process::Pid, maps: &Maps) -> Result<(), Error> {
    match maps.writer {
        Writer::Privileged => Files::of(pid)?.maps(maps),
        Writer::Own => {
            let files = Files::of(pid)?;
            files.put("setgroups", b"deny")?;
            files.maps(maps)
        }
        Writer::Helpers => {
            // Both at once: each is a program of its own to start.
            let users = start("newuidmap", pid, &maps.users)?;
            let groups = start("newgidmap", pid, &maps.groups)?;
            finish("newuidmap", users)?;
            finish("newgidmap", groups)
        }
    }
}

/// The files of a process, in a procfs that nobody else can reach: whoever could have the maps
/// written elsewhere would choose where a privileged process writes.
struct Files {
    proc: Proc,
    pid: rustix::process::Pid,
}

impl Files {
    fn of(pid: rustix::process::Pid) -> Result<Self, Error> {
        Ok(Self { proc: Proc::open().doing("open", "a private /proc")?, pid })
    }

    fn maps(&self, maps: &Maps) -> Result<(), Error> {
        self.put("uid_map", lines(&maps.users).as_bytes())?;
        self.put("gid_map", lines(&maps.groups).as_bytes())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = format!("{}/{name}", self.pid.as_raw_nonzero());
        let written = self.proc.write(Path::new(&path), bytes);
        written.doing("write", format_args!("/proc/{path}"))
    }
}

fn lines(map: &[IdMapping]) -> String {
    map.iter().map(|m| format!("{} {} {}\n", m.container_id, m.host_id, m.size)).collect()
}

fn start(program: &str, pid: rustix::process::Pid, map: &[IdMapping]) -> Result<Child, Error> {
    let mut command = Command::new(program);
    command.arg(pid.as_raw_nonzero().to_string());
    for range in map {
        command.args([range.container_id, range.host_id, range.size].map(|n| n.to_string()));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().map_err(|error| Error::Helper {
        program: program.into(),
        why: format!("{error}; Debian and Fedora have it in package 'uidmap' or 'shadow-utils'"),
    })
}

fn finish(program: &str, child: Child) -> Result<(), Error> {
    let output = child.wait_with_output().doing("wait for", program)?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(Error::Helper { program: program.into(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "alice:100000:65536\n1001:200000:65536\n# c:1:2\nbob:x:1\nbob:5:0\n\
                         bob:300000:1000\nbob:4294967295:2\nbob:1:2:3\n";

    #[test]
    fn ranges_are_found_by_name_and_number() {
        let range = |first, size| Range { first, size };
        for (name, id, wanted) in [
            (Some("alice"), 1000, vec![range(100_000, 65536)]),
            (None, 1001, vec![range(200_000, 65536)]),
            (Some("bob"), 1002, vec![range(300_000, 1000)]),
            (Some("carol"), 1003, vec![]),
        ] {
            assert_eq!(ranges(TABLE, name, id), wanted, "{name:?} {id}");
        }
    }

    #[test]
    fn root_takes_a_range_set_aside_or_a_free_one() {
        for (table, first) in [
            ("root:10:65536\ncofferdam:500000:65536", 500_000),
            ("root:600000:65536", 600_000),
            ("root:600000:10", DEFAULT_FIRST),
            ("", DEFAULT_FIRST),
            ("other:1879048190:10", DEFAULT_FIRST + SIZE),
            ("a:1879048192:65536\nb:1879113728:65537", DEFAULT_FIRST + 3 * SIZE),
            ("a:1879048192:2415919103", DEFAULT_FIRST),
        ] {
            let (range, why) = for_root(table);
            assert_eq!((range.first, range.size), (first, SIZE), "{table} {why}");
        }
    }

    #[test]
    fn pools_are_parts_of_what_is_set_aside() {
        let firsts = |pool: &mut dyn Iterator<Item = Range>| {
            pool.take(4).map(|range| (range.first, range.size)).collect::<Vec<_>>()
        };
        for (table, wanted) in [
            ("cofferdam:500000:131072", vec![(500_000, SIZE), (565_536, SIZE)]),
            ("cofferdam:500000:131071\nroot:1:99999", vec![(500_000, SIZE)]),
            ("root:600000:65536", vec![(600_000, SIZE)]),
        ] {
            assert_eq!(firsts(&mut pool_for_root(table)), wanted, "{table}");
        }
        let default: Vec<_> = (0..4).map(|i| (DEFAULT_FIRST + i * SIZE, SIZE)).collect();
        assert_eq!(firsts(&mut pool_for_root("root:600000:10")), default);
        let taken = format!("other:{}:1", DEFAULT_FIRST + SIZE + 7);
        assert_eq!(firsts(&mut pool_for_root(&taken))[1].0, DEFAULT_FIRST + 2 * SIZE);
        let pool = pool_for_root("").last().unwrap();
        assert!(pool.first.checked_add(SIZE).is_some());
        let two = "alice:100000:131080\nalice:7:10";
        assert_eq!(
            firsts(&mut pool_for_user(two, Some("alice"), 1000)),
            [(100_000, SIZE), (165_536, SIZE), (7, 10)]
        );
    }

    #[test]
    fn only_ids_of_the_map_are_mapped() {
        let map = own_and_range(1000, Some(Range { first: 100_000, size: 10 }));
        assert!(is_mapped(&map, 0) && is_mapped(&map, 10) && !is_mapped(&map, 11));
        assert!(!is_mapped(&own_and_range(1000, None), 1));
    }
}
