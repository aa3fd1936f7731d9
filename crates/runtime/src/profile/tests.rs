//! The strict profile, by what it answers; and profiles of others, by what they come to mean.

use std::collections::BTreeMap;

use cofferdam_oci::runtime::Architecture;
use cofferdam_sys::seccomp::{self, Arch, Data, Program, compile, evaluate};

use super::*;

const ARCHES: [Arch; 2] = [Arch::X86_64, Arch::Aarch64];
const ALLOW: seccomp::Action = seccomp::Action::Allow;
const EPERM: seccomp::Action = seccomp::Action::NOT_PERMITTED;
const ENOSYS: seccomp::Action = seccomp::Action::NOT_IMPLEMENTED;

fn program(profile: &Seccomp, arch: Arch) -> Program {
    compile(&to_policy(profile, arch).unwrap().policy, arch).unwrap()
}

fn answer(program: &Program, arch: Arch, call: u32, arguments: [u64; 6]) -> seccomp::Action {
    let value = evaluate(program, &Data::new(arch, call, arguments)).unwrap();
    seccomp::Action::from_return_value(value)
}

/// What the strict profile answers on every architecture that has the call.
fn strictly(name: &str, arguments: &[u64]) -> seccomp::Action {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    let mut answers = ARCHES.into_iter().filter_map(|arch| {
        let number = arch.number(name)?;
        Some(answer(&program(&strict(), arch), arch, number, all))
    });
    let first = answers.next().unwrap();
    assert!(answers.all(|other| other == first), "architectures differ on {name}");
    first
}

#[test]
fn every_known_call_is_decided_once() {
    let mut groups = BTreeMap::new();
    for group in GROUPS {
        for name in group.names {
            assert!(Arch::is_known_anywhere(name), "{name} is no call");
            let before = groups.insert(*name, group.title);
            assert_eq!(before, None, "{name} is in two groups");
        }
    }
    for (name, _) in ARCHES.into_iter().flat_map(Arch::syscalls) {
        assert!(groups.contains_key(name), "no group says what happens with {name}");
    }
}

#[test]
fn groups_are_answered_as_the_table_says() {
    for arch in ARCHES {
        let program = program(&strict(), arch);
        for group in GROUPS {
            let expected = match group.verdict {
                Verdict::Allowed => ALLOW,
                Verdict::NotPermitted => EPERM,
                Verdict::NotImplemented => ENOSYS,
                Verdict::ByArgument => continue,
            };
            for number in group.names.iter().filter_map(|name| arch.number(name)) {
                for arguments in [[0; 6], [u64::MAX; 6]] {
                    assert_eq!(answer(&program, arch, number, arguments), expected);
                }
            }
        }
    }
}

#[test]
fn the_filter_is_small() {
    for arch in ARCHES {
        let length = program(&strict(), arch).instructions().len();
        assert!(length < 350, "{length} instructions on {arch:?}");
    }
}

#[test]
fn calls_of_the_future_do_not_exist() {
    for arch in ARCHES {
        let program = program(&strict(), arch);
        for number in [arch.newest() + 1, 1000, 0x3fff_ffff] {
            assert_eq!(answer(&program, arch, number, [0; 6]), ENOSYS);
        }
    }
}

#[test]
fn other_conventions_are_fatal() {
    let program = program(&strict(), Arch::X86_64);
    let i386 = Data { arch: 0x4000_0003, ..Data::new(Arch::X86_64, 4, [0; 6]) };
    let killed = seccomp::Action::KillProcess.to_return_value();
    assert_eq!(evaluate(&program, &i386), Ok(killed));
    let x32 = Data::new(Arch::X86_64, 0x4000_0000, [0; 6]);
    assert_eq!(evaluate(&program, &x32), Ok(killed));
}

#[test]
fn no_call_makes_a_namespace() {
    let new = |bit: u32| 1_u64 << bit;
    // mount, cgroup, uts, ipc, user, pid, net
    for bit in [17, 25, 26, 27, 28, 29, 30] {
        assert_eq!(strictly("clone", &[new(bit) | 17]), EPERM, "bit {bit}");
        assert_eq!(strictly("unshare", &[new(bit)]), EPERM, "bit {bit}");
    }
    assert_eq!(strictly("unshare", &[0x80]), EPERM, "time");
    assert_eq!(strictly("clone", &[17]), ALLOW, "fork");
    assert_eq!(strictly("clone", &[0x003d_0f00]), ALLOW, "a thread of the C library");
    assert_eq!(strictly("unshare", &[0x600]), ALLOW, "own file table and directory");
    assert_eq!(strictly("clone3", &[]), ENOSYS);
}

