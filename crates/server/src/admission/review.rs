use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::{
    decide::{Decided, decide},
    policy::{Action, Policy},
};

/// Bytes of a warning: servers cut what is longer.
const WARNING_LIMIT: usize = 250;
/// Warnings of a request: servers drop them all where they are too many.
const WARNINGS_LIMIT: usize = 12;
/// Bytes of the message of a refusal.
const MESSAGE_LIMIT: usize = 4000;
const API_VERSION: &str = "admission.k8s.io/v1";

/// A request is none.
#[derive(Debug, Error)]
pub enum ReviewError {
    /// It is not JSON, or not of this form.
    #[error("it is no AdmissionReview: {0}")]
    Format(String),
    /// It is of a version that is not spoken.
    #[error("it is of apiVersion '{0}', not of {API_VERSION}")]
    Version(String),
}

/// A decision on a request.
#[derive(Debug, Clone)]
pub struct Reviewed {
    /// The answer, as JSON.
    pub body: Vec<u8>,
    /// Whether the request is let through.
    pub allowed: bool,
    /// Rules that it breaks, and what happens for each.
    pub decided: Vec<Decided>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    api_version: String,
    kind: String,
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    operation: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    user_info: UserInfo,
    object: Option<Value>,
    old_object: Option<Value>,
}

#[derive(Default, Deserialize)]
struct UserInfo {
    #[serde(default)]
    username: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
}

/// Decides on a request: `body` is an AdmissionReview as a server sends it.
///
/// # Errors
/// If it is none. The server then does what its configuration says (`failurePolicy`).
pub fn review(body: &[u8], policy: &Policy) -> Result<Reviewed, ReviewError> {
    let question: Question =
        serde_json::from_slice(body).map_err(|error| ReviewError::Format(error.to_string()))?;
    if question.api_version != API_VERSION || question.kind != "AdmissionReview" {
        return Err(ReviewError::Version(question.api_version));
    }
    let request = question.request;
    let exempt = policy.exempts(&request.namespace, &request.user_info.username);
    let decided = match (&request.object, exempt) {
        (Some(object), None) if !request.changes_nothing() => {
            decide(object, &request.namespace, policy).decided
        }
        // Of what is deleted or connected to, there is no object to look at.
        _ => Vec::new(),
    };
    let allowed = decided.iter().all(|one| one.action != Action::Deny);
    let mut audit_annotations = BTreeMap::new();
    if let Some(why) = exempt {
        audit_annotations.insert("exempt", why.to_owned());
    }
    if !decided.is_empty() {
        let rules: Vec<&str> = decided.iter().map(Decided::id).collect();
        audit_annotations.insert("rules", rules.join(","));
    }
    let response = Response {
        uid: &request.uid,
        allowed,
        status: (!allowed).then(|| refusal(&decided)),
        warnings: warnings(&decided),
        audit_annotations,
    };
    let answer = Answer { api_version: API_VERSION, kind: "AdmissionReview", response };
    let body =
        serde_json::to_vec(&answer).map_err(|error| ReviewError::Format(error.to_string()))?;
    Ok(Reviewed { body, allowed, decided })
}

impl Request {
    /// Whether an update leaves everything that rules look at as it was: finalizers, labels, status.
    /// Otherwise nobody could delete what was there before the policy.
    fn changes_nothing(&self) -> bool {
        let (Some(new), Some(old)) = (&self.object, &self.old_object) else { return false };
        let pod = |object: &Value| object.pointer("/metadata/annotations").cloned();
        let body = |object: &Value| {
            let mut map = object.as_object().cloned().unwrap_or_default();
            map.remove("metadata");
            map.remove("status");
            map
        };
        self.operation == "UPDATE" && body(new) == body(old) && pod(new) == pod(old)
    }
}

impl Decided {
    fn id(&self) -> &str {
        if self.rule.is_empty() { "not-understood" } else { &self.rule }
    }

    fn line(&self) -> String {
        let text = format!("{}: {}", self.id(), self.what);
        cut(&printable(&text), WARNING_LIMIT)
    }
}

fn refusal(decided: &[Decided]) -> Status {
    let denied = decided.iter().filter(|one| one.action == Action::Deny);
    let lines: Vec<String> = denied
        .map(|one| match one.fix.as_str() {
            "" => one.line(),
            fix => format!("{}. {fix}", one.line()),
        })
        .collect();
    let message = cut(&format!("refused by Cofferdam: {}", lines.join(" | ")), MESSAGE_LIMIT);
    Status { code: 403, reason: "Forbidden", message }
}

fn warnings(decided: &[Decided]) -> Vec<String> {
    let mut warned = decided.iter().filter(|one| one.action == Action::Warn).map(Decided::line);
    let mut lines: Vec<String> = warned.by_ref().take(WARNINGS_LIMIT).collect();
    let more = warned.count();
    if more > 0 {
        lines.push(format!("{more} more rules are broken"));
    }
    lines
}

/// Without what would steer a terminal, or end a header: warnings travel in one.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}
