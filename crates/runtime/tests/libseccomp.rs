//! Filters against those that libseccomp makes of the same profiles: every call number of every
//! convention, with arguments around every tested value, has to get the same answer.
//!
//! libseccomp is driven by a script through python's ctypes, with the steps that runc takes.
#![cfg(target_arch = "x86_64")]
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
};

use cofferdam_oci::runtime::Seccomp;
use cofferdam_runtime::profile::to_policy;
use cofferdam_sys::seccomp::{Action, Arch, Data, PolicySet, Program, compile_set, evaluate};

/// Reads a profile from standard input, writes the filter to standard output.
const SCRIPT: &str = r#"
import ctypes, json, os, sys, tempfile
try:
    lib = ctypes.CDLL("libseccomp.so.2")
except OSError as error:
    print("no libseccomp:", error, file=sys.stderr)
    sys.exit(77)
class Test(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int),
                ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_init.argtypes = [ctypes.c_uint32]
lib.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
lib.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
lib.seccomp_rule_add_array.argtypes = [
    ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Test)]
lib.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
OPS = {"SCMP_CMP_NE": 1, "SCMP_CMP_LT": 2, "SCMP_CMP_LE": 3, "SCMP_CMP_EQ": 4,
       "SCMP_CMP_GE": 5, "SCMP_CMP_GT": 6, "SCMP_CMP_MASKED_EQ": 7}
ARCHES = {"SCMP_ARCH_X86": 0x40000003, "SCMP_ARCH_X32": 0x4000003e}
def action(name, errno):
    errno = 1 if errno is None else errno
    return {"SCMP_ACT_KILL": 0, "SCMP_ACT_KILL_THREAD": 0, "SCMP_ACT_KILL_PROCESS": 0x80000000,
            "SCMP_ACT_TRAP": 0x30000, "SCMP_ACT_ERRNO": 0x50000 | errno,
            "SCMP_ACT_TRACE": 0x7ff00000 | errno, "SCMP_ACT_LOG": 0x7ffc0000,
            "SCMP_ACT_ALLOW": 0x7fff0000}[name]
profile = json.load(sys.stdin)
default = action(profile["defaultAction"], profile.get("defaultErrnoRet"))
context = lib.seccomp_init(default)
assert context
for arch in profile.get("architectures", []):
    if arch in ARCHES:
        assert lib.seccomp_arch_add(context, ARCHES[arch]) in (0, -17), arch
for entry in profile["syscalls"]:
    what = action(entry["action"], entry.get("errnoRet"))
    if what == default:
        continue
    tests = [Test(t["index"], OPS[t["op"]], t["value"], t.get("valueTwo", 0))
             for t in entry.get("args") or []]
    alone = len(set(t.arg for t in tests)) != len(tests)
    groups = [[t] for t in tests] if alone else [tests]
    for name in entry["names"]:
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            continue
        for group in groups:
            array = (Test * len(group))(*group)
            done = lib.seccomp_rule_add_array(context, what, number, len(group), array)
            # The same rule again is none.
            assert done in (0, -17), (name, done)
with tempfile.TemporaryFile() as file:
    assert lib.seccomp_export_bpf(context, file.fileno()) == 0
    file.seek(0)
    sys.stdout.buffer.write(file.read())
"#;

/// libseccomp's filter; `None`, with the reason printed, where there is none.
fn theirs(profile: &str) -> Option<Program> {
    let child = Command::new("python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: no python3");
        return None;
    };
    child.stdin.take().unwrap().write_all(profile.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(77) {
        eprintln!("skipped: {said}");
        return None;
    }
    assert!(output.status.success(), "{said} {profile}");
    Some(Program::from_bytes(&output.stdout).unwrap())
}

/// Our policies. That a call is newer than all of the profile is runc's addition to libseccomp, and
/// left out here.
fn ours(profile: &str) -> PolicySet {
    let profile: Seccomp = serde_json::from_str(profile).unwrap();
    let mut set = to_policy(&profile, Arch::X86_64).unwrap().into_set(Arch::X86_64);
    set.native.beyond = None;
    set.others.iter_mut().for_each(|(_, policy)| policy.beyond = None);
    set
}

