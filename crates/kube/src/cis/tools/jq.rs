//! jq: the language without assignments, modules, paths and dates.

mod builtins;
mod eval;
mod order;
mod parse;

use serde_json::Value;

use self::eval::{Halt, Machine};
use super::{Input, Output, Shell, Stop, inputs, option};

#[derive(Debug, Default)]
struct Options {
    raw: bool,
    compact: bool,
    slurp: bool,
    none: bool,
    joined: bool,
    exit: bool,
    variables: Vec<(String, Value)>,
}

pub(super) fn run(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (options, operands) = read(arguments)?;
    let (program, files) = match operands.split_first() {
        Some((program, files)) => (*program, files),
        None => (".", &[] as &[&str]),
    };
    let program = parse::parse(program)
        .map_err(|why| Stop::unknown(format!("jq with a program that is not known: {why}")))?;
    let (text, whole) = inputs(shell, "jq", files, input, output)?;
    if !whole {
        return Ok(2);
    }
    shell.step(text.len() / 64)?;
    let mut values = Vec::new();
    let mut status = 0;
    if options.none {
        values.push(Value::Null);
    } else {
        for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
            match value {
                Ok(value) => values.push(value),
                Err(error) => {
                    output.error(&format!("jq: parse error: {error}\n"));
                    status = 2;
                    break;
                }
            }
        }
        if options.slurp && status == 0 {
            values = vec![Value::Array(values)];
        }
    }
    let mut last = None;
    for value in &values {
        let mut machine = Machine::new(shell);
        let mut printed = String::new();
        let ended = machine.run(&program, value, &options.variables, &mut |found| {
            shell.bytes(write(&found, &options, &mut printed))?;
            last = Some(found);
            Ok(())
        });
        output.out(&printed);
        match ended {
            Ok(()) => {}
            Err(Halt::Error(why)) => {
                let why =
                    why.as_str().map_or_else(|| format!("{why} (not a string)"), str::to_owned);
                output.error(&format!("jq: error (at <stdin>:0): {why}\n"));
                status = 5;
            }
            Err(Halt::Break) => {}
            Err(Halt::Stop(stop)) => return Err(stop),
        }
    }
    if options.exit && status == 0 {
        return Ok(match last {
            None => 4,
            Some(Value::Null | Value::Bool(false)) => 1,
            Some(_) => 0,
        });
    }
    Ok(status)
}

fn read(arguments: &[String]) -> Result<(Options, Vec<&str>), Stop> {
    let (mut options, mut operands) = (Options::default(), Vec::new());
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        let flags = match argument {
            "--raw-output" => "r",
            "--compact-output" => "c",
            "--slurp" => "s",
            "--null-input" => "n",
            "--exit-status" => "e",
            "--join-output" => "j",
            "--arg" | "--argjson" => {
                let (name, text) = (rest.next(), rest.next());
                let (Some(name), Some(text)) = (name, text) else { return option("jq", argument) };
                let value = if argument == "--arg" {
                    Value::String(text.to_owned())
                } else {
                    serde_json::from_str(text).or_else(|_| option("jq", text))?
                };
                options.variables.push((name.to_owned(), value));
                continue;
            }
            _ if argument.len() > 1 && argument.starts_with('-') => &argument[1..],
            operand => {
                operands.push(operand);
                continue;
            }
        };
        for flag in flags.chars() {
            match flag {
                'r' => options.raw = true,
                'c' => options.compact = true,
                's' => options.slurp = true,
                'n' => options.none = true,
                'e' => options.exit = true,
                'j' => (options.raw, options.joined) = (true, true),
                'M' => {}
                _ => return option("jq", argument),
            }
        }
    }
    Ok((options, operands))
}

/// Writes a value; how many bytes it has.
fn write(value: &Value, options: &Options, out: &mut String) -> usize {
    let before = out.len();
    match value {
        Value::String(text) if options.raw => out.push_str(text),
        _ if options.compact => out.push_str(&value.to_string()),
        _ => out.push_str(&serde_json::to_string_pretty(value).unwrap_or_default()),
    }
    if !options.joined {
        out.push('\n');
    }
    out.len() - before
}

