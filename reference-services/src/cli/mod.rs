//! What the binaries share: flags, logs, and how a process ends.

mod deadletter;
mod probe;
mod scrape;

use std::{
    ffi::OsString,
    future::Future,
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt,
};

use self::{probe::Probe, scrape::Scrape};
use crate::{
    aggregation::{self, Defect},
    balancer, cache, catalog,
    config::{Config, Live, Reloading, Sources},
    dependency, external_api,
    logs::Logs,
    notifications, orders,
    otlp::Otlp,
    participant, queue_broker, relay, result_store,
    server::descriptors,
    stock_replica, worker,
};

/// Bad arguments or a bad configuration.
const BAD_CONFIGURATION: u8 = 3;
/// The service could not run.
const FAILED: u8 = 4;

/// How long the last lines may take to be read.
const FLUSH: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
struct Common {
    /// TOML file with the configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Any field of the configuration, such as breaker.open_ms=250
    #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Print the configuration that results, as TOML, and exit
    #[arg(long)]
    print_config: bool,
    /// Collector that spans are sent to, in OTLP over HTTP; else OTEL_EXPORTER_OTLP_ENDPOINT, else none
    #[arg(long, value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// Format of the logs on standard output; RUST_LOG filters them
    #[arg(long, value_enum, default_value_t = LogFormat::Plain)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Plain,
    Json,
}

/// Answers GET /products/{id} from four dependencies.
#[derive(Debug, Parser)]
#[command(name = "aggregation-api", version, after_help = help(Defect::ALL, |it| (it.name(), it.description())))]
struct AggregationArgs {
    #[command(flatten)]
    common: Common,
    /// A planted mistake; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<Defect>,
}

/// A dependency of the aggregation API, with a behaviour to configure.
#[derive(Debug, Parser)]
#[command(version)]
#[command(after_help = help(dependency::Defect::ALL, |it| (it.name(), it.description())))]
struct DependencyArgs {
    #[command(flatten)]
    common: Common,
    /// A planted mistake; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<dependency::Defect>,
}

/// The external API that jobs are for: a slow, bounded stub.
#[derive(Debug, Parser)]
#[command(version)]
struct ExternalApiArgs {
    #[command(flatten)]
    common: Common,
}

/// The catalog that caches are filled from.
#[derive(Debug, Parser)]
#[command(version)]
struct CatalogArgs {
    #[command(flatten)]
    common: Common,
}

/// Answers GET /items/{id} from memory, in versions that are deployed one after the other.
#[derive(Debug, Parser)]
#[command(version)]
#[command(after_help = help(cache::Defect::ALL, |it| (it.name(), it.description())))]
struct CacheArgs {
    #[command(flatten)]
    common: Common,
    /// A planted mistake; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<cache::Defect>,
}

/// Passes requests on to the endpoints that PUT /endpoints on the admin port names.
#[derive(Debug, Parser)]
#[command(version)]
#[command(after_help = help(balancer::Defect::ALL, |it| (it.name(), it.description())))]
struct BalancerArgs {
    #[command(flatten)]
    common: Common,
    /// A planted mistake; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<balancer::Defect>,
}

/// Tells customers what became of their orders, once for each event.
#[derive(Debug, Parser)]
#[command(version)]
#[command(after_help = help(notifications::Defect::ALL, |it| (it.name(), it.description())))]
struct NotificationsArgs {
    #[command(flatten)]
    common: Common,
    /// A planted mistake; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<notifications::Defect>,
}

/// Does a piece of work, and asks the next one of a chain for its piece.
#[derive(Debug, Parser)]
#[command(version)]
#[command(after_help = help(relay::Defect::ALL, |it| (it.name(), it.description())))]
struct RelayArgs {
    #[command(flatten)]
    common: Common,
    /// A planted mistake; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<relay::Defect>,
}

/// Takes orders: each reserves stock, charges a card and ships a parcel, or comes to nothing.
#[derive(Debug, Parser)]
#[command(version)]
#[command(after_help = help(orders::Defect::ALL, |it| (it.name(), it.description())))]
struct OrdersArgs {
    #[command(flatten)]
    common: Common,
    /// A planted mistake; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<orders::Defect>,
}

/// Takes part in orders: does its part under a key, and undoes it.
#[derive(Debug, Parser)]
#[command(version)]
struct ParticipantArgs {
    #[command(flatten)]
    common: Common,
}

/// Keeps one result for each job.
#[derive(Debug, Parser)]
#[command(version)]
#[command(after_help = help(result_store::Defect::ALL, |it| (it.name(), it.description())))]
struct ResultStoreArgs {
    #[command(flatten)]
    common: Common,
    /// A planted mistake; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<result_store::Defect>,
}

/// Accepts jobs, hands them out under leases, and keeps those that failed too often.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
#[command(after_help = help(queue_broker::Defect::ALL, |it| (it.name(), it.description())))]
struct QueueBrokerArgs {
    #[command(flatten)]
    common: Common,
    /// A planted mistake; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<queue_broker::Defect>,
    #[command(subcommand)]
    command: Option<BrokerCommand>,
}

