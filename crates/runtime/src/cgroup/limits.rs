//! Which files of a control group say what `resources` asks for (config-linux.md, control
//! groups). Fields at zero are unset, as engines write them.

use std::fmt::Display;

use cofferdam_oci::runtime::{BlockIo, Cpu, Memory, NetworkPriority, Rdma, Resources};

use super::{Layout, Refusal, Version, Write};

/// What to write for each controller.
#[derive(Debug, Default)]
pub(super) struct Wanted(pub(super) Vec<(String, Vec<Write>)>);

impl Wanted {
    fn add(&mut self, controller: &str, write: Write) {
        match self.0.iter_mut().find(|(name, _)| *name == controller) {
            Some((_, writes)) => writes.push(write),
            None => self.0.push((controller.into(), vec![write])),
        }
    }

    /// Takes what belongs to a controller.
    pub(super) fn take(&mut self, controller: &str) -> Vec<Write> {
        let index = self.0.iter().position(|(name, _)| name == controller);
        index.map(|index| self.0.remove(index).1).unwrap_or_default()
    }
}

/// What to write where.
struct Writer<'a> {
    layout: &'a Layout,
    wanted: Wanted,
}

pub(super) fn wanted(layout: &Layout, resources: &Resources) -> Result<Wanted, Refusal> {
    let mut writer = Writer { layout, wanted: Wanted::default() };
    if let Some(limit) = resources.pids.as_ref().and_then(|pids| pids.limit) {
        writer.version("pids")?;
        writer.add("pids", "pids.max", limit_or_max(limit));
    }
    writer.memory(resources.memory.as_ref().unwrap_or(&Memory::default()))?;
    writer.cpu(resources.cpu.as_ref().unwrap_or(&Cpu::default()))?;
    if let Some(block) = &resources.block_io {
        writer.block(block)?;
    }
    for limit in &resources.hugepage_limits {
        writer.huge_pages(&limit.page_size, limit.limit)?;
    }
    if let Some(network) = &resources.network {
        writer.network(network)?;
    }
    for (device, limit) in &resources.rdma {
        writer.rdma(device, limit)?;
    }
    for (file, value) in &resources.unified {
        writer.unified(file, value)?;
    }
    Ok(writer.wanted)
}

fn unsupported<T>(field: &'static str, why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(field, why.into()))
}

fn limit_or_max(limit: i64) -> String {
    if limit > 0 { limit.to_string() } else { "max".into() }
}

fn set<T: Copy + PartialEq + Default>(value: Option<T>) -> Option<T> {
    value.filter(|value| *value != T::default())
}

