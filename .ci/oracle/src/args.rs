//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args as Arguments, Parser, Subcommand, ValueEnum};
use squall::BoxError;

use crate::{app::Job, link::Conditions, side::Side, workload::Workload};

/// Real Linux TCP over an emulated link, next to Squall's.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure the workloads and print their tables.
    Table(TableOptions),
    /// Hold Squall to the figures of Linux in a document. Needs no root.
    Check(CheckOptions),
    /// Perform one workload of your own and print its figures.
    Run(Custom),
    /// Perform one workload of your own on Linux and print the packets that the link saw.
    Trace(Custom),
    /// Check that the emulated link does what it is told.
    Validate,
    /// The client, in its namespace.
    #[command(hide = true)]
    Client(Child),
    /// The server, in its namespace.
    #[command(hide = true)]
    Server(Child),
}

impl Command {
    /// Does it need real TCP, and nothing else?
    pub(crate) fn measures(&self) -> bool {
        match self {
            Self::Trace(_) | Self::Validate => true,
            Self::Run(custom) => !custom.side().is_squall(),
            Self::Table(options) => options.only_linux(),
            Self::Check(_) | Self::Client(_) | Self::Server(_) => false,
        }
    }
}

/// Sides by their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sides {
    Linux,
    Squall,
}

#[derive(Debug, Arguments)]
pub(crate) struct TableOptions {
    /// Fill the tables of this document instead of printing them.
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// One of the sides; the other's rows stay as they are.
    #[arg(long)]
    pub(crate) side: Option<Sides>,
    /// Some of the workloads.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<Workload>,
    /// Only the cases whose key has this in it, such as "100 ms, 1 %"; the rows of others stay.
    #[arg(long, value_name = "TEXT")]
    pub(crate) cases: Option<String>,
    /// How many seeds, instead of what is usual for the case.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: Option<u64>,
}

impl TableOptions {
    pub(crate) fn only_linux(&self) -> bool {
        self.side == Some(Sides::Linux)
    }
}

#[derive(Debug, Arguments)]
pub(crate) struct CheckOptions {
    /// The document with the tables.
    #[arg(default_value = "docs/FIDELITY.md")]
    pub(crate) document: PathBuf,
    /// Some of the workloads.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<Workload>,
    /// The congestion control that Squall is held to.
    #[arg(long, default_value = "cubic", value_parser = ["cubic", "bbr"])]
    pub(crate) against: String,
}

/// The workloads that were asked for: all, if none was.
pub(crate) fn chosen(only: &[Workload]) -> Vec<Workload> {
    let all = Workload::ALL.into_iter();
    all.filter(|workload| only.is_empty() || only.contains(workload)).collect()
}

/// What a custom workload does.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// One bulk transfer from the server.
    Bulk,
    /// HTTP/1.1 with keep-alive, open loop.
    Http1,
    /// One HTTP/2 connection, open loop.
    Http2,
}

#[derive(Debug, Arguments)]
pub(crate) struct Custom {
    kind: Kind,
    /// Whose TCP.
    #[arg(long, default_value = "cubic", value_parser = Side::ALL.map(Side::name))]
    side: String,
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The round trip, half of it in each direction.
    #[arg(long, default_value_t = 20.0)]
    rtt_ms: f64,
    /// Added to each way: uniform between zero and this.
    #[arg(long, default_value_t = 0.0)]
    jitter_ms: f64,
    /// Packets that are lost: in both directions, or to the server and to the client.
    #[arg(long, value_delimiter = ',', num_args = 1..=2, default_value = "0")]
    loss_percent: Vec<f64>,
    /// The bandwidth in Mbit/s; without it, there is no bound.
    #[arg(long)]
    mbit: Option<f64>,
    /// What waits for the bandwidth before more is dropped.
    #[arg(long, default_value_t = 256)]
    queue_kib: u64,
    /// Begin and length of a partition, counted from the begin of the load.
    #[arg(long, value_delimiter = ',', num_args = 2, value_names = ["FROM", "LENGTH"])]
    partition_ms: Vec<u64>,
    /// Bytes of a bulk transfer.
    #[arg(long, default_value_t = 1 << 20)]
    bytes: usize,
    /// Requests per second.
    #[arg(long, default_value_t = 500)]
    per_second: u32,
    /// How long requests are sent.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Connections of HTTP/1.1 that are open when the load begins.
    #[arg(long, default_value_t = 20)]
    connections: u32,
}

impl Custom {
    pub(crate) fn side(&self) -> Side {
        Side::named(&self.side).expect("clap takes no other")
    }

    pub(crate) fn job(&self) -> Job {
        let lasts = Duration::from_secs(self.seconds);
        match self.kind {
            Kind::Bulk => Job::Bulk { bytes: self.bytes },
            Kind::Http1 => Job::http1(self.per_second, self.connections, lasts),
            Kind::Http2 => Job::http2(self.per_second, lasts),
        }
    }

    pub(crate) fn conditions(&self) -> Result<Conditions, BoxError> {
        let ms = |ms: f64| Duration::try_from_secs_f64(ms / 1e3);
        let mut conditions = Conditions::round_trip(ms(self.rtt_ms)?);
        conditions.jitter = ms(self.jitter_ms)?;
        conditions.queue_bytes = self.queue_kib << 10;
        conditions.bandwidth_bps = self.mbit.map(|mbit| (mbit * 1e6) as u64);
        if conditions.bandwidth_bps == Some(0) {
            return Err("a bandwidth of nothing lets nothing through".into());
        }
        let loss = [self.loss_percent.first(), self.loss_percent.last()];
        conditions.loss = loss.map(|percent| percent.copied().unwrap_or_default() / 100.0);
        if conditions.loss.iter().any(|loss| !(0.0..=1.0).contains(loss)) {
            return Err("expected a loss between 0 and 100 percent".into());
        }
        if let [from, lasts] = self.partition_ms[..] {
            let ms = Duration::from_millis;
            conditions = conditions.partition(ms(from), ms(lasts));
        }
        Ok(conditions)
    }
}

#[derive(Debug, Arguments)]
pub(crate) struct Child {
    #[arg(long)]
    pub(crate) congestion: String,
    #[arg(long)]
    job: String,
}

impl Child {
    pub(crate) fn job(&self) -> Result<Job, BoxError> {
        Ok(serde_json::from_str(&self.job)?)
    }
}
