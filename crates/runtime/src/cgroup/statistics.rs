//! What a container uses, in the shape of runc's `events --stats`, which engines read.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

use super::Live;

/// Ticks of a v1 CPU statistic in nanoseconds: USER_HZ is 100 on every architecture of Linux.
const TICK: u64 = 10_000_000;
/// What v1 says of a limit that is none.
const NO_LIMIT: u64 = u64::MAX;

impl Live<'_> {
    /// What the container uses now. What its cgroups do not count is left out.
    #[must_use]
    pub fn statistics(&self) -> Value {
        json!({
            "cpu": self.cpu(),
            "cpuset": self.cpuset(),
            "memory": self.memory(),
            "pids": self.pids(),
            "blkio": self.block_io(),
            "hugetlb": self.huge_pages(),
            "intel_rdt": {},
            "network_interfaces": null,
        })
    }

    fn cpu(&self) -> Value {
        let mut usage = Map::new();
        let mut throttling = Map::new();
        if let Some(directory) = self.of("cpuacct") {
            if self.is_unified() {
                let stat = table(directory, "cpu.stat");
                let nanoseconds = |key: &str| stat.get(key).copied().unwrap_or(0) * 1000;
                put(&mut usage, "total", nanoseconds("usage_usec"));
                usage.insert("kernel".into(), nanoseconds("system_usec").into());
                usage.insert("user".into(), nanoseconds("user_usec").into());
            } else {
                let stat = table(directory, "cpuacct.stat");
                let nanoseconds = |key: &str| stat.get(key).copied().unwrap_or(0) * TICK;
                put(&mut usage, "total", number(directory, "cpuacct.usage"));
                usage.insert("kernel".into(), nanoseconds("system").into());
                usage.insert("user".into(), nanoseconds("user").into());
                per_cpu(directory, &mut usage);
            }
        }
        if let Some(directory) = self.of("cpu") {
            let stat = table(directory, "cpu.stat");
            let found = |key: &str| stat.get(key).copied().unwrap_or(0);
            put(&mut throttling, "periods", found("nr_periods"));
            put(&mut throttling, "throttledPeriods", found("nr_throttled"));
            let time = found("throttled_time") + found("throttled_usec") * 1000;
            put(&mut throttling, "throttledTime", time);
        }
        json!({ "usage": usage, "throttling": throttling })
    }

    fn cpuset(&self) -> Value {
        let list = |file: &str| {
            let text = self.of("cpuset").and_then(|d| fs::read_to_string(d.join(file)).ok());
            ranges(text.as_deref().unwrap_or_default())
        };
        let end = if self.is_unified() { ".effective" } else { "" };
        let flag = |file: &str| {
            let directory = self.of("cpuset").filter(|_| !self.is_unified());
            directory.map_or(0, |directory| number(directory, file))
        };
        let relax = self.of("cpuset").filter(|_| !self.is_unified()).and_then(|directory| {
            let text = fs::read_to_string(directory.join("cpuset.sched_relax_domain_level"));
            text.ok()?.trim().parse::<i64>().ok()
        });
        let mut set = json!({
            "cpu_exclusive": flag("cpuset.cpu_exclusive"),
            "mem_hardwall": flag("cpuset.mem_hardwall"),
            "mem_exclusive": flag("cpuset.mem_exclusive"),
            "memory_migrate": flag("cpuset.memory_migrate"),
            "memory_spread_page": flag("cpuset.memory_spread_page"),
            "memory_spread_slab": flag("cpuset.memory_spread_slab"),
            "memory_pressure": flag("cpuset.memory_pressure"),
            "sched_load_balance": flag("cpuset.sched_load_balance"),
            "sched_relax_domain_level": relax.unwrap_or(0),
        });
        for (key, list) in [
            ("cpus", list(&format!("cpuset.cpus{end}"))),
            ("mems", list(&format!("cpuset.mems{end}"))),
        ] {
            if !list.is_empty() {
                set[key] = list.into();
            }
        }
        set
    }

    fn memory(&self) -> Value {
        let Some(directory) = self.of("memory") else { return json!({}) };
        let stat = table(directory, "memory.stat");
        let mut memory = Map::new();
        let (cache, entries) = if self.is_unified() {
            let entry = |name: &str| {
                let file = |end: &str| format!("memory{name}.{end}");
                let peak = number(directory, &file("peak"));
                let current = number(directory, &file("current"));
                entry_of(number(directory, &file("max")), current, peak, 0)
            };
            ("file", vec![("usage", entry("")), ("swap", entry(".swap"))])
        } else {
            let entry = |name: &str| {
                let file = |end: &str| format!("memory{name}.{end}");
                entry_of(
                    number(directory, &file("limit_in_bytes")),
                    number(directory, &file("usage_in_bytes")),
                    number(directory, &file("max_usage_in_bytes")),
                    number(directory, &file("failcnt")),
                )
            };
            let (swap, kernel, tcp) = (entry(".memsw"), entry(".kmem"), entry(".kmem.tcp"));
            (
                "cache",
                vec![("usage", entry("")), ("swap", swap), ("kernel", kernel), ("kernelTCP", tcp)],
            )
        };
        put(&mut memory, "cache", stat.get(cache).copied().unwrap_or(0));
        for (name, entry) in entries {
            memory.insert(name.into(), entry);
        }
        memory.insert("raw".into(), json!(stat));
        Value::Object(memory)
    }

    fn pids(&self) -> Value {
        let mut pids = Map::new();
        if let Some(directory) = self.of("pids") {
            put(&mut pids, "current", number(directory, "pids.current"));
            // None at all is told as none.
            let limit = number(directory, "pids.max");
            put(&mut pids, "limit", if limit == NO_LIMIT { 0 } else { limit });
        }
        Value::Object(pids)
    }

    fn block_io(&self) -> Value {
        let Some(directory) = self.of("blkio") else { return json!({}) };
        let mut all = Map::new();
        if self.is_unified() {
            let text = fs::read_to_string(directory.join("io.stat")).unwrap_or_default();
            let entries = |keys: [(&str, &str); 2]| -> Vec<Value> {
                text.lines().flat_map(|line| unified_io(line, keys)).collect()
            };
            let bytes = entries([("rbytes", "Read"), ("wbytes", "Write")]);
            let operations = entries([("rios", "Read"), ("wios", "Write")]);
            all.insert("ioServiceBytesRecursive".into(), bytes.into());
            all.insert("ioServicedRecursive".into(), operations.into());
        } else {
            for (name, file) in [
                ("ioServiceBytesRecursive", "blkio.throttle.io_service_bytes_recursive"),
                ("ioServicedRecursive", "blkio.throttle.io_serviced_recursive"),
            ] {
                let text = fs::read_to_string(directory.join(file)).unwrap_or_default();
                let entries: Vec<Value> = text.lines().filter_map(split_io).collect();
                all.insert(name.into(), entries.into());
            }
        }
        Value::Object(all.into_iter().filter(|(_, v)| v != &json!([])).collect())
    }

    fn huge_pages(&self) -> Value {
        let mut all = Map::new();
        let Some(directory) = self.of("hugetlb") else { return Value::Object(all) };
        let end = if self.is_unified() { ".current" } else { ".usage_in_bytes" };
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let size = name.to_str().and_then(|n| n.strip_prefix("hugetlb.")?.strip_suffix(end));
            let Some(size) = size.filter(|size| !size.contains('.')) else { continue };
            let file = |end: &str| number(directory, &format!("hugetlb.{size}.{end}"));
            let mut entry = Map::new();
            put(&mut entry, "usage", file(end.trim_start_matches('.')));
            put(&mut entry, "max", file("max_usage_in_bytes"));
            entry.insert("failcnt".into(), file("failcnt").into());
            all.insert(size.into(), entry.into());
        }
        Value::Object(all)
    }
}