#[test]
fn sockets_are_local_or_internet() {
    let family = seccomp::Action::Errno(97);
    let protocol = seccomp::Action::Errno(93);
    for (arguments, expected) in [
        ([1, 1, 0], ALLOW),
        ([2, 1, 0], ALLOW),
        ([2, 0x80802, 17], ALLOW),
        ([2, 2, 1], ALLOW),
        ([10, 1, 6], ALLOW),
        ([10, 1, 262], ALLOW),
        ([16, 3, 0], ALLOW),
        ([16, 3, 9], protocol),
        ([16, 3, 12], protocol),
        ([2, 1, 132], protocol),
        ([10, 6, 33], protocol),
        ([17, 3, 0x300], family),
        ([38, 5, 0], family),
        ([40, 1, 0], family),
        ([44, 3, 0], family),
        ([0, 1, 0], family),
        // Only the low half of the register counts, and -1 is no family.
        ([0x1_0000_0028, 1, 0], family),
        ([0x28_0000_0001, 1, 0], ALLOW),
        ([u64::MAX, 1, 0], family),
    ] {
        assert_eq!(strictly("socket", &arguments), expected, "{arguments:?}");
    }
    assert_eq!(strictly("socketpair", &[1, 1, 0]), ALLOW);
    assert_eq!(strictly("socketpair", &[30, 1, 0]), family);
}

#[test]
fn terminals_cannot_be_typed_into() {
    for request in [0x5412, 0x541c, 0x5423] {
        assert_eq!(strictly("ioctl", &[0, request]), EPERM);
        assert_eq!(strictly("ioctl", &[0, request | 1 << 32]), EPERM, "upper half set");
    }
    assert_eq!(strictly("ioctl", &[0, 0x5401]), ALLOW);
}

#[test]
fn addresses_stay_random_and_devices_unmade() {
    assert_eq!(strictly("personality", &[0xffff_ffff]), ALLOW);
    assert_eq!(strictly("personality", &[0]), ALLOW);
    assert_eq!(strictly("personality", &[0x0004_0000]), EPERM);
    assert_eq!(strictly("personality", &[1 << 32 | 0x0004_0000]), EPERM);
    for (mode, expected) in [
        (0o644, ALLOW),
        (0o100_644, ALLOW),
        (0o010_600, ALLOW),
        (0o140_600, ALLOW),
        (0o020_666, EPERM),
        (0o060_660, EPERM),
    ] {
        assert_eq!(strictly("mknodat", &[0, 0, mode]), expected, "{mode:o}");
        assert_eq!(strictly("mknod", &[0, mode]), expected, "{mode:o}");
    }
}

#[test]
fn the_profile_survives_its_written_form() {
    let written = serde_json::to_string(&strict()).unwrap();
    assert_eq!(serde_json::from_str::<Seccomp>(&written).unwrap(), strict());
}

fn profile(json: &str) -> Seccomp {
    serde_json::from_str(json).unwrap()
}

#[test]
fn names_of_other_architectures_are_skipped_and_unknown_ones_told() {
    let profile = profile(
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
            "syscalls": [{"names": ["open", "openat", "opn"], "action": "SCMP_ACT_ALLOW"}]}"#,
    );
    let on_arm = to_policy(&profile, Arch::Aarch64).unwrap();
    assert_eq!(on_arm.policy.rules[0].syscalls, [56]);
    assert_eq!(on_arm.unknown, ["opn"]);
    assert_eq!(on_arm.uncovered, [Architecture::X86_64, Architecture::X86]);
    let on_x86 = to_policy(&profile, Arch::X86_64).unwrap();
    assert_eq!(on_x86.policy.rules[0].syscalls, [2, 257]);
    assert_eq!(on_x86.uncovered, []);
    assert_eq!(on_x86.others[0].0, Arch::X86);
    assert_eq!(on_x86.others[0].1.rules[0].syscalls, [5, 295]);
}

/// What a set of conventions answers to a call by one of them.
fn of_convention(json: &str, arch: Arch, call: u32, arguments: [u64; 6]) -> seccomp::Action {
    let set = to_policy(&profile(json), Arch::X86_64).unwrap().into_set(Arch::X86_64);
    let program = seccomp::compile_set(&set).unwrap();
    let found = answer(&program, arch, call, arguments);
    assert_eq!(found, set.decide(&Data::new(arch, call, arguments)));
    found
}

