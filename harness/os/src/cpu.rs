//! Processor time as a resource.
//!
//! In virtual time computation is free, and a service with a free processor never queues. A
//! service states here what a piece of work costs; inside a run the host's cores are a queue
//! that the work waits in, so that overload and brownouts move latencies as they do in life.

use std::time::Duration;

/// Spends `cost` of one core of the host that this code runs on.
///
/// Inside a run the future completes when a core was free and has worked for `cost` (times the
/// factor of a `slow_cpu` fault). Outside a run it completes at once: there the work itself costs
/// the time. Work once begun is not taken back when the future is dropped.
pub async fn spend(cost: Duration) {
    #[cfg(feature = "sim")]
    crate::sim::spend(cost).await;
    #[cfg(not(feature = "sim"))]
    let _ = cost;
}