impl Writer<'_> {
    fn version(&self, controller: &str) -> Result<Version, Refusal> {
        let version = self.layout.version_of(controller);
        version.ok_or_else(|| Refusal::no_controller(controller))
    }

    fn add(&mut self, controller: &str, file: impl Into<String>, value: impl Display) {
        let write = Write { file: file.into(), value: value.to_string(), ..Write::default() };
        self.wanted.add(controller, write);
    }

    fn memory(&mut self, memory: &Memory) -> Result<(), Refusal> {
        if *memory == Memory::default() {
            return Ok(());
        }
        match self.version("memory")? {
            Version::V1 => self.memory_v1(memory),
            Version::V2 => self.memory_v2(memory),
        }
    }

    fn memory_v1(&mut self, memory: &Memory) -> Result<(), Refusal> {
        if memory.use_hierarchy == Some(true) {
            self.add("memory", "memory.use_hierarchy", 1);
        }
        for (file, value) in [
            ("memory.limit_in_bytes", memory.limit),
            ("memory.soft_limit_in_bytes", memory.reservation),
            ("memory.memsw.limit_in_bytes", memory.swap),
            ("memory.kmem.limit_in_bytes", memory.kernel),
            ("memory.kmem.tcp.limit_in_bytes", memory.kernel_tcp),
        ] {
            if let Some(value) = set(value) {
                self.add("memory", file, value);
            }
        }
        if let Some(swappiness) = memory.swappiness {
            if swappiness > 100 {
                return unsupported(
                    "/linux/resources/memory/swappiness",
                    format!("{swappiness} is above 100"),
                );
            }
            self.add("memory", "memory.swappiness", swappiness);
        }
        if memory.disable_oom_killer == Some(true) {
            self.add("memory", "memory.oom_control", 1);
        }
        Ok(())
    }

    fn memory_v2(&mut self, memory: &Memory) -> Result<(), Refusal> {
        const LACKING: &str = "cgroup v2 has no such limit";
        for (field, asked) in [
            ("/linux/resources/memory/kernel", set(memory.kernel).is_some()),
            ("/linux/resources/memory/kernelTCP", set(memory.kernel_tcp).is_some()),
            ("/linux/resources/memory/swappiness", memory.swappiness.is_some()),
            ("/linux/resources/memory/disableOOMKiller", memory.disable_oom_killer == Some(true)),
        ] {
            if asked {
                return unsupported(field, LACKING);
            }
        }
        if let Some(limit) = set(memory.limit) {
            self.add("memory", "memory.max", limit_or_max(limit));
        }
        if let Some(reservation) = set(memory.reservation) {
            self.add("memory", "memory.low", limit_or_max(reservation));
        }
        let Some(value) = swap_alone(memory)? else { return Ok(()) };
        // Without the file there is no swap that could be used.
        let optional = value == "0" || value == "max";
        let file = "memory.swap.max".into();
        self.wanted.add("memory", Write { file, value, optional, ..Write::default() });
        Ok(())
    }

    fn cpu(&mut self, cpu: &Cpu) -> Result<(), Refusal> {
        let asked = set(cpu.shares).is_some()
            || set(cpu.quota).is_some()
            || set(cpu.period).is_some()
            || cpu.burst.is_some()
            || cpu.idle.is_some()
            || set(cpu.realtime_runtime).is_some()
            || set(cpu.realtime_period).is_some();
        if asked {
            match self.version("cpu")? {
                Version::V1 => self.cpu_v1(cpu),
                Version::V2 => self.cpu_v2(cpu)?,
            }
            // Last: an idle group has no weight.
            if let Some(idle) = cpu.idle {
                self.add("cpu", "cpu.idle", idle);
            }
        }
        for (file, value) in [("cpuset.cpus", &cpu.cpus), ("cpuset.mems", &cpu.mems)] {
            if !value.is_empty() {
                self.version("cpuset")?;
                self.add("cpuset", file, value);
            }
        }
        Ok(())
    }

    fn cpu_v1(&mut self, cpu: &Cpu) {
        for (file, value) in [
            ("cpu.rt_period_us", set(cpu.realtime_period).map(|n| n.to_string())),
            ("cpu.rt_runtime_us", set(cpu.realtime_runtime).map(|n| n.to_string())),
            ("cpu.cfs_period_us", set(cpu.period).map(|n| n.to_string())),
            ("cpu.cfs_quota_us", set(cpu.quota).map(|n| n.to_string())),
            ("cpu.cfs_burst_us", cpu.burst.map(|n| n.to_string())),
            ("cpu.shares", set(cpu.shares).map(|n| n.to_string())),
        ] {
            if let Some(value) = value {
                self.add("cpu", file, value);
            }
        }
    }

    fn cpu_v2(&mut self, cpu: &Cpu) -> Result<(), Refusal> {
        if set(cpu.realtime_runtime).is_some() || set(cpu.realtime_period).is_some() {
            return unsupported(
                "/linux/resources/cpu/realtimeRuntime",
                "cgroup v2 has no real-time limits",
            );
        }
        if set(cpu.quota).is_some() || set(cpu.period).is_some() {
            let quota = limit_or_max(cpu.quota.unwrap_or(-1));
            self.add("cpu", "cpu.max", format!("{quota} {}", set(cpu.period).unwrap_or(100_000)));
        }
        if let Some(burst) = cpu.burst {
            self.add("cpu", "cpu.max.burst", burst);
        }
        if let Some(shares) = set(cpu.shares) {
            self.add("cpu", "cpu.weight", cpu_weight(shares));
        }
        Ok(())
    }

    fn block(&mut self, block: &BlockIo) -> Result<(), Refusal> {
        if *block == BlockIo::default() {
            return Ok(());
        }
        let version = match self.layout.version_of("blkio") {
            Some(Version::V1) => Version::V1,
            _ => self.version("io")?,
        };
        self.weights(block, version)?;
        let throttles = [
            (&block.throttle_read_bps_device, "blkio.throttle.read_bps_device", "rbps"),
            (&block.throttle_write_bps_device, "blkio.throttle.write_bps_device", "wbps"),
            (&block.throttle_read_iops_device, "blkio.throttle.read_iops_device", "riops"),
            (&block.throttle_write_iops_device, "blkio.throttle.write_iops_device", "wiops"),
        ];
        for (devices, file, key) in throttles {
            for device in devices {
                let (major, minor, rate) = (device.major, device.minor, device.rate);
                match version {
                    Version::V1 => self.add("blkio", file, format!("{major}:{minor} {rate}")),
                    Version::V2 => {
                        let rate = if rate == 0 { "max".into() } else { rate.to_string() };
                        self.add("io", "io.max", format!("{major}:{minor} {key}={rate}"));
                    }
                }
            }
        }
        Ok(())
    }

    fn weights(&mut self, block: &BlockIo, version: Version) -> Result<(), Refusal> {
        const FIELD: &str = "/linux/resources/blockIO/weight";
        let mut all = Vec::new();
        if let Some(weight) = set(block.weight) {
            all.push((String::new(), "", weight));
        }
        if let Some(weight) = set(block.leaf_weight) {
            all.push((String::new(), "leaf_", weight));
        }
        for device in &block.weight_device {
            let numbers = format!("{}:{} ", device.major, device.minor);
            all.extend(set(device.weight).map(|weight| (numbers.clone(), "", weight)));
            all.extend(set(device.leaf_weight).map(|weight| (numbers, "leaf_", weight)));
        }
        for (device, leaf, weight) in all {
            if !(10..=1000).contains(&weight) {
                return unsupported(FIELD, format!("{weight} is not between 10 and 1000"));
            }
            let write = match version {
                Version::V1 => {
                    let suffix = if device.is_empty() { "" } else { "_device" };
                    let value = format!("{device}{weight}");
                    Write {
                        file: format!("blkio.{leaf}weight{suffix}"),
                        value: value.clone(),
                        instead: Some((format!("blkio.bfq.{leaf}weight{suffix}"), value)),
                        ..Write::default()
                    }
                }
                Version::V2 if leaf.is_empty() => {
                    // 10..=1000 onto 1..=10000.
                    let wide = 1 + (u32::from(weight) - 10) * 9999 / 990;
                    Write {
                        file: "io.bfq.weight".into(),
                        value: format!("{device}{weight}"),
                        instead: Some(("io.weight".into(), format!("{device}{wide}"))),
                        ..Write::default()
                    }
                }
                Version::V2 => {
                    return unsupported(
                        "/linux/resources/blockIO/leafWeight",
                        "cgroup v2 has no such weight",
                    );
                }
            };
            self.wanted.add(if version == Version::V1 { "blkio" } else { "io" }, write);
        }
        Ok(())
    }

    fn huge_pages(&mut self, size: &str, limit: u64) -> Result<(), Refusal> {
        let digits = size.trim_end_matches("KB").trim_end_matches("MB").trim_end_matches("GB");
        let good = size.len() == digits.len() + 2
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit());
        if !good {
            return unsupported(
                "/linux/resources/hugepageLimits",
                format!("'{size}' is no size such as 64KB, 2MB or 1GB"),
            );
        }
        let (file, reserved) = match self.version("hugetlb")? {
            Version::V1 => ("limit_in_bytes", "rsvd.limit_in_bytes"),
            Version::V2 => ("max", "rsvd.max"),
        };
        self.add("hugetlb", format!("hugetlb.{size}.{file}"), limit);
        // Reservations are limited too where the kernel counts them (Linux 5.7).
        let file = format!("hugetlb.{size}.{reserved}");
        let value = limit.to_string();
        self.wanted.add("hugetlb", Write { file, value, quiet: true, ..Write::default() });
        Ok(())
    }

    fn network(&mut self, network: &NetworkPriority) -> Result<(), Refusal> {
        const FIELD: &str = "/linux/resources/network";
        for controller in ["net_cls", "net_prio"] {
            let asked = match controller {
                "net_cls" => set(network.class_id).is_some(),
                _ => !network.priorities.is_empty(),
            };
            if asked && self.layout.version_of(controller) != Some(Version::V1) {
                let why = format!("it needs the controller '{controller}' of cgroup v1");
                return unsupported(FIELD, why);
            }
        }
        if let Some(class) = set(network.class_id) {
            self.add("net_cls", "net_cls.classid", class);
        }
        for priority in &network.priorities {
            if priority.name.is_empty() || priority.name.contains(char::is_whitespace) {
                return unsupported(FIELD, format!("'{}' names no interface", priority.name));
            }
            let value = format!("{} {}", priority.name, priority.priority);
            self.add("net_prio", "net_prio.ifpriomap", value);
        }
        Ok(())
    }

    fn rdma(&mut self, device: &str, limit: &Rdma) -> Result<(), Refusal> {
        if device.is_empty() || device.contains(char::is_whitespace) {
            return unsupported("/linux/resources/rdma", format!("'{device}' names no device"));
        }
        self.version("rdma")?;
        let mut value = device.to_owned();
        for (key, limit) in [("hca_handle", limit.hca_handles), ("hca_object", limit.hca_objects)] {
            if let Some(limit) = limit {
                value.push_str(&format!(" {key}={limit}"));
            }
        }
        self.add("rdma", "rdma.max", value);
        Ok(())
    }

    fn unified(&mut self, file: &str, value: &str) -> Result<(), Refusal> {
        const FIELD: &str = "/linux/resources/unified";
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let controller = file.split('.').next().unwrap_or_default();
        if !file.bytes().all(plain) || controller.is_empty() || controller.len() == file.len() {
            return unsupported(FIELD, format!("'{file}' is no file of a control group"));
        }
        if file == "cgroup.procs" || file == "cgroup.threads" || file == "cgroup.kill" {
            return unsupported(FIELD, format!("'{file}' is not a limit"));
        }
        let everywhere = controller == "cgroup"
            && matches!(
                self.layout,
                Layout::Unified { .. } | Layout::Split { unified: Some(_), .. }
            );
        if !everywhere && self.layout.version_of(controller) != Some(Version::V2) {
            let why = format!(
                "'{file}' needs the controller '{controller}' of cgroup v2: invalid configuration"
            );
            return unsupported(FIELD, why);
        }
        self.add(controller, file, value);
        Ok(())
    }
}

