//! `update`: changes a container's limits while it runs.

use cofferdam_oci::runtime::{BlockIo, Cpu, Memory, Pids, Resources};

use super::Command;
use crate::{
    arguments::{Given, value},
    session::{Ended, Failure, Session, only_id, read},
};

pub(super) const COMMAND: Command = Command {
    name: "update",
    summary: "change a container's limits while it runs",
    help: "\
update [OPTIONS] ID

  --resources FILE, -r    limits as JSON (config.json's 'resources'), in place of all other
                          options; - is standard input
  --memory SIZE           memory, such as 512M; -1 for no limit
  --memory-reservation SIZE   memory that is kept for it under pressure
  --memory-swap SIZE      memory and swap together; -1 for no limit
  --pids-limit N          tasks; -1 for no limit
  --cpu-quota N           microseconds of CPU time in a period; -1 for no limit
  --cpu-period N          microseconds of a period
  --cpu-burst N           microseconds that may be saved up
  --cpu-share N           relative share
  --cpu-idle 0|1          whether it runs only when nobody else wants to
  --cpu-rt-period N, --cpu-rt-runtime N   the same for real-time tasks
  --cpuset-cpus LIST      CPUs, such as 0-3,7
  --cpuset-mems LIST      memory nodes
  --blkio-weight N        relative weight of block I/O, 10 to 1000
",
    options: &[
        value("resources").or('r'),
        value("memory"),
        value("memory-reservation"),
        value("memory-swap"),
        value("kernel-memory"),
        value("kernel-memory-tcp"),
        value("pids-limit"),
        value("cpu-quota"),
        value("cpu-period"),
        value("cpu-burst"),
        value("cpu-share"),
        value("cpu-idle"),
        value("cpu-rt-period"),
        value("cpu-rt-runtime"),
        value("cpuset-cpus"),
        value("cpuset-mems"),
        value("blkio-weight"),
    ],
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run,
};

fn run(given: &Given, session: &Session) -> Ended {
    let id = only_id(given)?;
    let changed = match given.value("resources") {
        Some(path) => from_file(path)?,
        None => from_options(given)?,
    };
    for obsolete in ["kernel-memory", "kernel-memory-tcp"] {
        if given.value(obsolete).is_some() {
            session
                .log
                .warning(&format!("--{obsolete} means nothing: the kernel has no such limit"));
        }
    }
    let (_, container) = session.find(&id)?;
    container.update(&changed)?;
    Ok(0)
}

fn from_file(path: &std::ffi::OsStr) -> Result<Resources, Failure> {
    let failed = |why: String| {
        let chain = vec![format!("could not read limits from '{}'", path.display()), why];
        Failure { chain, code: 1, hint: None }
    };
    let json = read(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&json).map_err(|error| failed(error.to_string()))
}

fn from_options(given: &Given) -> Result<Resources, Failure> {
    let number = "a number";
    let cpu = Cpu {
        shares: given.parsed("cpu-share", number)?,
        quota: given.parsed("cpu-quota", number)?,
        burst: given.parsed("cpu-burst", number)?,
        period: given.parsed("cpu-period", number)?,
        realtime_runtime: given.parsed("cpu-rt-runtime", number)?,
        realtime_period: given.parsed("cpu-rt-period", number)?,
        cpus: given.text("cpuset-cpus")?.unwrap_or_default().to_owned(),
        mems: given.text("cpuset-mems")?.unwrap_or_default().to_owned(),
        idle: given.parsed("cpu-idle", "0 or 1")?,
    };
    let memory = Memory {
        limit: size(given, "memory")?,
        reservation: size(given, "memory-reservation")?,
        swap: size(given, "memory-swap")?,
        ..Memory::default()
    };
    let weight = given.parsed::<u16>("blkio-weight", "a number from 10 to 1000")?;
    let weight = weight.filter(|weight| *weight != 0);
    Ok(Resources {
        cpu: (cpu != Cpu::default()).then_some(cpu),
        memory: (memory != Memory::default()).then_some(memory),
        pids: given.parsed("pids-limit", number)?.map(|limit| Pids { limit: Some(limit) }),
        block_io: weight.map(|weight| BlockIo { weight: Some(weight), ..BlockIo::default() }),
        ..Resources::default()
    })
}

fn size(given: &Given, name: &str) -> Result<Option<i64>, Failure> {
    let parse = |text: &str| {
        bytes(text).ok_or_else(|| {
            format!(
                "could not use '{text}' for --{name}: such as 512M, or -1 for no limit, is wanted"
            )
        })
    };
    Ok(given.text(name)?.map(parse).transpose()?)
}

/// A number with k, m, g, t or p for powers of 1024, and perhaps b or ib after that; or -1.
fn bytes(text: &str) -> Option<i64> {
    if text == "-1" {
        return Some(-1);
    }
    let lower = text.to_ascii_lowercase();
    let split = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
    let number: i64 = lower[..split].parse().ok()?;
    let unit = lower[split..].trim_start();
    let power = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit) {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return None,
    };
    number.checked_mul(1 << power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, wanted) in [
            ("50M", Some(50 << 20)),
            ("50mb", Some(50 << 20)),
            ("1GiB", Some(1 << 30)),
            ("123", Some(123)),
            ("123b", Some(123)),
            ("-1", Some(-1)),
            ("-2", None),
            ("M", None),
            ("1x", None),
            ("", None),
            ("9223372036854775807k", None),
        ] {
            assert_eq!(bytes(text), wanted, "{text}");
        }
    }
}
