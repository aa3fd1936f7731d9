//! Runs a filter as the kernel would.

use super::{Data, Program};

/// A program that the kernel would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes are not between 1 and 4096 instructions of eight bytes.
    #[error("{0} bytes are no filter program of 1 to 4096 instructions")]
    Length(usize),
    /// An instruction that filters may not contain.
    #[error("instruction {at} has code {code:#06x}, which no system call filter may contain")]
    Code {
        /// Where, counted from 0.
        at: usize,
        /// Its code.
        code: u16,
    },
    /// A load from outside the call's data, or not on a boundary of four bytes.
    #[error("instruction {at} reads at {offset}, which is no field of a call's data")]
    Load {
        /// Where, counted from 0.
        at: usize,
        /// The offset it wanted.
        offset: u32,
    },
    /// A scratch cell past the sixteenth.
    #[error("instruction {at} uses scratch cell {cell} of 16")]
    Scratch {
        /// Where, counted from 0.
        at: usize,
        /// The cell it wanted.
        cell: u32,
    },
    /// A division by zero or a shift by the word's width.
    #[error("instruction {at} divides by zero or shifts too far")]
    Arithmetic {
        /// Where, counted from 0.
        at: usize,
    },
    /// The end was reached, or jumped over, without a return.
    #[error("the program ends at instruction {at} without returning")]
    End {
        /// Where, counted from 0.
        at: usize,
    },
}

/// The value that the program returns for a call: see
/// [`Action::from_return_value`](super::Action::from_return_value).
///
/// All of what the kernel accepts in a filter is understood, so this also reads programs that
/// other tools wrote. It ends: jumps only go forward.
///
/// # Errors
/// [`Fault`] when execution meets something that the kernel would have refused to install.
pub fn evaluate(program: &Program, data: &Data) -> Result<u32, Fault> {
    let mut machine = Machine::default();
    let words = words(data);
    let mut at = 0;
    while let Some(instruction) = program.instructions().get(at) {
        match machine.step(at, *instruction, &words)? {
            Step::Next => at += 1,
            Step::Skip(count) => at = at.saturating_add(1).saturating_add(count),
            Step::Return(value) => return Ok(value),
        }
    }
    Err(Fault::End { at })
}

/// The call's data as the kernel lays it out: number, architecture, then 64-bit fields with the
/// low half first.
fn words(data: &Data) -> [u32; 16] {
    let mut words = [0; 16];
    words[0] = data.number;
    words[1] = data.arch;
    let wide = std::iter::once(&data.instruction_pointer).chain(&data.arguments);
    for (pair, value) in words[2..].chunks_exact_mut(2).zip(wide) {
        pair[0] = low(*value);
        pair[1] = low(*value >> 32);
    }
    words
}

fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or_default()
}

enum Step {
    Next,
    Skip(usize),
    Return(u32),
}

#[derive(Default)]
struct Machine {
    accumulator: u32,
    index: u32,
    scratch: [u32; 16],
}

impl Machine {
    fn step(
        &mut self,
        at: usize,
        instruction: super::Instruction,
        words: &[u32; 16],
    ) -> Result<Step, Fault> {
        let super::Instruction { code, k, .. } = instruction;
        // Class in the three low bits; linux/bpf_common.h.
        match code & 0x07 {
            0x00 => self.accumulator = self.load(at, code, k, words)?,
            0x01 => self.index = self.load_index(at, code, k)?,
            0x02 if code == 0x02 => *self.cell(at, k)? = self.accumulator,
            0x03 if code == 0x03 => *self.cell(at, k)? = self.index,
            0x04 => self.accumulator = self.arithmetic(at, code, k)?,
            0x05 => return self.jump(at, instruction),
            0x06 => match code {
                0x06 => return Ok(Step::Return(k)),
                0x16 => return Ok(Step::Return(self.accumulator)),
                _ => return Err(Fault::Code { at, code }),
            },
            0x07 => match code {
                0x07 => self.index = self.accumulator,
                0x87 => self.accumulator = self.index,
                _ => return Err(Fault::Code { at, code }),
            },
            _ => return Err(Fault::Code { at, code }),
        }
        Ok(Step::Next)
    }

    fn load(&mut self, at: usize, code: u16, k: u32, words: &[u32; 16]) -> Result<u32, Fault> {
        match code {
            0x00 => Ok(k),
            0x20 => usize::try_from(k)
                .ok()
                .filter(|offset| offset.is_multiple_of(4))
                .and_then(|offset| words.get(offset / 4).copied())
                .ok_or(Fault::Load { at, offset: k }),
            0x60 => self.cell(at, k).copied(),
            0x80 => Ok(64),
            _ => Err(Fault::Code { at, code }),
        }
    }

    fn load_index(&mut self, at: usize, code: u16, k: u32) -> Result<u32, Fault> {
        match code {
            0x01 => Ok(k),
            0x61 => self.cell(at, k).copied(),
            0x81 => Ok(64),
            _ => Err(Fault::Code { at, code }),
        }
    }

    fn cell(&mut self, at: usize, cell: u32) -> Result<&mut u32, Fault> {
        usize::try_from(cell)
            .ok()
            .and_then(|index| self.scratch.get_mut(index))
            .ok_or(Fault::Scratch { at, cell })
    }

    fn arithmetic(&self, at: usize, code: u16, k: u32) -> Result<u32, Fault> {
        let left = self.accumulator;
        let right = if code & 0x08 == 0 { k } else { self.index };
        let result = match code & !0x08 {
            0x04 => Some(left.wrapping_add(right)),
            0x14 => Some(left.wrapping_sub(right)),
            0x24 => Some(left.wrapping_mul(right)),
            0x34 => left.checked_div(right),
            0x44 => Some(left | right),
            0x54 => Some(left & right),
            0x64 => left.checked_shl(right),
            0x74 => left.checked_shr(right),
            0x84 => Some(left.wrapping_neg()),
            0xa4 => Some(left ^ right),
            _ => return Err(Fault::Code { at, code }),
        };
        result.ok_or(Fault::Arithmetic { at })
    }

    fn jump(&self, at: usize, instruction: super::Instruction) -> Result<Step, Fault> {
        let super::Instruction { code, jump_true, jump_false, k } = instruction;
        let left = self.accumulator;
        let right = if code & 0x08 == 0 { k } else { self.index };
        let holds = match code & !0x08 {
            0x05 if code == 0x05 => {
                return Ok(Step::Skip(usize::try_from(k).unwrap_or(usize::MAX)));
            }
            0x15 => left == right,
            0x25 => left > right,
            0x35 => left >= right,
            0x45 => left & right != 0,
            _ => return Err(Fault::Code { at, code }),
        };
        Ok(Step::Skip(usize::from(if holds { jump_true } else { jump_false })))
    }
}
