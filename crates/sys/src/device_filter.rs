//! Which devices the processes of a cgroup may use, on cgroup v2: a program of
//! `BPF_PROG_TYPE_CGROUP_DEVICE` that the kernel asks at each open and mknod.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use rustix::io;

use crate::clone::last_error;

/// Making a node.
pub const MAKE: u8 = 1;
/// Opening for reading.
pub const READ: u8 = 2;
/// Opening for writing.
pub const WRITE: u8 = 4;
/// Everything that can be done with a device.
pub const EVERYTHING: u8 = MAKE | READ | WRITE;

/// What may or may not be done with some devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Whether it is allowed.
    pub allow: bool,
    /// Block or character devices; both if `None`.
    pub kind: Option<Kind>,
    /// Major number; any if `None`.
    pub major: Option<u32>,
    /// Minor number; any if `None`.
    pub minor: Option<u32>,
    /// What of [`EVERYTHING`] the rule is about.
    pub access: u8,
}

/// Kind of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Block device.
    Block,
    /// Character device.
    Character,
}

impl Rule {
    /// Whether the rule is about this device.
    #[must_use]
    pub fn is_about(&self, kind: Kind, major: u32, minor: u32) -> bool {
        self.kind.is_none_or(|k| k == kind)
            && self.major.is_none_or(|n| n == major)
            && self.minor.is_none_or(|n| n == minor)
    }
}

/// Whether `rules` allow all of `access`: for each part of it the last rule that is about the
/// device counts, and what no rule is about is refused.
#[must_use]
pub fn allows(rules: &[Rule], kind: Kind, major: u32, minor: u32, access: u8) -> bool {
    let mut open = access;
    for rule in rules.iter().rev().filter(|rule| rule.is_about(kind, major, minor)) {
        if !rule.allow && open & rule.access != 0 {
            return false;
        }
        open &= !rule.access;
    }
    open == 0
}

/// One instruction of eBPF (`struct bpf_insn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

// Registers: the answer, the context, and what is read from it.
const ANSWER: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const SCRATCH: u8 = 6;

const LOAD_WORD: u8 = 0x61;
const MOVE_REGISTER: u8 = 0xbf;
const MOVE: u8 = 0xb7;
const AND: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
// The 32-bit forms: an immediate is not extended by its sign.
const JUMP_NOT_EQUAL: u8 = 0x56;
const JUMP_EQUAL: u8 = 0x16;
const EXIT: u8 = 0x95;

const fn instruction(
    code: u8,
    destination: u8,
    source: u8,
    offset: i16,
    immediate: i32,
) -> Instruction {
    Instruction { code, registers: source << 4 | destination, offset, immediate }
}

/// The program that answers as [`allows`] does.
#[must_use]
pub fn program(rules: &[Rule]) -> Vec<Instruction> {
    let mut program = vec![
        // struct bpf_cgroup_dev_ctx: access << 16 | type, major, minor.
        instruction(LOAD_WORD, KIND, CONTEXT, 0, 0),
        instruction(MOVE_REGISTER, ACCESS, KIND, 0, 0),
        instruction(AND, KIND, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT, ACCESS, 0, 0, 16),
        instruction(LOAD_WORD, MAJOR, CONTEXT, 4, 0),
        instruction(LOAD_WORD, MINOR, CONTEXT, 8, 0),
    ];
    for rule in rules.iter().rev() {
        block(rule, &mut program);
    }
    program.extend(answer(false));
    program
}

fn answer(allow: bool) -> [Instruction; 2] {
    [instruction(MOVE, ANSWER, 0, 0, i32::from(allow)), instruction(EXIT, 0, 0, 0, 0)]
}

