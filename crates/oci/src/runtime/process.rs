//! What runs in the container (config.md, `process`).

object! {
    /// The program and the process that runs it (config.md, `process`).
    pub struct Process {
        required {
            /// Working directory, absolute, inside.
            cwd: String,
            /// Who it runs as; root if it is absent.
            #[serde(default, deserialize_with = "crate::runtime::null_as_default")]
            user: User,
        }
        optional {
            /// Whether it gets a terminal.
            terminal: bool,
            /// The terminal's size.
            console_size: Option<ConsoleSize>,
            /// Program and arguments.
            args: Vec<String>,
            /// Windows only; not interpreted.
            command_line: String,
            /// Environment, `KEY=value`.
            env: Vec<String>,
            /// Capability sets; absent means none.
            capabilities: Option<Capabilities>,
            /// Resource limits.
            rlimits: Vec<Rlimit>,
            /// Whether execve may never grant privileges.
            no_new_privileges: bool,
            /// AppArmor profile.
            apparmor_profile: String,
            /// Adjustment of the out-of-memory score, -1000 to 1000.
            oom_score_adj: Option<i32>,
            /// CPU scheduling.
            scheduler: Option<Scheduler>,
            /// SELinux label.
            selinux_label: String,
            /// I/O priority.
            io_priority: Option<IoPriority>,
            /// CPUs to run on while joining and afterwards.
            #[serde(rename = "execCPUAffinity")]
            exec_cpu_affinity: Option<CpuAffinity>,
        }
    }
}

object! {
    /// A terminal's size in characters.
    pub struct ConsoleSize {
        required {
            /// Rows.
            height: u16,
            /// Columns.
            width: u16,
        }
    }
}

object! {
    /// Who a process runs as, in the container's ids (config.md, `user`).
    pub struct User {
        required {
            /// User id. It is written even if it is 0, as the specification requires it.
            #[serde(default, deserialize_with = "crate::runtime::null_as_default")]
            uid: u32,
            /// Group id.
            #[serde(default, deserialize_with = "crate::runtime::null_as_default")]
            gid: u32,
        }
        optional {
            /// Mask of permission bits for new files.
            umask: Option<u32>,
            /// Supplementary groups.
            additional_gids: Vec<u32>,
            /// Windows only; not interpreted.
            username: String,
        }
    }
}

object! {
    /// The five capability sets, as names such as `CAP_CHOWN` (capabilities(7)).
    pub struct Capabilities {
        optional {
            /// What execve can ever grant.
            bounding: Vec<String>,
            /// What the kernel checks.
            effective: Vec<String>,
            /// What survives execve together with file capabilities.
            inheritable: Vec<String>,
            /// What may become effective.
            permitted: Vec<String>,
            /// What survives execve of ordinary programs.
            ambient: Vec<String>,
        }
    }
}

object! {
    /// A resource limit (getrlimit(2)).
    pub struct Rlimit {
        required {
            /// Name, such as `RLIMIT_NOFILE`.
            #[serde(rename = "type")]
            kind: String,
            /// Ceiling of the soft limit.
            hard: u64,
            /// Limit in force.
            soft: u64,
        }
    }
}

object! {
    /// CPU scheduling (sched_setattr(2)).
    pub struct Scheduler {
        required {
            /// Policy, such as `SCHED_OTHER`.
            policy: String,
        }
        optional {
            /// Nice value, -20 to 19.
            nice: i32,
            /// Static priority of real-time policies.
            priority: i32,
            /// Flags, such as `SCHED_FLAG_RESET_ON_FORK`.
            flags: Vec<String>,
            /// Nanoseconds of `SCHED_DEADLINE`.
            runtime: u64,
            /// Nanoseconds of `SCHED_DEADLINE`.
            deadline: u64,
            /// Nanoseconds of `SCHED_DEADLINE`.
            period: u64,
        }
    }
}

names! {
    /// I/O scheduling class (ioprio_set(2)).
    pub enum IoPriorityClass {
        /// Real time.
        RealTime = "IOPRIO_CLASS_RT",
        /// Best effort.
        BestEffort = "IOPRIO_CLASS_BE",
        /// Only when nobody else wants the disk.
        Idle = "IOPRIO_CLASS_IDLE",
    }
}

/// I/O priority (ioprio_set(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IoPriority {
    /// Class.
    pub class: IoPriorityClass,
    /// Level in the class, 0 (highest) to 7.
    #[serde(default)]
    pub priority: i32,
}

object! {
    /// CPUs as lists such as `0-3,7`.
    pub struct CpuAffinity {
        optional {
            /// While joining the container.
            initial: String,
            /// For the program.
            r#final: String,
        }
    }
}
