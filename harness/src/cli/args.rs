//! The arguments of the command line.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{Failure, otlp::Endpoint, output::say};
use crate::backend::{
    Perform, container::Containers, process::Processes, real::SUBCOMMAND, simulation::Simulation,
};

/// So many seeds at once at the most.
const SEEDS_MAX: u64 = 100_000;

/// What `squall serve` listens on when nothing else is asked for.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7341);

/// Fewer runs show too little of the noise between them.
const NOISE_SEEDS_MIN: u64 = 10;

/// More runs than a comparison is worth waiting for.
const NOISE_SEEDS_MAX: u64 = 200;

/// Chaos and resilience tests of Tokio services: objectives as verdicts, in virtual time,
/// replayable from a seed.
#[derive(Debug, Parser)]
#[command(
    name = "squall",
    bin_name = "cargo squall",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 all objectives pass, 1 an objective or invariant failed, \
                  2 inconclusive (no data, or a fault that never bit), 3 bad arguments, or a file \
                  that cannot be read or written, 4 the harness itself failed, 130 interrupted."
)]
pub(crate) struct Squall {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the scenarios and what they claim
    List(List),
    /// Run scenarios and judge them
    #[command(after_help = "Examples:\n  \
        cargo squall run                              the whole catalogue\n  \
        cargo squall run NAME                         that scenario, or all with NAME in their name\n  \
        cargo squall run NAME --verbose               with the findings, also if it passes\n  \
        cargo squall run NAME --seeds 0..50           one scenario, fifty seeds\n  \
        cargo squall run --defect DEFECT              the catalogue with a planted mistake\n  \
        cargo squall run NAME --backend processes     on real processes of this machine\n  \
        cargo squall run --format json --record out   for machines, with the records kept\n\n\
        `cargo squall list` has the names.")]
    Run(Run),
    /// Draw the records of a folder: pages, and files for CI and other programs
    #[command(after_help = "Example:\n  cargo squall run --record out && cargo squall report out")]
    Report(Report),
    /// Show the records of a folder in a browser, as they come
    #[command(
        after_help = "Example, in two terminals:\n  cargo squall serve out\n  cargo squall run --record out"
    )]
    Serve(Serve),
    /// Run a TCP proxy with toxics, driven over the HTTP API of Toxiproxy
    #[command(after_help = "Example, in two terminals:\n  \
        cargo squall proxy --seed 7\n  \
        curl localhost:8474/proxies -d '{\"name\":\"db\",\"listen\":\"localhost:15432\",\"upstream\":\"localhost:5432\"}'\n  \
        curl localhost:8474/proxies/db/toxics -d '{\"type\":\"latency\",\"attributes\":{\"latency\":500}}'")]
    Proxy(Proxy),
    /// Run again what a record holds, and compare
    #[command(after_help = "Example:\n  cargo squall replay out/NAME-1.jsonl")]
    Replay(Replay),
    /// Compare two records or two folders of them: what moved, and is it more than noise
    #[command(after_help = "Examples:\n  \
        cargo squall run NAME --seeds 0..10 --record before   and `--record after`, later\n  \
        cargo squall compare before after                     over the seeds of both\n  \
        cargo squall compare before after --format markdown   for a pull request\n  \
        cargo squall compare a.jsonl b.jsonl --noise 0..20    two records, one scenario\n\n\
        Exit codes: 0 nothing is worse by more than noise, 1 something is, 2 inconclusive (too \
        few seeds, nothing in common, or measures of one side only), 3 bad arguments or a bad file, 4 the harness itself \
        failed, 130 interrupted.")]
    Compare(Compare),
    /// Perform scenarios in simulation and on other backends, and say how far the two are apart
    #[command(after_help = "Examples:\n  \
        cargo squall fidelity reviews-hung                     on processes, and in containers if there is an engine\n  \
        cargo squall fidelity --backend processes --runs 5     all that can be performed there\n  \
        cargo squall fidelity reviews-hung --page true.html    with the curves of all laid over each other\n\n\
        The load is the same on all sides: that of the plan, or the part of it that processes are given. \
        Exit codes: 0 the verdicts are the same and every p50 and p99 is close, 1 they are apart, 2 \
        inconclusive (too few runs, or runs that show the machine), 3 bad arguments, 4 the harness itself \
        failed, 130 interrupted.")]
    Fidelity(Fidelity),
    /// Plant each defect and see which scenario catches it
    #[command(after_help = "Example:\n  cargo squall defects")]
    Defects(Defects),
    /// Write a new scenario that compiles and runs, ready to be changed
    #[command(after_help = "Example:\n  cargo squall new in-another-region")]
    New(New),
    /// Make the image that `run --backend containers` runs this program in, and say its name
    #[command(after_help = "Examples:\n  \
        cargo squall image                                              what `run` makes by itself\n  \
        cargo squall image --name squall:local target/debug/services    with another program in it\n\n\
        An image has these programs and the libraries that they need, and is made without a network \
        and without a compiler.")]
    Image(Image),
    /// Be the process of a host, as standard input says
    #[command(name = SUBCOMMAND, hide = true)]
    ProcessOfAHost,
    /// Write a crate of scenarios with services of its own, outside of this repository
    #[command(after_help = "Examples:\n  \
        cargo squall init ../chaos                                        with squall from this checkout\n  \
        cargo squall init ../chaos --squall ssh://git@host/team/squall    from a git repository")]
    Init(Init),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Only scenarios with one of these names, or with one of these in their name
    pub(crate) filter: Vec<String>,
    /// Run with this seed instead of that of the goldens and those that once failed
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,
    /// Run with each of these seeds, the last one excluded
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    pub(crate) seeds: Option<std::ops::Range<u64>>,
    /// How to show the results
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Show the findings of runs that pass, too
    #[arg(long, short, conflicts_with = "format")]
    pub(crate) verbose: bool,
    /// Keep the record of each run in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Write a page for each run, an index and files for CI into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Send the spans of each run to this collector, over OTLP/HTTP
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<Endpoint>,
    /// Switch on this defect
    #[arg(long, value_name = "NAME")]
    pub(crate) defect: Option<String>,
    /// Who performs the plans
    #[arg(long, value_enum, default_value_t)]
    pub(crate) backend: Backend,
    /// With processes: use the Toxiproxy server at this address, instead of one of its own
    #[arg(long, value_name = "URL")]
    pub(crate) toxiproxy: Option<String>,
    /// Runs at the same time: as many as there are cores, if not given; on processes one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}

