use serde::Deserialize;
use serde_json::Value;

use super::{
    access::Access,
    client::{Answer, Client},
    discover::{Listed, discover},
    error::LiveError,
    role::KINDS,
};
use crate::{Snapshot, api::null_is_default, load, rules};

/// Objects of a page.
const PAGE: u32 = 500;
/// Pages of a kind: fifty million objects.
const PAGES_LIMIT: usize = 100_000;
/// Times that the list of a kind is begun anew because it changed too much meanwhile.
const RESTARTS: usize = 3;
/// Bytes of all lists together.
const TOTAL_LIMIT: usize = 2 << 30;
/// Plain JSON.
const JSON: &str = "application/json";
/// Names, labels and annotations only: what a Secret holds is never sent.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/// Kinds that come and go and say nothing about how a cluster is set up, and one that has no objects.
const LEFT_OUT: [(&str, &str); 6] = [
    ("", "events"),
    ("events.k8s.io", "events"),
    ("", "componentstatuses"),
    ("coordination.k8s.io", "leases"),
    ("metrics.k8s.io", "nodes"),
    ("metrics.k8s.io", "pods"),
];

/// How much is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether names and annotations of Secrets are read, too. That needs the right to list them,
    /// which is the right to read them; what they hold is not asked for.
    pub secret_names: bool,
}

/// What a cluster was found to be.
#[derive(Debug, Default)]
pub struct Collected {
    /// Its objects, and what of them could not be listed.
    pub snapshot: Snapshot,
    /// Kinds of which nothing here knows anything and which may not be listed.
    pub unknown_refused: Vec<String>,
    /// Requests that were made.
    pub requests: usize,
}

