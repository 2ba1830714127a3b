//! The processes in the namespaces: this program again, as the client or as the server.
//!
//! They talk to their parent in lines of JSON on standard output, and end when their standard input
//! does, which is when the parent ends, however it does.

use std::{
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use squall::BoxError;
use tokio::{runtime::Builder, time::Instant};

use super::{SERVER, now};
use crate::{
    app::{Job, Kernel, Report, perform, serve},
    priority,
};

/// What a child says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// The server listens.
    Ready,
    /// When the client's load begins, by the monotonic clock.
    Begins(u64),
    /// All is done.
    Saw(Report),
}

fn say(said: &Said) {
    // Who does not listen any more does not miss it.
    if let Ok(text) = serde_json::to_string(said) {
        println!("{text}");
    }
}

/// Starts this program as `role`, in the namespace of the calling thread.
pub(super) fn start(role: &str, job: &Job, congestion: &str) -> io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args([role, "--congestion", congestion, "--job", &serde_json::to_string(job)?])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
}

/// Hears what a child says until `done`, or until it has ended.
pub(super) fn listen(child: &mut Child, mut done: impl FnMut(Said) -> bool) -> io::Result<()> {
    let Some(output) = &mut child.stdout else { return Ok(()) };
    for line in BufReader::new(output).lines() {
        if done(serde_json::from_str(&line?)?) {
            break;
        }
    }
    Ok(())
}

/// Ends this process with its parent, and in any case a while after the job should be over.
fn mortal(job: &Job) {
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let longest = job.ends() + Duration::from_secs(30);
    thread::spawn(move || {
        thread::sleep(longest);
        eprintln!("gave up after {longest:?}");
        std::process::exit(1);
    });
}

/// Is the server, until the process is ended.
pub(crate) fn run_server(job: Job, congestion: String) -> Result<(), BoxError> {
    mortal(&job);
    priority::raise(priority::APPLICATION);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let net = Kernel { server: SERVER, congestion };
    Ok(runtime.block_on(serve(net, job, || say(&Said::Ready)))?)
}

/// Is the client, until the job is done.
pub(crate) fn run_client(job: Job, congestion: String) -> Result<(), BoxError> {
    mortal(&job);
    priority::raise(priority::APPLICATION);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let begins = |at: Instant| {
        let until = at.saturating_duration_since(Instant::now());
        say(&Said::Begins(now() + u64::try_from(until.as_nanos()).unwrap_or(0)));
    };
    let net = Kernel { server: SERVER, congestion };
    say(&Said::Saw(runtime.block_on(perform(net, job, begins))?));
    Ok(())
}
