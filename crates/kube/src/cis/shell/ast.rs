//! Commands as data.

/// Commands that run one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cis) struct Script(pub(super) Vec<AndOr>);

/// Pipelines of which the next runs if the one before succeeded, or if it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AndOr {
    pub(super) first: Pipeline,
    pub(super) rest: Vec<(Connective, Pipeline)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connective {
    And,
    Or,
}

/// Commands of which each reads what the one before writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pipeline {
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) kind: Kind,
    pub(super) redirections: Vec<Redirection>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Simple {
        assignments: Vec<Assignment>,
        words: Vec<Word>,
    },
    Group(Script),
    Subshell(Script),
    If {
        branches: Vec<(Script, Script)>,
        otherwise: Option<Script>,
    },
    Loop {
        until: bool,
        condition: Script,
        body: Script,
    },
    For {
        name: String,
        words: Vec<Word>,
        body: Script,
    },
    Case {
        word: Word,
        arms: Vec<(Vec<Word>, Script)>,
    },
    /// `[[ … ]]`, whose words are not split.
    Test(Vec<Word>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) appends: bool,
    pub(super) value: Word,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirection {
    /// 0, 1 or 2; both outputs if none.
    pub(super) stream: Option<u8>,
    pub(super) way: Way,
    pub(super) target: Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Read,
    Write,
    /// `2>&1`.
    Copy,
}

/// A word, not expanded.
pub(super) type Word = Vec<Part>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Without quotes: may be a pattern.
    Plain(String),
    /// In single quotes, or behind a backslash.
    Quoted(String),
    /// In double quotes.
    Double(Vec<Part>),
    /// `$name`, `${name:-word}`.
    Parameter { name: String, operation: Option<Operation> },
    /// `$(…)` or backquotes.
    Command(Script),
    /// `$((…))`.
    Arithmetic(Vec<Part>),
    /// `<(…)`.
    Process(Script),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    Length,
    /// `-`, `=`, `?`, `+`; with a colon, empty is as unset.
    Default {
        operator: char,
        colon: bool,
        word: Word,
    },
    /// `#`, `##`, `%`, `%%`.
    Strip {
        suffix: bool,
        longest: bool,
        pattern: Word,
    },
    /// `/` and `//`.
    Replace {
        all: bool,
        pattern: Word,
        with: Word,
    },
}
