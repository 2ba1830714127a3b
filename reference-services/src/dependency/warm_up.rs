//! How a dependency begins after a start, with its caches cold and its pools empty.

use serde::{Deserialize, Serialize};

use crate::config::Invalid;

/// A dependency that works on few calls at once when it has just started, and on more with each that
/// it has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// Calls worked on at once before any was answered, at least 1.
    pub concurrency: usize,
    /// Answers after which there are as many as `concurrency` of the configuration says, at least 1.
    pub answers: u64,
}

impl WarmUp {
    /// Checks what the types cannot, for a dependency that works on so many calls once it is warm.
    pub(super) fn validate(&self, warm: usize) -> Result<(), Invalid> {
        let (field, cold) = ("warm_up.concurrency", self.concurrency);
        let expected = format!("1 to concurrency ({warm})");
        Invalid::unless((1..=warm).contains(&cold), field, expected, cold)?;
        Invalid::unless(self.answers >= 1, "warm_up.answers", "at least 1", self.answers)
    }

    /// Calls that are worked on at once after so many answers.
    pub(super) fn places(&self, warm: usize, answers: u64) -> usize {
        let more = warm.saturating_sub(self.concurrency) as u128;
        let gained = more * u128::from(answers.min(self.answers)) / u128::from(self.answers.max(1));
        // It is no more than `more`, which was a usize.
        self.concurrency + usize::try_from(gained).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_evenly_to_its_end() {
        let warm_up = WarmUp { concurrency: 2, answers: 10 };
        let places = [0, 1, 5, 9, 10, 1000].map(|answers| warm_up.places(32, answers));
        assert_eq!(places, [2, 5, 17, 29, 32, 32]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(WarmUp { concurrency: 0, answers: 1 }.validate(8).is_err());
        assert!(WarmUp { concurrency: 9, answers: 1 }.validate(8).is_err());
        assert!(WarmUp { concurrency: 8, answers: 0 }.validate(8).is_err());
        assert!(WarmUp { concurrency: 8, answers: 1 }.validate(8).is_ok());
    }
}
