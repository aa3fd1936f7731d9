use std::io::{self, Write};

use serde_json::json;

use crate::Snapshot;

/// Annotation of a written snapshot: the version of the server that it was read from.
pub(super) const SERVER_VERSION: &str = "cofferdam.dev/server-version";

/// Writes a snapshot in the form of a list, which [`path`](super::path) reads again, as do other
/// programs that read `kubectl get -o json`.
///
/// # Errors
/// If writing fails.
pub fn write(snapshot: &Snapshot, out: &mut impl Write) -> io::Result<()> {
    let gaps = serde_json::to_string(&snapshot.gaps)?;
    let mut metadata = json!({ "name": "snapshot", "annotations": {
        "cofferdam.dev/objects": snapshot.objects.len().to_string(),
        "cofferdam.dev/foreign-documents": snapshot.foreign_documents.to_string(),
    }});
    if let Some(version) = &snapshot.server_version {
        metadata["annotations"][SERVER_VERSION] = version.as_str().into();
    }
    write!(out, "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"metadata\":{metadata},")?;
    write!(out, "\"gaps\":{gaps},\"items\":[")?;
    for (index, object) in snapshot.objects.iter().filter(|object| !object.superseded).enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        out.write_all(object.body.as_bytes())?;
    }
    out.write_all(b"\n]}\n")
}
