//! The rules behind gaps: what could not be looked at.

use cofferdam_finding::{Reference, Rule, Severity, Topic};

/// A file or folder could not be read.
pub const MANIFEST_NOT_READ: &str = "kube-manifest-not-read";
/// A kind could not be listed by a server.
pub const KIND_NOT_LISTED: &str = "kube-kind-not-listed";
/// A document is broken.
pub const MANIFEST_NOT_UNDERSTOOD: &str = "kube-manifest-not-understood";
/// An object has a field of the wrong type.
pub const OBJECT_NOT_UNDERSTOOD: &str = "kube-object-not-understood";
/// An object or a field is defined twice, differently.
pub const OBJECT_AMBIGUOUS: &str = "kube-object-ambiguous";
/// An object has no name.
pub const OBJECT_UNNAMED: &str = "kube-object-unnamed";

/// The rules behind gaps.
pub(super) static RULES: &[Rule] = &[
    coverage(
        KIND_NOT_LISTED,
        "The objects of a kind could not be listed",
        Severity::Medium,
        [
            "An API server refused to list the objects of a kind that rules look at, or an \
                 extension of it did not answer.",
            "Nothing was looked at that these objects decide: roles, policies, workloads.",
            "Give the account the role that 'cofferdam kube audit --print-rbac' prints. An \
                 extension that does not answer is listed by 'kubectl get apiservices'.",
        ],
    ),
    coverage(
        MANIFEST_NOT_READ,
        "A manifest could not be read",
        Severity::Medium,
        [
            "A file or folder below the one that was named could not be opened, is larger \
                 than the limit, or is a symbolic link (which is not followed).",
            "What it defines was not looked at, and may break any rule.",
            "Check permissions. Name the target of a link itself if it belongs to what you \
                 want to look at.",
        ],
    ),
    coverage(
        MANIFEST_NOT_UNDERSTOOD,
        "A document could not be understood",
        Severity::Medium,
        [
            "A document of a file is not valid YAML or JSON, not UTF-8, nested too deeply, \
                 or repeats too much by aliases; or an entry of a list is not an object. The \
                 other documents of the file count.",
            "What it defines was not looked at, and may break any rule.",
            "Correct the document at the line given. A Helm chart or kustomization has to be \
                 rendered first: helm template, kustomize build.",
        ],
    ),
    coverage(
        OBJECT_NOT_UNDERSTOOD,
        "An object is not what its kind says",
        Severity::Medium,
        [
            "A field of a known kind has another type than the API defines: a text where a \
                 number has to be, a list where a mapping has to be.",
            "An API server refuses such an object. If it is in a cluster all the same, its \
                 version or kind is one that is not known here; it was not looked at.",
            "Correct the field. 'kubectl apply --dry-run=server' says whether a server takes \
                 it.",
        ],
    ),
    coverage(
        OBJECT_AMBIGUOUS,
        "Something is defined twice, differently",
        Severity::Low,
        [
            "A key stands twice in one mapping, or two objects have the same kind, namespace \
                 and name but not the same content. The last one counts, as when they are \
                 applied in order. Rules on single workloads look at all of them.",
            "Who reads the first definition takes something for granted that does not hold. \
                 Variants of one application (overlays, environments) in one folder have this \
                 effect, too; roles and policies are then those of the last variant.",
            "Remove one of the two. Look at each variant by itself: one folder a cluster.",
        ],
    ),
    coverage(
        OBJECT_UNNAMED,
        "An object has no name",
        Severity::Low,
        [
            "An object has neither metadata.name nor metadata.generateName.",
            "No API server takes it, and nothing can refer to it. Rules on single workloads \
                 look at it all the same.",
            "Name it.",
        ],
    ),
];

const REFERENCES: &[Reference] = &[Reference::new("NIST SP 800-190", "3.3")];

const fn coverage(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    explain: [&'static str; 3],
) -> Rule {
    Rule::new(id, title, severity, Topic::Coverage, explain, REFERENCES)
}