#[test]
fn listed_conventions_have_their_own_numbers() {
    let json = r#"{"defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_ARM"],
        "syscalls": [{"names": ["ioctl", "waitpid", "umask"], "action": "SCMP_ACT_ALLOW"}]}"#;
    let conversion = to_policy(&profile(json), Arch::X86_64).unwrap();
    assert_eq!(conversion.uncovered, [Architecture::Arm]);
    assert_eq!(conversion.unknown, [""; 0]);
    for (arch, call, expected) in [
        (Arch::X86_64, 16, ALLOW),
        (Arch::X86_64, 54, EPERM),
        (Arch::X86, 54, ALLOW),
        (Arch::X86, 7, ALLOW),
        (Arch::X86, 16, EPERM),
        (Arch::X86, 55, EPERM),
        // Newer than all that the profile names.
        (Arch::X86, 61, ENOSYS),
        (Arch::X32, 0x4000_0000 + 514, ALLOW),
        (Arch::X32, 0x4000_0000 + 16, EPERM),
        (Arch::X32, 0x4000_0000 + 515, ENOSYS),
        (Arch::Aarch64, 29, seccomp::Action::KillProcess),
    ] {
        assert_eq!(of_convention(json, arch, call, [0; 6]), expected, "{call} on {arch:?}");
    }
}

/// What is a part of `socketcall` on i386 cannot be looked into there.
#[test]
fn conditions_on_parts_of_calls_never_open_more() {
    let with = |default: &str, action: &str, args: &str| {
        format!(
            r#"{{"defaultAction": "{default}", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
                {{"names": ["socket", "shmget", "send"], "action": "{action}", "args": [{args}]}},
                {{"names": ["connect"], "action": "{action}"}}]}}"#
        )
    };
    let test = r#"{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}"#;
    let of = |json: &str, call, part: u64, family: u64| {
        of_convention(json, Arch::X86, call, [part, family, 0, 0, 0, 0])
    };
    let (allow, errno) = ("SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO");
    let open = with(errno, allow, "");
    assert_eq!(of(&open, 102, 1, 0), ALLOW);
    assert_eq!(of(&open, 102, 9, 0), ALLOW, "send exists only there");
    assert_eq!(of(&open, 117, 0x1_0017, 0), ALLOW, "with a version in the upper half");
    assert_eq!(of(&open, 102, 2, 0), EPERM, "bind");
    // A condition for something to be allowed is met by none.
    let some = with(errno, allow, test);
    assert_eq!(of(&some, 102, 1, 1), EPERM);
    assert_eq!(of(&some, 359, 1, 0), ALLOW, "by itself it can be looked into");
    assert_eq!(of(&some, 102, 3, 0), ALLOW, "connect has none");
    // One for something to be forbidden is met by all.
    let but = with(allow, errno, test);
    assert_eq!(of(&but, 102, 1, 7), EPERM);
    assert_eq!(of(&but, 359, 7, 0), ALLOW);
    assert_eq!(of(&but, 102, 2, 0), ALLOW);
}

#[test]
fn calls_newer_than_a_profile_are_told_apart_from_refused_ones() {
    let with_default = |action: &str| {
        profile(&format!(
            r#"{{"defaultAction": "{action}", "defaultErrnoRet": 13,
                "syscalls": [{{"names": ["openat2", "read"], "action": "SCMP_ACT_ALLOW"}}]}}"#
        ))
    };
    let refusing = program(&with_default("SCMP_ACT_ERRNO"), Arch::X86_64);
    assert_eq!(answer(&refusing, Arch::X86_64, 436, [0; 6]), seccomp::Action::Errno(13));
    assert_eq!(answer(&refusing, Arch::X86_64, 438, [0; 6]), ENOSYS);
    let logging = program(&with_default("SCMP_ACT_LOG"), Arch::X86_64);
    assert_eq!(answer(&logging, Arch::X86_64, 438, [0; 6]), seccomp::Action::Log);
}

#[test]
fn two_tests_of_one_argument_are_alternatives() {
    let profile = profile(
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["personality"],
            "action": "SCMP_ACT_ALLOW", "args": [
                {"index": 0, "value": 0, "op": "SCMP_CMP_EQ"},
                {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]}"#,
    );
    let program = program(&profile, Arch::X86_64);
    for (value, expected) in [(0, ALLOW), (8, ALLOW), (4, EPERM)] {
        assert_eq!(answer(&program, Arch::X86_64, 135, [value, 0, 0, 0, 0, 0]), expected);
    }
}

#[test]
fn numbers_that_cannot_be_meant_are_errors() {
    let with = |rest: &str| {
        profile(&format!(
            r#"{{"defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{{"names": ["read"], "action": "SCMP_ACT_ERRNO", {rest}}}]}}"#
        ))
    };
    let error = to_policy(&with(r#""errnoRet": 4096"#), Arch::X86_64).unwrap_err();
    assert_eq!(error.to_string(), "errnoRet 4096 of seccomp rule on 'read' is too large");
    let argument = r#""args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]"#;
    let error = to_policy(&with(argument), Arch::X86_64).unwrap_err();
    assert_eq!(error, ProfileError::Argument { index: 6, call: "read".to_owned() });
}
