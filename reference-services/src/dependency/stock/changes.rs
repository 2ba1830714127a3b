//! Stock that changes by itself, as it does when there are buyers.

use std::{convert::Infallible, time::Duration};

use rand::Rng;
use tokio::time::{MissedTickBehavior, interval};

use super::store::Store;

/// From one look at what is due to the next.
const TICK: Duration = Duration::from_millis(10);

/// Pieces of a product, at the most.
const AVAILABLE_MAX: u32 = 200;

/// Changes stock for as long as it is polled; never, if the configuration has it so.
pub(crate) async fn keep_changing(store: &Store) -> Infallible {
    let config = store.config();
    if config.changes_per_s == 0.0 {
        return std::future::pending().await;
    }
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut due, mut done) = (0.0, 0);
    while config.changes_max == 0 || done < config.changes_max {
        ticks.tick().await;
        due += config.changes_per_s * TICK.as_secs_f64();
        while due >= 1.0 {
            due -= 1.0;
            done += 1;
            let mut rng = rand::rng();
            let product = rng.random_range(1..=config.changing);
            let available = rng.random_range(0..=AVAILABLE_MAX);
            // Where there is no room for one more product, the others go on.
            let _ = store.set(product, available);
        }
    }
    std::future::pending().await
}
