use std::{io::Write, process::ExitCode};

use cofferdam_finding::render::escape;
use cofferdam_kube::network::{Exposure, METADATA, PortSet, Protocol, Reachability, exposures};
use serde::Serialize;

use super::{super::input::Input, Blocks};
use crate::{
    cli::Format,
    error::CliError,
    session::{Ended, Session},
};

/// Show what each workload is exposed to: from outside, to the internet, to its neighbours
///
/// FROM OUTSIDE are ports that services, ingresses and host ports lead to and policies leave open.
/// INTERNET is on which ports it reaches every public address; 'some' if not every one. REACHED BY
/// and REACHES count other workloads; SPREADS TO those that can be reached from it step by step.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube netpol exposure ./manifests
  cofferdam kube netpol exposure dump.json --format json | jq '.workloads[] | select(.spreads_to > 10)'")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// What blocks of addresses in policies mean: pods and nodes too, or only the outside (Cilium)
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    ip_blocks: Blocks,
}

#[derive(Serialize)]
struct Document {
    schema_version: u32,
    workloads: Vec<Exposure>,
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let cluster = super::cluster(&args.input, session)?;
    let reachability = Reachability::of(&cluster, args.ip_blocks.into());
    let workloads = exposures(&cluster, &reachability);
    match args.format {
        Format::Json => session.printer.json(&Document { schema_version: 1, workloads })?,
        Format::Table => table(&workloads, session.printer.data())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn table(workloads: &[Exposure], out: &mut impl Write) -> Result<(), CliError> {
    let heads =
        ["WORKLOAD", "FROM OUTSIDE", "INTERNET", "METADATA", "REACHED BY", "REACHES", "SPREADS TO"];
    let rows: Vec<[String; 7]> = workloads.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..heads.len()).map(width).collect();
    let mut line = |cells: [&str; 7]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let text = padded.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", text.trim_end())
    };
    line(heads)?;
    for row in &rows {
        line(row.each_ref().map(String::as_str))?;
    }
    Ok(())
}

fn row(exposure: &Exposure) -> [String; 7] {
    let entries = exposure.entries.iter();
    let outside = entries.fold(PortSet::none(), |all, entry| all.union(&entry.ports));
    let internet = match (exposure.internet.is_empty(), exposure.some_internet.is_empty()) {
        (false, _) => exposure.internet.to_string(),
        (true, false) => format!("some: {}", exposure.some_internet),
        (true, true) => "-".to_owned(),
    };
    let name = match exposure.host_network {
        true => format!("{} (host network)", exposure.workload),
        false => exposure.workload.to_string(),
    };
    [
        escape(&name).into_owned(),
        if outside.is_empty() { "-".to_owned() } else { outside.to_string() },
        internet,
        if exposure.metadata.contains(Protocol::Tcp, 80) {
            METADATA.to_string()
        } else {
            "-".into()
        },
        exposure.reached_by.to_string(),
        exposure.reaches.to_string(),
        exposure.spreads_to.to_string(),
    ]
}