/// One rule: falls through to the next block where it does not decide.
fn block(rule: &Rule, program: &mut Vec<Instruction>) {
    let mut tests = Vec::new();
    if let Some(kind) = rule.kind {
        // BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR.
        tests.push((KIND, if kind == Kind::Block { 1 } else { 2 }));
    }
    tests.extend(rule.major.map(|n| (MAJOR, n.cast_signed())));
    tests.extend(rule.minor.map(|n| (MINOR, n.cast_signed())));
    let access = i32::from(rule.access);
    let mut body = Vec::new();
    if rule.allow {
        body.push(instruction(AND, ACCESS, 0, 0, !access));
        body.push(instruction(JUMP_NOT_EQUAL, ACCESS, 0, 2, 0));
    } else {
        body.push(instruction(MOVE_REGISTER, SCRATCH, ACCESS, 0, 0));
        body.push(instruction(AND, SCRATCH, 0, 0, access));
        body.push(instruction(JUMP_EQUAL, SCRATCH, 0, 2, 0));
    }
    body.extend(answer(rule.allow));
    let count = tests.len();
    for (index, (register, value)) in tests.into_iter().enumerate() {
        let skipped = count - 1 - index + body.len();
        let offset = i16::try_from(skipped).expect("a block is a handful of instructions");
        program.push(instruction(JUMP_NOT_EQUAL, register, 0, offset, value));
    }
    program.extend(body);
}

/// `BPF_CGROUP_DEVICE`, as an `enum bpf_attach_type`.
const ATTACHED_TO_DEVICES: u32 = 6;

/// The beginning of `union bpf_attr` for `BPF_PROG_LOAD`.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

/// The beginning of `union bpf_attr` for `BPF_PROG_ATTACH`.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

/// Loads `program` and attaches it to a cgroup v2 directory, beside what is attached there and
/// above; a device has to be allowed by all.
///
/// # Errors
/// `EPERM` without `CAP_BPF` and `CAP_NET_ADMIN` (or `CAP_SYS_ADMIN`) on the machine, `EINVAL`
/// when the kernel has no `CONFIG_CGROUP_BPF`.
pub fn attach(cgroup: impl AsFd, program: &[Instruction]) -> io::Result<()> {
    const ALLOW_MULTI: u32 = 2;
    let program = load(program)?;
    let descriptor = |fd: libc::c_int| u32::try_from(fd).map_err(|_| io::Errno::BADF);
    let attributes = Attach {
        target: descriptor(cgroup.as_fd().as_raw_fd())?,
        program: descriptor(program.as_raw_fd())?,
        kind: ATTACHED_TO_DEVICES,
        flags: ALLOW_MULTI,
    };
    const BPF_PROG_ATTACH: libc::c_int = 8;
    // SAFETY: the kernel reads as many bytes as `Attach` has, which hold no pointers.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_ATTACH, &raw const attributes, size_of::<Attach>())
    };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// `union bpf_attr` for `BPF_PROG_QUERY`, with room for what later kernels answer.
#[repr(C)]
struct Query {
    target: u32,
    kind: u32,
    flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    rest: [u32; 25],
}

/// How many programs are attached to a cgroup v2 directory itself that decide about devices.
///
/// # Errors
/// `EPERM` without `CAP_BPF` and `CAP_NET_ADMIN` (or `CAP_SYS_ADMIN`) on the machine, `EINVAL`
/// when the kernel has no `CONFIG_CGROUP_BPF`.
pub fn attached(cgroup: impl AsFd) -> io::Result<u32> {
    let target = u32::try_from(cgroup.as_fd().as_raw_fd()).map_err(|_| io::Errno::BADF)?;
    let mut attributes = Query {
        target,
        kind: ATTACHED_TO_DEVICES,
        flags: 0,
        attach_flags: 0,
        ids: 0,
        count: 0,
        rest: [0; 25],
    };
    const BPF_PROG_QUERY: libc::c_int = 16;
    // SAFETY: the kernel reads as many bytes as `Query` has and writes into them; with neither
    // room for identifiers nor a pointer to it, it only counts.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_QUERY, &raw mut attributes, size_of::<Query>())
    };
    if result == 0 { Ok(attributes.count) } else { Err(last_error()) }
}

fn load(program: &[Instruction]) -> io::Result<OwnedFd> {
    const CGROUP_DEVICE: u32 = 15;
    let attributes = Load {
        kind: CGROUP_DEVICE,
        count: u32::try_from(program.len()).map_err(|_| io::Errno::TOOBIG)?,
        instructions: program.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
        name: *b"cofferdam_device",
    };
    let attributes = Load { name: name(attributes.name), ..attributes };
    const BPF_PROG_LOAD: libc::c_int = 5;
    // SAFETY: the kernel reads as many bytes as `Load` has; its pointers lead to `count`
    // instructions in the layout of `bpf_insn` and to a C string, which outlive the call.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const attributes, size_of::<Load>())
    };
    match i32::try_from(result) {
        // SAFETY: the kernel has just opened this descriptor for us; BPF sets close-on-exec.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(last_error()),
    }
}

