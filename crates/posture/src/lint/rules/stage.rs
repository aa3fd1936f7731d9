//! Stages: names, order, copying between them.

use cofferdam_finding::Severity;

use super::{LintRule, hadolint, rule};
use crate::lint::view::{Hit, View};

pub(super) static RULES: &[LintRule] = &[
    rule(
        ("dockerfile-no-from-first", "An instruction stands before FROM", Severity::High),
        [
            "Looks for instructions other than ARG in front of the first FROM.",
            "Builders refuse the file.",
            "Begin with FROM.",
        ],
        const { &[hadolint("DL3061")] },
        "begin with FROM, or ARG and FROM",
        from_first,
    ),
    rule(
        ("dockerfile-duplicate-stage", "Two stages have the same name", Severity::High),
        [
            "Compares the names behind AS.",
            "COPY --from and --target mean the first, whichever was meant; some builders refuse it.",
            "Give each stage a name of its own.",
        ],
        const { &[hadolint("DL3024")] },
        "give each stage a name of its own",
        duplicate,
    ),
    rule(
        ("dockerfile-reserved-stage-name", "A stage has a reserved name", Severity::High),
        [
            "Looks for stages that are named scratch or context.",
            "Builders use those names for the empty image and for the files of the build.",
            "Choose another name.",
        ],
        const { &[hadolint("DL3063")] },
        "choose another name",
        reserved,
    ),
    rule(
        ("dockerfile-copy-from-unknown", "COPY --from names no stage", Severity::Medium),
        [
            "Looks for COPY --from with something that is no earlier stage: neither its name nor its \
             number. Images with a tag are fine.",
            "The builder takes it for the name of an image and fetches that, tag latest.",
            "Name an earlier stage, or the image with a tag and digest.",
        ],
        const { &[hadolint("DL3022")] },
        "name an earlier stage, or an image with its tag",
        copy_from_unknown,
    ),
    rule(
        ("dockerfile-copy-from-self", "COPY --from names its own stage", Severity::High),
        [
            "Looks for COPY --from with the name of the stage that it is in.",
            "A stage cannot copy from itself; builders refuse it.",
            "Name an earlier stage, or use RUN cp.",
        ],
        const { &[hadolint("DL3023")] },
        "name an earlier stage",
        copy_from_self,
    ),
    rule(
        (
            "dockerfile-copy-everything",
            "A whole file system is copied from another stage",
            Severity::Medium,
        ),
        [
            "Looks for 'COPY --from=… / /'.",
            "It brings everything along that stages are there to leave behind: compilers, caches, \
             secrets that were in the build.",
            "Copy the directories that are needed.",
        ],
        const { &[hadolint("DL3067")] },
        "copy the directories that are needed",
        copy_everything,
    ),
    rule(
        ("dockerfile-nested-trigger", "ONBUILD triggers what it must not", Severity::High),
        [
            "Looks for ONBUILD with ONBUILD, FROM or MAINTAINER behind it.",
            "Builders refuse it.",
            "Put the instruction itself into the file that is built on this image.",
        ],
        const { &[hadolint("DL3043")] },
        "take the trigger out",
        nested_trigger,
    ),
];

fn from_first(view: &View<'_>) -> Vec<Hit> {
    let end = view.stages.first().map_or(view.file.instructions.len(), |stage| stage.from);
    let early = (0..end).filter(|index| view.file.instructions[*index].name != "ARG");
    early.map(|index| view.hit(index, "an instruction stands before FROM")).take(1).collect()
}

fn duplicate(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, stage) in view.stages.iter().enumerate() {
        let Some(name) = &stage.name else { continue };
        if view.stages[..index].iter().any(|earlier| earlier.name.as_ref() == Some(name)) {
            hits.push(view.hit(stage.from, format!("a second stage is named {name}")));
        }
    }
    hits
}

fn reserved(view: &View<'_>) -> Vec<Hit> {
    let named = view.stages.iter().filter_map(|stage| Some((stage, stage.name.as_deref()?)));
    let reserved = named.filter(|(_, name)| matches!(*name, "scratch" | "context"));
    reserved
        .map(|(stage, name)| view.hit(stage.from, format!("the stage name {name} is reserved")))
        .collect()
}

fn copies<'v>(view: &'v View<'_>) -> impl Iterator<Item = (usize, &'v str)> {
    view.named("COPY").filter_map(|(index, copy)| Some((index, copy.flag("from")?)))
}

fn copy_from_unknown(view: &View<'_>) -> Vec<Hit> {
    let unknown = copies(view).filter(|(index, from)| {
        // A stage's own name has a rule of its own.
        let known = view.stages.iter().filter(|stage| stage.from < *index);
        let is_number = |from: &str| {
            let count = view.stages.iter().filter(|stage| stage.from < *index).count();
            from.parse::<usize>().is_ok_and(|number| number < count)
        };
        let is_name = known.into_iter().any(|stage| stage.name.as_deref() == Some(*from));
        !is_name && !is_number(from) && !from.contains(':') && !from.contains('$')
    });
    unknown.map(|(index, from)| view.hit(index, format!("there is no stage {from}"))).collect()
}

fn copy_from_self(view: &View<'_>) -> Vec<Hit> {
    let own = copies(view).filter(|(index, from)| {
        view.stage_of(*index).is_some_and(|stage| stage.name.as_deref() == Some(*from))
    });
    own.map(|(index, from)| view.hit(index, format!("the stage {from} copies from itself")))
        .collect()
}

fn copy_everything(view: &View<'_>) -> Vec<Hit> {
    let all = copies(view).filter(|(index, _)| {
        let words: Vec<String> = super::copy::operands(&view.file.instructions[*index]);
        matches!(words.as_slice(), [sources @ .., target]
            if target == "/" && sources.iter().any(|source| source == "/"))
    });
    all.map(|(index, _)| view.hit(index, "everything of another stage is copied")).collect()
}

fn nested_trigger(view: &View<'_>) -> Vec<Hit> {
    let triggers = view.file.instructions.iter().enumerate().filter(|(_, one)| {
        one.is_trigger && matches!(one.name.as_str(), "ONBUILD" | "FROM" | "MAINTAINER")
    });
    triggers
        .map(|(index, one)| view.hit(index, format!("ONBUILD cannot trigger {}", one.name)))
        .collect()
}
