//! Just enough of the shell to see which commands a line runs, with which words: quotes,
//! substitutions, lists, pipes, groups and keywords. Nothing is expanded, and nothing is an error:
//! what is not understood is taken for words.

mod token;

use self::token::{Token, Tokens};

/// A simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Its words, the name first; assignments in front of it and redirections are left out.
    pub words: Vec<Word>,
    /// The assignments in front of it: `A=b`.
    pub assignments: Vec<Word>,
    /// Whether its output is the next command's input.
    pub is_piped: bool,
    /// Whether it runs after the one before only if that succeeded.
    pub after_success: bool,
    /// Targets of output redirections.
    pub outputs: Vec<Word>,
}

/// A word, quotes and backslashes taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// The text. Expansions stand as written: `$HOME`.
    pub text: String,
    /// Where it begins in the line, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// Whether an unquoted or double-quoted expansion is in it.
    pub expands: bool,
}

/// Substitutions within substitutions that are looked into.
const DEPTH: usize = 16;
/// Commands of one line that are kept.
const MOST: usize = 10_000;

/// Words in front of a command that belong to the grammar.
const KEYWORDS: &[&str] = &[
    "if", "then", "elif", "else", "while", "until", "do", "!", "{", "time", "fi", "done", "}",
    "esac",
];

/// The commands of a line of shell, those of substitutions after the command that they are in.
pub fn commands(line: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    collect(line, 0, 0, &mut commands);
    commands
}

/// The words of a text, without regard to operators.
pub fn words(text: &str) -> Vec<Word> {
    let words = Tokens::new(text).filter_map(|token| match token {
        Token::Word { word, .. } => Some(word),
        _ => None,
    });
    words.collect()
}

fn collect(line: &str, base: usize, depth: usize, commands: &mut Vec<Command>) {
    let mut current = Command::default();
    let mut inner: Vec<(usize, usize)> = Vec::new();
    let mut is_output = false;
    let mut skipped_to: Option<&str> = None;
    for token in Tokens::new(line) {
        match token {
            Token::Word { word, inside } => {
                inner.extend(inside);
                let word = Word { start: base + word.start, end: base + word.end, ..word };
                if let Some(keyword) = skipped_to {
                    // `for NAME in WORDS`, `case WORD in PATTERN)`: no command before the end.
                    if word.text == keyword {
                        skipped_to = None;
                    }
                } else if std::mem::take(&mut is_output) {
                    current.outputs.push(word);
                } else if current.words.is_empty() && is_assignment(&word.text) {
                    current.assignments.push(word);
                } else if current.words.is_empty() && word.text == "case" {
                    skipped_to = Some("in");
                } else if !(current.words.is_empty() && KEYWORDS.contains(&word.text.as_str())) {
                    current.words.push(word);
                }
            }
            Token::Output => is_output = true,
            Token::Input => {}
            Token::End { pipe, and } => {
                skipped_to = None;
                let next = Command { after_success: and, ..Command::default() };
                let done = Command { is_piped: pipe, ..std::mem::replace(&mut current, next) };
                push(done, commands);
            }
        }
    }
    push(current, commands);
    if depth < DEPTH {
        for (start, end) in inner {
            collect(&line[start..end], base + start, depth + 1, commands);
        }
    }
}

fn push(command: Command, commands: &mut Vec<Command>) {
    let is_loop = command.name() == Some("for");
    if !command.words.is_empty() && !is_loop && commands.len() < MOST {
        commands.push(command);
    }
}

fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Programs that run another one, and how many words of their own they take besides options.
const WRAPPERS: &[(&str, usize)] = &[
    ("sudo", 0),
    ("env", 0),
    ("exec", 0),
    ("command", 0),
    ("nice", 0),
    ("nohup", 0),
    ("time", 0),
    ("timeout", 1),
    ("xargs", 0),
    ("eatmydata", 0),
    ("doas", 0),
    ("ionice", 0),
    ("stdbuf", 0),
];

impl Command {
    /// The name of the program, without its directory.
    pub fn name(&self) -> Option<&str> {
        let name = &self.words.first()?.text;
        Some(name.rsplit('/').next().unwrap_or(name))
    }

    /// The words after the name.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(1).map(|word| word.text.as_str())
    }

    /// The command that wrappers such as `sudo` and `env` run in the end.
    pub fn unwrapped(&self) -> Self {
        let mut command = self.clone();
        while let Some((_, own)) = WRAPPERS.iter().find(|(name, _)| command.name() == Some(name)) {
            let is_option = |word: &Word| word.text.starts_with('-') || is_assignment(&word.text);
            let options = command.words[1..].iter().take_while(|word| is_option(word)).count();
            let rest = (1 + options + own).min(command.words.len());
            command.words.drain(..rest);
        }
        command
    }

    /// Whether one of the options is there: `-y` alone or among short ones, `--yes` in full or
    /// with a value.
    pub fn has_option(&self, options: &[&str]) -> bool {
        self.arguments().any(|argument| {
            options.iter().any(|option| match option.strip_prefix("--") {
                Some(_) => argument
                    .strip_prefix(option)
                    .is_some_and(|r| r.is_empty() || r.starts_with('=')),
                None if option.len() == 2 => {
                    argument.len() > 1
                        && argument.starts_with('-')
                        && !argument.starts_with("--")
                        && argument.contains(&option[1..])
                }
                None => argument == *option,
            })
        })
    }

    /// The words that are no options.
    pub fn operands(&self) -> impl Iterator<Item = &Word> {
        self.words.iter().skip(1).filter(|word| !word.text.starts_with('-'))
    }
}