/// The specification counts memory and swap together, cgroup v2 swap alone.
fn swap_alone(memory: &Memory) -> Result<Option<String>, Refusal> {
    const FIELD: &str = "/linux/resources/memory/swap";
    let Some(swap) = set(memory.swap) else { return Ok(None) };
    if swap < 0 {
        return Ok(Some("max".into()));
    }
    match set(memory.limit) {
        Some(limit) if limit > 0 && swap >= limit => Ok(Some((swap - limit).to_string())),
        Some(limit) if limit > 0 => {
            unsupported(FIELD, format!("{swap} is less than the memory limit"))
        }
        _ => unsupported(FIELD, "it needs a memory limit, which it includes"),
    }
}

/// Shares of cgroup v1 (2 to 262144, by default 1024) as a weight of v2 (1 to 10000, by default
/// 100), so that both ends and both defaults meet: 10^((l² + 125 l) / 612 - 7/34), l = log2.
fn cpu_weight(shares: u64) -> u64 {
    const POINTS: [(u64, u64); 3] = [(2, 1), (1024, 100), (262_144, 10_000)];
    let shares = shares.clamp(2, 262_144);
    if let Some((_, weight)) = POINTS.iter().find(|(known, _)| *known == shares) {
        return *weight;
    }
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let log = (shares as f64).log2();
    let weight = 10f64.powf((log * log + 125.0 * log) / 612.0 - 7.0 / 34.0).ceil();
    // Compared rather than converted: the range is small.
    (1..=10_000u32).find(|n| f64::from(*n) >= weight).map_or(10_000, u64::from)
}

