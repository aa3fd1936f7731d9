//! Changing a running container's limits.

use std::path::PathBuf;

use cofferdam_oci::runtime::{Cpu, Memory, Resources};

use super::{Layout, Live, Refusal, wanted, write_all};
use crate::error::Error;

impl Live<'_> {
    /// Puts `changed` limits in force, where `before` are those that were; returns all that are.
    ///
    /// # Errors
    /// When a limit is not supported, or the kernel refuses it.
    pub fn update(&self, before: &Resources, changed: &Resources) -> Result<Resources, Error> {
        let all = merge(before, changed);
        let step = complete(&all, changed);
        self.check_usage(&step)?;
        let unsupported = |refusal| match refusal {
            Refusal::Unsupported(field, why) => Error::configuration(field, why),
            Refusal::NotDelegated(why) => Error::configuration("/linux/resources", why),
        };
        let wanted = wanted(&Layout::detect(), &step).map_err(unsupported)?;
        for (controller, writes) in wanted.0 {
            let directory = match controller.as_str() {
                "cgroup" => self.directories().last().map(PathBuf::as_path),
                controller => self.of(controller),
            };
            let Some(directory) = directory else {
                let why = format!("the container has no cgroup of controller '{controller}'");
                return Err(Error::configuration("/linux/resources", why));
            };
            write_all(directory, &writes)?;
        }
        Ok(all)
    }

    /// Refuses a memory limit below what is used, if that is asked for: the kernel would kill.
    fn check_usage(&self, step: &Resources) -> Result<(), Error> {
        let memory = step.memory.as_ref().filter(|m| m.check_before_update == Some(true));
        let (Some(memory), Some(directory)) = (memory, self.of("memory")) else { return Ok(()) };
        let file = if self.is_unified() { "memory.current" } else { "memory.usage_in_bytes" };
        let usage = std::fs::read_to_string(directory.join(file)).unwrap_or_default();
        let usage: i64 = usage.trim().parse().unwrap_or(0);
        match memory.limit {
            Some(limit) if limit > 0 && limit < usage => {
                let why = format!("{limit} is less than the {usage} bytes in use");
                Err(Error::configuration("/linux/resources/memory/limit", why))
            }
            _ => Ok(()),
        }
    }
}

/// Limits as they are after the change.
fn merge(before: &Resources, changed: &Resources) -> Resources {
    let mut all = before.clone();
    if let Some(cpu) = &changed.cpu {
        let old = all.cpu.get_or_insert_default();
        let text = |new: &String, old: &String| if new.is_empty() { old } else { new }.clone();
        *old = Cpu {
            shares: cpu.shares.or(old.shares),
            quota: cpu.quota.or(old.quota),
            burst: cpu.burst.or(old.burst),
            period: cpu.period.or(old.period),
            realtime_runtime: cpu.realtime_runtime.or(old.realtime_runtime),
            realtime_period: cpu.realtime_period.or(old.realtime_period),
            cpus: text(&cpu.cpus, &old.cpus),
            mems: text(&cpu.mems, &old.mems),
            idle: cpu.idle.or(old.idle),
        };
    }
    if let Some(memory) = &changed.memory {
        let old = all.memory.get_or_insert_default();
        *old = Memory {
            limit: memory.limit.or(old.limit),
            reservation: memory.reservation.or(old.reservation),
            swap: memory.swap.or(old.swap),
            ..old.clone()
        };
    }
    if changed.pids.as_ref().is_some_and(|pids| pids.limit.is_some()) {
        all.pids.clone_from(&changed.pids);
    }
    if changed.block_io.is_some() {
        all.block_io.clone_from(&changed.block_io);
    }
    if !changed.hugepage_limits.is_empty() {
        all.hugepage_limits.clone_from(&changed.hugepage_limits);
    }
    for (file, value) in &changed.unified {
        all.unified.insert(file.clone(), value.clone());
    }
    all
}

/// The change, with those limits beside it that are written together with it.
fn complete(all: &Resources, changed: &Resources) -> Resources {
    let mut step = changed.clone();
    step.devices.clear();
    if let (Some(cpu), Some(all)) = (&mut step.cpu, &all.cpu) {
        if cpu.quota.is_some() || cpu.period.is_some() {
            (cpu.quota, cpu.period) = (all.quota, all.period);
        }
        if !cpu.cpus.is_empty() || !cpu.mems.is_empty() {
            (cpu.cpus, cpu.mems) = (all.cpus.clone(), all.mems.clone());
        }
    }
    if let (Some(memory), Some(all)) = (&mut step.memory, &all.memory) {
        if memory.limit == Some(-1) && memory.swap.is_none() {
            // Without a limit of memory there is none of both together.
            memory.swap = all.swap.map(|_| -1);
        } else if memory.limit.is_some() || memory.swap.is_some() {
            (memory.limit, memory.swap) = (all.limit, all.swap);
        }
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_together_is_completed_from_what_was() {
        let before = Resources {
            cpu: Some(Cpu {
                quota: Some(50_000),
                period: Some(100_000),
                shares: Some(2),
                ..Cpu::default()
            }),
            memory: Some(Memory { limit: Some(10), swap: Some(20), ..Memory::default() }),
            ..Resources::default()
        };
        let changed = Resources {
            cpu: Some(Cpu { quota: Some(70_000), ..Cpu::default() }),
            memory: Some(Memory { limit: Some(15), ..Memory::default() }),
            ..Resources::default()
        };
        let all = merge(&before, &changed);
        let step = complete(&all, &changed);
        let cpu = step.cpu.unwrap();
        assert_eq!((cpu.quota, cpu.period, cpu.shares), (Some(70_000), Some(100_000), None));
        let memory = step.memory.unwrap();
        assert_eq!((memory.limit, memory.swap), (Some(15), Some(20)));
        assert_eq!(all.cpu.unwrap().shares, Some(2));
    }
}
