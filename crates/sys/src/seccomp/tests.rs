//! Compiled programs, executed over every call number and over arguments at the edges, against
//! what the policy itself says.

use proptest::prelude::*;

use super::*;

const ARCHES: [Arch; 2] = [Arch::X86_64, Arch::Aarch64];
const BESIDES: [Arch; 2] = [Arch::X86, Arch::X32];
const I386: u32 = 0x4000_0003;

fn decided(program: &Program, data: &Data) -> Action {
    Action::from_return_value(evaluate(program, data).unwrap())
}

fn policy(rules: Vec<Rule>) -> Policy {
    Policy { default: Action::NOT_PERMITTED, beyond: None, foreign: Action::KillProcess, rules }
}

fn allow(syscalls: &[u32]) -> Rule {
    Rule { syscalls: syscalls.to_vec(), conditions: Vec::new(), action: Action::Allow }
}

/// Numbers of the whole table and past it, and where the ranges have their edges.
fn numbers() -> impl Iterator<Item = u32> {
    (0..700)
        .chain([0x3fff_ffff, 0x4000_0000, 0x4000_0001, 0x7fff_ffff, 0x8000_0000])
        .chain([u32::MAX - 1, u32::MAX])
}

fn arguments_around(policy: &Policy, number: u32) -> Vec<[u64; 6]> {
    let mut all = Vec::new();
    let rules = policy.rules.iter().filter(|rule| rule.syscalls.contains(&number));
    for test in rules.flat_map(|rule| &rule.conditions) {
        let value = test.value;
        for near in [
            value,
            value.wrapping_add(1),
            value.wrapping_sub(1),
            value ^ (1 << 32),
            value ^ (1 << 63),
            value & 0xffff_ffff,
            value.rotate_left(32),
            !value,
        ] {
            for mut arguments in [[0; 6], [u64::MAX; 6]] {
                arguments[usize::from(test.argument)] = near;
                all.push(arguments);
            }
            all.push([near; 6]);
        }
    }
    all
}

/// Every number with arguments of zeros and ones; those with rules, around every tested value.
fn agrees(policy: &Policy, arch: Arch) {
    let program = compile(policy, arch).unwrap();
    let check = |number: u32, arguments: [u64; 6]| {
        let data = Data::new(arch, number, arguments);
        assert_eq!(
            decided(&program, &data),
            policy.decide(arch, &data),
            "call {number} with {arguments:x?} on {arch:?}"
        );
    };
    for number in numbers() {
        check(number, [0; 6]);
        check(number, [u64::MAX; 6]);
    }
    for &number in policy.rules.iter().flat_map(|rule| &rule.syscalls) {
        for arguments in arguments_around(policy, number) {
            check(number, arguments);
        }
        check(number.saturating_add(1), [0; 6]);
    }
    let foreign = Data { arch: I386, ..Data::new(arch, 0, [0; 6]) };
    assert_eq!(decided(&program, &foreign), policy.foreign);
}

/// Every convention of a set, as [`agrees`] does for one.
fn set_agrees(set: &PolicySet) {
    let program = compile_set(set).unwrap();
    let check = |audit: u32, number: u32, arguments: [u64; 6]| {
        let data = Data { arch: audit, ..Data::new(set.arch, number, arguments) };
        let name = format!("call {number:#x} of {audit:#x} with {arguments:x?}");
        assert_eq!(decided(&program, &data), set.decide(&data), "{name}");
    };
    for audit in [set.arch.audit(), I386] {
        for number in numbers().chain((0..600).map(|number| 0x4000_0000 + number)) {
            check(audit, number, [0; 6]);
        }
    }
    for audit in [Arch::Aarch64.audit(), 0, u32::MAX] {
        for number in [0, 1, 500, 0x4000_0000, 0x4000_0200, u32::MAX] {
            check(audit, number, [u64::MAX; 6]);
        }
    }
    let native = std::iter::once((set.arch, &set.native));
    for (arch, policy) in native.chain(set.others.iter().map(|(arch, policy)| (*arch, policy))) {
        for &number in policy.rules.iter().flat_map(|rule| &rule.syscalls) {
            for arguments in arguments_around(policy, number) {
                check(arch.audit(), number, arguments);
            }
            check(arch.audit(), number.saturating_add(1), [0; 6]);
        }
    }
}

