//! Real Linux TCP over an emulated link, next to Squall's.
//!
//! Two kernels' TCP, in two network namespaces of this machine, talk over a link that delays, loses
//! and queues packets by the rules of Squall's links. The same client and server run on simulated
//! hosts. `oracle table` measures both, `oracle check` holds Squall to what was measured, and
//! `oracle trace` shows the packets. `docs/FIDELITY.md` says what the figures mean.

mod app;
mod args;
mod check;
mod document;
mod figures;
mod link;
mod machine;
mod outage;
mod priority;
mod real;
mod side;
mod simulated;
mod table;
mod trace;
mod validate;
mod workload;

use std::process::ExitCode;

use clap::Parser;
use squall::BoxError;

use args::{Args, Command};

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("oracle: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, BoxError> {
    if command.measures()
        && let Some(reason) = real::cannot_measure()
    {
        println!("skipped: {reason}");
        return Ok(ExitCode::SUCCESS);
    }
    match command {
        Command::Table(options) => table::make(&options)?,
        Command::Check(options) => return check::check(&options),
        Command::Run(options) => trace::figures(&options)?,
        Command::Trace(options) => trace::packets(&options)?,
        Command::Validate => return validate::validate(),
        Command::Client(child) => real::run_client(child.job()?, child.congestion)?,
        Command::Server(child) => real::run_server(child.job()?, child.congestion)?,
    }
    Ok(ExitCode::SUCCESS)
}