#[cfg(test)]
mod tests {
    use cofferdam_oci::runtime::{HugepageLimit, Pids, ThrottleDevice, WeightDevice};

    use super::super::Tree;
    use super::*;

    fn split(controllers: &[&str], unified: &[&str]) -> Layout {
        let tree = |names: &[&str], mounted: &str| Tree {
            controllers: names.iter().map(ToString::to_string).collect(),
            mounted: mounted.into(),
            own: "/".into(),
        };
        let trees = controllers.iter().map(|name| tree(&[name], name)).collect();
        Layout::Split { trees, unified: Some(tree(unified, "unified")) }
    }

    fn both() -> [Layout; 2] {
        let all = ["pids", "memory", "cpu", "cpuset", "blkio", "net_cls", "net_prio", "rdma"];
        [split(&all, &["hugetlb"]), Layout::Unified { own: "/".into() }]
    }

    fn written(layout: &Layout, resources: &Resources) -> Result<Vec<String>, Refusal> {
        let flat = wanted(layout, resources)?.0.into_iter().flat_map(|(_, writes)| writes);
        Ok(flat.map(|write| format!("{}={}", write.file, write.value)).collect())
    }

    fn check(resources: &Resources, v1: &[&str], v2: &[&str]) {
        let [one, two] = both();
        assert_eq!(written(&one, resources).unwrap(), v1);
        assert_eq!(written(&two, resources).unwrap(), v2);
    }

