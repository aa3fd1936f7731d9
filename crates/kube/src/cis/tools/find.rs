//! find.

use super::{Input, Output, Shell, Stop, files::absolute, option, unreadable};
use crate::cis::{
    node::{FileKind, Stat, Trouble},
    pattern::Glob,
};

/// Directories in one another.
const DEPTH_LIMIT: usize = 64;
/// Parentheses in one another.
const NESTING_LIMIT: usize = 20;
/// Files that are come by.
const FILES_LIMIT: usize = 200_000;

#[derive(Debug)]
enum Test {
    Name(Glob),
    Path(Glob),
    Kind(FileKind),
    Mode { bits: u32, how: char },
    User(String),
    Group(String),
    Not(Box<Test>),
    And(Vec<Test>),
    Or(Vec<Test>),
    Print,
    Execute { words: Vec<String>, together: bool },
}

struct Search {
    test: Test,
    acts: bool,
    least: usize,
    most: usize,
    follow: bool,
    seen: usize,
    together: Vec<String>,
    failed: bool,
}

pub(super) fn run(
    shell: &mut Shell<'_>,
    arguments: &[String],
    _input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let follow = arguments.first().is_some_and(|first| first == "-L");
    let arguments = &arguments[usize::from(follow)..];
    let is_expression = |text: &String| text.starts_with('-') || text == "!" || text == "(";
    let paths = arguments.iter().position(is_expression).unwrap_or(arguments.len());
    let mut reader = Reader { words: &arguments[paths..], at: 0, least: 0, most: DEPTH_LIMIT };
    let test = reader.or(0)?;
    if reader.at < reader.words.len() {
        return option("find", &reader.words[reader.at]);
    }
    let (least, most) = (reader.least, reader.most);
    let acts = acts(&test);
    let mut search =
        Search { test, acts, least, most, follow, seen: 0, together: Vec::new(), failed: false };
    if paths == 0 {
        return Err(Stop::unknown("find without a path"));
    }
    for path in &arguments[..paths] {
        search.visit(shell, path, 0, output)?;
    }
    let test = std::mem::replace(&mut search.test, Test::Print);
    if let Some(words) = together(&test)
        && !search.together.is_empty()
    {
        let words: Vec<String> = words.iter().chain(&search.together).cloned().collect();
        search.failed |= shell.call(&words, &mut Input::default(), output)? != 0;
    }
    Ok(i32::from(search.failed))
}

/// Whether a test does something by itself, so that nothing is printed besides.
fn acts(test: &Test) -> bool {
    match test {
        Test::Print | Test::Execute { .. } => true,
        Test::Not(test) => acts(test),
        Test::And(tests) | Test::Or(tests) => tests.iter().any(acts),
        _ => false,
    }
}

/// The command that gets all files at once.
fn together(test: &Test) -> Option<&[String]> {
    match test {
        Test::Execute { words, together: true } => Some(words),
        Test::Not(test) => together(test),
        Test::And(tests) | Test::Or(tests) => tests.iter().find_map(together),
        _ => None,
    }
}

impl Search {
    fn visit(
        &mut self,
        shell: &mut Shell<'_>,
        path: &str,
        depth: usize,
        output: &mut Output,
    ) -> Result<(), Stop> {
        self.seen += 1;
        shell.step(4)?;
        if self.seen > FILES_LIMIT || depth > DEPTH_LIMIT {
            return Err(Stop::unknown(format!("find of more than {FILES_LIMIT} files")));
        }
        // The link that is named is followed if it ends in a slash only.
        let follow = self.follow || (depth == 0 && path.len() > 1 && path.ends_with('/'));
        let stat = match shell.node.stat(&absolute(path), follow) {
            Ok(stat) => stat,
            Err(Trouble::Unreadable(why)) => return unreadable(path, &why),
            Err(_) => {
                output.error(&format!("find: ‘{path}’: No such file or directory\n"));
                self.failed = true;
                return Ok(());
            }
        };
        if depth >= self.least {
            let test = std::mem::replace(&mut self.test, Test::Print);
            let holds = self.holds(&test, shell, path, stat, output);
            self.test = test;
            if holds? && !self.acts {
                output.out(&format!("{path}\n"));
            }
        }
        if stat.kind != FileKind::Directory || depth >= self.most {
            return Ok(());
        }
        let mut names = match shell.node.names(&absolute(path)) {
            Ok(names) => names,
            Err(Trouble::Unreadable(why)) => return unreadable(path, &why),
            Err(_) => return Ok(()),
        };
        names.sort();
        let between = if path.ends_with('/') { "" } else { "/" };
        for name in names {
            self.visit(shell, &format!("{path}{between}{name}"), depth + 1, output)?;
        }
        Ok(())
    }