/// Every value that the rules of a convention test, and those around it.
fn values(set: &PolicySet, arch: Arch) -> BTreeSet<u64> {
    let policy = set.others.iter().find(|(other, _)| *other == arch).map(|(_, policy)| policy);
    let conditions = policy.unwrap_or(&set.native).rules.iter().flat_map(|rule| &rule.conditions);
    let mut values: BTreeSet<u64> = [0, 1, u64::MAX, 1 << 32, u64::from(u32::MAX)].into();
    for condition in conditions {
        let value = condition.value;
        values.extend([
            value,
            value.wrapping_add(1),
            value.wrapping_sub(1),
            value ^ (1 << 32),
            value ^ (1 << 31),
            value | 1 << 16,
            !value,
        ]);
    }
    if arch != Arch::X86_64 {
        // Of the 32-bit conventions libseccomp looks at the lower half only.
        values = values.into_iter().map(|value| value & u64::from(u32::MAX)).collect();
    }
    values
}

/// The calls of a convention that the policy tests arguments of.
fn tested(set: &PolicySet, arch: Arch) -> BTreeSet<u32> {
    let policy = set.others.iter().find(|(other, _)| *other == arch).map(|(_, policy)| policy);
    let rules = policy.unwrap_or(&set.native).rules.iter();
    rules
        .filter(|rule| !rule.conditions.is_empty())
        .flat_map(|rule| rule.syscalls.clone())
        .collect()
}

/// Both kill; which of them is said by what is not compared here.
fn comparable(action: Action) -> Action {
    if action == Action::KillThread { Action::KillProcess } else { action }
}

/// Compares all answers; returns how many were the same, and those that differ, shortened.
fn compare(profile: &str, theirs: &Program) -> (usize, Vec<String>) {
    let set = ours(profile);
    let program = compile_set(&set).unwrap();
    let (mut same, mut different) = (0, Vec::new());
    let mut check = |arch: Arch, number: u32, arguments: [u64; 6]| {
        let data = Data::new(arch, number, arguments);
        let of = |program| Action::from_return_value(evaluate(program, &data).unwrap());
        let (mine, other) = (comparable(of(&program)), comparable(of(theirs)));
        assert_eq!(mine, comparable(set.decide(&data)), "our program means what it should");
        if mine == other {
            same += 1;
        } else {
            let name = arch.name(number).unwrap_or("-");
            different.push(format!("{name} {arch:?} {arguments:x?}: {mine:?}, not {other:?}"));
        }
    };
    for arch in [Arch::X86_64, Arch::X86, Arch::X32, Arch::Aarch64] {
        let (values, tested) = (values(&set, arch), tested(&set, arch));
        let first = arch.numbers().start;
        for number in (0..600).map(|n| first + n).chain([first + 0x3fff_ffff - 1]) {
            check(arch, number, [0; 6]);
            check(arch, number, if arch == Arch::X86_64 { [u64::MAX; 6] } else { [0xffff; 6] });
            if !tested.contains(&number) {
                continue;
            }
            for &value in &values {
                check(arch, number, [value; 6]);
                for position in 0..6 {
                    let mut arguments = [0; 6];
                    arguments[position] = value;
                    check(arch, number, arguments);
                }
            }
        }
    }
    (same, different)
}

/// The default profile of Podman and CRI-O, for the native convention and with all others.
#[test]
fn podmans_profile_gets_the_same_answers() {
    const FILE: &str = "/usr/share/containers/seccomp.json";
    let Ok(text) = std::fs::read_to_string(FILE) else {
        eprintln!("skipped: no {FILE}; Debian has it in 'golang-github-containers-common'");
        return;
    };
    let text = resolved(&text);
    for architectures in [&[][..], &["SCMP_ARCH_X86"], &["SCMP_ARCH_X86", "SCMP_ARCH_X32"]] {
        let mut profile: serde_json::Value = serde_json::from_str(&text).unwrap();
        profile["architectures"] = serde_json::json!(architectures);
        let profile = profile.to_string();
        let Some(theirs) = theirs(&profile) else { return };
        let (same, different) = compare(&profile, &theirs);
        println!("{architectures:?}: {same} answers are the same");
        assert!(different.is_empty(), "{architectures:?}: {} {different:#?}", different.len());
        assert!(same > 4000);
    }
}