/// Lists everything there is but events, leases and Secrets; `progress` hears the name of each kind
/// before it is listed. A kind that may not be listed is a gap, if anything here looks at it.
///
/// # Errors
/// If the server cannot be reached, refuses the credentials or does not say which kinds it has.
pub fn snapshot(
    access: &Access,
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Result<Collected, LiveError> {
    let mut client = Client::new(access)?;
    let mut collected = Collected::default();
    let version: ServerVersion = client.read("/version")?;
    collected.snapshot.server_version = Some(version.git_version);
    let found = discover(&mut client)?;
    for (group, why) in found.failed {
        collected.snapshot.gap(rules::KIND_NOT_LISTED, group, why);
    }
    let mut total = 0;
    for kind in found.kinds {
        let pair = (kind.group.as_str(), kind.resource.as_str());
        let is_secret = pair == ("", "secrets");
        if LEFT_OUT.contains(&pair) || (is_secret && !options.secret_names) {
            continue;
        }
        progress(&kind.title());
        if total > TOTAL_LIMIT {
            let why = format!("the lists before it have more than {TOTAL_LIMIT} bytes");
            collected.snapshot.gap(rules::KIND_NOT_LISTED, kind.title(), why);
            continue;
        }
        let mut listing = Listing { client: &mut client, kind: &kind, requests: 0, bytes: 0 };
        let ended = listing.run(&mut collected.snapshot);
        collected.requests += listing.requests;
        total += listing.bytes;
        match ended? {
            Ended::Complete => {}
            Ended::Gone if !is_known(&kind) => {}
            Ended::Refused(_) if !is_known(&kind) => collected.unknown_refused.push(kind.title()),
            Ended::Refused(why) => {
                collected.snapshot.gap(rules::KIND_NOT_LISTED, kind.title(), why);
            }
            Ended::Gone => {
                let why = "the server has it no more".to_owned();
                collected.snapshot.gap(rules::KIND_NOT_LISTED, kind.title(), why);
            }
        }
    }
    collected.snapshot.settle_duplicates();
    Ok(collected)
}

/// Whether anything here looks at a kind.
fn is_known(kind: &Listed) -> bool {
    KINDS.iter().any(|known| known.group == kind.group && known.resource == kind.resource)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerVersion {
    git_version: String,
}

/// The part of a list that leads to the next page; items are skipped.
#[derive(Deserialize)]
struct Page {
    #[serde(default, deserialize_with = "null_is_default")]
    metadata: ListMeta,
}

#[derive(Default, Deserialize)]
struct ListMeta {
    #[serde(default, rename = "continue", deserialize_with = "null_is_default")]
    next: String,
}

enum Ended {
    Complete,
    /// 403 and whatever else is no list.
    Refused(String),
    /// 404: the kind went away since it was discovered.
    Gone,
}

struct Listing<'a> {
    client: &'a mut Client,
    kind: &'a Listed,
    requests: usize,
    bytes: usize,
}

impl Listing<'_> {
    /// Lists a kind page by page. Half a list is none: what was read of it is taken back.
    fn run(&mut self, snapshot: &mut Snapshot) -> Result<Ended, LiveError> {
        let before = Mark::of(snapshot);
        for _ in 0..=RESTARTS {
            match self.pages(snapshot)? {
                Some(ended) => {
                    if !matches!(ended, Ended::Complete) {
                        before.restore(snapshot);
                    }
                    return Ok(ended);
                }
                None => before.restore(snapshot),
            }
        }
        Ok(Ended::Refused("it changes faster than it can be listed".to_owned()))
    }

    /// `None` if the list expired on the way.
    fn pages(&mut self, snapshot: &mut Snapshot) -> Result<Option<Ended>, LiveError> {
        let mut next = String::new();
        for page in 0..PAGES_LIMIT {
            let path = format!("{}?limit={PAGE}{}", self.kind.path(), continued(&next));
            let is_secret = self.kind.group.is_empty() && self.kind.resource == "secrets";
            let answer = self.client.get(&path, if is_secret { METADATA } else { JSON })?;
            self.requests += 1;
            self.bytes += answer.body.len();
            match answer.status {
                200 => {}
                410 => return Ok(None),
                404 | 405 => return Ok(Some(Ended::Gone)),
                status => return Ok(Some(Ended::Refused(refused(&answer, status)))),
            }
            let unclear = |error: serde_json::Error| error.to_string();
            let read: Page = match serde_json::from_slice(&answer.body).map_err(unclear) {
                Ok(read) => read,
                Err(why) => return Ok(Some(Ended::Refused(format!("it is no list: {why}")))),
            };
            let body = if is_secret { named(&answer.body, "v1", "Secret") } else { answer.body };
            let name = match page {
                0 => self.kind.title(),
                page => format!("{} page {}", self.kind.title(), page + 1),
            };
            load::add(snapshot, &name, &body);
            if read.metadata.next.is_empty() {
                return Ok(Some(Ended::Complete));
            }
            if self.bytes > TOTAL_LIMIT {
                let why = format!("it has more than {TOTAL_LIMIT} bytes");
                return Ok(Some(Ended::Refused(why)));
            }
            next = read.metadata.next;
        }
        Ok(Some(Ended::Refused(format!("it has more than {PAGES_LIMIT} pages"))))
    }
}

fn continued(token: &str) -> String {
    match token {
        "" => String::new(),
        token => format!("&continue={}", escaped(token)),
    }
}

/// Percent-encoded, as a value of a query has to be.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn refused(answer: &Answer, status: u16) -> String {
    let said = answer.message().unwrap_or_else(|| "it says nothing more".to_owned());
    match status {
        403 => format!("may not be listed: {said}"),
        429 => "the server is too busy to list it".to_owned(),
        status => format!("the server answers {status}: {said}"),
    }
}

/// Gives the items of a list of metadata the type of what they are the metadata of.
fn named(body: &[u8], api_version: &str, kind: &str) -> Vec<u8> {
    let Ok(mut list) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    let items = list.get_mut("items").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        if let Some(item) = item.as_object_mut() {
            item.insert("apiVersion".into(), api_version.into());
            item.insert("kind".into(), kind.into());
        }
    }
    list.to_string().into_bytes()
}

/// How much of a snapshot there is.
struct Mark {
    files: usize,
    objects: usize,
    gaps: usize,
    foreign_documents: usize,
}

impl Mark {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            files: snapshot.files.len(),
            objects: snapshot.objects.len(),
            gaps: snapshot.gaps.len(),
            foreign_documents: snapshot.foreign_documents,
        }
    }

    fn restore(&self, snapshot: &mut Snapshot) {
        snapshot.files.truncate(self.files);
        snapshot.objects.truncate(self.objects);
        snapshot.gaps.truncate(self.gaps);
        snapshot.foreign_documents = self.foreign_documents;
    }
}
