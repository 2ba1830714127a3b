//! The command line over a catalogue.
//!
//! A binary with a catalogue calls [`main`]. What a command concludes is its exit code: 0 all
//! objectives pass, 1 an objective or invariant failed, 2 inconclusive, 3 bad arguments or a file
//! that cannot be read or written, 4 the harness itself failed, a run took too long in real time or
//! a collector did not take the spans, 130 interrupted. A verdict that is not a pass wins over what
//! could not be written.

mod args;
mod chosen;
mod compare;
mod defects;
mod fidelity;
mod image;
mod in_progress;
mod init;
mod interrupt;
mod job;
mod list;
mod otlp;
mod output;
mod pool;
mod problems;
mod progress;
mod proxy;
mod publish;
mod replay;
mod report;
mod reserved;
mod run;
mod scaffold;
mod serve;
mod table;

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};
use squall_reports::{terminal::Colour, verdict::Verdict};

use self::{
    args::{Command, Squall},
    job::Job,
    output::{colour, look, print, say},
    problems::Problems,
};
use crate::{backend::real::run_process, catalogue::Catalogue, run::Run};

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Pass,
    Fail,
    Inconclusive,
    BadInput,
    Harness,
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Pass => 0,
            Exit::Fail => 1,
            Exit::Inconclusive => 2,
            Exit::BadInput => 3,
            Exit::Harness => 4,
            Exit::Interrupted => 130,
        })
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::NoData => Self::Inconclusive,
            Verdict::Fail => Self::Fail,
        }
    }
}

/// A command that cannot be carried out, with its exit code and one sentence.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    sentence: String,
}

impl Failure {
    pub(crate) fn bad_input(sentence: impl ToString) -> Self {
        Self { exit: Exit::BadInput, sentence: sentence.to_string() }
    }

    pub(crate) fn harness(sentence: impl ToString) -> Self {
        Self { exit: Exit::Harness, sentence: sentence.to_string() }
    }

    /// Says it, and hands out its exit code.
    fn said(self) -> Exit {
        say(&self.sentence);
        self.exit
    }
}

/// What is said of a run that took too long in real time: that is no verdict on the scenario.
fn out_of_time(job: &Job, run: &Run) -> Failure {
    Failure::harness(format!(
        "{} with seed {} was given up: {}",
        job.scenario.name(),
        job.seed,
        run.record.end.cause
    ))
}

/// Carries out the command in the arguments of this process.
#[must_use]
pub fn main(catalogue: &Catalogue) -> ExitCode {
    let arguments = match Squall::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ended(usage(&error)).into(),
    };
    let done = match arguments.command {
        Command::List(list) => list::list(catalogue, &list),
        Command::Run(run) => run::run(catalogue, &run),
        Command::Report(report) => report::report(catalogue, &report),
        Command::Serve(serve) => serve::serve(catalogue, &serve),
        Command::Proxy(proxy) => proxy::proxy(&proxy),
        Command::Replay(replay) => replay::replay(catalogue, &replay),
        Command::Compare(compare) => compare::compare(catalogue, &compare),
        Command::Fidelity(fidelity) => fidelity::fidelity(catalogue, &fidelity),
        Command::Defects(defects) => defects::defects(catalogue, &defects),
        Command::New(new) => scaffold::new(catalogue, &new),
        Command::Init(init) => init::init(&init),
        Command::Image(image) => image::image(&image),
        Command::ProcessOfAHost => return run_process(catalogue),
    };
    let exit = done.unwrap_or_else(Failure::said);
    ended(exit).into()
}

/// What a command comes to whose output is at its end. What it found out wins over output that
/// cannot be written, as over any other file.
fn ended(exit: Exit) -> Exit {
    let mut problems = Problems::default();
    problems.note(output::finish().map_err(Failure::bad_input));
    problems.conclude(exit)
}

/// Help goes to standard output, a mistake to standard error as one sentence.
fn usage(error: &clap::Error) -> Exit {
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            print(&match colour() {
                Colour::Always => text.ansi().to_string(),
                Colour::Never => text.to_string(),
            });
            Exit::Pass
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            output::tell(&text.to_string());
            Exit::BadInput
        }
        _ => {
            let text = text.to_string();
            let sentence: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
            let sentence = sentence.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
            say(sentence.trim_start_matches("error: "));
            Exit::BadInput
        }
    }
}