    #[test]
    fn limits_are_written_as_each_version_wants_them() {
        let resources = Resources {
            pids: Some(Pids { limit: Some(10) }),
            memory: Some(Memory {
                limit: Some(100),
                swap: Some(150),
                reservation: Some(-1),
                disable_oom_killer: Some(false),
                ..Memory::default()
            }),
            cpu: Some(Cpu {
                quota: Some(50_000),
                period: Some(100_000),
                shares: Some(1024),
                cpus: "0-1".into(),
                idle: Some(1),
                ..Cpu::default()
            }),
            ..Resources::default()
        };
        check(
            &resources,
            &[
                "pids.max=10",
                "memory.limit_in_bytes=100",
                "memory.soft_limit_in_bytes=-1",
                "memory.memsw.limit_in_bytes=150",
                "cpu.cfs_period_us=100000",
                "cpu.cfs_quota_us=50000",
                "cpu.shares=1024",
                "cpu.idle=1",
                "cpuset.cpus=0-1",
            ],
            &[
                "pids.max=10",
                "memory.max=100",
                "memory.low=max",
                "memory.swap.max=50",
                "cpu.max=50000 100000",
                "cpu.weight=100",
                "cpu.idle=1",
                "cpuset.cpus=0-1",
            ],
        );
    }

    #[test]
    fn disks_huge_pages_and_rdma_are_limited() {
        let resources = Resources {
            block_io: Some(BlockIo {
                weight: Some(500),
                weight_device: vec![WeightDevice {
                    major: 8,
                    minor: 0,
                    weight: Some(10),
                    leaf_weight: None,
                }],
                throttle_read_bps_device: vec![ThrottleDevice { major: 8, minor: 0, rate: 600 }],
                throttle_write_iops_device: vec![ThrottleDevice { major: 8, minor: 0, rate: 7 }],
                ..BlockIo::default()
            }),
            hugepage_limits: vec![HugepageLimit { page_size: "2MB".into(), limit: 4096 }],
            rdma: [("mlx5_1".to_owned(), Rdma { hca_handles: Some(3), hca_objects: None })].into(),
            ..Resources::default()
        };
        check(
            &resources,
            &[
                "blkio.weight=500",
                "blkio.weight_device=8:0 10",
                "blkio.throttle.read_bps_device=8:0 600",
                "blkio.throttle.write_iops_device=8:0 7",
                "hugetlb.2MB.max=4096",
                "hugetlb.2MB.rsvd.max=4096",
                "rdma.max=mlx5_1 hca_handle=3",
            ],
            &[
                "io.bfq.weight=500",
                "io.bfq.weight=8:0 10",
                "io.max=8:0 rbps=600",
                "io.max=8:0 wiops=7",
                "hugetlb.2MB.max=4096",
                "hugetlb.2MB.rsvd.max=4096",
                "rdma.max=mlx5_1 hca_handle=3",
            ],
        );
    }

