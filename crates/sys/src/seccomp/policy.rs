//! What a filter is to do, in terms of calls and arguments, and what counts when rules overlap.

use super::{Arch, Data};

/// A number at and above which a call on x86_64 goes by the x32 convention
/// (`__X32_SYSCALL_BIT`): the processor mode is the same, so the architecture does not tell.
pub(super) const X32: u32 = 0x4000_0000;

/// What a filter does with a system call.
///
/// The kernel, where several filters are in force, takes the most restrictive answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// The whole process ends as by SIGSYS, with a core dump.
    KillProcess,
    /// The calling thread ends; the others do not learn of it.
    KillThread,
    /// The thread gets SIGSYS with the call's number and arguments.
    Trap,
    /// The call fails with this error number, at most 4095.
    Errno(u16),
    /// The process that listens on the filter decides; ENOSYS when nobody listens.
    Notify,
    /// A tracer is told, with this value for it; ENOSYS without a tracer.
    Trace(u16),
    /// The call happens and is logged.
    Log,
    /// The call happens.
    Allow,
}

impl Action {
    /// The call fails as on a kernel that does not have it.
    pub const NOT_IMPLEMENTED: Self = Self::Errno(38);
    /// The call fails as for a user without the right (EPERM).
    pub const NOT_PERMITTED: Self = Self::Errno(1);

    /// The value that a filter returns for this (`SECCOMP_RET_*` with its data).
    #[must_use]
    pub const fn to_return_value(self) -> u32 {
        match self {
            Self::KillProcess => 0x8000_0000,
            Self::KillThread => 0,
            Self::Trap => 0x0003_0000,
            Self::Errno(number) => 0x0005_0000 | number as u32,
            Self::Notify => 0x7fc0_0000,
            Self::Trace(value) => 0x7ff0_0000 | value as u32,
            Self::Log => 0x7ffc_0000,
            Self::Allow => 0x7fff_0000,
        }
    }

    /// What the kernel does on this return value: an action that it does not know kills the
    /// process (seccomp(2), since Linux 4.14).
    #[must_use]
    pub const fn from_return_value(value: u32) -> Self {
        let data = (value & 0xffff) as u16;
        match value & 0xffff_0000 {
            0 => Self::KillThread,
            0x0003_0000 => Self::Trap,
            0x0005_0000 => Self::Errno(data),
            0x7fc0_0000 => Self::Notify,
            0x7ff0_0000 => Self::Trace(data),
            0x7ffc_0000 => Self::Log,
            0x7fff_0000 => Self::Allow,
            _ => Self::KillProcess,
        }
    }
}

/// How an argument is compared; both sides are unsigned and 64 bits wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// The argument differs from the value.
    NotEqual,
    /// The argument is below the value.
    Less,
    /// The argument is the value or below.
    LessOrEqual,
    /// The argument is the value.
    Equal,
    /// The argument is the value or above.
    GreaterOrEqual,
    /// The argument is above the value.
    Greater,
    /// The argument and the value agree in the bits of `mask`.
    ///
    /// A call that takes an `int` or an `unsigned int` sees only the low half of the register,
    /// so its arguments are compared under the mask `0xffff_ffff`: otherwise a bit set in the
    /// upper half walks past the test.
    MaskedEqual {
        /// The bits that count.
        mask: u64,
    },
}

/// A test of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Condition {
    /// Which argument, 0 to 5.
    pub argument: u8,
    /// How it is compared.
    pub comparison: Comparison,
    /// What it is compared with.
    pub value: u64,
}

impl Condition {
    /// Whether the test holds.
    #[must_use]
    pub fn holds(&self, arguments: &[u64; 6]) -> bool {
        let Some(&argument) = arguments.get(usize::from(self.argument)) else { return false };
        match self.comparison {
            Comparison::NotEqual => argument != self.value,
            Comparison::Less => argument < self.value,
            Comparison::LessOrEqual => argument <= self.value,
            Comparison::Equal => argument == self.value,
            Comparison::GreaterOrEqual => argument >= self.value,
            Comparison::Greater => argument > self.value,
            Comparison::MaskedEqual { mask } => argument & mask == self.value & mask,
        }
    }
}

/// What is to happen with some calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The calls, by number.
    pub syscalls: Vec<u32>,
    /// All of them must hold for the rule to apply; none means that it always does.
    pub conditions: Vec<Condition>,
    /// What happens then.
    pub action: Action,
}

/// What happens with calls that were added to Linux after the policy was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beyond {
    /// The newest call that the policy's author knew of.
    pub last: u32,
    /// What happens with any after it that no rule names. [`Action::NOT_IMPLEMENTED`] is what
    /// lets programs fall back to an older call; they take EPERM for an answer about rights.
    pub action: Action,
}

/// What a filter is to do.
///
/// **Which rule counts.** Of the rules that name the call, the first whose conditions all hold
/// decides. So rules on one call are alternatives (or), the conditions within a rule are
/// cumulative (and), and a narrow rule is written before the wide one that it excepts from.
/// Where none decides, `beyond` or `default` does.
///
/// libseccomp agrees on the profiles of the field. It is less exact where rules on one call have
/// different actions: a rule without conditions there swallows every conditional rule on the
/// same call, wherever it stands; and where many rules on one call test several arguments each.
///
/// The number −1, which a tracer writes to have a call skipped, fails with ENOSYS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What happens with a call that no rule decides on.
    pub default: Action,
    /// What happens with calls that are newer than the policy, if that is something else.
    pub beyond: Option<Beyond>,
    /// What happens with any call by another convention than the architecture's own: i386 and
    /// x32 on x86_64, 32-bit ARM on aarch64. Their numbers mean other calls, so these rules cannot
    /// apply; a [`PolicySet`] has others for them.
    pub foreign: Action,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// What the policy says of one call: its meaning, which compiled programs are tested
    /// against.
    #[must_use]
    pub fn decide(&self, arch: Arch, data: &Data) -> Action {
        if data.arch != arch.audit() {
            return self.foreign;
        }
        if data.number == u32::MAX {
            return Action::NOT_IMPLEMENTED;
        }
        if !arch.numbers().contains(&data.number) {
            return self.foreign;
        }
        self.rules
            .iter()
            .filter(|rule| rule.syscalls.contains(&data.number))
            .find(|rule| rule.conditions.iter().all(|test| test.holds(&data.arguments)))
            .map_or_else(|| self.undecided(data.number), |rule| rule.action)
    }

    /// What happens with a call that no rule decides on.
    pub(super) fn undecided(&self, number: u32) -> Action {
        match self.beyond {
            Some(beyond) if number > beyond.last => beyond.action,
            _ => self.default,
        }
    }
}

/// Policies for the native convention of an architecture, and for others that programs may use
/// besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySet {
    /// The native convention.
    pub arch: Arch,
    /// Its policy, which also says what happens with calls by a convention that is not here.
    pub native: Policy,
    /// Policies of further conventions; what they say of foreign calls does not count.
    pub others: Vec<(Arch, Policy)>,
}

impl PolicySet {
    /// What the policies say of one call.
    #[must_use]
    pub fn decide(&self, data: &Data) -> Action {
        let other = self
            .others
            .iter()
            .find(|(arch, _)| data.arch == arch.audit() && arch.numbers().contains(&data.number));
        let of_other = self.others.iter().any(|(arch, _)| data.arch == arch.audit());
        match other {
            Some((arch, policy)) => policy.decide(*arch, data),
            None if of_other && data.number == u32::MAX => Action::NOT_IMPLEMENTED,
            None => self.native.decide(self.arch, data),
        }
    }
}
