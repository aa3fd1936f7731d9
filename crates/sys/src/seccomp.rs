//! System call filters: a policy compiled to seccomp's classic BPF, read back, and installed.
//!
//! Start at [`Policy`], which says what is meant and what counts when rules overlap;
//! [`compile`] turns it into a [`Program`], [`compile_set`] those of several calling conventions.
//! [`install`] puts that in force for the calling thread. [`evaluate`] runs a program as the kernel
//! would, over any call that one asks about.
//!
//! This module knows nothing of the runtime-spec: whoever reads a profile turns it into a
//! [`Policy`] of numbers, with [`Arch::number`] to look the names up.
//!
//! Source: Linux `Documentation/userspace-api/seccomp_filter.rst`, seccomp(2).

mod arch;
mod compile;
mod evaluate;
mod install;
mod installed;
mod policy;
mod syscalls;

pub use arch::Arch;
pub use compile::{CompileError, MAXIMUM_INSTRUCTIONS, compile, compile_set};
pub use evaluate::{Fault, evaluate};
pub use install::{Flags, install, install_with_listener, is_action_available};
pub use installed::installed;
pub use policy::{Action, Beyond, Comparison, Condition, Policy, PolicySet, Rule};

/// What the kernel shows a filter of one system call (`struct seccomp_data`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data {
    /// Number of the call.
    pub number: u32,
    /// The `AUDIT_ARCH_*` value of the calling convention in use.
    pub arch: u32,
    /// Address of the calling instruction.
    pub instruction_pointer: u64,
    /// The six registers that carry arguments, whether or not the call has as many.
    pub arguments: [u64; 6],
}

impl Data {
    /// A call by the native convention of `arch`.
    #[must_use]
    pub fn new(arch: Arch, number: u32, arguments: [u64; 6]) -> Self {
        Self { number, arch: arch.audit(), instruction_pointer: 0, arguments }
    }
}

/// One instruction of classic BPF (`struct sock_filter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Instruction {
    /// Class, size, mode and operation.
    pub code: u16,
    /// How many instructions to skip when the test holds.
    pub jump_true: u8,
    /// How many instructions to skip when it does not.
    pub jump_false: u8,
    /// The constant operand.
    pub k: u32,
}

/// A filter: at most [`MAXIMUM_INSTRUCTIONS`] instructions that only jump forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    instructions: Vec<Instruction>,
}

impl Program {
    /// The instructions, first to last.
    #[must_use]
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// The program as bytes, eight an instruction, least significant byte first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.instructions.len() * 8);
        for instruction in &self.instructions {
            bytes.extend(instruction.code.to_le_bytes());
            bytes.extend([instruction.jump_true, instruction.jump_false]);
            bytes.extend(instruction.k.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// The bytes may come from a cache or from the kernel; whether the program is one that the
    /// kernel accepts is found out by [`evaluate`] and by the kernel.
    ///
    /// # Errors
    /// [`Fault::Length`] when this is no whole number of instructions, none, or too many.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let (chunks, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || chunks.is_empty() || chunks.len() > MAXIMUM_INSTRUCTIONS {
            return Err(Fault::Length(bytes.len()));
        }
        let instructions = chunks
            .iter()
            .map(|&[a, b, jump_true, jump_false, k0, k1, k2, k3]| Instruction {
                code: u16::from_le_bytes([a, b]),
                jump_true,
                jump_false,
                k: u32::from_le_bytes([k0, k1, k2, k3]),
            })
            .collect();
        Ok(Self { instructions })
    }
}

#[cfg(test)]
mod tests;
