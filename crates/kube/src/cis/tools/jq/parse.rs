use serde_json::Value;

/// Expressions in expressions.
const DEPTH_LIMIT: usize = 60;

/// A program.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Identity,
    Below,
    Literal(Value),
    Text { format: Option<String>, parts: Vec<TextPart> },
    Format(String),
    Array(Option<Box<Expr>>),
    Object(Vec<(Expr, Expr)>),
    Negated(Box<Expr>),
    Pipe(Box<Expr>, Box<Expr>),
    Comma(Box<Expr>, Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Index(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>),
    Each(Box<Expr>),
    Try(Box<Expr>, Option<Box<Expr>>),
    If(Vec<(Expr, Expr)>, Option<Box<Expr>>),
    Reduce { source: Box<Expr>, name: String, start: Box<Expr>, update: Box<Expr> },
    Variable(String),
    As { source: Box<Expr>, name: String, body: Box<Expr> },
    Call(String, Vec<Expr>),
    Define { name: String, parameters: Vec<String>, body: Box<Expr>, rest: Box<Expr> },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TextPart {
    Plain(String),
    Of(Expr),
}

/// Operators from those that bind least; all but `//` from left to right.
const LEVELS: [&[&str]; 6] = [
    &["//"],
    &["or"],
    &["and"],
    &["==", "!=", "<=", ">=", "<", ">"],
    &["+", "-"],
    &["*", "/", "%"],
];

const KEYWORDS: [&str; 16] = [
    "and", "or", "then", "elif", "else", "end", "as", "def", "reduce", "foreach", "if", "try",
    "catch", "label", "import", "include",
];

pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let mut reader = Reader { letters: text.chars().collect(), at: 0, depth: 0 };
    reader.blanks();
    if reader.at == reader.letters.len() {
        return Ok(Expr::Identity);
    }
    let expr = reader.pipe()?;
    reader.blanks();
    match reader.peek() {
        None => Ok(expr),
        Some(letter) => Err(format!("'{letter}' at letter {}", reader.at + 1)),
    }
}

struct Reader {
    letters: Vec<char>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn ahead(&self, by: usize) -> Option<char> {
        self.letters.get(self.at + by).copied()
    }

    fn blanks(&mut self) {
        while let Some(letter) = self.peek() {
            if letter == '#' {
                while self.peek().is_some_and(|letter| letter != '\n') {
                    self.at += 1;
                }
            } else if letter.is_whitespace() {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    fn looks_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(by, one)| self.ahead(by) == Some(one))
    }

    /// Takes a word or sign; a word has to end there.
    fn take(&mut self, text: &str) -> bool {
        self.blanks();
        let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic());
        let length = text.chars().count();
        let goes_on =
            self.ahead(length).is_some_and(|next| next.is_ascii_alphanumeric() || next == '_');
        let found = self.looks_at(text) && !(is_word && goes_on);
        if found {
            self.at += length;
        }
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.take(text) {
            return Ok(());
        }
        Err(format!("'{text}' is missing at letter {}", self.at + 1))
    }

    fn name(&mut self) -> Result<String, String> {
        let start = self.at;
        if self.peek().is_some_and(|first| first.is_ascii_digit()) {
            return Err("a name is missing".into());
        }
        while self.peek().is_some_and(|one| one.is_ascii_alphanumeric() || one == '_') {
            self.at += 1;
        }
        if self.at == start {
            return Err(format!("a name is missing at letter {}", start + 1));
        }
        Ok(self.letters[start..self.at].iter().collect())
    }

