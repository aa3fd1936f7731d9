//! From a policy to a program.
//!
//! The numbers of calls form ranges that are treated alike. A binary tree of `>=` tests finds
//! the range in about seven steps; its leaves return at once or test arguments. The tree itself
//! never looks at arguments, which lets the kernel note, when the filter is installed, which
//! calls are always allowed and skip the filter for them (Linux 5.11, seccomp's action cache).
//!
//! Jumps only go forward, so the program is built from its end: where a jump leads is already
//! there, and its distance known.

use std::collections::{BTreeMap, HashMap};

use super::{Action, Arch, Comparison, Condition, Instruction, Policy, PolicySet, Program};

/// The most that the kernel accepts in one filter (`BPF_MAXINSNS`).
pub const MAXIMUM_INSTRUCTIONS: usize = 4096;

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_GREATER_OR_EQUAL: u16 = 0x35;

const NUMBER_OFFSET: u32 = 0;
const ARCH_OFFSET: u32 = 4;
const ARGUMENTS_OFFSET: u32 = 16;

/// A policy that no filter can express.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// There are six arguments.
    #[error("rule {rule} tests argument {argument}, but calls have arguments 0 to 5")]
    Argument {
        /// Which rule, counted from 0.
        rule: usize,
        /// The argument it names.
        argument: u8,
    },
    /// The kernel knows error numbers up to 4095.
    #[error("error number {0} is above 4095, the largest that a call can fail with")]
    ErrorNumber(u16),
    /// No native call of the architecture has this number.
    #[error("rule {rule} names call number {number}, which is not one of the architecture's own")]
    Number {
        /// Which rule, counted from 0.
        rule: usize,
        /// The number it names.
        number: u32,
    },
    /// There are no such calls here, or they have a policy already.
    #[error("calls by the convention {0:?} are none of this architecture's, or named twice")]
    Convention(Arch),
    /// The kernel takes up to [`MAXIMUM_INSTRUCTIONS`].
    #[error(
        "the filter needs {0} instructions, and the kernel takes 4096: use fewer argument tests"
    )]
    TooLarge(usize),
}

/// Compiles a policy for the native calls of an architecture; all others are foreign.
///
/// # Errors
/// [`CompileError`] when the policy cannot be expressed; it is never weakened to fit.
pub fn compile(policy: &Policy, arch: Arch) -> Result<Program, CompileError> {
    compile_parts(arch, policy, &[])
}

/// Compiles the policies of several conventions into one program.
///
/// # Errors
/// [`CompileError`] when a policy cannot be expressed, or a convention is there twice or is none
/// that a processor of the native one has besides.
pub fn compile_set(set: &PolicySet) -> Result<Program, CompileError> {
    compile_parts(set.arch, &set.native, &set.others)
}

fn compile_parts(
    arch: Arch,
    native: &Policy,
    others: &[(Arch, Policy)],
) -> Result<Program, CompileError> {
    check(native, arch)?;
    for (index, (other, policy)) in others.iter().enumerate() {
        let is_twice = others[..index].iter().any(|(before, _)| before == other);
        if is_twice || !arch.besides().contains(other) {
            return Err(CompileError::Convention(*other));
        }
        check(policy, *other)?;
    }
    let mut builder = Builder::default();
    // Those that the kernel tells by another value for the architecture.
    let apart = others.iter().filter(|(other, _)| other.audit() != arch.audit());
    let entries: Vec<_> = apart
        .map(|(other, policy)| {
            let mut ranges = ranges(policy, *other);
            ranges.push((u32::MAX, Leaf::always(Action::NOT_IMPLEMENTED)));
            (other.audit(), builder.numbers(&merge(ranges)))
        })
        .collect();
    // And those that differ by their numbers alone.
    let mut all = ranges(native, arch);
    if arch.numbers().end != u32::MAX {
        let within = others.iter().find(|(other, _)| other.audit() == arch.audit());
        match within {
            Some((other, policy)) => all.extend(ranges(policy, *other)),
            None => all.push((arch.numbers().end, Leaf::always(native.foreign))),
        }
    }
    all.push((u32::MAX, Leaf::always(Action::NOT_IMPLEMENTED)));
    let native_entry = builder.numbers(&merge(all));
    let mut next = builder.action(native.foreign);
    for (audit, entry) in entries {
        next = builder.jump(JUMP_EQUAL, audit, entry, next);
    }
    builder.jump(JUMP_EQUAL, arch.audit(), native_entry, next);
    builder.push(LOAD, ARCH_OFFSET);
    builder.finish()
}