/// Zeros are left out, as runc does.
fn put(object: &mut Map<String, Value>, key: &str, value: u64) {
    if value != 0 {
        object.insert(key.into(), value.into());
    }
}

fn entry_of(limit: u64, usage: u64, max: u64, failures: u64) -> Value {
    let mut entry = Map::new();
    entry.insert("limit".into(), limit.into());
    put(&mut entry, "usage", usage);
    put(&mut entry, "max", max);
    entry.insert("failcnt".into(), failures.into());
    Value::Object(entry)
}

/// A file of one number; `max` is the largest, and a file that is not there is zero.
fn number(directory: &Path, file: &str) -> u64 {
    let text = fs::read_to_string(directory.join(file)).unwrap_or_default();
    if text.trim() == "max" { NO_LIMIT } else { text.trim().parse().unwrap_or(0) }
}

/// A file of lines with a name and a number each.
fn table(directory: &Path, file: &str) -> std::collections::BTreeMap<String, u64> {
    let text = fs::read_to_string(directory.join(file)).unwrap_or_default();
    let entries = text.lines().filter_map(|line| {
        let (key, value) = line.split_once(' ')?;
        Some((key.to_owned(), value.parse().ok()?))
    });
    entries.collect()
}

fn per_cpu(directory: &Path, usage: &mut Map<String, Value>) {
    let text = fs::read_to_string(directory.join("cpuacct.usage_percpu")).unwrap_or_default();
    let all: Vec<u64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    usage.insert("percpu".into(), all.into());
    let text = fs::read_to_string(directory.join("cpuacct.usage_all")).unwrap_or_default();
    for (key, column) in [("percpu_user", 1), ("percpu_kernel", 2)] {
        let rows = text.lines().skip(1);
        let column = rows.filter_map(|row| row.split_whitespace().nth(column)?.parse().ok());
        usage.insert(key.into(), column.collect::<Vec<u64>>().into());
    }
}

