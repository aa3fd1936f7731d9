//! Running what was parsed.

use super::{
    Input, Output, Shell, Stop, Stream,
    ast::{AndOr, Command, Connective, Kind, Pipeline, Redirection, Script, Way, Word},
};
use crate::cis::{node::Trouble, pattern::Glob, tools};

/// Where a stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    To(Stream),
    Nowhere,
}

/// Where both streams of a command go.
#[derive(Debug, Clone, Copy)]
struct Routes {
    out: Goes,
    error: Goes,
}

impl Shell<'_> {
    pub(super) fn script(
        &mut self,
        script: &Script,
        input: &mut Input,
        output: &mut Output,
    ) -> Result<(), Stop> {
        if script.0.is_empty() {
            self.status = 0;
        }
        for and_or in &script.0 {
            self.step(1)?;
            self.and_or(and_or, input, output)?;
        }
        Ok(())
    }

    fn and_or(
        &mut self,
        and_or: &AndOr,
        input: &mut Input,
        output: &mut Output,
    ) -> Result<(), Stop> {
        self.pipeline(&and_or.first, input, output)?;
        for (connective, pipeline) in &and_or.rest {
            if (self.status == 0) == (*connective == Connective::And) {
                self.pipeline(pipeline, input, output)?;
            }
        }
        Ok(())
    }

    fn pipeline(
        &mut self,
        pipeline: &Pipeline,
        input: &mut Input,
        output: &mut Output,
    ) -> Result<(), Stop> {
        if let [command] = pipeline.commands.as_slice() {
            self.command(command, input, output)?;
        } else {
            let last = pipeline.commands.len() - 1;
            let mut between = Input::default();
            for (index, command) in pipeline.commands.iter().enumerate() {
                let input = if index == 0 { &mut *input } else { &mut between };
                if index == last {
                    self.apart(|shell| shell.command(command, input, output))?;
                } else {
                    let mut printed = Output::default();
                    self.apart(|shell| shell.command(command, input, &mut printed))?;
                    between = Input::new(printed.split(output));
                }
            }
        }
        if pipeline.negated {
            self.status = i32::from(self.status == 0);
        }
        Ok(())
    }

    /// Runs something as a subshell: what it sets is gone afterwards, and it can end itself only.
    pub(super) fn apart(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.enter()?;
        let variables = self.variables.clone();
        self.bytes(variables.iter().map(|(name, value)| name.len() + value.len()).sum())?;
        let ended = run(self);
        self.variables = variables;
        self.depth -= 1;
        match ended {
            Err(Stop::Exit(status)) => {
                self.status = status;
                Ok(())
            }
            Err(Stop::Break(_) | Stop::Continue(_)) => Ok(()),
            ended => ended,
        }
    }

    fn command(
        &mut self,
        command: &Command,
        input: &mut Input,
        output: &mut Output,
    ) -> Result<(), Stop> {
        self.step(1)?;
        if command.redirections.is_empty() {
            return self.kind(&command.kind, input, output);
        }
        let Some((mut given, routes)) = self.redirect(&command.redirections, output)? else {
            self.status = 1;
            return Ok(());
        };
        let mut printed = Output::default();
        let ended = self.kind(&command.kind, given.as_mut().unwrap_or(input), &mut printed);
        for (stream, text) in printed.0 {
            let goes = if stream == Stream::Out { routes.out } else { routes.error };
            if let Goes::To(stream) = goes {
                output.push(stream, &text);
            }
        }
        ended
    }

    /// Where the streams go, and what is read; none if a file that is to be read is not there.
    fn redirect(
        &mut self,
        redirections: &[Redirection],
        output: &mut Output,
    ) -> Result<Option<(Option<Input>, Routes)>, Stop> {
        let mut routes = Routes { out: Goes::To(Stream::Out), error: Goes::To(Stream::Error) };
        let mut input = None;
        for Redirection { stream, way, target } in redirections {
            let target = self.joined(target, output)?;
            let goes = match (way, target.as_str()) {
                (Way::Read, "/dev/null") => {
                    input = Some(Input::default());
                    continue;
                }
                (Way::Read, path) => match self.node.read(path) {
                    Ok(bytes) => {
                        self.bytes(bytes.len())?;
                        input = Some(Input::new(String::from_utf8_lossy(&bytes).into_owned()));
                        continue;
                    }
                    Err(Trouble::Unreadable(why)) => {
                        return Err(Stop::unknown(format!("'{path}' cannot be read: {why}")));
                    }
                    Err(_) => {
                        output.error(&format!("sh: {path}: No such file or directory\n"));
                        return Ok(None);
                    }
                },
                (Way::Copy, "1") => routes.out,
                (Way::Copy, "2") => routes.error,
                (Way::Write, "/dev/null") => Goes::Nowhere,
                (Way::Write, "/dev/stderr") => routes.error,
                (Way::Write, "/dev/stdout") => routes.out,
                _ => return Err(Stop::unknown(format!("the command writes to '{target}'"))),
            };
            if matches!(stream, None | Some(1)) {
                routes.out = goes;
            }
            if matches!(stream, None | Some(2)) {
                routes.error = goes;
            }
        }
        Ok(Some((input, routes)))
    }

    fn kind(&mut self, kind: &Kind, input: &mut Input, output: &mut Output) -> Result<(), Stop> {
        match kind {
            Kind::Simple { assignments, words } => {
                self.substituted = false;
                let words = self.fields(words, output)?;
                for assignment in assignments {
                    let value = self.joined(&assignment.value, output)?;
                    self.bytes(value.len())?;
                    let before = self.variables.entry(assignment.name.clone()).or_default();
                    if !assignment.appends {
                        before.clear();
                    }
                    before.push_str(&value);
                }
                let Some((name, arguments)) = words.split_first() else {
                    // What was substituted last says how it went.
                    self.status = if self.substituted { self.status } else { 0 };
                    return Ok(());
                };
                self.invoke(name, arguments, input, output)
            }
            Kind::Group(script) => self.script(script, input, output),
            Kind::Subshell(script) => self.apart(|shell| shell.script(script, input, output)),
            Kind::If { branches, otherwise } => {
                for (condition, body) in branches {
                    self.script(condition, input, output)?;
                    if self.status == 0 {
                        return self.script(body, input, output);
                    }
                }
                let Some(script) = otherwise else {
                    self.status = 0;
                    return Ok(());
                };
                self.script(script, input, output)
            }
            Kind::Loop { until, condition, body } => {
                self.loop_(*until, condition, body, input, output)
            }
            Kind::For { name, words, body } => {
                let words = self.fields(words, output)?;
                let mut status = 0;
                for word in words {
                    self.step(1)?;
                    self.set(name, word);
                    let go_on = self.round(body, input, output)?;
                    status = self.status;
                    if !go_on {
                        break;
                    }
                }
                self.status = status;
                Ok(())
            }
            Kind::Case { word, arms } => self.case(word, arms, input, output),
            Kind::Test(words) => self.test(words, output),
        }
    }

    fn loop_(
        &mut self,
        until: bool,
        condition: &Script,
        body: &Script,
        input: &mut Input,
        output: &mut Output,
    ) -> Result<(), Stop> {
        let mut status = 0;
        loop {
            self.step(1)?;
            self.script(condition, input, output)?;
            if (self.status == 0) == until {
                break;
            }
            let go_on = self.round(body, input, output)?;
            status = self.status;
            if !go_on {
                break;
            }
        }
        self.status = status;
        Ok(())
    }

    /// Runs the body of a loop once; says whether to go on.
    fn round(
        &mut self,
        body: &Script,
        input: &mut Input,
        output: &mut Output,
    ) -> Result<bool, Stop> {
        match self.script(body, input, output) {
            Ok(()) | Err(Stop::Continue(0 | 1)) => Ok(true),
            Err(Stop::Break(0 | 1)) => Ok(false),
            Err(Stop::Continue(levels)) => Err(Stop::Continue(levels - 1)),
            Err(Stop::Break(levels)) => Err(Stop::Break(levels - 1)),
            Err(stop) => Err(stop),
        }
    }

    fn case(
        &mut self,
        word: &Word,
        arms: &[(Vec<Word>, Script)],
        input: &mut Input,
        output: &mut Output,
    ) -> Result<(), Stop> {
        let text = self.joined(word, output)?;
        self.status = 0;
        for (patterns, body) in arms {
            for pattern in patterns {
                if self.pattern(pattern, output)?.matches(&text) {
                    return self.script(body, input, output);
                }
            }
        }
        Ok(())
    }

    /// `[[ … ]]`: the right side of `==` is a pattern.
    fn test(&mut self, words: &[Word], output: &mut Output) -> Result<(), Stop> {
        let mut arguments: Vec<String> = Vec::new();
        let mut patterns: Vec<Option<Glob>> = Vec::new();
        for word in words {
            let before = arguments.last().map(String::as_str);
            let is_pattern = matches!(before, Some("=" | "==" | "!="));
            patterns.push(if is_pattern { Some(self.pattern(word, output)?) } else { None });
            arguments.push(self.joined(word, output)?);
        }
        self.status = tools::test::evaluate(self, &arguments, &patterns)?;
        Ok(())
    }

    /// Runs a command that is known by its name.
    pub(in crate::cis) fn invoke(
        &mut self,
        name: &str,
        arguments: &[String],
        input: &mut Input,
        output: &mut Output,
    ) -> Result<(), Stop> {
        self.step(1 + arguments.len())?;
        self.enter()?;
        let before = output.len();
        self.status = tools::invoke(self, name, arguments, input, output)?;
        self.depth -= 1;
        self.bytes(output.len().saturating_sub(before))
    }

    /// Runs a command for another one; its exit status.
    pub(in crate::cis) fn call(
        &mut self,
        words: &[String],
        input: &mut Input,
        output: &mut Output,
    ) -> Result<i32, Stop> {
        let Some((name, arguments)) = words.split_first() else { return Ok(0) };
        self.invoke(name, arguments, input, output)?;
        Ok(self.status)
    }
}