#[derive(Debug, Subcommand)]
enum BrokerCommand {
    /// Looks at the dead letters of a running broker, and replays them
    Deadletter(deadletter::Deadletter),
}

/// Takes jobs, calls the external API, stores results, acknowledges.
#[derive(Debug, Parser)]
#[command(version)]
#[command(after_help = help(worker::Defect::ALL, |it| (it.name(), it.description())))]
struct WorkerArgs {
    #[command(flatten)]
    common: Common,
    /// A planted mistake; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<worker::Defect>,
}

/// Follows the stock of the inventory, and answers from its copy.
#[derive(Debug, Parser)]
#[command(version)]
#[command(after_help = help(stock_replica::Defect::ALL, |it| (it.name(), it.description())))]
struct StockReplicaArgs {
    #[command(flatten)]
    common: Common,
    /// A planted mistake; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<stock_replica::Defect>,
}

/// All services that have a binary, by its name.
const SERVICES: &[&str] = &[
    "aggregation-api",
    "cache-service",
    "catalog-source",
    "external-api",
    "inventory",
    "load-balancer",
    "notifications",
    "orders",
    "payments",
    "pricing",
    "queue-broker",
    "recommendations",
    "relay",
    "result-store",
    "reviews",
    "shipping",
    "stock",
    "stock-replica",
    "worker",
];

/// The binary of the service with this name.
#[must_use]
pub fn service(name: &'static str) -> ExitCode {
    run(name, std::env::args_os().collect())
}

/// The binary `services`, which is all of them: its first argument says which, or that it is to ask
/// one how it is, or all for their metrics.
#[must_use]
pub fn services() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let first = arguments.first().map(|first| first.to_string_lossy().into_owned());
    let first = first.as_deref().unwrap_or("nothing");
    if let Some(name) = SERVICES.iter().find(|name| **name == first) {
        return run(name, arguments);
    }
    let all = SERVICES.join(", ");
    match first {
        "probe" => match parse::<Probe>("services probe", arguments) {
            Ok(probe) => perform(probe.run()),
            Err(code) => code,
        },
        "scrape" => match parse::<Scrape>("services scrape", arguments) {
            Ok(scrape) => match LogFormat::Plain.install(None) {
                Ok(logs) => {
                    let code = perform(scrape.run());
                    logs.flush(FLUSH);
                    code
                }
                Err(error) => end(FAILED, &error),
            },
            Err(code) => code,
        },
        "--help" | "-h" => {
            println!(
                "Usage: services SERVICE [OPTIONS]\n       services probe URL\n       services scrape NAME=URL..\n\nServices: {all}"
            );
            ExitCode::SUCCESS
        }
        found => end(
            BAD_CONFIGURATION,
            &format!("expected probe, scrape or one of {all}, found {found}"),
        ),
    }
}

/// Runs a service with the arguments of its binary, the first of which is what that is called.
fn run(name: &'static str, arguments: Vec<OsString>) -> ExitCode {
    let ran = match name {
        "aggregation-api" => parse(name, arguments).map(|AggregationArgs { common, defects }| {
            let sources = common.sources(name).with_defects(&defects);
            start(name, &common, sources, aggregation::run)
        }),
        "cache-service" => parse(name, arguments).map(|CacheArgs { common, defects }| {
            let sources = common.sources(name).with_defects(&defects);
            start(name, &common, sources, cache::run)
        }),
        "catalog-source" => parse(name, arguments)
            .map(|CatalogArgs { common }| start(name, &common, common.sources(name), catalog::run)),
        "external-api" => parse(name, arguments).map(|ExternalApiArgs { common }| {
            start(name, &common, common.sources(name), external_api::run)
        }),
        "load-balancer" => parse(name, arguments).map(|BalancerArgs { common, defects }| {
            let sources = common.sources(name).with_defects(&defects);
            start(name, &common, sources, balancer::run)
        }),
        "notifications" => parse(name, arguments).map(|NotificationsArgs { common, defects }| {
            let sources = common.sources(name).with_defects(&defects);
            start(name, &common, sources, notifications::run)
        }),
        "orders" => parse(name, arguments).map(|OrdersArgs { common, defects }| {
            let sources = common.sources(name).with_defects(&defects);
            start(name, &common, sources, orders::run)
        }),
        "payments" | "shipping" | "stock" => {
            parse(name, arguments).map(|ParticipantArgs { common }| {
                let mut sources = common.sources(name);
                sources.flags.insert(0, ("kind".to_owned(), name.to_owned()));
                start(name, &common, sources, participant::run)
            })
        }
        "queue-broker" => parse(name, arguments).map(|args: QueueBrokerArgs| match args.command {
            Some(BrokerCommand::Deadletter(command)) => perform(command.run()),
            None => {
                let sources = args.common.sources(name).with_defects(&args.defects);
                start(name, &args.common, sources, queue_broker::run)
            }
        }),
        "relay" => parse(name, arguments).map(|RelayArgs { common, defects }| {
            let sources = common.sources(name).with_defects(&defects);
            start(name, &common, sources, relay::run)
        }),
        "result-store" => parse(name, arguments).map(|ResultStoreArgs { common, defects }| {
            let sources = common.sources(name).with_defects(&defects);
            start(name, &common, sources, result_store::run)
        }),
        "stock-replica" => parse(name, arguments).map(|StockReplicaArgs { common, defects }| {
            let sources = common.sources(name).with_defects(&defects);
            start(name, &common, sources, stock_replica::run)
        }),
        "worker" => parse(name, arguments).map(|WorkerArgs { common, defects }| {
            let sources = common.sources(name).with_defects(&defects);
            start(name, &common, sources, worker::run)
        }),
        _ => parse(name, arguments).map(|DependencyArgs { common, defects }| {
            let mut sources = common.sources(name).with_defects(&defects);
            sources.flags.insert(0, ("kind".to_owned(), name.to_owned()));
            start(name, &common, sources, dependency::run)
        }),
    };
    ran.unwrap_or_else(|code| code)
}

