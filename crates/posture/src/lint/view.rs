//! A file as rules see it: instructions with their commands, stages, places.

use cofferdam_finding::{Edit, Severity};

use super::Options;
use crate::{
    dockerfile::{Dockerfile, Instruction, Stage},
    shell::{self, Command, Word},
};

/// Something that breaks a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hit {
    /// Index of the instruction.
    pub(super) instruction: usize,
    /// Offset in the file of what is at fault; the instruction's where there is none.
    pub(super) at: Option<usize>,
    /// One line that says what is the case.
    pub(super) title: String,
    /// What is written.
    pub(super) saw: String,
    /// Severity, where it is not the rule's.
    pub(super) severity: Option<Severity>,
    /// Changes that keep what the file does.
    pub(super) edits: Vec<Edit>,
}

pub(super) struct View<'a> {
    pub(super) source: &'a str,
    pub(super) file: &'a Dockerfile,
    pub(super) stages: Vec<Stage>,
    pub(super) options: &'a Options,
    /// The commands of each instruction, with places in the file.
    commands: Vec<Vec<Command>>,
}

/// What a `SHELL` instruction makes of the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    /// `/bin/sh` of the base.
    Default,
    /// One with `-o pipefail`.
    Pipefail,
    /// Another one that reads the shell's language.
    Posix,
    /// PowerShell, `cmd` and the like.
    Foreign,
}

impl<'a> View<'a> {
    pub(super) fn new(source: &'a str, file: &'a Dockerfile, options: &'a Options) -> Self {
        let mut view = Self { source, file, stages: file.stages(), options, commands: Vec::new() };
        view.commands = (0..file.instructions.len()).map(|index| view.parse(index)).collect();
        view
    }

    fn parse(&self, index: usize) -> Vec<Command> {
        let instruction = &self.file.instructions[index];
        if instruction.name != "RUN" || self.shell(index) == Shell::Foreign {
            return Vec::new();
        }
        if let Some(words) = &instruction.json {
            return exec_form(words, instruction.arguments.offset(0));
        }
        let text = &instruction.arguments;
        let place = |word: Word| Word {
            start: text.offset(word.start),
            end: text.offset(word.end.saturating_sub(1)) + 1,
            ..word
        };
        let mut all = moved(shell::commands(&text.text), place);
        // Without a command of its own a here-document is the script.
        if all.is_empty() {
            for document in &instruction.documents {
                let script = &self.source[document.at.clone()];
                let base = document.at.start;
                all.extend(moved(shell::commands(script), |word| Word {
                    start: word.start + base,
                    end: word.end + base,
                    ..word
                }));
            }
        }
        all
    }

    /// The shell that an instruction is run with.
    pub(super) fn shell(&self, index: usize) -> Shell {
        let stage = self.stage_of(index).map_or(0..index, |stage| stage.instructions.start..index);
        let before = self.file.instructions[stage].iter().rev();
        let Some(set) = before.into_iter().find(|one| one.name == "SHELL") else {
            return Shell::Default;
        };
        let words: Vec<String> = match &set.json {
            Some(words) => words.clone(),
            None => set.words().map(str::to_owned).collect(),
        };
        let name = words.first().map(|name| name.rsplit(['/', '\\']).next().unwrap_or(name));
        let name = name.unwrap_or_default().to_ascii_lowercase();
        if ["pwsh", "powershell", "powershell.exe", "cmd", "cmd.exe"].contains(&name.as_str()) {
            return Shell::Foreign;
        }
        // Not every sh knows it, and one that does not refuses to start.
        let knows = ["bash", "ash", "zsh", "ksh", "mksh", "busybox"].contains(&name.as_str());
        match knows && words.iter().any(|word| word == "pipefail") {
            true => Shell::Pipefail,
            false => Shell::Posix,
        }
    }

    pub(super) fn stage_of(&self, index: usize) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.instructions.contains(&index))
    }

    /// The instructions of this name, those of triggers included.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = (usize, &'a Instruction)> {
        let all = self.file.instructions.iter().enumerate();
        all.filter(move |(_, instruction)| instruction.name == name)
    }

    pub(super) fn commands_of(&self, index: usize) -> &[Command] {
        &self.commands[index]
    }

    /// Every command, what wraps it taken away, with the index of its instruction.
    pub(super) fn commands(&self) -> impl Iterator<Item = (usize, Command)> {
        self.commands.iter().enumerate().flat_map(|(index, commands)| {
            commands.iter().map(move |command| (index, command.unwrapped()))
        })
    }

    /// The line of what a hit is about.
    pub(super) fn line(&self, hit: &Hit) -> u32 {
        let instruction = self.file.instructions.get(hit.instruction);
        match (hit.at, instruction) {
            (Some(at), _) => {
                let before = &self.source.as_bytes()[..at.min(self.source.len())];
                let lines = memchr::memchr_iter(b'\n', before).count();
                u32::try_from(lines + 1).unwrap_or(u32::MAX)
            }
            (None, Some(instruction)) => instruction.line,
            (None, None) => 1,
        }
    }

    /// A hit on a whole instruction.
    pub(super) fn hit(&self, index: usize, title: impl Into<String>) -> Hit {
        let instruction = &self.file.instructions[index];
        let saw = format!("{} {}", instruction.name, instruction.arguments.text);
        Hit { instruction: index, title: title.into(), saw: cut(saw.trim()), ..Hit::default() }
    }

    /// A hit on a command.
    pub(super) fn hit_command(
        &self,
        index: usize,
        command: &Command,
        title: impl Into<String>,
    ) -> Hit {
        let words: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
        Hit {
            instruction: index,
            at: command.words.first().map(|word| word.start),
            title: title.into(),
            saw: cut(&words.join(" ")),
            ..Hit::default()
        }
    }

    /// Whether words of the instruction are where the file says, so that edits hit what they mean:
    /// not in the JSON form.
    pub(super) fn is_editable(&self, index: usize) -> bool {
        self.file.instructions[index].json.is_none()
    }
}

/// An insertion of text.
pub(super) fn insert(at: usize, text: &str) -> Edit {
    Edit { file: String::new(), start: at, end: at, replacement: text.to_owned() }
}

/// A replacement of bytes.
pub(super) fn replace(at: std::ops::Range<usize>, text: &str) -> Edit {
    Edit { file: String::new(), start: at.start, end: at.end, replacement: text.to_owned() }
}

/// Characters of an instruction that are shown.
const SHOWN: usize = 200;

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn moved(commands: Vec<Command>, place: impl Fn(Word) -> Word) -> Vec<Command> {
    let all = |words: Vec<Word>| words.into_iter().map(&place).collect();
    let command = |command: Command| Command {
        words: all(command.words),
        assignments: all(command.assignments),
        outputs: all(command.outputs),
        ..command
    };
    commands.into_iter().map(command).collect()
}

/// The command of a JSON form; the script, if it is a shell with one.
fn exec_form(words: &[String], at: usize) -> Vec<Command> {
    if let [shell, flag, script, ..] = words
        && shell.ends_with("sh")
        && flag.starts_with('-')
        && flag.ends_with('c')
    {
        return moved(shell::commands(script), |word| Word { start: at, end: at, ..word });
    }
    let word = |text: &String| Word { text: text.clone(), start: at, end: at, expands: false };
    let words: Vec<Word> = words.iter().map(word).collect();
    if words.is_empty() { Vec::new() } else { vec![Command { words, ..Command::default() }] }
}
