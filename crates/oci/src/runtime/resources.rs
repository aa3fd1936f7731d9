//! Limits that control groups enforce (config-linux.md, `resources`).

use std::collections::BTreeMap;

object! {
    /// Limits that control groups enforce.
    pub struct Resources {
        optional {
            /// Which devices may be used; rules apply in order.
            devices: Vec<DeviceRule>,
            /// Memory.
            memory: Option<Memory>,
            /// CPU time.
            cpu: Option<Cpu>,
            /// Number of tasks.
            pids: Option<Pids>,
            /// Block devices.
            #[serde(rename = "blockIO")]
            block_io: Option<BlockIo>,
            /// Huge pages.
            hugepage_limits: Vec<HugepageLimit>,
            /// Marking and priority of network traffic (cgroup v1).
            network: Option<NetworkPriority>,
            /// RDMA, by device.
            rdma: BTreeMap<String, Rdma>,
            /// Files of cgroup v2 and what to write to them.
            unified: BTreeMap<String, String>,
        }
    }
}

object! {
    /// Whether devices may be used (device cgroup).
    pub struct DeviceRule {
        required {
            /// Allow or deny.
            allow: bool,
        }
        optional {
            /// `a` (all), `c` or `b`; all if empty.
            #[serde(rename = "type")]
            kind: String,
            /// Major number; all if absent.
            major: Option<i64>,
            /// Minor number; all if absent.
            minor: Option<i64>,
            /// Of `r`, `w` and `m` (mknod).
            access: String,
        }
    }
}

object! {
    /// Memory, in bytes; -1 means without limit.
    pub struct Memory {
        optional {
            /// Limit.
            limit: Option<i64>,
            /// What is guaranteed under pressure.
            reservation: Option<i64>,
            /// Memory and swap together.
            swap: Option<i64>,
            /// Kernel memory (obsolete).
            kernel: Option<i64>,
            /// Kernel memory of TCP buffers.
            #[serde(rename = "kernelTCP")]
            kernel_tcp: Option<i64>,
            /// 0 to 100.
            swappiness: Option<u64>,
            /// Whether tasks wait instead of being killed.
            #[serde(rename = "disableOOMKiller")]
            disable_oom_killer: Option<bool>,
            /// Whether children count too.
            use_hierarchy: Option<bool>,
            /// Whether a limit below the usage is refused.
            check_before_update: Option<bool>,
        }
    }
}

object! {
    /// CPU time.
    pub struct Cpu {
        optional {
            /// Relative share.
            shares: Option<u64>,
            /// Microseconds of CPU time in a period; negative means without limit.
            quota: Option<i64>,
            /// Microseconds that may be saved up.
            burst: Option<u64>,
            /// Microseconds of a period.
            period: Option<u64>,
            /// Microseconds of real-time CPU time in a period.
            realtime_runtime: Option<i64>,
            /// Microseconds of a real-time period.
            realtime_period: Option<u64>,
            /// CPUs, such as `0-3`.
            cpus: String,
            /// Memory nodes, such as `0`.
            mems: String,
            /// 1 for SCHED_IDLE.
            idle: Option<i64>,
        }
    }
}

object! {
    /// Number of tasks.
    pub struct Pids {
        optional {
            /// Limit; -1 means without.
            limit: Option<i64>,
        }
    }
}

object! {
    /// Block devices.
    pub struct BlockIo {
        optional {
            /// Relative weight, 10 to 1000.
            weight: Option<u16>,
            /// Weight against child groups.
            leaf_weight: Option<u16>,
            /// Weights of single devices.
            weight_device: Vec<WeightDevice>,
            /// Bytes read a second.
            throttle_read_bps_device: Vec<ThrottleDevice>,
            /// Bytes written a second.
            throttle_write_bps_device: Vec<ThrottleDevice>,
            /// Reads a second.
            #[serde(rename = "throttleReadIOPSDevice")]
            throttle_read_iops_device: Vec<ThrottleDevice>,
            /// Writes a second.
            #[serde(rename = "throttleWriteIOPSDevice")]
            throttle_write_iops_device: Vec<ThrottleDevice>,
        }
    }
}

object! {
    /// Weight of one block device.
    pub struct WeightDevice {
        required {
            /// Major number.
            major: i64,
            /// Minor number.
            minor: i64,
        }
        optional {
            /// Relative weight.
            weight: Option<u16>,
            /// Weight against child groups.
            leaf_weight: Option<u16>,
        }
    }
}

object! {
    /// Rate of one block device.
    pub struct ThrottleDevice {
        required {
            /// Major number.
            major: i64,
            /// Minor number.
            minor: i64,
            /// Bytes or operations a second.
            rate: u64,
        }
    }
}

object! {
    /// Limit of huge pages of one size.
    pub struct HugepageLimit {
        required {
            /// Size, such as `2MB`.
            page_size: String,
            /// Bytes.
            limit: u64,
        }
    }
}

object! {
    /// Marking and priority of network traffic (cgroup v1).
    pub struct NetworkPriority {
        optional {
            /// Class of outgoing packets.
            #[serde(rename = "classID")]
            class_id: Option<u32>,
            /// Priority by interface.
            priorities: Vec<InterfacePriority>,
        }
    }
}

object! {
    /// Priority of traffic over one interface.
    pub struct InterfacePriority {
        required {
            /// Interface.
            name: String,
            /// Priority.
            priority: u32,
        }
    }
}

object! {
    /// Limits of one RDMA device.
    pub struct Rdma {
        optional {
            /// Handles.
            hca_handles: Option<u32>,
            /// Objects.
            hca_objects: Option<u32>,
        }
    }
}
