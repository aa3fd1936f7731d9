//! From a profile of the runtime-spec to the policy of one architecture.

use std::collections::BTreeSet;

use cofferdam_oci::runtime::{self as oci, Architecture, Operator, Seccomp, Syscall};
use cofferdam_sys::seccomp::{
    Action, Arch, Beyond, Comparison, Condition, Policy, PolicySet, Rule,
};

/// A profile that has no meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Error numbers go to 4095, and what a tracer is told to 65535.
    #[error("errnoRet {value} of seccomp rule on '{call}' is too large")]
    ErrorNumber {
        /// The value in the profile.
        value: u32,
        /// The first call of the rule, or `default`.
        call: String,
    },
    /// Calls have six arguments.
    #[error("seccomp rule on '{call}' tests argument {index}, but calls have arguments 0 to 5")]
    Argument {
        /// The index in the profile.
        index: u32,
        /// The first call of the rule.
        call: String,
    },
}

/// What became of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// What to compile for the native convention.
    pub policy: Policy,
    /// What to compile for others that the profile lists.
    pub others: Vec<(Arch, Policy)>,
    /// Names that no architecture known here has: misspelt, or newer than
    /// [`Arch::table_kernel`]. Their rules are left out for these names.
    pub unknown: Vec<String>,
    /// Architectures of the profile whose calls this program does not know by number, or that
    /// this processor has not. Calls by their conventions are refused by killing the process, not
    /// filtered.
    pub uncovered: Vec<Architecture>,
}

impl Conversion {
    /// The policies of all conventions.
    #[must_use]
    pub fn into_set(self, arch: Arch) -> PolicySet {
        PolicySet { arch, native: self.policy, others: self.others }
    }
}

/// Reads a profile for the calls of `arch`, and for those of the other conventions that the profile
/// lists and this processor has besides.
///
/// As the runtimes in the field do:
/// - a name that exists on another architecture only is skipped;
/// - a rule that tests one argument more than once is taken as one rule for each test, of which
///   any suffices (libseccomp cannot join two tests of an argument);
/// - unless calls are allowed or asked about by default, a call newer than every call that the
///   profile names fails with ENOSYS, so that programs fall back to what the profile's author
///   knew.
///
/// On i386 calls on sockets and of System V communication exist twice: by themselves, and as parts
/// of `socketcall` and `ipc`, whose arguments no filter can see. A rule with conditions on such a
/// call counts for the part too if it forbids more than the default does, whatever the arguments
/// are, and else does not.
///
/// # Errors
/// [`ProfileError`] for numbers that cannot be meant.
pub fn to_policy(profile: &Seccomp, arch: Arch) -> Result<Conversion, ProfileError> {
    let mut unknown = BTreeSet::new();
    for name in profile.syscalls.iter().flat_map(|entry| &entry.names) {
        if !Arch::is_known_anywhere(name) {
            unknown.insert(name.clone());
        }
    }
    let mut others: Vec<(Arch, Policy)> = Vec::new();
    let mut uncovered = Vec::new();
    for &listed in profile.architectures.iter().filter(|&&other| architecture(arch) != other) {
        match arch.besides().iter().find(|besides| architecture(**besides) == listed) {
            Some(besides) if others.iter().all(|(there, _)| there != besides) => {
                others.push((*besides, convention(profile, *besides)?));
            }
            Some(_) => {}
            None => uncovered.push(listed),
        }
    }
    let policy = convention(profile, arch)?;
    Ok(Conversion { policy, others, unknown: unknown.into_iter().collect(), uncovered })
}

/// The policy for the calls of one convention.
fn convention(profile: &Seccomp, arch: Arch) -> Result<Policy, ProfileError> {
    let default = action(profile.default_action, profile.default_errno_ret, "default")?;
    let mut rules = Vec::new();
    let mut last = None;
    for entry in &profile.syscalls {
        let numbers = entry.names.iter().filter_map(|name| arch.number(name));
        let syscalls: Vec<u32> = numbers.collect();
        last = last.max(syscalls.iter().max().copied());
        if !syscalls.is_empty() {
            rules.extend(rules_of(entry, &syscalls)?);
        }
        let parts: Vec<_> = entry.names.iter().filter_map(|name| arch.multiplexed(name)).collect();
        if !parts.is_empty() {
            rules.extend(rules_of_parts(entry, &parts, default)?);
        }
    }
    let beyond = last
        .filter(|_| refuses(default))
        .map(|last| Beyond { last, action: Action::NOT_IMPLEMENTED });
    Ok(Policy { default, beyond, foreign: Action::KillProcess, rules })
}

