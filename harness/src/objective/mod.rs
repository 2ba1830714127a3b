//! Objectives and invariants: what a run is held to, as pure data.
//!
//! An objective is a claim, a scope and perhaps a title. It is built with functions that read
//! aloud, kept in a plan, and judged from a record by [`judge`](crate::judge::judge); it knows
//! nothing of faults, loads or backends. Building never fails: [`Objective::check`] says what is
//! wrong with one, whether code or a file made it, and an invalid one is judged a failure.
//!
//! ```
//! use std::time::Duration;
//!
//! use squall::objective::{
//!     Phase, availability, concurrency_of, goodput, p99, recovers, retry_amplification, spans,
//! };
//!
//! let ms = Duration::from_millis;
//! let objectives = [
//!     p99().at_most(ms(200)),
//!     p99().at_most_times_baseline(3.0).in_phase(Phase::During),
//!     availability().at_least(0.999).to_dependency("inventory"),
//!     goodput().within(ms(200)).at_least(0.99).on_route("GET /products"),
//!     recovers(availability().at_least(0.999)).holding_for(ms(500)).within(ms(5_000)),
//!     retry_amplification(spans("attempt").with("dependency", "pricing")).at_most(1.2),
//!     concurrency_of(spans("call")).at_most(100),
//! ];
//! for objective in &objectives {
//!     objective.check().expect("a valid objective");
//! }
//! ```

mod accounting;
mod balance;
mod budget;
mod claim;
mod early;
mod latency;
mod level;
mod lifetime;
mod matching;
mod millis;
mod names;
mod never_after;
mod occurrence;
mod order;
mod pace;
mod recovery;
mod retries;
mod scope;
mod share;
mod slack;
#[cfg(test)]
mod tests;

pub use accounting::{
    Accounting, Sum, Term, accounting, count, distinct, gauge_at_end, requests, sum_of,
};
pub use balance::{Balance, always_balanced};
pub use budget::{Budget, BudgetBuilder, Burn, BurnWindow, Severity, burn_rate, error_budget};
pub use claim::{Claim, InvalidObjective, Objective};
pub use latency::{
    Answers, Latency, LatencyBound, LatencyBuilder, answers, failures, p50, p95, p99, percentile,
};
pub use level::{
    Concurrency, ConcurrencyBuilder, Level, LevelBound, LevelBuilder, Quantity, Settles,
    concurrency_of, gauge, returns_to_baseline,
};
pub use lifetime::{
    Ancestor, Lifetime, no_span_outlives_its_parent, no_span_outlives_its_request,
    no_span_outlives_its_root,
};
pub use matching::{Field, Kind, Matching, any_log, any_span, logs, spans};
pub use never_after::{NeverAfter, NeverAfterBuilder, never_after};
pub use occurrence::{
    Occurrence, Requirement, always, eventually, every, never, once_per, only_after, sometimes,
};
pub use order::{Between, BetweenBuilder, Sequence, at_most_between, sequence};
pub use pace::{Pace, PaceBuilder, Pauses, pause_between};
pub use recovery::{Recovery, RecoveryBuilder, recovers};
pub use retries::{
    Amplification, AmplificationBuilder, Sent, client_retry_amplification, retry_amplification,
};
pub use scope::{Over, Scope};
pub use share::{
    GoodputBuilder, Share, ShareBound, ShareBuilder, ShareOf, abandoned, availability, degraded,
    failed, failed_otherwise_than, goodput, shed, succeeded, useful, wrong,
};
pub use squall_reports::record::{Outcome, Phase};

pub(crate) use names::{fits, nearest};

use claim::Describe;
use scope::Dimension;