/// Who performs plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// In virtual time, the same each time
    #[default]
    Simulation,
    /// As processes of this machine, on loopback addresses
    Processes,
    /// As containers, by the engine that DOCKER_HOST names or that of this machine
    Containers,
}

impl Run {
    /// Who performs the plans.
    pub(super) fn performed_by(&self) -> Result<Arc<dyn Perform>, Failure> {
        let toxiproxy = self.toxiproxy.clone();
        match self.backend {
            Backend::Simulation | Backend::Containers if toxiproxy.is_some() => {
                Err(Failure::bad_input(
                    "expected --backend processes with --toxiproxy: a simulation has no proxy, and \
                     containers have their own",
                ))
            }
            Backend::Simulation => Ok(Arc::new(Simulation::default())),
            Backend::Processes => Ok(Arc::new(Processes { program: this_program()?, toxiproxy })),
            Backend::Containers => Ok(Arc::new(Containers { program: this_program()? })),
        }
    }

    /// How many runs there may be at the same time: processes would take each other's time.
    pub(super) fn at_once(&self) -> Option<u16> {
        match self.backend {
            Backend::Simulation => self.jobs,
            Backend::Processes | Backend::Containers => Some(self.jobs.unwrap_or(1)),
        }
    }
}

/// The program that is this process.
pub(super) fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::harness(format!("this program does not find itself: {error}")))
}

#[derive(Debug, Args)]
pub(crate) struct Image {
    /// Call the image so, instead of by what is in it
    #[arg(long, value_name = "NAME:TAG")]
    pub(crate) name: Option<String>,
    /// Programs that are to be in it beside this one
    #[arg(value_name = "PROGRAM", requires = "name")]
    pub(crate) programs: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The folder with the records, into which the reports are written
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) formats: Formats,
    /// Send the spans of each run to this collector, over OTLP/HTTP
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<Endpoint>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The folder with the records, made if it is not there
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Listen here; who can reach the address can read the records
    #[arg(long, value_name = "ADDRESS", default_value_t = LISTEN)]
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct Proxy {
    /// The host that the API listens on
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub(crate) host: String,
    /// The port that the API listens on; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = 8474)]
    pub(crate) port: u16,
    /// Create the proxies of this JSON file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Draw from this seed which connections a toxicity meets, jitter and slices
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Let the API and proxies listen on addresses that other machines reach
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// Show the bytes that proxies received and sent on /metrics
    #[arg(long)]
    pub(crate) proxy_metrics: bool,
    /// Show how many connections each proxy took on /metrics
    #[arg(long)]
    pub(crate) connection_metrics: bool,
    /// Show processor time, memory and descriptors of the process on /metrics
    #[arg(long)]
    pub(crate) runtime_metrics: bool,
}

