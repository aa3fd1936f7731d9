//! Any policy compiles to a program that means the same, or is refused with a reason; any bytes
//! evaluate to an answer or a fault.
#![no_main]

use cofferdam_sys::seccomp::{
    Action, Arch, Beyond, Comparison, Condition, Data, Policy, Program, Rule, compile, evaluate,
};
use libfuzzer_sys::fuzz_target;

/// Takes numbers off the front of the input; zeros when it has come to its end.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.next(), self.next(), self.next(), self.next()])
    }

    fn wide(&mut self) -> u64 {
        match self.next() % 4 {
            0 => u64::from(self.next()),
            1 => u64::from(self.word()),
            2 => u64::from(self.word()) << 32,
            _ => u64::from(self.word()) << 32 | u64::from(self.word()),
        }
    }

    fn call(&mut self) -> u32 {
        match self.next() {
            255 => self.word(),
            254 => 0x4000_0000,
            few => u32::from(few) * 2 + u32::from(self.next() % 2),
        }
    }

    fn action(&mut self) -> Action {
        match self.next() % 9 {
            0 => Action::KillProcess,
            1 => Action::KillThread,
            2 => Action::Trap,
            3 => Action::Errno(u16::from(self.next()) << 4),
            4 => Action::Notify,
            5 => Action::Trace(u16::from(self.next()) << 8),
            6 => Action::Log,
            _ => Action::Allow,
        }
    }

    fn condition(&mut self) -> Condition {
        let argument = self.next() % 7;
        let comparison = match self.next() % 7 {
            0 => Comparison::NotEqual,
            1 => Comparison::Less,
            2 => Comparison::LessOrEqual,
            3 => Comparison::Equal,
            4 => Comparison::GreaterOrEqual,
            5 => Comparison::Greater,
            _ => Comparison::MaskedEqual { mask: self.wide() },
        };
        Condition { argument, comparison, value: self.wide() }
    }

    fn rule(&mut self) -> Rule {
        let syscalls = (0..self.next() % 8).map(|_| self.call()).collect();
        let conditions = (0..self.next() % 4).map(|_| self.condition()).collect();
        Rule { syscalls, conditions, action: self.action() }
    }

    fn policy(&mut self) -> Policy {
        let (default, foreign) = (self.action(), self.action());
        let beyond =
            (self.next() % 2 == 0).then(|| Beyond { last: self.call(), action: self.action() });
        let mut rules = Vec::new();
        while !self.0.is_empty() && rules.len() < 200 {
            rules.push(self.rule());
        }
        Policy { default, beyond, foreign, rules }
    }
}

fn check(policy: &Policy, arch: Arch) {
    let Ok(program) = compile(policy, arch) else { return };
    let stored = Program::from_bytes(&program.to_bytes());
    assert_eq!(stored.as_ref(), Ok(&program));
    let conditions = policy.rules.iter().flat_map(|rule| &rule.conditions);
    let values = conditions.flat_map(|test| [test.value, test.value.wrapping_add(1)]);
    let values: Vec<u64> = values.chain([0, u64::MAX]).take(16).collect();
    let named = policy.rules.iter().flat_map(|rule| &rule.syscalls).take(64);
    let numbers = named.flat_map(|&number| [number, number.saturating_add(1)]);
    for number in numbers.chain([0, 1, 500, 0x3fff_ffff, 0x4000_0000, u32::MAX]) {
        for &value in &values {
            let data = Data::new(arch, number, [value; 6]);
            let answer = evaluate(&program, &data).map(Action::from_return_value);
            assert_eq!(answer, Ok(policy.decide(arch, &data)));
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let policy = Numbers(bytes).policy();
    for arch in [Arch::X86_64, Arch::Aarch64] {
        check(&policy, arch);
    }
    if let Ok(program) = Program::from_bytes(bytes) {
        let _ = evaluate(&program, &Data::new(Arch::X86_64, 1, [u64::MAX; 6]));
    }
});