#[test]
fn each_convention_has_its_own_rules() {
    let default = |default, rules| Policy { default, ..policy(rules) };
    let x32 = |number: u32| 0x4000_0000 + number;
    let set = PolicySet {
        arch: Arch::X86_64,
        native: default(Action::NOT_PERMITTED, vec![allow(&[0, 1])]),
        others: vec![
            (Arch::X86, default(Action::Errno(7), vec![allow(&[3, 102])])),
            (Arch::X32, default(Action::Trap, vec![allow(&[x32(0), x32(514)])])),
        ],
    };
    set_agrees(&set);
    let program = compile_set(&set).unwrap();
    let of = |arch: Arch, number| decided(&program, &Data::new(arch, number, [0; 6]));
    assert_eq!(of(Arch::X86_64, 1), Action::Allow);
    assert_eq!(of(Arch::X86_64, 3), Action::NOT_PERMITTED);
    assert_eq!(of(Arch::X86, 3), Action::Allow);
    assert_eq!(of(Arch::X86, 1), Action::Errno(7));
    assert_eq!(of(Arch::X86, u32::MAX), Action::NOT_IMPLEMENTED);
    assert_eq!(of(Arch::X32, x32(514)), Action::Allow);
    assert_eq!(of(Arch::X32, x32(1)), Action::Trap);
    assert_eq!(of(Arch::X32, u32::MAX), Action::NOT_IMPLEMENTED);
    assert_eq!(of(Arch::Aarch64, 0), Action::KillProcess);
    // One of them alone leaves the other to be refused.
    for (index, other) in BESIDES.into_iter().enumerate() {
        let mut one = set.clone();
        one.others.retain(|(arch, _)| *arch == other);
        set_agrees(&one);
        let program = compile_set(&one).unwrap();
        let refused = Data::new(BESIDES[1 - index], x32(0), [0; 6]);
        assert_eq!(decided(&program, &refused), Action::KillProcess);
    }
    for others in [
        vec![(Arch::Aarch64, set.native.clone())],
        vec![(Arch::X86_64, set.native.clone())],
        vec![set.others[0].clone(), set.others[0].clone()],
    ] {
        let error = compile_set(&PolicySet { others, ..set.clone() }).unwrap_err();
        assert!(matches!(error, CompileError::Convention(_)), "{error}");
    }
}

#[test]
fn table_agrees_with_libc() {
    for (arch, name, number) in [
        (Arch::X86_64, "read", 0),
        (Arch::X86_64, "clone3", 435),
        (Arch::X86_64, "mseal", 462),
        (Arch::X86_64, "uretprobe", 335),
        (Arch::Aarch64, "read", 63),
        (Arch::Aarch64, "openat2", 437),
        (Arch::Aarch64, "mseal", 462),
    ] {
        assert_eq!(arch.number(name), Some(number), "{name}");
        assert_eq!(arch.name(number), Some(name));
    }
    #[cfg(target_arch = "x86_64")]
    for (name, number) in [
        ("fchmodat2", libc::SYS_fchmodat2),
        ("futex_waitv", libc::SYS_futex_waitv),
        ("mount_setattr", libc::SYS_mount_setattr),
        ("landlock_restrict_self", libc::SYS_landlock_restrict_self),
    ] {
        assert_eq!(Arch::X86_64.number(name).map(libc::c_long::from), Some(number), "{name}");
    }
    assert_eq!(Arch::Aarch64.number("open"), None);
    assert!(Arch::is_known_anywhere("open"));
    assert!(!Arch::is_known_anywhere("opn"));
}

#[test]
fn table_is_ordered_and_names_no_number_twice() {
    for arch in ARCHES {
        let names: Vec<_> = arch.syscalls().map(|(name, _)| name).collect();
        assert!(names.is_sorted_by(|left, right| left < right));
        let mut numbers: Vec<_> = arch.syscalls().map(|(_, number)| number).collect();
        numbers.sort_unstable();
        assert!(numbers.is_sorted_by(|left, right| left < right), "{arch:?}");
        assert!(numbers.len() > 300);
        assert!(arch.newest() >= 462, "complete up to Linux 6.12 at least");
    }
}

#[test]
fn actions_survive_the_return_value() {
    for action in [
        Action::KillProcess,
        Action::KillThread,
        Action::Trap,
        Action::Errno(0),
        Action::Errno(4095),
        Action::Notify,
        Action::Trace(u16::MAX),
        Action::Log,
        Action::Allow,
    ] {
        assert_eq!(Action::from_return_value(action.to_return_value()), action);
    }
    // An action of a later kernel kills.
    assert_eq!(Action::from_return_value(0x1234_0000), Action::KillProcess);
}