fn check(policy: &Policy, arch: Arch) -> Result<(), CompileError> {
    let actions = [policy.default, policy.foreign].into_iter();
    let actions = actions.chain(policy.beyond.map(|beyond| beyond.action));
    for action in actions.chain(policy.rules.iter().map(|rule| rule.action)) {
        if let Action::Errno(number @ 4096..) = action {
            return Err(CompileError::ErrorNumber(number));
        }
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        if let Some(test) = rule.conditions.iter().find(|test| test.argument > 5) {
            return Err(CompileError::Argument { rule: index, argument: test.argument });
        }
        let numbers = arch.numbers();
        if let Some(&number) = rule.syscalls.iter().find(|number| !numbers.contains(number)) {
            return Err(CompileError::Number { rule: index, number });
        }
    }
    Ok(())
}

/// What to do once the call is known: the first test that holds decides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Leaf {
    tests: Vec<(Vec<Condition>, Action)>,
    otherwise: Action,
}

impl Leaf {
    fn always(action: Action) -> Self {
        Self { tests: Vec::new(), otherwise: action }
    }
}

/// Where each stretch of a convention's numbers begins that are treated alike; the first begins
/// with its first number.
fn ranges(policy: &Policy, arch: Arch) -> Vec<(u32, Leaf)> {
    let numbers = arch.numbers();
    let mut named: BTreeMap<u32, Leaf> = BTreeMap::new();
    for rule in policy.rules.iter().rev() {
        for &number in &rule.syscalls {
            let leaf =
                named.entry(number).or_insert_with(|| Leaf::always(policy.undecided(number)));
            // From the last rule to the first: each stands before those already there.
            if rule.conditions.is_empty() {
                *leaf = Leaf::always(rule.action);
            } else if !leaf.tests.is_empty() || rule.action != leaf.otherwise {
                leaf.tests.insert(0, (rule.conditions.clone(), rule.action));
            }
        }
    }

    let mut ranges: Vec<(u32, Leaf)> = Vec::new();
    let mut begin = |at: u32, leaf: Leaf| match ranges.last_mut() {
        Some((last, previous)) if *last == at => *previous = leaf,
        Some((_, previous)) if *previous == leaf => {}
        _ => ranges.push((at, leaf)),
    };
    begin(numbers.start, Leaf::always(policy.undecided(numbers.start)));
    let beyond = policy.beyond.and_then(|beyond| beyond.last.checked_add(1));
    let mut beyond = beyond.filter(|at| numbers.contains(at) && *at > numbers.start);
    for (number, leaf) in named {
        if let Some(at) = beyond.take_if(|at| *at <= number) {
            begin(at, Leaf::always(policy.undecided(at)));
        }
        begin(number, leaf);
        if let Some(next) = number.checked_add(1).filter(|next| numbers.contains(next)) {
            begin(next, Leaf::always(policy.undecided(next)));
        }
    }
    if let Some(at) = beyond {
        begin(at, Leaf::always(policy.undecided(at)));
    }
    ranges
}

/// Joins neighbours that came to be alike when one of them was replaced.
fn merge(mut ranges: Vec<(u32, Leaf)>) -> Vec<(u32, Leaf)> {
    ranges.dedup_by(|next, previous| next.1 == previous.1);
    ranges
}

/// A place in the program, counted from its end: the last instruction is 1.
type Place = usize;

#[derive(Default)]
struct Builder {
    reversed: Vec<Instruction>,
    actions: HashMap<Action, Place>,
    leaves: HashMap<Leaf, Place>,
}

impl Builder {
    /// Adds an instruction before all that are there.
    fn push(&mut self, code: u16, k: u32) -> Place {
        self.reversed.push(Instruction { code, jump_true: 0, jump_false: 0, k });
        self.reversed.len()
    }

    /// A test that goes on at `yes` or at `no`.
    fn jump(&mut self, code: u16, k: u32, yes: Place, no: Place) -> Place {
        // The second may itself need an instruction, which moves the first one away by one.
        let yes = self.within(yes, 254);
        let no = self.within(no, 255);
        let (jump_true, jump_false) = (self.short_distance(yes), self.short_distance(no));
        self.reversed.push(Instruction { code, jump_true, jump_false, k });
        self.reversed.len()
    }

    /// `place`, or a stand-in near enough for the eight bits that a test has for a distance.
    fn within(&mut self, place: Place, reach: usize) -> Place {
        let distance = self.reversed.len() - place;
        if distance <= reach {
            return place;
        }
        let target = self.reversed[place - 1];
        if target.code == RETURN {
            return self.push(RETURN, target.k);
        }
        self.push(JUMP, u32::try_from(distance).unwrap_or(u32::MAX))
    }

    fn short_distance(&self, place: Place) -> u8 {
        u8::try_from(self.reversed.len() - place).expect("`within` brought the place into reach")
    }