    #[test]
    fn unset_fields_ask_for_nothing() {
        let resources = Resources {
            memory: Some(Memory { limit: Some(0), swap: Some(0), ..Memory::default() }),
            cpu: Some(Cpu { shares: Some(0), quota: Some(0), ..Cpu::default() }),
            block_io: Some(BlockIo { weight: Some(0), ..BlockIo::default() }),
            network: Some(NetworkPriority::default()),
            ..Resources::default()
        };
        check(&resources, &[], &[]);
    }

    #[test]
    fn what_a_version_lacks_is_refused_by_name() {
        let [one, two] = both();
        let refused = |layout: &Layout, resources: &Resources, wanted: &str| {
            let Refusal::Unsupported(field, _) = written(layout, resources).unwrap_err() else {
                panic!("{wanted}")
            };
            assert_eq!(field, wanted);
        };
        let memory = |memory| Resources { memory: Some(memory), ..Resources::default() };
        let swappy = memory(Memory { swappiness: Some(10), ..Memory::default() });
        refused(&two, &swappy, "/linux/resources/memory/swappiness");
        let oom = memory(Memory { disable_oom_killer: Some(true), ..Memory::default() });
        refused(&two, &oom, "/linux/resources/memory/disableOOMKiller");
        let swap = memory(Memory { limit: Some(9), swap: Some(8), ..Memory::default() });
        refused(&two, &swap, "/linux/resources/memory/swap");
        let network = NetworkPriority { class_id: Some(1), ..NetworkPriority::default() };
        let network = Resources { network: Some(network), ..Resources::default() };
        refused(&two, &network, "/linux/resources/network");
        assert_eq!(written(&one, &network).unwrap(), ["net_cls.classid=1"]);
        for file in ["memory.high", "cgroup.procs", "../x.y", "memory", "x.y", ""] {
            let unified = [(file.to_owned(), "1".to_owned())].into();
            let resources = Resources { unified, ..Resources::default() };
            refused(&one, &resources, "/linux/resources/unified");
        }
        for size in ["2MiB", "MB", "../2MB", "2", "-2MB"] {
            let limit = HugepageLimit { page_size: size.into(), limit: 1 };
            let resources = Resources { hugepage_limits: vec![limit], ..Resources::default() };
            refused(&two, &resources, "/linux/resources/hugepageLimits");
        }
    }

    #[test]
    fn files_of_version_2_are_written_as_given() {
        let files = ["memory.high", "cgroup.max.depth", "misc.max"];
        let unified = files.map(|file| (file.to_owned(), "1".to_owned())).into();
        let resources = Resources { unified, ..Resources::default() };
        let written = written(&both()[1], &resources).unwrap();
        assert_eq!(written, ["cgroup.max.depth=1", "memory.high=1", "misc.max=1"]);
    }

    #[test]
    fn weights_meet_at_the_ends_and_the_default() {
        for (shares, weight) in [
            (1, 1),
            (2, 1),
            (512, 59),
            (1024, 100),
            (2048, 174),
            (262_144, 10_000),
            (u64::MAX, 10_000),
        ] {
            assert_eq!(cpu_weight(shares), weight, "{shares}");
        }
        let weights: Vec<_> = (1..18).map(|n| cpu_weight(1 << n)).collect();
        assert!(weights.is_sorted(), "{weights:?}");
    }
}
