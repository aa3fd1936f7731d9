//! test, `[` and `[[`.

use super::{Shell, Stop, unreadable};
use crate::cis::{
    node::{FileKind, Stat, Trouble},
    pattern::{Flavour, Glob, posix},
};

/// Parentheses and negations in one another.
const DEPTH_LIMIT: usize = 50;

pub(super) fn run(shell: &Shell<'_>, arguments: &[String]) -> Result<i32, Stop> {
    evaluate(shell, arguments, &[])
}

/// Evaluates an expression; 0 if it holds, 1 if not. What is right of `==` may be a pattern.
pub(in crate::cis) fn evaluate(
    shell: &Shell<'_>,
    arguments: &[String],
    patterns: &[Option<Glob>],
) -> Result<i32, Stop> {
    if arguments.is_empty() {
        return Ok(1);
    }
    let mut reader = Reader { shell, arguments, patterns, at: 0, depth: 0 };
    let holds = reader.or()?;
    if reader.at < arguments.len() {
        return Err(Stop::unknown(format!("test with '{}'", arguments[reader.at])));
    }
    Ok(i32::from(!holds))
}

struct Reader<'a, 'b> {
    shell: &'a Shell<'b>,
    arguments: &'a [String],
    patterns: &'a [Option<Glob>],
    at: usize,
    depth: usize,
}

impl Reader<'_, '_> {
    fn peek(&self, by: usize) -> Option<&str> {
        self.arguments.get(self.at + by).map(String::as_str)
    }

    fn or(&mut self) -> Result<bool, Stop> {
        let mut holds = self.and()?;
        while matches!(self.peek(0), Some("-o" | "||")) {
            self.at += 1;
            holds |= self.and()?;
        }
        Ok(holds)
    }

    fn and(&mut self) -> Result<bool, Stop> {
        let mut holds = self.one()?;
        while matches!(self.peek(0), Some("-a" | "&&")) {
            self.at += 1;
            holds &= self.one()?;
        }
        Ok(holds)
    }

    fn one(&mut self) -> Result<bool, Stop> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(Stop::unknown("test with too many parentheses"));
        }
        let holds = self.expression()?;
        self.depth -= 1;
        Ok(holds)
    }

    fn expression(&mut self) -> Result<bool, Stop> {
        let Some(first) = self.peek(0).map(str::to_owned) else {
            return Err(Stop::unknown("test with an expression that is not complete"));
        };
        // A binary operator decides what the words around it are.
        if let (Some(operator), Some(right)) = (self.peek(1), self.peek(2))
            && is_binary(operator)
        {
            let holds = self.compare(&first, operator, right)?;
            self.at += 3;
            return Ok(holds);
        }
        match first.as_str() {
            "!" if self.peek(1).is_some() => {
                self.at += 1;
                self.one().map(|holds| !holds)
            }
            "(" if self.peek(1).is_some() => {
                self.at += 1;
                let holds = self.or()?;
                if self.peek(0) != Some(")") {
                    return Err(Stop::unknown("test with an open parenthesis"));
                }
                self.at += 1;
                Ok(holds)
            }
            _ => match self.peek(1) {
                Some(operand) if first.len() == 2 && first.starts_with('-') => {
                    let holds = self.unary(&first, operand)?;
                    self.at += 2;
                    Ok(holds)
                }
                _ => {
                    self.at += 1;
                    Ok(!first.is_empty())
                }
            },
        }
    }

    fn compare(&self, left: &str, operator: &str, right: &str) -> Result<bool, Stop> {
        let same = match self.patterns.get(self.at + 2) {
            Some(Some(pattern)) => pattern.matches(left),
            _ => left == right,
        };
        match operator {
            "=" | "==" => return Ok(same),
            "!=" => return Ok(!same),
            "<" => return Ok(left < right),
            ">" => return Ok(left > right),
            "=~" => {
                let pattern = posix(right, Flavour::Extended, false).map_err(Stop::Unknown)?;
                return Ok(pattern.is_match(left));
            }
            _ => {}
        }
        // A shell says that this is no number, and goes on as if it were not so.
        let (Ok(left), Ok(right)) = (left.trim().parse::<i64>(), right.trim().parse::<i64>())
        else {
            return Ok(false);
        };
        Ok(match operator {
            "-eq" => left == right,
            "-ne" => left != right,
            "-gt" => left > right,
            "-ge" => left >= right,
            "-lt" => left < right,
            _ => left <= right,
        })
    }

    fn unary(&self, operator: &str, operand: &str) -> Result<bool, Stop> {
        let stat = |follow| -> Result<Option<Stat>, Stop> {
            if operand.is_empty() {
                return Ok(None);
            }
            match self.shell.node.stat(operand, follow) {
                Ok(stat) => Ok(Some(stat)),
                Err(Trouble::Unreadable(why)) => unreadable(operand, &why),
                Err(_) => Ok(None),
            }
        };
        let is = |kind| Ok(stat(true)?.is_some_and(|stat| stat.kind == kind));
        match operator {
            "-e" => Ok(stat(true)?.is_some()),
            "-f" => is(FileKind::File),
            "-d" => is(FileKind::Directory),
            "-L" | "-h" => Ok(stat(false)?.is_some_and(|stat| stat.kind == FileKind::Link)),
            "-s" => Ok(stat(true)?.is_some_and(|stat| stat.size > 0)),
            "-r" => Ok(stat(true)?.is_some()),
            "-z" => Ok(operand.is_empty()),
            "-n" => Ok(!operand.is_empty()),
            _ => Err(Stop::unknown(format!("test with '{operator}'"))),
        }
    }
}

fn is_binary(operator: &str) -> bool {
    matches!(
        operator,
        "=" | "==" | "!=" | "<" | ">" | "=~" | "-eq" | "-ne" | "-gt" | "-ge" | "-lt" | "-le"
    )
}
