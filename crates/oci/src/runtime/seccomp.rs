//! The system-call filter (config-linux.md, `seccomp`).

/// A system-call filter (config-linux.md, `seccomp`).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seccomp {
    /// What happens to calls that no rule names.
    pub default_action: Action,
    /// Error number that the default action returns; `EPERM` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// Architectures that the filter covers; the native one if empty.
    #[serde(
        default,
        deserialize_with = "super::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub architectures: Vec<Architecture>,
    /// Flags of seccomp(2).
    #[serde(
        default,
        deserialize_with = "super::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub flags: Vec<SeccompFlag>,
    /// Socket of the agent that `Notify` calls go to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub listener_path: String,
    /// Passed to the agent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub listener_metadata: String,
    /// The rules.
    #[serde(
        default,
        deserialize_with = "super::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub syscalls: Vec<Syscall>,
}

/// A rule: what happens to some calls, if their arguments match.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Syscall {
    /// Names of the calls, such as `openat`.
    pub names: Vec<String>,
    /// What happens.
    pub action: Action,
    /// Error number that the action returns; `EPERM` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// Conditions that all have to hold.
    #[serde(
        default,
        deserialize_with = "super::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub args: Vec<Argument>,
}

/// A condition on an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Argument {
    /// Which argument, 0 to 5.
    pub index: u32,
    /// What it is compared with; the mask for `MaskedEqual`.
    pub value: u64,
    /// What the masked argument is compared with.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub value_two: u64,
    /// How.
    pub op: Operator,
}

names! {
    /// What happens to a call (seccomp(2)).
    pub enum Action {
        /// Kills the thread.
        Kill = "SCMP_ACT_KILL",
        /// Kills the process.
        KillProcess = "SCMP_ACT_KILL_PROCESS",
        /// Kills the thread.
        KillThread = "SCMP_ACT_KILL_THREAD",
        /// Sends SIGSYS.
        Trap = "SCMP_ACT_TRAP",
        /// Returns an error number.
        Errno = "SCMP_ACT_ERRNO",
        /// Asks the tracer.
        Trace = "SCMP_ACT_TRACE",
        /// Lets it through.
        Allow = "SCMP_ACT_ALLOW",
        /// Lets it through and logs it.
        Log = "SCMP_ACT_LOG",
        /// Asks an agent.
        Notify = "SCMP_ACT_NOTIFY",
    }
}

names! {
    /// How an argument is compared, unsigned.
    pub enum Operator {
        /// Not equal.
        NotEqual = "SCMP_CMP_NE",
        /// Less.
        Less = "SCMP_CMP_LT",
        /// Less or equal.
        LessOrEqual = "SCMP_CMP_LE",
        /// Equal.
        Equal = "SCMP_CMP_EQ",
        /// Greater or equal.
        GreaterOrEqual = "SCMP_CMP_GE",
        /// Greater.
        Greater = "SCMP_CMP_GT",
        /// Equal after a mask: `argument & value == value_two`.
        MaskedEqual = "SCMP_CMP_MASKED_EQ",
    }
}

names! {
    /// Flags of seccomp(2).
    pub enum SeccompFlag {
        /// All threads get the filter.
        Tsync = "SECCOMP_FILTER_FLAG_TSYNC",
        /// Actions other than allow are logged.
        Log = "SECCOMP_FILTER_FLAG_LOG",
        /// No speculation mitigation because of the filter.
        SpecAllow = "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        /// Waiting for the agent is interrupted only by fatal signals.
        WaitKillableRecv = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    }
}

names! {
    /// Architectures as libseccomp names them.
    pub enum Architecture {
        /// x86, 32 bits.
        X86 = "SCMP_ARCH_X86",
        /// x86, 64 bits.
        X86_64 = "SCMP_ARCH_X86_64",
        /// x86, 64 bits with 32-bit pointers.
        X32 = "SCMP_ARCH_X32",
        /// Arm, 32 bits.
        Arm = "SCMP_ARCH_ARM",
        /// Arm, 64 bits.
        Aarch64 = "SCMP_ARCH_AARCH64",
        /// MIPS.
        Mips = "SCMP_ARCH_MIPS",
        /// MIPS, 64 bits.
        Mips64 = "SCMP_ARCH_MIPS64",
        /// MIPS, 64 bits with 32-bit pointers.
        Mips64N32 = "SCMP_ARCH_MIPS64N32",
        /// MIPS, little endian.
        Mipsel = "SCMP_ARCH_MIPSEL",
        /// MIPS, 64 bits, little endian.
        Mipsel64 = "SCMP_ARCH_MIPSEL64",
        /// MIPS, 64 bits with 32-bit pointers, little endian.
        Mipsel64N32 = "SCMP_ARCH_MIPSEL64N32",
        /// PowerPC.
        Ppc = "SCMP_ARCH_PPC",
        /// PowerPC, 64 bits.
        Ppc64 = "SCMP_ARCH_PPC64",
        /// PowerPC, 64 bits, little endian.
        Ppc64Le = "SCMP_ARCH_PPC64LE",
        /// S/390.
        S390 = "SCMP_ARCH_S390",
        /// S/390, 64 bits.
        S390X = "SCMP_ARCH_S390X",
        /// PA-RISC.
        Parisc = "SCMP_ARCH_PARISC",
        /// PA-RISC, 64 bits.
        Parisc64 = "SCMP_ARCH_PARISC64",
        /// RISC-V, 64 bits.
        Riscv64 = "SCMP_ARCH_RISCV64",
        /// LoongArch, 64 bits.
        Loongarch64 = "SCMP_ARCH_LOONGARCH64",
        /// Motorola 68000.
        M68k = "SCMP_ARCH_M68K",
        /// SuperH.
        Sh = "SCMP_ARCH_SH",
        /// SuperH, big endian.
        Sheb = "SCMP_ARCH_SHEB",
    }
}
