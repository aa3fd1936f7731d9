//! `$((…))`: whole numbers, names, the usual operators.

use std::collections::BTreeMap;

/// Parentheses and signs in one another.
const DEPTH_LIMIT: usize = 50;

pub(super) fn evaluate(text: &str, names: &BTreeMap<String, String>) -> Result<i64, String> {
    let mut reader = Reader { letters: text.chars().collect(), at: 0, depth: 0, names };
    let value = reader.binary(0)?;
    reader.blanks();
    if reader.at == reader.letters.len() { Ok(value) } else { Err("is no expression".into()) }
}

/// Operators from those that bind least.
const LEVELS: [&[&str]; 6] =
    [&["||"], &["&&"], &["==", "!="], &["<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "%"]];

struct Reader<'a> {
    letters: Vec<char>,
    at: usize,
    depth: usize,
    names: &'a BTreeMap<String, String>,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        while self.letters.get(self.at).is_some_and(|letter| letter.is_whitespace()) {
            self.at += 1;
        }
    }

    fn take(&mut self, text: &str) -> bool {
        self.blanks();
        let found =
            text.chars().enumerate().all(|(by, one)| self.letters.get(self.at + by) == Some(&one));
        if found {
            self.at += text.len();
        }
        found
    }

    fn binary(&mut self, level: usize) -> Result<i64, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.take(operator)) {
            let right = self.binary(level + 1)?;
            left = apply(left, operator, right).ok_or("is out of range")?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(format!("nests more than {DEPTH_LIMIT} deep"));
        }
        let value = if self.take("-") {
            self.unary()?.checked_neg().ok_or("is out of range")?
        } else if self.take("!") {
            i64::from(self.unary()? == 0)
        } else if self.take("(") {
            let value = self.binary(0)?;
            if !self.take(")") {
                return Err("has an open parenthesis".into());
            }
            value
        } else {
            self.primary()?
        };
        self.depth -= 1;
        Ok(value)
    }

    fn primary(&mut self) -> Result<i64, String> {
        self.blanks();
        let start = self.at;
        while self
            .letters
            .get(self.at)
            .is_some_and(|one| one.is_ascii_alphanumeric() || *one == '_')
        {
            self.at += 1;
        }
        let word: String = self.letters[start..self.at].iter().collect();
        let text = if word.starts_with(|first: char| first.is_ascii_digit()) {
            word.as_str()
        } else if word.is_empty() {
            return Err("is no expression".into());
        } else {
            self.names.get(&word).map_or("0", |value| value.trim())
        };
        let text = if text.is_empty() { "0" } else { text };
        text.parse().map_err(|_| format!("'{text}' is no number"))
    }
}

fn apply(left: i64, operator: &str, right: i64) -> Option<i64> {
    match operator {
        "||" => Some(i64::from(left != 0 || right != 0)),
        "&&" => Some(i64::from(left != 0 && right != 0)),
        "==" => Some(i64::from(left == right)),
        "!=" => Some(i64::from(left != right)),
        "<=" => Some(i64::from(left <= right)),
        ">=" => Some(i64::from(left >= right)),
        "<" => Some(i64::from(left < right)),
        ">" => Some(i64::from(left > right)),
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        _ => left.checked_rem(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_those_of_the_shell() {
        let names = BTreeMap::from([("a".to_owned(), " 4\n".to_owned())]);
        for (text, value) in
            [("a + b", Ok(4)), ("1 + 2 * 3", Ok(7)), ("(1+2)*-3", Ok(-9)), ("a >= 4 && !0", Ok(1))]
        {
            assert_eq!(evaluate(text, &names), value, "{text}");
        }
        for text in ["1 / 0", "9223372036854775807 + 1", "1 +", "1 2", "(1", "x y"] {
            assert!(evaluate(text, &names).is_err(), "{text}");
        }
        assert!(evaluate(&"(".repeat(1000), &names).is_err());
        assert!(evaluate(&"-".repeat(1000), &names).is_err());
    }
}
