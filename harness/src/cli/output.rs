//! Standard output and standard error: the one place through which all commands write to them.
//!
//! Standard output is what the command was asked for. If it cannot be written, the command has not
//! done what it was asked for, and says so. Only a reader that goes first, as `head` does, is no
//! error. What is said on standard error is lost if nobody can hear it.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
};

use squall_reports::{
    plain,
    terminal::{Colour, Look},
};

/// Narrower terminals are written to as if they were so wide.
const COLUMNS_MIN: usize = 40;

/// What became of standard output.
enum State {
    Open,
    /// Nobody reads it any more.
    Closed,
    Failed(io::Error),
}

static STATE: Mutex<State> = Mutex::new(State::Open);

/// Prints on standard output. An error is kept for [`finish`].
pub(crate) fn print(text: &str) {
    note(|out| out.write_all(text.as_bytes()));
}

/// Writes out what is still held back, and says why not all could be written.
pub(super) fn finish() -> Result<(), String> {
    note(|out| out.flush());
    match &*STATE.lock().unwrap_or_else(PoisonError::into_inner) {
        State::Failed(error) => Err(format!("cannot write to standard output: {error}")),
        State::Open | State::Closed => Ok(()),
    }
}

fn note(write: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>) {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    if !matches!(*state, State::Open) {
        return;
    }
    match write(&mut io::stdout().lock()) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => *state = State::Closed,
        Err(error) => *state = State::Failed(error),
    }
}

/// Says a sentence on standard error.
pub(crate) fn say(sentence: &str) {
    tell(&format!("squall: {sentence}\n"));
}

/// Writes on standard error. What it holds may come from a record or a service.
pub(super) fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(plain::lines(text).as_bytes());
}

/// How runs are shown on standard output.
pub(super) fn look(verbose: bool) -> Look {
    Look { colour: colour(), columns: columns(), verbose }
}

/// Colours are for people.
pub(super) fn colour() -> Colour {
    if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        Colour::Always
    } else {
        Colour::Never
    }
}

/// As many as `COLUMNS` says, or as the terminal has.
fn columns() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let has =
        || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    let columns = said.filter(|columns| *columns > 0).or_else(has);
    columns.map_or(Look::COLUMNS, |columns| columns.max(COLUMNS_MIN))
}
