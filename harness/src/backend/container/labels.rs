//! What all that a run makes is known by: the process of the run.
//!
//! A number means a process on one machine, since its start, and among those with the same numbers for
//! processes.

use std::{fs, sync::OnceLock};

/// The process that has made something: its number and when it began.
pub(super) const PROCESS: &str = "io.squall.process";

/// Where that number means a process.
pub(super) const PLACE: &str = "io.squall.place";

/// The number of this process.
pub(super) fn number() -> u32 {
    std::process::id()
}

/// The labels of what this process makes.
pub(super) fn labels() -> impl Iterator<Item = (String, String)> {
    let process = format!("{}-{}", number(), began(number()).unwrap_or_default());
    [(PROCESS.to_owned(), process), (PLACE.to_owned(), place().to_owned())].into_iter()
}

/// The machine, since its start, and the numbers that processes have here.
pub(super) fn place() -> &'static str {
    static FOUND: OnceLock<String> = OnceLock::new();
    FOUND.get_or_init(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let numbers = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        format!("{} {}", boot.trim(), numbers.display())
    })
}

/// When a process began, in ticks since the machine did: field 22 of `proc_pid_stat(5)`.
fn began(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program is in parentheses, and anything may be in it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19).map(str::to_owned)
}

/// Is the process that a label names no more?
pub(super) fn is_gone(label: &str) -> bool {
    let Some((process, then)) = label.split_once('-') else { return false };
    let Ok(process) = process.parse() else { return false };
    began(process).as_deref() != Some(then)
}

#[cfg(test)]
mod tests {
    use super::{PROCESS, is_gone, labels};

    #[test]
    fn what_a_process_made_that_is_there_is_not_left_over() {
        let (_, own) = labels().find(|(name, _)| name == PROCESS).expect("it is labelled");
        assert!(!is_gone(&own), "{own}");
        // The number is another process's by now, or nobody's.
        let process = std::process::id();
        assert!(is_gone(&format!("{process}-1")));
        assert!(is_gone("4194305-1"), "numbers end before that");
        assert!(!is_gone("somebody else's"), "what is not understood is left alone");
    }
}