    fn pipe(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(format!("it nests more than {DEPTH_LIMIT} deep"));
        }
        let expr = if self.take("def") {
            self.define()?
        } else {
            let mut left = self.comma()?;
            self.blanks();
            if self.peek() == Some('|') && self.ahead(1) != Some('=') {
                self.at += 1;
                left = Expr::Pipe(Box::new(left), Box::new(self.pipe()?));
            }
            left
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn define(&mut self) -> Result<Expr, String> {
        self.blanks();
        let name = self.name()?;
        let mut parameters = Vec::new();
        if self.take("(") {
            loop {
                self.blanks();
                let mark = if self.peek() == Some('$') { "$" } else { "" };
                self.at += mark.len();
                parameters.push(format!("{mark}{}", self.name()?));
                if self.take(")") {
                    break;
                }
                self.expect(";")?;
            }
        }
        self.expect(":")?;
        let body = Box::new(self.pipe()?);
        self.expect(";")?;
        let rest = Box::new(self.pipe()?);
        Ok(Expr::Define { name, parameters, body, rest })
    }

    fn comma(&mut self) -> Result<Expr, String> {
        let mut left = self.binary(0)?;
        while self.take(",") {
            left = Expr::Comma(Box::new(left), Box::new(self.binary(0)?));
        }
        Ok(left)
    }

    fn operator(&mut self, level: usize) -> Option<&'static str> {
        self.blanks();
        let operator = LEVELS[level].iter().find(|operator| {
            let next = self.ahead(operator.len());
            // Assignments (`+=`, `//=`) are not operators here, and `//` is not `/` twice.
            let is_other =
                !operator.ends_with('=') && !"<>".contains(**operator) && next == Some('=')
                    || **operator == "/" && next == Some('/');
            self.looks_at(operator) && !is_other
        })?;
        self.take(operator).then_some(operator)
    }

    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        if level == LEVELS.len() {
            return self.postfix();
        }
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(level) {
            self.depth += 1;
            if self.depth > DEPTH_LIMIT {
                return Err(format!("it nests more than {DEPTH_LIMIT} deep"));
            }
            let right = self.binary(if level == 0 { 0 } else { level + 1 })?;
            self.depth -= 1;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    /// A term, or what is done with a name for each of its values.
    fn postfix(&mut self) -> Result<Expr, String> {
        let term = self.suffixed()?;
        if !self.take("as") {
            return Ok(term);
        }
        self.blanks();
        if self.peek() != Some('$') {
            return Err("a pattern behind 'as'".into());
        }
        self.at += 1;
        let name = self.name()?;
        self.expect("|")?;
        let body = Box::new(self.pipe()?);
        Ok(Expr::As { source: Box::new(term), name, body })
    }

    /// A term with its suffixes: `.a[0]?`.
    fn suffixed(&mut self) -> Result<Expr, String> {
        let mut term = self.term()?;
        loop {
            self.blanks();
            match (self.peek(), self.ahead(1)) {
                (Some('?'), _) => {
                    self.at += 1;
                    term = Expr::Try(Box::new(term), None);
                }
                (Some('['), _) | (Some('.'), Some('[')) => {
                    self.at += if self.peek() == Some('.') { 2 } else { 1 };
                    term = self.bracket(term)?;
                }
                (Some('.'), Some('"')) => {
                    self.at += 2;
                    let key = self.text(None)?;
                    term = Expr::Index(Box::new(term), Box::new(key));
                }
                (Some('.'), Some(next)) if next.is_ascii_alphabetic() || next == '_' => {
                    self.at += 1;
                    let key = Expr::Literal(Value::String(self.name()?));
                    term = Expr::Index(Box::new(term), Box::new(key));
                }
                _ => return Ok(term),
            }
        }
    }

    /// The inside of brackets behind a term.
    fn bracket(&mut self, term: Expr) -> Result<Expr, String> {
        let term = Box::new(term);
        if self.take("]") {
            return Ok(Expr::Each(term));
        }
        if self.take(":") {
            let to = Box::new(self.pipe()?);
            self.expect("]")?;
            return Ok(Expr::Slice(term, None, Some(to)));
        }
        let from = Box::new(self.pipe()?);
        if self.take(":") {
            if self.take("]") {
                return Ok(Expr::Slice(term, Some(from), None));
            }
            let to = Box::new(self.pipe()?);
            self.expect("]")?;
            return Ok(Expr::Slice(term, Some(from), Some(to)));
        }
        self.expect("]")?;
        Ok(Expr::Index(term, from))
    }

    fn term(&mut self) -> Result<Expr, String> {
        self.blanks();
        let Some(first) = self.peek() else { return Err("it ends too early".into()) };
        match first {
            '.' if self.ahead(1) == Some('.') => {
                self.at += 2;
                Ok(Expr::Below)
            }
            '.' => {
                let goes_on = self.ahead(1).is_some_and(|next| {
                    next.is_ascii_alphabetic() || next == '_' || next == '"' || next == '['
                });
                // What follows is taken for a suffix of the identity.
                if !goes_on {
                    self.at += 1;
                }
                Ok(Expr::Identity)
            }
            '$' => {
                self.at += 1;
                self.name().map(Expr::Variable)
            }
            '(' => {
                self.at += 1;
                let expr = self.pipe()?;
                self.expect(")")?;
                Ok(expr)
            }
            '[' => {
                self.at += 1;
                if self.take("]") {
                    return Ok(Expr::Array(None));
                }
                let expr = self.pipe()?;
                self.expect("]")?;
                Ok(Expr::Array(Some(Box::new(expr))))
            }
            '{' => {
                self.at += 1;
                self.object()
            }
            '"' => {
                self.at += 1;
                self.text(None)
            }
            '@' => {
                self.at += 1;
                let format = self.name()?;
                if self.peek() == Some('"') {
                    self.at += 1;
                    return self.text(Some(format));
                }
                Ok(Expr::Format(format))
            }
            '-' => {
                self.at += 1;
                self.depth += 1;
                if self.depth > DEPTH_LIMIT {
                    return Err(format!("it nests more than {DEPTH_LIMIT} deep"));
                }
                let expr = self.postfix()?;
                self.depth -= 1;
                Ok(Expr::Negated(Box::new(expr)))
            }
            '0'..='9' => self.number(),
            _ => self.word(),
        }
    }

    fn number(&mut self) -> Result<Expr, String> {
        let start = self.at;
        while self.peek().is_some_and(|one| one.is_ascii_digit() || one == '.') {
            self.at += 1;
        }
        let text: String = self.letters[start..self.at].iter().collect();
        serde_json::from_str(&text).map(Expr::Literal).map_err(|_| format!("the number '{text}'"))
    }

    fn word(&mut self) -> Result<Expr, String> {
        let name = self.name()?;
        match name.as_str() {
            "if" => return self.if_(),
            "try" => {
                let tried = Box::new(self.postfix()?);
                let caught =
                    if self.take("catch") { Some(Box::new(self.postfix()?)) } else { None };
                return Ok(Expr::Try(tried, caught));
            }
            "reduce" => {
                return self.reduce();
            }
            "null" => return Ok(Expr::Literal(Value::Null)),
            "true" => return Ok(Expr::Literal(Value::Bool(true))),
            "false" => return Ok(Expr::Literal(Value::Bool(false))),
            keyword if KEYWORDS.contains(&keyword) => return Err(format!("'{keyword}'")),
            _ => {}
        }
        let mut arguments = Vec::new();
        if self.peek() == Some('(') {
            self.at += 1;
            loop {
                arguments.push(self.pipe()?);
                if self.take(")") {
                    break;
                }
                self.expect(";")?;
            }
        }
        Ok(Expr::Call(name, arguments))
    }

    fn reduce(&mut self) -> Result<Expr, String> {
        let source = Box::new(self.suffixed()?);
        self.expect("as")?;
        self.expect("$")?;
        let name = self.name()?;
        self.expect("(")?;
        let start = Box::new(self.pipe()?);
        self.expect(";")?;
        let update = Box::new(self.pipe()?);
        self.expect(")")?;
        Ok(Expr::Reduce { source, name, start, update })
    }

    fn if_(&mut self) -> Result<Expr, String> {
        let mut branches = Vec::new();
        loop {
            let condition = self.pipe()?;
            self.expect("then")?;
            branches.push((condition, self.pipe()?));
            if self.take("elif") {
                continue;
            }
            let otherwise = if self.take("else") { Some(Box::new(self.pipe()?)) } else { None };
            self.expect("end")?;
            return Ok(Expr::If(branches, otherwise));
        }
    }

    fn object(&mut self) -> Result<Expr, String> {
        let mut entries = Vec::new();
        loop {
            if self.take("}") {
                return Ok(Expr::Object(entries));
            }
            self.blanks();
            let (key, short) = match self.peek() {
                Some('"') => {
                    self.at += 1;
                    let key = self.text(None)?;
                    (key.clone(), Expr::Index(Box::new(Expr::Identity), Box::new(key)))
                }
                Some('(') => {
                    self.at += 1;
                    let key = self.pipe()?;
                    self.expect(")")?;
                    (key, Expr::Identity)
                }
                Some('$') => {
                    self.at += 1;
                    let name = self.name()?;
                    (Expr::Literal(Value::String(name.clone())), Expr::Variable(name))
                }
                _ => {
                    let key = Expr::Literal(Value::String(self.name()?));
                    (key.clone(), Expr::Index(Box::new(Expr::Identity), Box::new(key)))
                }
            };
            let value = if self.take(":") { self.value_of_object()? } else { short };
            entries.push((key, value));
            if !self.take(",") {
                self.expect("}")?;
                return Ok(Expr::Object(entries));
            }
        }
    }

    /// A value ends at a comma; pipes need no parentheses in practice, `|` binds within.
    fn value_of_object(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(format!("it nests more than {DEPTH_LIMIT} deep"));
        }
        let mut value = self.binary(0)?;
        while self.take("|") {
            value = Expr::Pipe(Box::new(value), Box::new(self.binary(0)?));
        }
        self.depth -= 1;
        Ok(value)
    }

    /// The inside of a text up to its closing quote.
    fn text(&mut self, format: Option<String>) -> Result<Expr, String> {
        let (mut parts, mut plain) = (Vec::new(), String::new());
        while let Some(letter) = self.peek() {
            self.at += 1;
            match letter {
                '"' => {
                    if parts.is_empty() && format.is_none() {
                        return Ok(Expr::Literal(Value::String(plain)));
                    }
                    parts.push(TextPart::Plain(plain));
                    return Ok(Expr::Text { format, parts });
                }
                '\\' => {
                    let next = self.peek().ok_or("a text is not closed")?;
                    self.at += 1;
                    match next {
                        '(' => {
                            parts.push(TextPart::Plain(std::mem::take(&mut plain)));
                            parts.push(TextPart::Of(self.pipe()?));
                            self.expect(")")?;
                        }
                        'n' => plain.push('\n'),
                        't' => plain.push('\t'),
                        'r' => plain.push('\r'),
                        '"' | '\\' | '/' => plain.push(next),
                        _ => return Err(format!("the escape '\\{next}'")),
                    }
                }
                _ => plain.push(letter),
            }
        }
        Err("a text is not closed".into())
    }
}