const SHELLS: &[&str] = &[
    "sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "python", "python2", "python3", "perl",
    "ruby", "node", "php",
];

/// Whether the command is a shell or an interpreter.
pub(crate) fn is_interpreter(command: &Command) -> bool {
    command.name().is_some_and(|name| SHELLS.contains(&name))
}

/// Whether a line pipes, or substitutes, what it downloads into a shell or an interpreter.
pub(crate) fn pipes_download_to_shell(line: &str) -> bool {
    let all: Vec<Command> = commands(line).iter().map(Command::unwrapped).collect();
    let fetches = |command: &Command| matches!(command.name(), Some("curl" | "wget" | "fetch"));
    // What is piped on goes through filters such as gunzip or tee.
    let mut carries = false;
    for command in &all {
        if carries && is_interpreter(command) && reads_input(command) {
            return true;
        }
        carries = command.is_piped && (carries || fetches(command));
    }
    // `sh -c "$(curl …)"`, `bash <(curl …)`, `eval $(wget …)`.
    all.iter().any(|command| {
        let takes =
            is_interpreter(command) || matches!(command.name(), Some("eval" | "source" | "."));
        takes
            && command.words.iter().skip(1).any(|word| {
                ["$(", "`", "<("].iter().any(|open| word.text.contains(open))
                    && ["curl ", "wget "].iter().any(|fetch| word.text.contains(fetch))
            })
    })
}

/// Whether a shell executes its input: not if it is given a file or a command.
fn reads_input(command: &Command) -> bool {
    let mut operands = command.operands();
    !command.has_option(&["-c"])
        && (command.has_option(&["-s"]) || operands.all(|word| word.text == "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<String>> {
        let texts = |command: Command| command.words.into_iter().map(|word| word.text).collect();
        commands(line).into_iter().map(texts).collect()
    }

    #[test]
    fn commands_and_words() {
        for (line, expected) in [
            ("a b  c", &[&["a", "b", "c"][..]][..]),
            ("a && b || c; d & e | f", &[&["a"], &["b"], &["c"], &["d"], &["e"], &["f"]]),
            ("a 'b c' \"d e\" f\\ g", &[&["a", "b c", "d e", "f g"]]),
            ("A=b C='d e' f", &[&["f"]]),
            ("if a; then b; else c; fi", &[&["a"], &["b"], &["c"]]),
            ("for x in a b; do c $x; done", &[&["c", "$x"]]),
            ("case $x in y) a;; z) b;; esac", &[&["y"], &["a"], &["z"], &["b"]]),
            ("(a; b) > c 2>&1", &[&["a"], &["b"]]),
            ("{ a; b; }", &[&["a"], &["b"]]),
            ("a > b", &[&["a"]]),
            ("a # comment", &[&["a"]]),
            ("a $(b c)", &[&["a", "$(b c)"], &["b", "c"]]),
            ("a \"$(b \"c d\")\"", &[&["a", "$(b \"c d\")"], &["b", "c d"]]),
            ("a `b`", &[&["a", "`b`"], &["b"]]),
            ("a <<EOF\nb c\nEOF\nd", &[&["a"], &["d"]]),
            ("a ${b:-c d}", &[&["a", "${b:-c d}"]]),
            ("", &[]),
            ("'a", &[&["a"]]),
            ("$(", &[&["$("]]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn downloads_into_shells() {
        for (line, expected) in [
            ("curl -sSL https://x | sh", true),
            ("wget -qO- https://x | sudo -E bash -", true),
            ("curl https://x | gunzip | python3", true),
            ("curl https://x | bash -s -- --yes", true),
            ("bash -c \"$(curl -fsSL https://x)\"", true),
            ("bash <(curl https://x)", true),
            ("curl -o x https://x && sh x", false),
            ("curl https://x | tar xz", false),
            ("curl https://x | python3 -c 'import json'", false),
            ("curl https://x | tee y && echo | sh", false),
        ] {
            assert_eq!(pipes_download_to_shell(line), expected, "{line}");
        }
    }

    #[test]
    fn wrappers_and_options() {
        let command =
            commands("sudo -E env A=b apt-get -qy install --no-install-recommends=true x");
        let command = command[0].unwrapped();
        assert_eq!(command.name(), Some("apt-get"));
        assert!(command.has_option(&["-y"]) && command.has_option(&["--no-install-recommends"]));
        assert!(!command.has_option(&["-f"]));
    }
}