fn parse<A: Parser>(name: &'static str, arguments: Vec<OsString>) -> Result<A, ExitCode> {
    let command = A::command().name(name).bin_name(name);
    let parsed = command.try_get_matches_from(arguments);
    let args = parsed.and_then(|mut matches| A::from_arg_matches_mut(&mut matches));
    args.map_err(|error| {
        // Nothing is left to do when the terminal is gone.
        let _ = error.print();
        if error.use_stderr() { ExitCode::from(BAD_CONFIGURATION) } else { ExitCode::SUCCESS }
    })
}

fn start<C: Config, F: Future<Output = Result<(), E>>, E: std::fmt::Display>(
    name: &str,
    args: &Common,
    sources: Sources,
    run: impl FnOnce(Live<C>) -> F,
) -> ExitCode {
    let config: Reloading<C> = match Reloading::load(sources) {
        Ok(config) => config,
        Err(error) => return end(BAD_CONFIGURATION, &error),
    };
    if args.print_config {
        return match toml::to_string(&*config.live().get()) {
            Ok(text) => {
                print!("{text}");
                ExitCode::SUCCESS
            }
            Err(error) => end(FAILED, &error),
        };
    }
    let otlp = match Otlp::of(args.otlp_endpoint.as_deref(), name) {
        Ok(otlp) => otlp,
        Err(error) => return end(FAILED, &error),
    };
    let logs = match args.log_format.install(otlp.as_ref()) {
        Ok(logs) => logs,
        Err(error) => return end(FAILED, &error),
    };
    if let Err(error) = descriptors::take_all() {
        tracing::warn!(%error, "cannot have as many descriptors as there may be");
    }
    let code = perform(config.run(run));
    if let Some(otlp) = otlp {
        otlp.end(FLUSH);
    }
    logs.flush(FLUSH);
    code
}

/// Runs to the end, on a runtime with one thread.
fn perform<E: std::fmt::Display>(future: impl Future<Output = Result<(), E>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(FAILED, &error),
    };
    match runtime.block_on(future) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => end(FAILED, &error),
    }
}

fn end(code: u8, error: &impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(code)
}

impl Common {
    /// `cache-service` takes `CACHE_SERVICE_LISTEN` for `listen`.
    fn sources(&self, name: &str) -> Sources {
        let mut flags = self.set.clone();
        flags.extend(self.listen.iter().map(|listen| ("listen".to_owned(), listen.clone())));
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Sources {
            file: self.config.clone(),
            prefix: format!("{}_", name.to_uppercase().replace('-', "_")),
            environment: environment.collect(),
            flags,
        }
    }
}

impl Sources {
    fn with_defects(mut self, defects: &[impl std::fmt::Display]) -> Self {
        if !defects.is_empty() {
            let names: Vec<_> = defects.iter().map(|it| format!("\"{it}\"")).collect();
            self.flags.push(("defects".to_owned(), format!("[{}]", names.join(", "))));
        }
        self
    }
}

impl LogFormat {
    /// From now on what is logged goes to standard output, and spans to the collector.
    fn install(self, otlp: Option<&Otlp>) -> io::Result<Logs> {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let lines = Logs::to(io::stdout())?;
        let logs = fmt::layer().with_ansi(io::stdout().is_terminal()).with_writer(lines.clone());
        let logs = match self {
            Self::Plain => logs.boxed(),
            Self::Json => logs.json().with_current_span(true).boxed(),
        };
        registry().with(filter).with(logs).with(otlp.map(Otlp::layer)).init();
        Ok(lines)
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (field, value) =
        text.split_once('=').ok_or_else(|| format!("expected FIELD=VALUE, found `{text}`"))?;
    Ok((field.to_owned(), value.to_owned()))
}

fn help<D: Copy>(all: &[D], describe: impl Fn(D) -> (&'static str, &'static str)) -> String {
    let line = |defect: &D| {
        let (name, description) = describe(*defect);
        format!("  {name:<24} {description}")
    };
    format!("Defects:\n{}", all.iter().map(line).collect::<Vec<_>>().join("\n"))
}