/// A name ends with a zero byte.
const fn name(mut name: [u8; 16]) -> [u8; 16] {
    name[15] = 0;
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the kernel would answer: the few instructions that programs here are made of.
    fn run(program: &[Instruction], kind: Kind, major: u32, minor: u32, access: u8) -> bool {
        let kind = if kind == Kind::Block { 1 } else { 2 };
        let context = [u32::from(access) << 16 | kind, major, minor];
        let mut registers = [0u64; 11];
        let mut next = 0;
        loop {
            let at = program[next];
            let destination = usize::from(at.registers & 15);
            let source = registers[usize::from(at.registers >> 4)];
            let immediate = i64::from(at.immediate).cast_unsigned();
            let narrow = u32::try_from(registers[destination] & 0xffff_ffff).unwrap();
            next += 1;
            let jump = usize::try_from(at.offset).unwrap();
            match at.code {
                LOAD_WORD => registers[destination] = u64::from(context[jump / 4]),
                MOVE_REGISTER => registers[destination] = source,
                MOVE => registers[destination] = immediate,
                AND => registers[destination] &= immediate,
                SHIFT_RIGHT => registers[destination] >>= immediate,
                JUMP_NOT_EQUAL if narrow != at.immediate.cast_unsigned() => next += jump,
                JUMP_EQUAL if narrow == at.immediate.cast_unsigned() => next += jump,
                JUMP_NOT_EQUAL | JUMP_EQUAL => {}
                EXIT => return registers[0] == 1,
                other => panic!("no instruction {other:#x} is used"),
            }
        }
    }

    fn kinds() -> impl Strategy<Value = Kind> {
        prop_oneof![Just(Kind::Block), Just(Kind::Character)]
    }

    fn numbers() -> impl Strategy<Value = u32> {
        prop_oneof![0..3u32, Just(u32::MAX)]
    }

    prop_compose! {
        fn rule()(
            allow: bool,
            kind in proptest::option::of(kinds()),
            major in proptest::option::of(numbers()),
            minor in proptest::option::of(numbers()),
            access in 0..=EVERYTHING,
        ) -> Rule {
            Rule { allow, kind, major, minor, access }
        }
    }

    proptest! {
        #[test]
        fn the_program_answers_as_the_rules(
            rules in proptest::collection::vec(rule(), 0..12),
            kind in kinds(),
            major in numbers(),
            minor in numbers(),
            access in 1..=EVERYTHING,
        ) {
            let wanted = allows(&rules, kind, major, minor, access);
            prop_assert_eq!(run(&program(&rules), kind, major, minor, access), wanted);
        }
    }

    #[test]
    fn the_last_rule_about_a_device_counts() {
        let allow = |allow, major, access| Rule {
            allow,
            kind: Some(Kind::Character),
            major,
            minor: None,
            access,
        };
        let rules = [
            allow(true, None, READ),
            allow(true, Some(1), WRITE),
            allow(false, Some(1), READ),
            allow(true, Some(2), EVERYTHING),
        ];
        for (major, access, wanted) in [
            (1, READ, false),
            (1, WRITE, true),
            (1, READ | WRITE, false),
            (2, EVERYTHING, true),
            (3, READ, true),
            (3, READ | WRITE, false),
        ] {
            assert_eq!(allows(&rules, Kind::Character, major, 0, access), wanted, "{major}");
            assert!(!allows(&rules, Kind::Block, major, 0, access));
        }
    }

    #[test]
    fn the_kernel_takes_the_program() {
        let all = Rule { allow: true, kind: None, major: None, minor: None, access: EVERYTHING };
        let one = Rule { allow: false, kind: Some(Kind::Block), major: Some(8), ..all };
        match load(&program(&[all, one, all])) {
            Ok(_) => {}
            Err(io::Errno::PERM) => eprintln!("skipped: BPF is not for this user"),
            Err(error) => panic!("{error}"),
        }
    }
}