    fn holds(
        &mut self,
        test: &Test,
        shell: &mut Shell<'_>,
        path: &str,
        stat: Stat,
        output: &mut Output,
    ) -> Result<bool, Stop> {
        shell.step(1)?;
        let trimmed = path.trim_end_matches('/');
        let name = trimmed.rsplit('/').next().unwrap_or(trimmed);
        Ok(match test {
            Test::Name(glob) => glob.matches(name),
            Test::Path(glob) => glob.matches(path),
            Test::Kind(kind) => stat.kind == *kind,
            Test::Mode { bits, how: '-' } => stat.mode & bits == *bits,
            Test::Mode { bits, how: '/' } => *bits == 0 || stat.mode & bits != 0,
            Test::Mode { bits, .. } => stat.mode == *bits,
            Test::User(user) => self.owner(shell, path, "%U %u", user, output)?,
            Test::Group(group) => self.owner(shell, path, "%G %g", group, output)?,
            Test::Not(test) => !self.holds(test, shell, path, stat, output)?,
            Test::And(tests) => {
                for test in tests {
                    if !self.holds(test, shell, path, stat, output)? {
                        return Ok(false);
                    }
                }
                true
            }
            Test::Or(tests) => {
                for test in tests {
                    if self.holds(test, shell, path, stat, output)? {
                        return Ok(true);
                    }
                }
                false
            }
            Test::Print => {
                output.out(&format!("{path}\n"));
                true
            }
            Test::Execute { together: true, .. } => {
                self.together.push(path.to_owned());
                true
            }
            Test::Execute { words, .. } => {
                let words: Vec<String> =
                    words.iter().map(|word| word.replace("{}", path)).collect();
                shell.call(&words, &mut Input::default(), output)? == 0
            }
        })
    }

    fn owner(
        &self,
        shell: &mut Shell<'_>,
        path: &str,
        format: &str,
        wanted: &str,
        _output: &Output,
    ) -> Result<bool, Stop> {
        let mut printed = Output::default();
        super::files::stat(
            shell,
            &["-c".to_owned(), format.to_owned(), path.to_owned()],
            &mut printed,
        )?;
        Ok(printed.text().split_whitespace().any(|name| name == wanted))
    }
}

struct Reader<'a> {
    words: &'a [String],
    at: usize,
    least: usize,
    most: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn or(&mut self, depth: usize) -> Result<Test, Stop> {
        if depth > NESTING_LIMIT {
            return Err(Stop::unknown("find with too many parentheses"));
        }
        let mut tests = vec![self.and(depth)?];
        while matches!(self.peek(), Some("-o" | "-or")) {
            self.at += 1;
            tests.push(self.and(depth)?);
        }
        Ok(Test::Or(tests))
    }

    fn and(&mut self, depth: usize) -> Result<Test, Stop> {
        let mut tests = Vec::new();
        loop {
            match self.peek() {
                None | Some("-o" | "-or" | ")") => return Ok(Test::And(tests)),
                Some("-a" | "-and") => self.at += 1,
                _ => tests.extend(self.one(depth)?),
            }
        }
    }

    /// One test; none for an option that is always true.
    fn one(&mut self, depth: usize) -> Result<Option<Test>, Stop> {
        if depth > NESTING_LIMIT {
            return Err(Stop::unknown("find with too many negations"));
        }
        let word = self.peek().unwrap_or_default().to_owned();
        self.at += 1;
        let test = match word.as_str() {
            "!" | "-not" => {
                let Some(test) = self.one(depth + 1)? else { return option("find", &word) };
                Test::Not(Box::new(test))
            }
            "(" => {
                let test = self.or(depth + 1)?;
                if self.peek() != Some(")") {
                    return option("find", "(");
                }
                self.at += 1;
                test
            }
            "-print" => Test::Print,
            "-exec" => {
                let start = self.at;
                while !matches!(self.peek(), None | Some(";" | "+")) {
                    self.at += 1;
                }
                let mut words = self.words[start..self.at].to_vec();
                let together = self.peek() == Some("+");
                if self.peek().is_none() || words.is_empty() {
                    return option("find", &word);
                }
                if together && words.pop().as_deref() != Some("{}") {
                    return option("find", &word);
                }
                self.at += 1;
                Test::Execute { words, together }
            }
            _ => {
                let Some(value) = self.peek().map(str::to_owned) else {
                    return option("find", &word);
                };
                self.at += 1;
                return self.with_value(&word, &value);
            }
        };
        Ok(Some(test))
    }

    fn with_value(&mut self, word: &str, value: &str) -> Result<Option<Test>, Stop> {
        Ok(Some(match word {
            "-name" => Test::Name(Glob::parse(value)),
            "-path" | "-wholename" => Test::Path(Glob::parse(value)),
            "-user" => Test::User(value.to_owned()),
            "-group" => Test::Group(value.to_owned()),
            "-type" => Test::Kind(match value {
                "f" => FileKind::File,
                "d" => FileKind::Directory,
                "l" => FileKind::Link,
                _ => return option("find", value),
            }),
            "-perm" => {
                let how = value.chars().next().filter(|one| "-/".contains(*one)).unwrap_or('=');
                let digits = value.trim_start_matches(['-', '/']);
                let Ok(bits) = u32::from_str_radix(digits, 8) else {
                    return option("find", value);
                };
                Test::Mode { bits, how }
            }
            "-mindepth" | "-maxdepth" => {
                let Ok(depth) = value.parse::<usize>() else { return option("find", value) };
                if word == "-mindepth" {
                    self.least = depth;
                } else {
                    self.most = depth.min(DEPTH_LIMIT);
                }
                return Ok(None);
            }
            _ => return option("find", word),
        }))
    }
}
