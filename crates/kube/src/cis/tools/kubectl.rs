//! kubectl and oc: `get` and `auth can-i` of a snapshot.

use serde_json::Value;

use super::{
    Output, Shell, Stop,
    cluster::{Cluster, Selection, list, request},
    option, table,
};
use crate::cis::jsonpath::{Origin, Template};

/// Spaces between columns.
const GAP: usize = 3;

#[derive(Debug, Default)]
struct Query<'q> {
    kinds: Vec<String>,
    selection: Selection<'q>,
    everywhere: bool,
    form: Option<&'q str>,
    headers: bool,
    lenient: bool,
    user: Option<&'q str>,
    groups: Vec<String>,
}

pub(super) fn run(
    shell: &mut Shell<'_>,
    program: &str,
    arguments: &[String],
    output: &mut Output,
) -> Result<i32, Stop> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (operands, mut query) = read(program, &words)?;
    let Some(cluster) = shell.cluster else {
        return Err(Stop::unknown(format!(
            "'{program}' asks the cluster, of which no dump is given"
        )));
    };
    match operands.as_slice() {
        ["get", kinds, names @ ..] => {
            let (kinds, name) = match (kinds.split_once('/'), names) {
                (Some((kind, name)), []) => (kind, Some(name)),
                (None, []) => (*kinds, None),
                (None, [name]) => (*kinds, Some(*name)),
                _ => return Err(Stop::unknown(format!("{program} get of several names"))),
            };
            query.kinds = match kinds {
                "all" => table::all().map(|kind| kind.plural.to_owned()).collect(),
                kinds => kinds.split(',').map(str::to_owned).collect(),
            };
            query.selection.name = name;
            get(shell, cluster, &query, output)
        }
        ["auth", "can-i", verb, resource] => {
            let Some(user) = query.user else {
                return Err(Stop::unknown(format!("{program} auth can-i without --as")));
            };
            if !cluster.shows_roles() {
                return Err(Stop::unknown("the snapshot of the cluster has no role bindings"));
            }
            let namespace = if query.everywhere { None } else { query.selection.namespace };
            let request = request(verb, resource, namespace);
            let allowed = cluster.allows(user, &query.groups, &request);
            output.out(if allowed { "yes\n" } else { "no\n" });
            Ok(i32::from(!allowed))
        }
        _ => Err(Stop::unknown(format!(
            "'{program} {}' is not answered from a snapshot",
            operands.join(" ")
        ))),
    }
}

/// Operands, and what the options say.
fn read<'q>(program: &str, words: &[&'q str]) -> Result<(Vec<&'q str>, Query<'q>), Stop> {
    let mut query = Query { headers: true, selection: Selection::default(), ..Query::default() };
    query.selection.namespace = Some("default");
    let mut operands = Vec::new();
    let mut rest = words.iter().copied();
    while let Some(word) = rest.next() {
        if !word.starts_with('-') {
            operands.push(word);
            continue;
        }
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None if !word.starts_with("--") && word.len() > 2 => (&word[..2], Some(&word[2..])),
            None => (word, None),
        };
        match name {
            "-A" | "--all-namespaces" => {
                query.everywhere = true;
                query.selection.namespace = None;
                continue;
            }
            "--no-headers" => {
                query.headers = inline == Some("false");
                continue;
            }
            "--ignore-not-found" => {
                query.lenient = true;
                continue;
            }
            _ => {}
        }
        let value = match inline {
            Some(value) => value,
            None => match rest.next() {
                Some(value) => value,
                None => return option(program, word),
            },
        };
        match name {
            "-n" | "--namespace" => query.selection.namespace = Some(value),
            "-o" | "--output" => query.form = Some(value),
            "-l" | "--selector" => query.selection.labels = labels(program, value)?,
            "--field-selector" => query.selection.fields = fields(program, value)?,
            "--as" => query.user = Some(value),
            "--as-group" => query.groups.push(value.to_owned()),
            "--kubeconfig" => {}
            _ => return option(program, word),
        }
    }
    if query.everywhere {
        query.selection.namespace = None;
    }
    Ok((operands, query))
}

fn labels(program: &str, text: &str) -> Result<Vec<(String, Option<String>, bool)>, Stop> {
    let one = |text: &str| match (text.split_once("!="), text.split_once('=')) {
        _ if text.contains(['(', ' ']) => option(program, text),
        (Some((key, value)), _) => Ok((key.to_owned(), Some(value.to_owned()), false)),
        (_, Some((key, value))) => {
            let value = value.trim_start_matches('=').to_owned();
            Ok((key.to_owned(), Some(value), true))
        }
        _ => Ok((text.trim_start_matches('!').to_owned(), None, !text.starts_with('!'))),
    };
    text.split(',').map(one).collect()
}

