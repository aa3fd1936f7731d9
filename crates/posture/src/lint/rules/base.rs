//! Base images: tags, digests, registries, platforms.

use cofferdam_finding::Severity;

use super::{LintRule, cis, hadolint, nist, rule};
use crate::lint::view::{Hit, View};

pub(super) static RULES: &[LintRule] = &[
    rule(
        ("dockerfile-untagged-base", "A base image has no tag", Severity::Medium),
        [
            "Looks at each FROM for an image with neither tag nor digest, which means latest. \
             Earlier stages, scratch and variables are left out.",
            "The next build may use another base, with other contents and another behaviour, \
             without a change in the file.",
            "Name a version, best with a digest: 'FROM debian:12.5@sha256:…'.",
        ],
        const { &[hadolint("DL3006"), nist("3.1.1")] },
        "name a version or a digest",
        untagged,
    ),
    rule(
        ("dockerfile-latest-base", "A base image is named by the tag latest", Severity::Medium),
        [
            "Looks at each FROM for the tag latest without a digest.",
            "What latest is changes without a change in the file; two builds of one file differ.",
            "Name a version, best with a digest.",
        ],
        const { &[hadolint("DL3007"), cis("Docker 4.2")] },
        "name a version or a digest",
        latest,
    ),
    rule(
        ("dockerfile-unpinned-base", "A base image is not named by its digest", Severity::Info),
        [
            "Looks at each FROM for an image with a tag and no digest.",
            "A tag can be moved to another image. A digest is what it is: the build is the same, or \
             it fails.",
            "Add the digest behind the tag: 'FROM debian:12.5@sha256:…', and let a tool keep it \
             current.",
        ],
        const { &[nist("3.1.5"), cis("Docker 4.2")] },
        "add @sha256:… behind the tag",
        unpinned,
    ),
    rule(
        (
            "dockerfile-registry-not-allowed",
            "A base image comes from a registry that is not allowed",
            Severity::High,
        ),
        [
            "Compares each FROM with scan.registries. Without that setting there is no finding.",
            "An organisation that lists its registries has decided whom it trusts; anybody can \
             publish under a similar name elsewhere.",
            "Use an image of a registry that is allowed, or add the registry to the list.",
        ],
        const { &[hadolint("DL3026"), nist("3.1.5")] },
        "use an image of a registry that is allowed",
        registry,
    ),
    rule(
        ("dockerfile-fixed-platform", "FROM fixes the platform", Severity::Low),
        [
            "Looks for FROM --platform with a fixed value; $BUILDPLATFORM and $TARGETPLATFORM are \
             fine.",
            "The stage is of that platform whatever the build is asked for; on others it runs under \
             emulation or not at all.",
            "Leave it out, and give '--platform' to the build.",
        ],
        const { &[hadolint("DL3029")] },
        "give --platform to the build instead",
        fixed_platform,
    ),
    rule(
        (
            "dockerfile-redundant-platform",
            "FROM asks for the platform that it gets anyway",
            Severity::Info,
        ),
        [
            "Looks for FROM --platform=$TARGETPLATFORM.",
            "It is the default, so it says nothing.",
            "Leave it out.",
        ],
        const { &[hadolint("DL3065")] },
        "leave --platform out",
        redundant_platform,
    ),
];

/// An image that is neither a stage nor scratch nor a variable.
struct Base<'a> {
    index: usize,
    name: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

fn bases<'a>(view: &'a View<'_>) -> impl Iterator<Item = Base<'a>> {
    view.stages.iter().enumerate().filter_map(|(index, stage)| {
        let is_stage = view.stages[..index].iter().any(|earlier| {
            earlier.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(&stage.image))
        });
        let image = stage.image.as_str();
        if is_stage || image == "scratch" || image.is_empty() {
            return None;
        }
        let (rest, digest) = match image.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (image, None),
        };
        let after_slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[after_slash..].find(':') {
            Some(at) if !rest[after_slash..].starts_with('$') || at > 0 => {
                (&rest[..after_slash + at], Some(&rest[after_slash + at + 1..]))
            }
            _ => (rest, None),
        };
        Some(Base { index: stage.from, name, tag, digest })
    })
}

fn untagged(view: &View<'_>) -> Vec<Hit> {
    let without = bases(view)
        .filter(|base| base.tag.is_none() && base.digest.is_none() && !base.name.starts_with('$'));
    without.map(|base| view.hit(base.index, format!("the base {} has no tag", base.name))).collect()
}

fn latest(view: &View<'_>) -> Vec<Hit> {
    let latest = bases(view).filter(|base| base.tag == Some("latest") && base.digest.is_none());
    latest.map(|base| view.hit(base.index, format!("the base {} is latest", base.name))).collect()
}

fn unpinned(view: &View<'_>) -> Vec<Hit> {
    let tagged = bases(view).filter(|base| {
        base.digest.is_none() && base.tag.is_some_and(|tag| tag != "latest" && !tag.contains('$'))
    });
    tagged
        .map(|base| view.hit(base.index, format!("the base {} has no digest", base.name)))
        .collect()
}

fn registry(view: &View<'_>) -> Vec<Hit> {
    let allowed = &view.options.registries;
    if allowed.is_empty() {
        return Vec::new();
    }
    let is_allowed = |name: &str| {
        let full = match name.split_once('/') {
            Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => name.to_owned(),
            Some(_) => format!("docker.io/{name}"),
            None => format!("docker.io/library/{name}"),
        };
        allowed.iter().any(|allowed| {
            let rest = full.strip_prefix(allowed.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let foreign = bases(view).filter(|base| !base.name.contains('$') && !is_allowed(base.name));
    foreign
        .map(|base| {
            view.hit(base.index, format!("{} is not in a registry that is allowed", base.name))
        })
        .collect()
}

fn fixed_platform(view: &View<'_>) -> Vec<Hit> {
    let from = view.named("FROM").filter(|(_, from)| {
        from.flag("platform").is_some_and(|platform| {
            !platform.contains("BUILDPLATFORM") && !platform.contains("TARGETPLATFORM")
        })
    });
    from.map(|(index, _)| view.hit(index, "FROM fixes the platform")).collect()
}

fn redundant_platform(view: &View<'_>) -> Vec<Hit> {
    let from = view.named("FROM").filter(|(_, from)| {
        matches!(from.flag("platform"), Some("$TARGETPLATFORM" | "${TARGETPLATFORM}"))
    });
    from.map(|(index, _)| view.hit(index, "FROM asks for the default platform")).collect()
}