#[test]
fn a_policy_without_rules_still_refuses_foreign_calls() {
    for arch in ARCHES {
        agrees(&policy(Vec::new()), arch);
        agrees(&Policy { default: Action::Allow, ..policy(Vec::new()) }, arch);
    }
}

#[test]
fn x32_and_i386_are_foreign_on_x86_64() {
    let policy = Policy { default: Action::Allow, ..policy(vec![allow(&[1])]) };
    let program = compile(&policy, Arch::X86_64).unwrap();
    let x32_write = Data::new(Arch::X86_64, 0x4000_0001, [0; 6]);
    assert_eq!(decided(&program, &x32_write), Action::KillProcess);
    let i386_exit = Data { arch: I386, ..Data::new(Arch::X86_64, 1, [0; 6]) };
    assert_eq!(decided(&program, &i386_exit), Action::KillProcess);
    let skipped_by_tracer = Data::new(Arch::X86_64, u32::MAX, [0; 6]);
    assert_eq!(decided(&program, &skipped_by_tracer), Action::NOT_IMPLEMENTED);
}

#[test]
fn calls_newer_than_the_policy_are_not_implemented() {
    let beyond = Some(Beyond { last: 435, action: Action::NOT_IMPLEMENTED });
    let policy = Policy { beyond, ..policy(vec![allow(&[0, 1, 435, 500])]) };
    for arch in ARCHES {
        agrees(&policy, arch);
        let program = compile(&policy, arch).unwrap();
        let of = |number| decided(&program, &Data::new(arch, number, [0; 6]));
        assert_eq!(of(434), Action::NOT_PERMITTED);
        assert_eq!(of(435), Action::Allow);
        assert_eq!(of(436), Action::NOT_IMPLEMENTED);
        assert_eq!(of(500), Action::Allow, "a rule counts even beyond");
        assert_eq!(of(501), Action::NOT_IMPLEMENTED);
    }
}

#[test]
fn the_first_rule_that_applies_decides() {
    let when = |argument, comparison, value, action| Rule {
        syscalls: vec![16],
        conditions: vec![Condition { argument, comparison, value }],
        action,
    };
    let low = Comparison::MaskedEqual { mask: 0xffff_ffff };
    let policy = policy(vec![
        when(1, low, 0x5412, Action::NOT_PERMITTED),
        when(1, Comparison::GreaterOrEqual, 0x1_0000_0000, Action::Log),
        allow(&[16]),
        when(1, low, 7, Action::KillProcess),
    ]);
    agrees(&policy, Arch::X86_64);
    let program = compile(&policy, Arch::X86_64).unwrap();
    let of = |value| decided(&program, &Data::new(Arch::X86_64, 16, [0, value, 0, 0, 0, 0]));
    assert_eq!(of(0x5412), Action::NOT_PERMITTED);
    assert_eq!(of(0xdead_0000_5412), Action::NOT_PERMITTED, "the upper half does not count");
    assert_eq!(of(0xdead_0000_5413), Action::Log);
    assert_eq!(of(7), Action::Allow, "nothing after an unconditional rule applies");
}

#[test]
fn jumps_reach_across_long_programs() {
    // Each rule is unlike the others, so that nothing can be shared.
    let rules = (0..300_u32).map(|number| Rule {
        syscalls: vec![number],
        conditions: vec![Condition {
            argument: u8::try_from(number % 6).unwrap(),
            comparison: Comparison::Greater,
            value: u64::from(number) << 31,
        }],
        action: Action::Errno(u16::try_from(number).unwrap()),
    });
    let policy = policy(rules.collect());
    for arch in ARCHES {
        let program = compile(&policy, arch).unwrap();
        assert!(program.instructions().len() > 1500);
        for number in 0..310 {
            for value in [0, u64::from(number) << 31, (u64::from(number) << 31) + 1, u64::MAX] {
                let data = Data::new(arch, number, [value; 6]);
                assert_eq!(decided(&program, &data), policy.decide(arch, &data));
            }
        }
    }
}

#[test]
fn neighbours_that_are_treated_alike_share_one_range() {
    let policy = policy(vec![allow(&(0..300).collect::<Vec<_>>())]);
    let program = compile(&policy, Arch::Aarch64).unwrap();
    // arch, number; below 300 or not, -1 or not; four returns at most.
    assert!(program.instructions().len() <= 10, "{:?}", program.instructions());
}

