//! Changes to manifests that make rules hold, and nothing else: every byte that is not part of a
//! change stays what it was, comments, order and quotes included.
//!
//! Start at [`fix`], which takes the text of a file and does no IO. Each change is proven before it
//! counts: the changed text is read again, has to hold exactly the objects that were meant, and is
//! evaluated again.

mod edit;
mod plan;
mod tree;

use cofferdam_finding::Finding;

pub use self::edit::{Change, Put, Refusal, Step, apply, edit, path};
use crate::{
    Snapshot, Workload, load,
    practice::{self, Settings},
    pss::{self, Level, Observed, Version},
};

/// Which rules are to hold.
#[derive(Debug, Clone)]
pub struct Options {
    /// Level of the Pod Security Standards.
    pub level: Level,
    /// Version of the standard.
    pub version: Version,
    /// What the other rules need to know.
    pub settings: Settings,
    /// Ids of the rules to fix; empty for all.
    pub rules: Vec<String>,
}

/// A file after its fixes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fixed {
    /// Its text.
    pub text: String,
    /// What was made to hold.
    pub fixes: Vec<Done>,
    /// What is left for a person, and why.
    pub left: Vec<Left>,
}

/// A rule that holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Its id.
    pub rule: String,
    /// The object: `Deployment shop/web`.
    pub subject: String,
    /// Fields that were changed.
    pub fields: Vec<String>,
}

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its id.
    pub rule: String,
    /// The object.
    pub subject: String,
    /// Why it was not fixed.
    pub why: String,
}

/// Fixes what can be fixed in the file `name` with this `text`.
pub fn fix(name: &str, text: &str, options: &Options) -> Fixed {
    let mut fixed = Fixed { text: String::with_capacity(text.len()), ..Fixed::default() };
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    fixed.text.push_str(&text[..text.len() - body.len()]);
    let mut copied = 0;
    for (start, document) in load::documents(body) {
        fixed.text.push_str(&body[copied..start]);
        copied = start + document.len();
        let mut one = Document { name, text: document.to_owned(), options, fixed: &mut fixed };
        one.run();
        let text = one.text;
        fixed.text.push_str(&text);
    }
    fixed.text.push_str(&body[copied..]);
    fixed
}

/// A document on the way.
struct Document<'a> {
    name: &'a str,
    text: String,
    options: &'a Options,
    fixed: &'a mut Fixed,
}

/// A rule that a workload breaks.
struct Broken {
    rule: String,
    by_hand: String,
    observed: Vec<Observed>,
}

impl Document<'_> {
    fn run(&mut self) {
        let before = self.read(&self.text);
        let whole = before.workloads();
        for (index, workload) in whole.workloads.iter().enumerate() {
            for broken in self.broken(workload) {
                let wanted = &self.options.rules;
                if wanted.is_empty() || wanted.contains(&broken.rule) {
                    self.rule(index, workload, &broken);
                }
            }
        }
    }

    fn read(&self, text: &str) -> Snapshot {
        load::texts([(self.name, text.as_bytes())])
    }

    /// Fixes one rule of the workload that is at `index` of the document.
    fn rule(&mut self, index: usize, workload: &Workload<'_>, broken: &Broken) {
        let subject = workload.object.title();
        let left = |why: String| Left { rule: broken.rule.clone(), subject: subject.clone(), why };
        let changes = plan::changes(&broken.rule, &broken.observed, workload);
        if changes.is_empty() {
            return self.fixed.left.push(left(format!("by hand: {}", broken.by_hand)));
        }
        if workload.object.source.item.is_some() {
            let why = "it is an item of a list, which is edited by whatever wrote the list";
            return self.fixed.left.push(left(why.to_owned()));
        }
        match self.proven(index, broken, &changes) {
            Ok((text, rest)) => {
                self.text = text;
                let fields = changes.iter().map(Change::field).collect();
                self.fixed.fixes.push(Done {
                    rule: broken.rule.clone(),
                    subject: subject.clone(),
                    fields,
                });
                if rest > 0 {
                    let why = format!("{rest} more by hand: {}", broken.by_hand);
                    self.fixed.left.push(left(why));
                }
            }
            Err(why) => self.fixed.left.push(left(why)),
        }
    }

    /// The text with the changes, if it says what was meant and the rule holds for what was changed.
    /// How many fields still break it, too.
    fn proven(
        &self,
        index: usize,
        broken: &Broken,
        changes: &[Change],
    ) -> Result<(String, usize), String> {
        let mut text = self.text.clone();
        for change in changes {
            text = edit(&text, change).map_err(|refusal| refusal.to_string())?.applied(&text);
        }
        let unclear = |what: &str| Err(format!("the changed text was read again, and {what}"));
        let (before, after) = (self.read(&self.text), self.read(&text));
        if after.gaps != before.gaps || after.objects.len() != before.objects.len() {
            return unclear("it is not understood as it was");
        }
        let (old, new) = (before.workloads(), after.workloads());
        let (Some(old), Some(new)) = (old.workloads.get(index), new.workloads.get(index)) else {
            return unclear("the object is not where it was");
        };
        for (old_object, new_object) in before.objects.iter().zip(&after.objects) {
            let parse = |body: &str| serde_json::from_str::<serde_json::Value>(body).ok();
            let mut expected = parse(&old_object.body);
            if old_object == old.object
                && let Some(value) = &mut expected
            {
                changes.iter().for_each(|change| apply(value, change));
            }
            if expected != parse(&new_object.body) {
                return unclear("says more or less than was meant");
            }
        }
        let (was, is) = (self.broken(old), self.broken(new));
        if let Some(new) = is.iter().find(|now| !was.iter().any(|then| then.rule == now.rule)) {
            return unclear(&format!("breaks {}", new.rule));
        }
        let rest = is.iter().find(|one| one.rule == broken.rule);
        let rest = rest.map_or(&[][..], |one| one.observed.as_slice());
        let is_open =
            rest.iter().any(|one| changes.iter().any(|change| change.field() == one.field));
        if is_open || rest.len() >= broken.observed.len() {
            return unclear("breaks the rule as before");
        }
        Ok((text, rest.len()))
    }

    fn broken(&self, workload: &Workload<'_>) -> Vec<Broken> {
        let standard = pss::evaluate(workload, self.options.level, self.options.version);
        let standard = standard.into_iter().map(|one| (&one.check.rule, one.observed));
        let others = practice::observe(workload, &self.options.settings).into_iter();
        let others = others.map(|(practice, observed)| (&practice.rule, observed));
        let both = standard.chain(others).map(|(rule, observed)| Broken {
            rule: rule.id.to_string(),
            by_hand: rule.explain.fix.to_string(),
            observed,
        });
        both.collect()
    }
}

/// Whether a finding is one that [`fix`] has a change for.
pub fn has_change(finding: &Finding) -> bool {
    plan::RULES.contains(&finding.rule.as_ref())
}
