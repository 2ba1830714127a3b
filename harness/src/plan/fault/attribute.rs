//! What the attributes of several families have in common: how people read them, and what is wrong
//! with them.

use std::time::Duration;

pub(super) fn percent(rate: f64) -> String {
    format!("{} %", rate * 100.0)
}

/// A factor as people write it: 3x, 3.33x.
pub(super) fn times(factor: f64) -> String {
    format!("{}x", (factor * 100.0).round() / 100.0)
}

/// What is wrong with a share of something that happens at all.
pub(super) fn check_share(rate: f64) -> Option<String> {
    (!(rate > 0.0 && rate <= 1.0))
        .then(|| format!("expected a share above 0 and up to 1, found {rate}"))
}

/// What is wrong with a factor by which something grows.
pub(super) fn check_factor(factor: f64) -> Option<String> {
    (!(factor > 1.0 && factor <= 1e4))
        .then(|| format!("expected a factor above 1 and up to 10,000, found {factor}"))
}

/// What is wrong with a number of requests.
pub(super) fn check_requests(requests: u64) -> Option<String> {
    (requests == 0).then(|| "expected at least one request, found 0".to_owned())
}

/// What is wrong with a delay.
pub(super) fn check_delay(delay: Duration) -> Option<String> {
    delay.is_zero().then(|| "expected a delay above zero, found zero".to_owned())
}

/// What is wrong with the times of something that comes and goes.
pub(super) fn check_turns(up: Duration, down: Duration) -> Option<String> {
    (up.is_zero() || down.is_zero())
        .then(|| format!("expected times above zero, found {up:?} up and {down:?} down"))
}