fn fields(program: &str, text: &str) -> Result<Vec<(String, String, bool)>, Stop> {
    let one = |text: &str| match (text.split_once("!="), text.split_once('=')) {
        (Some((path, value)), _) => Ok((path.to_owned(), value.to_owned(), false)),
        (_, Some((path, value))) => {
            Ok((path.to_owned(), value.trim_start_matches('=').to_owned(), true))
        }
        _ => option(program, text),
    };
    text.split(',').map(one).collect()
}

fn get(
    shell: &Shell<'_>,
    cluster: &Cluster<'_>,
    query: &Query<'_>,
    output: &mut Output,
) -> Result<i32, Stop> {
    let mut found: Vec<(String, Value)> = Vec::new();
    for kind in &query.kinds {
        let (known, objects) = cluster.objects(kind, &query.selection).map_err(Stop::Unknown)?;
        let plural = known.map_or(kind.as_str(), |kind| kind.plural);
        shell.step(objects.len() * 8)?;
        if objects.is_empty()
            && let Some(name) = query.selection.name
        {
            if query.lenient {
                return Ok(0);
            }
            output.error(&format!("Error from server (NotFound): {plural} \"{name}\" not found\n"));
            return Ok(1);
        }
        let singular = known.map_or(kind.to_ascii_lowercase(), |kind| {
            let group = if kind.group.is_empty() { "" } else { "." };
            format!("{}{group}{}", kind.kind.to_ascii_lowercase(), kind.group)
        });
        found.extend(objects.into_iter().map(|object| (singular.clone(), object)));
    }
    let (form, template) = match query.form {
        Some(form) => form.split_once('=').unwrap_or((form, "")),
        None => ("", ""),
    };
    if found.is_empty() && !matches!(form, "json" | "jsonpath" | "name") {
        if !query.lenient {
            output.error("No resources found\n");
        }
        return Ok(0);
    }
    let text = match form {
        "json" => {
            let text = serde_json::to_string_pretty(&whole(query, found)).unwrap_or_default();
            text + "\n"
        }
        "jsonpath" => {
            let template = Template::parse(template);
            let printed = template.and_then(|one| one.print(&whole(query, found), Origin::Json));
            match printed {
                Ok(text) => text,
                Err(why) => {
                    output.error(&format!("error: error executing jsonpath: {why}\n"));
                    return Ok(1);
                }
            }
        }
        "custom-columns" => columns(query, template, &found)?,
        "name" => found.iter().map(|one| format!("{}\n", title(one))).collect(),
        "" if !query.headers => {
            // What stands in the other columns of a table only a server knows.
            let several = query.kinds.len() > 1;
            let row = |one: &(String, Value)| {
                let name = if several { title(one) } else { text_at(&one.1, "name") };
                let namespace = text_at(&one.1, "namespace");
                let before =
                    if query.everywhere { format!("{namespace}   ") } else { String::new() };
                format!("{before}{name}   \n")
            };
            found.iter().map(row).collect()
        }
        _ => return Err(Stop::unknown("a table of kubectl, which only a server can make")),
    };
    shell.bytes(text.len())?;
    output.out(&text);
    Ok(0)
}

/// One object by its name, or all as a list.
fn whole(query: &Query<'_>, found: Vec<(String, Value)>) -> Value {
    let mut objects = found.into_iter().map(|(_, object)| object);
    match query.selection.name {
        Some(_) if query.kinds.len() == 1 => objects.next().unwrap_or_default(),
        _ => list(objects.collect()),
    }
}

/// `deployment.apps/web`.
fn title((kind, object): &(String, Value)) -> String {
    format!("{kind}/{}", text_at(object, "name"))
}

fn text_at(object: &Value, field: &str) -> String {
    object["metadata"][field].as_str().unwrap_or_default().to_owned()
}

fn columns(query: &Query<'_>, spec: &str, found: &[(String, Value)]) -> Result<String, Stop> {
    let mut titles = Vec::new();
    let mut templates = Vec::new();
    for column in spec.split(',') {
        let Some((title, path)) = column.split_once(':') else {
            return option("kubectl", column);
        };
        titles.push(title.to_owned());
        templates.push(Template::parse(&format!("{{{path}}}")).map_err(Stop::Unknown)?);
    }
    let mut rows = Vec::new();
    if query.headers {
        rows.push(titles);
    }
    for (_, object) in found {
        let mut row = Vec::new();
        for template in &templates {
            // Several values are separated by commas, and none has a name.
            let cells = template.print(object, Origin::Json).map_err(Stop::Unknown)?;
            let is_one = !cells.contains(' ') || cells.starts_with(['{', '[']);
            row.push(match cells.as_str() {
                "" | "<nil>" => "<none>".to_owned(),
                _ if is_one => cells,
                _ => cells.replace(' ', ","),
            });
        }
        rows.push(row);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..templates.len()).filter_map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            let last = index + 1 == row.len();
            let fill = if last { 0 } else { widths[index] + GAP };
            text.push_str(&format!("{cell:<fill$}"));
        }
        text.push('\n');
    }
    Ok(text)
}