/// What is drawn: all of it, if none is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one flag for each format")]
pub(crate) struct Formats {
    /// A page for each run and an index
    #[arg(long)]
    pub(crate) html: bool,
    /// JUnit XML, for CI systems
    #[arg(long)]
    pub(crate) junit: bool,
    /// A job summary, and annotations for GitHub
    #[arg(long)]
    pub(crate) markdown: bool,
    /// One JSON object for each run
    #[arg(long)]
    pub(crate) json: bool,
    /// A trace of each run, for Perfetto
    #[arg(long)]
    pub(crate) perfetto: bool,
    /// Metrics in the format of Prometheus
    #[arg(long)]
    pub(crate) prometheus: bool,
}

impl Formats {
    pub(crate) const ALL: Self = Self {
        html: true,
        junit: true,
        markdown: true,
        json: true,
        perfetto: true,
        prometheus: true,
    };

    const NONE: Self = Self {
        html: false,
        junit: false,
        markdown: false,
        json: false,
        perfetto: false,
        prometheus: false,
    };

    /// These, or all if there are none.
    pub(crate) fn or_all(self) -> Self {
        if self == Self::NONE { Self::ALL } else { self }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The record
    pub(crate) record: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// A record, or a folder of records: before
    pub(crate) a: PathBuf,
    /// A record, or a folder of records: after
    pub(crate) b: PathBuf,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ComparisonFormat,
    /// Take the noise between two single records from runs with these seeds, the last one excluded
    #[arg(long, value_name = "A..B", value_parser = noise_seeds)]
    pub(crate) noise: Option<std::ops::Range<u64>>,
    /// Runs at the same time: as many as there are cores, if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ComparisonFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
    /// For a comment on a pull request
    Markdown,
}

#[derive(Debug, Args)]
pub(crate) struct Fidelity {
    /// Only scenarios with one of these names, or with one of these in their name
    pub(crate) filter: Vec<String>,
    /// Runs on each of the other backends
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) runs: u16,
    /// Runs in simulation, each with another seed
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) simulations: u16,
    /// Compare with this backend only; may be given twice. With both, if not given, but with containers only
    /// where there is an engine
    #[arg(long, value_enum)]
    pub(crate) backend: Vec<Other>,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ComparisonFormat,
    /// Write a page with the curves of all sides on one axis to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,
}

/// A backend that is no simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Other {
    /// Processes of this machine
    Processes,
    /// Containers
    Containers,
}

impl Fidelity {
    /// Who performs the plans beside the simulation.
    pub(super) fn others(&self) -> Result<Vec<Arc<dyn Perform>>, Failure> {
        let is_asked_for = |other| self.backend.is_empty() || self.backend.contains(&other);
        let mut others: Vec<Arc<dyn Perform>> = Vec::new();
        if is_asked_for(Other::Processes) {
            others.push(Arc::new(Processes { program: this_program()?, toxiproxy: None }));
        }
        if is_asked_for(Other::Containers) {
            let containers = Containers { program: this_program()? };
            match containers.engine() {
                Ok(()) => others.push(Arc::new(containers)),
                Err(reason) if self.backend.is_empty() => {
                    say(&format!("containers are left out: {reason}"))
                }
                Err(reason) => return Err(Failure::harness(reason)),
            }
        }
        Ok(others)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Defects {
    /// Run with this seed instead of that of the goldens
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// How to show the matrix
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Runs at the same time: as many as there are cores, if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// The scenario's name: lower-case words with `-` between them
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder of the crate: one that is not there yet, or an empty one
    #[arg(value_name = "PATH")]
    pub(crate) folder: PathBuf,
    /// What the package is called, if not as the folder
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Where it has squall from: a checkout, or the URL of a git repository. The checkout that this
    /// program was built from, if not given
    #[arg(long, value_name = "PATH|URL")]
    pub(crate) squall: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

fn seeds(text: &str) -> Result<std::ops::Range<u64>, String> {
    let wanted = "expected two seeds A..B with A below B";
    let (first, last) = text.split_once("..").ok_or(wanted)?;
    let seed = |text: &str| text.parse::<u64>().map_err(|_| wanted.to_owned());
    let (first, last) = (seed(first)?, seed(last)?);
    if first >= last {
        return Err(wanted.to_owned());
    }
    if last - first > SEEDS_MAX {
        return Err(format!("expected at most {SEEDS_MAX} seeds"));
    }
    Ok(first..last)
}

fn noise_seeds(text: &str) -> Result<std::ops::Range<u64>, String> {
    let range = seeds(text)?;
    if !(NOISE_SEEDS_MIN..=NOISE_SEEDS_MAX).contains(&(range.end - range.start)) {
        return Err(format!("expected {NOISE_SEEDS_MIN} to {NOISE_SEEDS_MAX} seeds"));
    }
    Ok(range)
}
