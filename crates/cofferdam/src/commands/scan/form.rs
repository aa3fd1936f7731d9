//! Written forms of a scan: those of every report, and VEX.

use cofferdam_finding::{Report, render};
use cofferdam_vuln::vex::write as vex;

use crate::{
    error::CliError,
    printer::Printer,
    reporting::{self, ReportFormat},
};

/// Written form of a scan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    // Not doc comments: clap would stretch the help page over them.
    // For people.
    #[default]
    Table,
    // Everything, schema-versioned.
    Json,
    // SARIF 2.1.0, for code hosts.
    Sarif,
    // For CI systems.
    Junit,
    // OpenVEX 0.2.0.
    Openvex,
    // CycloneDX 1.6 with vulnerabilities and what is said of them.
    CyclonedxVex,
}

/// Writes `report` to where data goes.
pub(super) fn write(
    report: &Report,
    form: Form,
    with_upgrades: bool,
    printer: &mut Printer,
) -> Result<(), CliError> {
    let format = match form {
        Form::Openvex => return printer.json(&vex::openvex(report)),
        Form::CyclonedxVex => return printer.json(&vex::cyclonedx(report)),
        Form::Table if with_upgrades => {
            let terminal = printer.terminal();
            render::table_with_upgrades(report, terminal, printer.data())?;
            return Ok(());
        }
        Form::Table => ReportFormat::Table,
        Form::Json => ReportFormat::Json,
        Form::Sarif => ReportFormat::Sarif,
        Form::Junit => ReportFormat::Junit,
    };
    reporting::write(report, format, printer)
}