/// Engines leave out what depends on capabilities and other architectures before the runtime
/// sees the profile.
fn resolved(text: &str) -> String {
    let mut profile: serde_json::Value = serde_json::from_str(text).unwrap();
    profile.as_object_mut().unwrap().remove("archMap");
    let rules = profile["syscalls"].as_array_mut().unwrap();
    rules.retain(|rule| {
        let listed = |key: &str, field: &str| {
            rule[key][field].as_array().map(|list| list.iter().map(ToString::to_string).collect())
        };
        let arches: Option<Vec<String>> = listed("includes", "arches");
        let caps: Option<Vec<String>> = listed("includes", "caps");
        let none = |list: Option<Vec<String>>| list.is_none_or(|list| list.is_empty());
        let ours = arches.as_ref().is_none_or(|list| {
            list.is_empty() || list.iter().any(|arch| arch == "\"amd64\"" || arch == "\"x86\"")
        });
        ours && none(caps)
    });
    for rule in rules {
        for key in ["includes", "excludes", "comment", "errno"] {
            rule.as_object_mut().unwrap().remove(key);
        }
    }
    profile.as_object_mut().unwrap().remove("defaultErrno");
    profile.to_string()
}

/// Numbers that are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        // Constants of Knuth's MMIX generator.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.next(of.len())]
    }
}

const ACTIONS: [&str; 6] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_LOG",
    "SCMP_ACT_TRACE",
];
const OPS: [&str; 7] = [
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
];

/// The tests of a rule: none, or up to three of different arguments.
fn random_tests(numbers: &mut Numbers, is_wide: bool) -> Vec<serde_json::Value> {
    const VALUES: [u64; 8] = [0, 1, 2, 3, 0x7e02_0000, 0xffff_ffff, 0x8000_0000, 0x5412];
    let value = |numbers: &mut Numbers| {
        let narrow = numbers.one(&VALUES);
        if is_wide { numbers.one(&[narrow, narrow << 32, narrow << 31 | 1]) } else { narrow }
    };
    let first = numbers.next(6);
    let tests = (0..numbers.next(4)).map(|more| {
        let op = numbers.one(&OPS);
        let (one, other) = (value(numbers), value(numbers));
        serde_json::json!({
            "index": (first + more) % 6, "op": op, "value": one,
            "valueTwo": if op == "SCMP_CMP_MASKED_EQ" { other & one } else { 0 }
        })
    });
    tests.collect()
}

/// A profile in which libseccomp is exact: one rule on each call, or some that test one argument
/// for being equal to something.
fn random_profile(numbers: &mut Numbers, is_wide: bool) -> String {
    // Those that an old libseccomp knows too, and not those that are parts of others on i386, where
    // it tests what it should not.
    let calls: Vec<&str> = Arch::X86_64
        .syscalls()
        .filter(|(name, number)| *number < 334 && Arch::X86.multiplexed(name).is_none())
        .map(|(name, _)| name)
        .collect();
    let default = numbers.one(&ACTIONS[..5]);
    let mut left: BTreeSet<&str> = calls.iter().copied().collect();
    let mut rules = Vec::new();
    for _ in 0..numbers.next(60) {
        let count = 1 + numbers.next(8);
        let mut names: Vec<&str> = (0..count).map(|_| numbers.one(&calls)).collect();
        names.retain(|name| left.remove(name));
        let action = numbers.one(&ACTIONS);
        let error = 1 + numbers.next(100);
        let mut add = |args: Vec<serde_json::Value>| {
            let mut rule = serde_json::json!({"names": names, "action": action, "args": args});
            if action == "SCMP_ACT_ERRNO" || action == "SCMP_ACT_TRACE" {
                rule["errnoRet"] = error.into();
            }
            rules.push(rule);
        };
        if numbers.next(4) > 0 {
            add(random_tests(numbers, is_wide));
            continue;
        }
        let index = numbers.next(6);
        for value in 0..2 + numbers.next(4) {
            let test = serde_json::json!({"index": index, "op": "SCMP_CMP_EQ", "value": value * 7});
            add(vec![test]);
        }
    }
    let architectures: &[&str] = if is_wide { &[] } else { &["SCMP_ARCH_X86", "SCMP_ARCH_X32"] };
    serde_json::json!({
        "defaultAction": default, "architectures": architectures, "syscalls": rules
    })
    .to_string()
}

#[test]
fn random_profiles_get_the_same_answers() {
    // 40 have been compared, which takes minutes on slow machines.
    let asked = std::env::var("COFFERDAM_SECCOMP_ROUNDS").ok();
    let rounds = asked.map_or(8, |text| text.parse().expect("it is a number"));
    let mut numbers = Numbers(7);
    let mut total = 0;
    for round in 0..rounds {
        let profile = random_profile(&mut numbers, round % 2 == 0);
        let Some(theirs) = theirs(&profile) else { return };
        let (same, different) = compare(&profile, &theirs);
        assert!(different.is_empty(), "{profile}: {} {different:#?}", different.len());
        total += same;
    }
    println!("{total} answers are the same");
}
