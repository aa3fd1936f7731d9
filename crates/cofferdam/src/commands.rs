//! One file a subcommand; the doc comment of its arguments is its help.

pub(crate) mod base;
pub(crate) mod completions;
pub(crate) mod container;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod fleet;
pub(crate) mod image;
pub(crate) mod kube;
pub(crate) mod lint;
pub(crate) mod man;
pub(crate) mod monitor;
pub(crate) mod network_keeper;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod sbom;
pub(crate) mod scan;
pub(crate) mod vercmp;
pub(crate) mod volume;

use crate::{
    cli::Command,
    session::{Ended, Session},
};

/// Runs `command`.
pub(crate) fn run(command: Command, session: &mut Session) -> Ended {
    match command {
        Command::Scan(args) => scan::run(&args, session),
        Command::Sbom(args) => sbom::run(&args, session),
        Command::Lint(args) => lint::run(&args, session),
        Command::Run(args) => run::run(&args, session),
        Command::Ps(args) => container::ps::run(&args, session),
        Command::Logs(args) => container::logs::run(&args, session),
        Command::Exec(args) => container::exec::run(&args, session),
        Command::Stop(args) => container::stop::run(&args, session),
        Command::Rm(args) => container::rm::run(&args, session),
        Command::Container(args) => container::run(&args, session),
        Command::Volume(args) => volume::run(&args, session),
        Command::Image(args) => image::run(&args, session),
        Command::Kube(args) => kube::run(&args, session),
        Command::Db(args) => db::run(&args, session),
        Command::Fleet(args) => fleet::run(&args, session),
        Command::Base(args) => base::run(&args, session),
        Command::Explain(args) => explain::run(&args, session),
        Command::Rules(args) => rules::run(&args, session),
        Command::Vercmp(args) => vercmp::run(&args, session),
        Command::Doctor(args) => doctor::run(&args, session),
        Command::Completions(args) => completions::run(&args, session),
        Command::Man(args) => man::run(&args, session),
        Command::ContainerMonitor(args) => monitor::run(&args, session),
        Command::NetworkKeeper(args) => network_keeper::run(&args, session),
    }
}