    /// A place that whatever is added next falls through to.
    fn directly_before(&mut self, place: Place) -> Place {
        self.within(place, 0)
    }

    fn action(&mut self, action: Action) -> Place {
        if let Some(&place) = self.actions.get(&action) {
            return place;
        }
        let place = self.push(RETURN, action.to_return_value());
        self.actions.insert(action, place);
        place
    }

    /// Loads the number and finds its range; what is added next has to jump here.
    fn numbers(&mut self, ranges: &[(u32, Leaf)]) -> Place {
        let tree = self.tree(ranges);
        let tree = self.directly_before(tree);
        debug_assert_eq!(tree, self.reversed.len());
        self.push(LOAD, NUMBER_OFFSET)
    }

    /// Finds the range that the number in the accumulator belongs to. `ranges` is not empty.
    fn tree(&mut self, ranges: &[(u32, Leaf)]) -> Place {
        if let [(_, leaf)] = ranges {
            return self.leaf(leaf);
        }
        let (below, above) = ranges.split_at(ranges.len() / 2);
        let from = above[0].0;
        let above = self.tree(above);
        let below = self.tree(below);
        self.jump(JUMP_GREATER_OR_EQUAL, from, above, below)
    }

    fn leaf(&mut self, leaf: &Leaf) -> Place {
        if leaf.tests.is_empty() {
            return self.action(leaf.otherwise);
        }
        if let Some(&place) = self.leaves.get(leaf) {
            return place;
        }
        let mut next = self.action(leaf.otherwise);
        for (conditions, action) in leaf.tests.iter().rev() {
            let mut met = self.action(*action);
            for condition in conditions.iter().rev() {
                met = self.test(condition, met, next);
            }
            next = met;
        }
        self.leaves.insert(leaf.clone(), next);
        next
    }

    /// Goes on at `yes` if the condition holds, else at `no`.
    fn test(&mut self, condition: &Condition, yes: Place, no: Place) -> Place {
        let argument = ARGUMENTS_OFFSET + 8 * u32::from(condition.argument);
        let value = condition.value;
        match condition.comparison {
            Comparison::Equal => self.equal(argument, u64::MAX, value, yes, no),
            Comparison::NotEqual => self.equal(argument, u64::MAX, value, no, yes),
            Comparison::MaskedEqual { mask } => self.equal(argument, mask, value, yes, no),
            Comparison::Greater => self.above(JUMP_GREATER, argument, value, yes, no),
            Comparison::LessOrEqual => self.above(JUMP_GREATER, argument, value, no, yes),
            Comparison::GreaterOrEqual => {
                self.above(JUMP_GREATER_OR_EQUAL, argument, value, yes, no)
            }
            Comparison::Less => self.above(JUMP_GREATER_OR_EQUAL, argument, value, no, yes),
        }
    }

    fn equal(&mut self, argument: u32, mask: u64, value: u64, yes: Place, no: Place) -> Place {
        let (mask_high, mask_low) = halves(mask);
        let (high, low) = halves(value & mask);
        let low = self.half_equal(argument, mask_low, low, yes, no);
        self.half_equal(argument + 4, mask_high, high, low, no)
    }

    fn half_equal(&mut self, offset: u32, mask: u32, value: u32, yes: Place, no: Place) -> Place {
        if mask == 0 {
            return yes;
        }
        let mut place = self.jump(JUMP_EQUAL, value, yes, no);
        if mask != u32::MAX {
            place = self.push(AND, mask);
        }
        debug_assert_eq!(place, self.reversed.len());
        self.push(LOAD, offset)
    }

    /// Compares the low halves by `code` if the high ones are equal.
    fn above(&mut self, code: u16, argument: u32, value: u64, yes: Place, no: Place) -> Place {
        let (high, low) = halves(value);
        self.jump(code, low, yes, no);
        let low = self.push(LOAD, argument);
        let equal = self.jump(JUMP_EQUAL, high, low, no);
        self.jump(JUMP_GREATER, high, yes, equal);
        self.push(LOAD, argument + 4)
    }

    fn finish(mut self) -> Result<Program, CompileError> {
        if self.reversed.len() > MAXIMUM_INSTRUCTIONS {
            return Err(CompileError::TooLarge(self.reversed.len()));
        }
        self.reversed.reverse();
        Ok(Program { instructions: self.reversed })
    }
}

/// The upper and the lower 32 bits.
fn halves(value: u64) -> (u32, u32) {
    let low = u32::try_from(value & u64::from(u32::MAX)).expect("masked to 32 bits");
    let high = u32::try_from(value >> 32).expect("shifted to 32 bits");
    (high, low)
}
