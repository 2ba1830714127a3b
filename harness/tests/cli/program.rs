//! A web server that knows nothing of Squall: to a plan, a program like any other.

use std::process::ExitCode;

use super::catalogue::answer_all;

/// In the environment of a process that is this program.
pub(crate) const PROGRAM: &str = "SQUALL_TEST_PROGRAM";

/// What it writes every now and then.
pub(crate) const WRITES: &str = "it is still there";

/// Answers at `--listen=ADDRESS`, if this process is to be that.
pub(crate) fn asked_for() -> Option<ExitCode> {
    std::env::var_os(PROGRAM)?;
    let listen = std::env::args().find_map(|it| Some(it.strip_prefix("--listen=")?.to_owned()));
    let Some(listen) = listen else {
        eprintln!("expected --listen=ADDRESS");
        return Some(ExitCode::FAILURE);
    };
    std::thread::spawn(|| {
        loop {
            println!("{WRITES}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.expect("a runtime").block_on(answer_all(&listen, "200 OK"));
    eprintln!("{ended:?}");
    Some(ExitCode::FAILURE)
}