/// Rules for calls that are parts of others, told by the first argument of these.
fn rules_of_parts(
    entry: &Syscall,
    parts: &[(u32, u32)],
    default: Action,
) -> Result<Vec<Rule>, ProfileError> {
    // `ipc` has a version in the upper half.
    const PART: u64 = 0xffff;
    let call = entry.names.first().map_or("", String::as_str);
    let action = action(entry.action, entry.errno_ret, call)?;
    if !entry.args.is_empty() && action >= default {
        return Ok(Vec::new());
    }
    let rule = |&(call, part): &(u32, u32)| Rule {
        syscalls: vec![call],
        conditions: vec![Condition {
            argument: 0,
            comparison: Comparison::MaskedEqual { mask: PART },
            value: u64::from(part),
        }],
        action,
    };
    Ok(parts.iter().map(rule).collect())
}

/// The name that profiles have for a convention.
#[must_use]
pub const fn architecture(arch: Arch) -> Architecture {
    match arch {
        Arch::X86_64 => Architecture::X86_64,
        Arch::Aarch64 => Architecture::Aarch64,
        Arch::X86 => Architecture::X86,
        Arch::X32 => Architecture::X32,
    }
}

fn refuses(action: Action) -> bool {
    match action {
        Action::Allow | Action::Log | Action::Notify | Action::Trace(_) => false,
        Action::Errno(_) | Action::Trap | Action::KillThread | Action::KillProcess => true,
    }
}

fn rules_of(entry: &Syscall, syscalls: &[u32]) -> Result<Vec<Rule>, ProfileError> {
    let call = entry.names.first().map_or("", String::as_str);
    let action = action(entry.action, entry.errno_ret, call)?;
    let conditions = entry
        .args
        .iter()
        .map(|argument| condition(argument, call))
        .collect::<Result<Vec<_>, _>>()?;
    let tested: BTreeSet<u8> = conditions.iter().map(|test| test.argument).collect();
    let rule = |conditions| Rule { syscalls: syscalls.to_vec(), conditions, action };
    if tested.len() == conditions.len() {
        return Ok(vec![rule(conditions)]);
    }
    Ok(conditions.into_iter().map(|test| rule(vec![test])).collect())
}

fn action(action: oci::Action, errno_ret: Option<u32>, call: &str) -> Result<Action, ProfileError> {
    let number = |limit: u16| {
        let value = errno_ret.unwrap_or(1);
        u16::try_from(value)
            .ok()
            .filter(|number| *number <= limit)
            .ok_or_else(|| ProfileError::ErrorNumber { value, call: call.to_owned() })
    };
    Ok(match action {
        oci::Action::Kill | oci::Action::KillThread => Action::KillThread,
        oci::Action::KillProcess => Action::KillProcess,
        oci::Action::Trap => Action::Trap,
        oci::Action::Errno => Action::Errno(number(4095)?),
        oci::Action::Trace => Action::Trace(number(u16::MAX)?),
        oci::Action::Allow => Action::Allow,
        oci::Action::Log => Action::Log,
        oci::Action::Notify => Action::Notify,
    })
}

fn condition(argument: &oci::Argument, call: &str) -> Result<Condition, ProfileError> {
    let index = u8::try_from(argument.index)
        .ok()
        .filter(|index| *index < 6)
        .ok_or_else(|| ProfileError::Argument { index: argument.index, call: call.to_owned() })?;
    let comparison = match argument.op {
        Operator::NotEqual => Comparison::NotEqual,
        Operator::Less => Comparison::Less,
        Operator::LessOrEqual => Comparison::LessOrEqual,
        Operator::Equal => Comparison::Equal,
        Operator::GreaterOrEqual => Comparison::GreaterOrEqual,
        Operator::Greater => Comparison::Greater,
        Operator::MaskedEqual => Comparison::MaskedEqual { mask: argument.value },
    };
    let value = match comparison {
        Comparison::MaskedEqual { .. } => argument.value_two,
        _ => argument.value,
    };
    Ok(Condition { argument: index, comparison, value })
}