#[cfg(test)]
mod tests {
    use crate::cis::{
        node::Memory,
        shell::{Ended, run},
    };

    /// What `jq -c PROGRAM` prints about `input`.
    fn jq(program: &str, input: &str) -> String {
        let mut node = Memory::default();
        node.add("/in", 0o644, input);
        let quoted = program.replace('\'', "'\\''");
        match run(&format!("jq -c '{quoted}' /in"), &node, None) {
            Ended::Exit { output, .. } => output.trim_end().replace('\n', " "),
            Ended::Unknown(why) => why,
        }
    }

    #[test]
    fn programs_print_what_jq_prints() {
        let pods = r#"{"items":[
            {"metadata":{"name":"a","namespace":"x"},"spec":{"hostPID":true}},
            {"metadata":{"name":"b","namespace":"y"},"spec":{"containers":[{"name":"c"}]}}]}"#;
        for (program, expected) in [
            (".items | length", "2"),
            (".items[].metadata.name", "\"a\" \"b\""),
            ("[.items[] | select(.spec.hostPID == true)] | length", "1"),
            ("if any(.items[]?; .spec.hostPID == true) then \"F\" else \"N\" end", "\"F\""),
            (
                "[.items[] | select(.spec.containers[]?.name == \"c\")] | map(.metadata.name)",
                "[\"b\"]",
            ),
            (
                ".items[] | \"\\(.metadata.namespace): \\(.spec.x | if . == null then \"notset\" else . end)\"",
                "\"x: notset\" \"y: notset\"",
            ),
            (".items | map({key: .metadata.name, value: 1}) | from_entries", "{\"a\":1,\"b\":1}"),
            ("[.items[].metadata.namespace] | unique | join(\",\")", "\"x,y\""),
            (".items as $i | $i[0].metadata.name", "\"a\""),
            ("def f($n; g): .items[$n] | g; f(1; .metadata.name)", "\"b\""),
            (".items | group_by(.metadata.namespace) | map(length)", "[1,1]"),
            ("(.none // []) | length", "0"),
            (".items[0].metadata | to_entries | map(.key)", "[\"name\",\"namespace\"]"),
            ("[.items[] | .metadata.name | IN(\"a\",\"z\")]", "[true,false]"),
            ("[\"a\",\"b\"] | @tsv", "\"a\\tb\""),
            ("[1,[2]] | flatten | add", "3"),
            ("reduce .items[] as $x (0; . + 1)", "2"),
            ("\" a \" | gsub(\"^\\\\s+|\\\\s+$\";\"\")", "\"a\""),
            (".items[1:] | length", "1"),
            ("[limit(1; .items[])] | length", "1"),
            ("try error(\"x\") catch .", "\"x\""),
            ("{a: 1, \"b\": 2} | keys", "[\"a\",\"b\"]"),
            (".items[0].metadata | {name, n: .namespace}", "{\"n\":\"x\",\"name\":\"a\"}"),
            ("1 + 2 * 3 - 4 / 2", "5"),
            ("[3,1,2] | sort | first, last", "1 3"),
            ("\"a,b\" | split(\",\")", "[\"a\",\"b\"]"),
            ("not, (1 | not)", "false false"),
            ("[..|numbers]", "[]"),
        ] {
            assert_eq!(jq(program, pods), expected, "{program}");
        }
    }

    #[test]
    fn what_goes_wrong_is_an_error_of_jq_or_not_known() {
        assert!(jq(".a.b", "{\"a\":1}").contains("Cannot index number"));
        assert!(jq(".a = 1", "{}").contains("not known"));
        assert!(jq("nothing_like_it", "{}").contains("not known"));
        assert!(jq(".", "{").contains("parse error"));
        assert!(jq("def f: f; f", "1").contains("deep"));
        assert!(jq("[range(100000000)] | length", "1").contains("more than"));
        assert!(jq(&"[".repeat(5000), "1").contains("not known"));
        assert!(jq("\"x\" * 1000000000", "1").contains("more than"));
    }
}