/// A list such as `0-3,7`, one by one. The kernel's own lists end below 65,536.
fn ranges(text: &str) -> Vec<u16> {
    let mut found = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) {
            found.extend(first..=last);
        }
    }
    found
}

/// A line of io.stat such as `8:0 rbytes=1 wbytes=2`.
fn unified_io(line: &str, keys: [(&str, &str); 2]) -> Vec<Value> {
    let mut fields = line.split_whitespace();
    let Some((major, minor)) = fields.next().and_then(device) else { return Vec::new() };
    let values = fields.filter_map(|field| field.split_once('='));
    let found = values.filter_map(|(key, value)| {
        let operation = keys.iter().find(|(name, _)| *name == key)?.1;
        Some(io_entry(major, minor, operation, value.parse().ok()?))
    });
    found.collect()
}

/// A line of a v1 file such as `8:0 Read 4096`; the totals at the end belong to no device.
fn split_io(line: &str) -> Option<Value> {
    let mut fields = line.split_whitespace();
    let (major, minor) = device(fields.next()?)?;
    let operation = fields.next()?;
    Some(io_entry(major, minor, operation, fields.next()?.parse().ok()?))
}

fn device(text: &str) -> Option<(u64, u64)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn io_entry(major: u64, minor: u64, operation: &str, value: u64) -> Value {
    let mut entry = Map::new();
    put(&mut entry, "major", major);
    put(&mut entry, "minor", minor);
    entry.insert("op".into(), operation.into());
    put(&mut entry, "value", value);
    Value::Object(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted_out() {
        assert_eq!(ranges("0-2,5\n"), [0, 1, 2, 5]);
        for text in ["", "x", "3-1", "-", "99999", "1-x"] {
            assert!(ranges(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn both_forms_of_block_statistics_are_read_alike() {
        let read = json!({"major": 8, "op": "Read", "value": 4096});
        let write = json!({"major": 8, "op": "Write"});
        let keys = [("rbytes", "Read"), ("wbytes", "Write")];
        assert_eq!(
            unified_io("8:0 rbytes=4096 wbytes=0 rios=1", keys),
            [read.clone(), write.clone()]
        );
        assert_eq!(split_io("8:0 Read 4096"), Some(read));
        assert_eq!(split_io("8:0 Write 0"), Some(write));
        assert_eq!(split_io("Total 4096"), None);
        assert!(unified_io("", keys).is_empty() && unified_io("x rbytes=1", keys).is_empty());
    }
}
