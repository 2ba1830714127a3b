//! The other side: this program as the process of one host.

use std::{
    fs::OpenOptions,
    io::{self, BufRead, Read},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use super::{
    calls::text_of,
    start::{Entrypoint, START_BYTES_MAX, START_VARIABLE, Start},
    telemetry::exporter,
    within,
};
use crate::{
    catalogue::Catalogue,
    interpose,
    service::{Services, chain},
};

/// What a process ends with that could not be what it was to be.
const WRONG_START: u8 = 70;

/// What a program in Rust ends with that has panicked.
pub(super) const PANICKED: i32 = 101;

/// What the line begins with that a service says of its panic.
pub(super) const PANIC: &str = "panicked: ";

/// Is what its standard input says, until that ends.
pub(crate) fn run(catalogue: &Catalogue) -> ExitCode {
    let start = match told() {
        Ok(start) => start,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(WRONG_START);
        }
    };
    if let Some(parent) = start.parent {
        // Dies with the run, however that ends; and at once if that was before this line.
        let asked = set_parent_process_death_signal(Some(Signal::KILL));
        if asked.is_err() || getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
            return ExitCode::from(WRONG_START);
        }
    }
    match start.what.clone() {
        Entrypoint::Program { path, args, env } => {
            let error = Command::new(&path).args(args).envs(env).exec();
            eprintln!("cannot run {}: {error}", path.display());
            ExitCode::from(WRONG_START)
        }
        Entrypoint::Image { image, .. } => {
            eprintln!("the image {image} is for a container, and not for this process");
            ExitCode::from(WRONG_START)
        }
        Entrypoint::Disk(act) => match within::act(Path::new(within::DISK), act) {
            Ok(refused) => {
                println!("{refused}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        Entrypoint::Nothing => loop {
            std::thread::park();
        },
        Entrypoint::Function { scenario, service, config } => {
            let Some(listed) = catalogue.find(&scenario) else {
                eprintln!("no scenario is called {scenario:?}");
                return ExitCode::from(WRONG_START);
            };
            serve(&start, listed.scenario.services(), &service, &config)
        }
    }
}

fn told() -> Result<Start, String> {
    if let Ok(line) = std::env::var(START_VARIABLE) {
        return read(&line);
    }
    let mut line = String::new();
    let input = std::io::stdin().lock().take(START_BYTES_MAX).read_line(&mut line);
    input.map_err(|error| format!("cannot read what this process is: {error}"))?;
    read(&line)
}

fn read(line: &str) -> Result<Start, String> {
    serde_json::from_str(line)
        .map_err(|error| format!("expected what this process is, in a line of JSON: {error}"))
}

/// Runs a service as a simulated host does: on a runtime of one thread.
fn serve(
    start: &Start,
    services: &Services,
    service: &str,
    config: &serde_json::Value,
) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime could be made: {error}");
            return ExitCode::from(WRONG_START);
        }
    };
    let mut exporter = match exporter::install(start.telemetry, &start.host) {
        Ok(exporter) => exporter,
        Err(error) => {
            eprintln!("cannot tell what it does to {}: {error}", start.telemetry);
            return ExitCode::from(WRONG_START);
        }
    };
    if let Some(Err(error)) = start.refused_writes.as_deref().map(count_refused_writes) {
        eprintln!("cannot count the writes that it is refused: {error}");
        return ExitCode::from(WRONG_START);
    }
    end_with_a_panic();
    let ended = runtime.block_on(async {
        let every = Duration::from_millis(start.sample_every_ms);
        if let Err(error) =
            exporter.gauges(tokio::runtime::Handle::current(), every, start.parent.is_none())
        {
            return Err(format!("cannot read its gauges: {error}"));
        }
        match services.start(service, config) {
            Ok(service) => service.await.map_err(|error| chain(&*error)),
            Err(error) => Err(error.to_string()),
        }
    });
    exporter.finish();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn count_refused_writes(path: &Path) -> io::Result<()> {
    interpose::count_refused_writes_in(OpenOptions::new().read(true).write(true).open(path)?)
}

/// From now on a panic ends this process, in whichever task or thread it is: as it ends a simulated run.
/// Its text is said in a line, since a backtrace would push it out of what is kept of the output.
fn end_with_a_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let text = text_of(panic.payload());
        match panic.location() {
            Some(at) => eprintln!("{PANIC}{text} at {}:{}", at.file(), at.line()),
            None => eprintln!("{PANIC}{text}"),
        }
        std::process::exit(PANICKED);
    }));
}
