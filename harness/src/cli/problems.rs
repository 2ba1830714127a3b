//! What a command could not do beside what it was to find out.

use squall_reports::words;

use super::{Exit, Failure, output::say};

/// Sentences that are said: a disk that is full is full for a thousand files.
const SAID_MAX: usize = 10;

/// Files that were asked for and could not be written, and the like.
#[derive(Default)]
pub(super) struct Problems {
    /// What the command comes to if nothing is worse: that of the first of them.
    exit: Option<Exit>,
    sentences: Vec<String>,
    left_out: usize,
}

impl Problems {
    pub(super) fn add(&mut self, failure: Failure) {
        self.exit.get_or_insert(failure.exit);
        if self.sentences.contains(&failure.sentence) {
            return;
        }
        if self.sentences.len() < SAID_MAX {
            self.sentences.push(failure.sentence);
        } else {
            self.left_out += 1;
        }
    }

    /// Takes note of `done`, and hands out what came of it.
    pub(super) fn note<T>(&mut self, done: Result<T, Failure>) -> Option<T> {
        done.map_err(|failure| self.add(failure)).ok()
    }

    /// Says them, and what the command comes to that would end with `exit`. What it found out wins:
    /// a run that failed has failed, wherever it could be written down.
    pub(super) fn conclude(self, exit: Exit) -> Exit {
        self.sentences.iter().for_each(|sentence| say(sentence));
        if self.left_out > 0 {
            say(&format!("and {} more like these", words::count(self.left_out as u64)));
        }
        match exit {
            Exit::Pass => self.exit.unwrap_or(Exit::Pass),
            found_out => found_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, Failure, Problems, SAID_MAX};

    #[test]
    fn what_was_found_out_wins_over_what_could_not_be_written() {
        for (found, expected) in [
            (Exit::Pass, Exit::BadInput),
            (Exit::Fail, Exit::Fail),
            (Exit::Inconclusive, Exit::Inconclusive),
            (Exit::Interrupted, Exit::Interrupted),
        ] {
            let mut problems = Problems::default();
            problems.add(Failure::bad_input("cannot write a"));
            problems.add(Failure::harness("cannot send b"));
            assert_eq!(problems.conclude(found), expected);
            assert_eq!(Problems::default().conclude(found), found);
        }
    }

    #[test]
    fn many_files_are_few_sentences() {
        let mut problems = Problems::default();
        for number in 0..30 {
            problems.add(Failure::bad_input(format!("cannot write {number}")));
            problems.add(Failure::bad_input(format!("cannot write {number}")));
        }
        assert_eq!(problems.sentences.len(), SAID_MAX);
        assert!(problems.left_out > 0);
    }
}