#[test]
fn what_no_filter_can_express_is_refused() {
    let broken_argument = Rule {
        conditions: vec![Condition { argument: 6, comparison: Comparison::Equal, value: 0 }],
        ..allow(&[1])
    };
    let cases = [
        (policy(vec![broken_argument]), CompileError::Argument { rule: 0, argument: 6 }),
        (
            Policy { default: Action::Errno(4096), ..policy(Vec::new()) },
            CompileError::ErrorNumber(4096),
        ),
        (
            policy(vec![allow(&[1]), allow(&[0x4000_0001])]),
            CompileError::Number { rule: 1, number: 0x4000_0001 },
        ),
    ];
    for (policy, error) in cases {
        assert_eq!(compile(&policy, Arch::X86_64), Err(error));
    }
    let endless = (0..1000).map(|value| Rule {
        conditions: vec![Condition { argument: 0, comparison: Comparison::Equal, value }],
        ..allow(&[1])
    });
    let error = compile(&policy(endless.collect()), Arch::X86_64).unwrap_err();
    assert!(matches!(error, CompileError::TooLarge(4097..)), "{error:?}");
}

#[test]
fn a_program_survives_being_stored() {
    let program = compile(&policy(vec![allow(&[0, 3, 5])]), Arch::X86_64).unwrap();
    assert_eq!(Program::from_bytes(&program.to_bytes()), Ok(program));
    for length in [0, 7, 8 * (MAXIMUM_INSTRUCTIONS + 1)] {
        assert_eq!(Program::from_bytes(&vec![0; length]), Err(Fault::Length(length)));
    }
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Allow),
        Just(Action::KillProcess),
        Just(Action::KillThread),
        Just(Action::Trap),
        Just(Action::Log),
        Just(Action::Notify),
        (0_u16..4096).prop_map(Action::Errno),
        any::<u16>().prop_map(Action::Trace),
    ]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let value = prop_oneof![
        any::<u64>(),
        0_u64..4,
        Just(u64::from(u32::MAX)),
        Just(1 << 32),
        Just(u64::MAX),
        any::<u32>().prop_map(|high| u64::from(high) << 32),
    ];
    let comparison = prop_oneof![
        Just(Comparison::NotEqual),
        Just(Comparison::Less),
        Just(Comparison::LessOrEqual),
        Just(Comparison::Equal),
        Just(Comparison::GreaterOrEqual),
        Just(Comparison::Greater),
        any::<u64>().prop_map(|mask| Comparison::MaskedEqual { mask }),
        prop_oneof![Just(0), Just(0xffff_ffff), Just(!0xffff_ffff), Just(0x7e02_0000)]
            .prop_map(|mask| Comparison::MaskedEqual { mask }),
    ];
    (0_u8..6, comparison, value).prop_map(|(argument, comparison, value)| Condition {
        argument,
        comparison,
        value,
    })
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let number = prop_oneof![0_u32..8, 0_u32..480, Just(0x3fff_ffff)];
    (
        prop::collection::vec(number, 0..12),
        prop::collection::vec(any_condition(), 0..3),
        any_action(),
    )
        .prop_map(|(syscalls, conditions, action)| Rule { syscalls, conditions, action })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let beyond = (prop_oneof![0_u32..500, any::<u32>()], any_action())
        .prop_map(|(last, action)| Beyond { last, action });
    (any_action(), prop::option::of(beyond), any_action(), prop::collection::vec(any_rule(), 0..24))
        .prop_map(|(default, beyond, foreign, rules)| Policy { default, beyond, foreign, rules })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn programs_mean_what_the_policy_says(policy in any_policy()) {
        for arch in ARCHES {
            agrees(&policy, arch);
        }
    }

    #[test]
    fn sets_mean_what_their_policies_say(
        native in any_policy(),
        i386 in prop::option::of(any_policy()),
        x32 in prop::option::of(any_policy()),
    ) {
        let shifted = |mut policy: Policy| {
            for number in policy.rules.iter_mut().flat_map(|rule| &mut rule.syscalls) {
                *number |= 0x4000_0000;
            }
            if let Some(beyond) = &mut policy.beyond {
                beyond.last |= 0x4000_0000;
            }
            policy
        };
        let others = i386.map(|policy| (Arch::X86, policy)).into_iter();
        let others = others.chain(x32.map(|policy| (Arch::X32, shifted(policy)))).collect();
        set_agrees(&PolicySet { arch: Arch::X86_64, native, others });
    }

    #[test]
    fn any_bytes_evaluate_or_fail_but_end(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        if let Ok(program) = Program::from_bytes(&bytes) {
            let _ = evaluate(&program, &Data::new(Arch::X86_64, 1, [1; 6]));
        }
    }
}
