//! Sets the stock of one product again and again, and asks a replica for it: how old is what it answers,
//! does it say so, and does it ever go back?
//!
//! Each value is larger than the one before, so that an answer says when it was true.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::{Request, StatusCode};
use reference_services::pb::inventory::{SetStockRequest, inventory_client::InventoryClient};
use serde::Deserialize;
use serde_json::Value;
use squall::BoxError;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tonic::transport::{Channel, Endpoint};

use super::client::ask;

/// More than any product has at first.
const FIRST: u32 = 1_000;

/// How long the inventory may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// An answer takes a while, and timers go by milliseconds.
const SLACK: Duration = Duration::from_millis(50);

/// Whose stock is looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The inventory, as `http://host:port`.
    inventory: String,
    /// The replica, as `host:port`.
    replica: String,
    /// The product, which nobody else changes.
    product: u64,
    /// When it begins.
    from_ms: u64,
    /// From one change to the next.
    sets_every_ms: u64,
    /// When it changes nothing any more, and only asks.
    sets_until_ms: u64,
    /// From one question to the next.
    asks_every_ms: u64,
}

/// What the inventory has had.
#[derive(Debug, Default)]
struct Truth {
    /// The value that it took last, as far as is known.
    latest: u32,
    /// When each value but that had certainly been replaced.
    replaced: BTreeMap<u32, Instant>,
}

/// Goes on for as long as the run lasts.
pub(super) async fn run(config: Config) -> Result<(), BoxError> {
    let inventory = Endpoint::from_shared(config.inventory.clone())?.connect_timeout(PATIENCE);
    let inventory = InventoryClient::new(inventory.connect_lazy());
    sleep(Duration::from_millis(config.from_ms)).await;
    let truth = Mutex::new(Truth::default());
    let ((), never) = tokio::join!(set(&config, inventory, &truth), observe(&config, &truth));
    match never {}
}

/// Sets one value after the other.
async fn set(config: &Config, mut inventory: InventoryClient<Channel>, truth: &Mutex<Truth>) {
    let lasts = config.sets_until_ms.saturating_sub(config.from_ms);
    let until = Instant::now() + Duration::from_millis(lasts);
    let mut ticks = ticks(config.sets_every_ms);
    for available in FIRST..u32::MAX {
        if ticks.tick().await >= until {
            return;
        }
        let request = SetStockRequest { product_id: config.product, available };
        // Where nobody knows whether a value was taken, the next one is set.
        if let Ok(Ok(_)) = timeout(PATIENCE, inventory.set_stock(request)).await {
            truth.lock().unwrap_or_else(PoisonError::into_inner).took(available, Instant::now());
        }
    }
}

fn ticks(every_ms: u64) -> tokio::time::Interval {
    let mut ticks = interval(Duration::from_millis(every_ms.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn observe(config: &Config, truth: &Mutex<Truth>) -> Infallible {
    let mut ticks = ticks(config.asks_every_ms);
    let mut highest = 0;
    loop {
        ticks.tick().await;
        let (asked, latest) = {
            let truth = truth.lock().unwrap_or_else(PoisonError::into_inner);
            (Instant::now(), truth.latest)
        };
        let path = format!("/stock/{}", config.product);
        let answer = match ask(&config.replica, Request::get(path)).await {
            Ok(answer) if answer.status == StatusCode::OK => answer.body,
            Ok(answer) => {
                tracing::info!(status = answer.status.as_u16(), "stock refused");
                continue;
            }
            Err(error) => {
                tracing::info!(%error, "stock not answered");
                continue;
            }
        };
        let Some((value, age_max)) = read(&answer) else {
            tracing::info!("stock without a value or an age");
            continue;
        };
        if value < FIRST {
            // The inventory is new, and was told nothing yet.
            tracing::info!("stock as it was at first");
            continue;
        }
        let age = truth.lock().unwrap_or_else(PoisonError::into_inner).age(value, asked);
        let over_age = age > age_max + SLACK;
        let (back, current) = (value < highest, value >= latest);
        highest = highest.max(value);
        tracing::info!(over_age, back, current, "stock checked");
    }
}

/// The value of an answer, and how old it says that may be.
fn read(answer: &Value) -> Option<(u32, Duration)> {
    let value = answer["available"].as_u64()?.try_into().ok()?;
    Some((value, Duration::from_millis(answer["age_ms_max"].as_u64()?)))
}

impl Truth {
    /// The inventory has this value from now on, and none of those before.
    fn took(&mut self, value: u32, now: Instant) {
        for before in self.latest.max(FIRST)..value {
            self.replaced.entry(before).or_insert(now);
        }
        self.latest = value;
    }

    /// For how long at least a value had been replaced.
    fn age(&self, value: u32, asked: Instant) -> Duration {
        let replaced = self.replaced.get(&value);
        replaced.map_or(Duration::ZERO, |at| asked.saturating_duration_since(*at))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_as_old_as_the_next_one_that_was_taken() {
        let begun = Instant::now();
        let after = |secs| begun + Duration::from_secs(secs);
        let mut truth = Truth::default();
        truth.took(1_000, begun);
        // 1001 may have been taken as well.
        truth.took(1_002, after(1));
        for (value, age) in [(1_000, 2), (1_001, 2), (1_002, 0), (1_003, 0)] {
            assert_eq!(truth.age(value, after(3)), Duration::from_secs(age), "{value}");
        }
        assert_eq!(truth.age(1_000, begun), Duration::ZERO, "asked for before");
    }

    #[test]
    fn an_answer_says_how_old_it_may_be() {
        let whole = json!({ "available": 1_001, "age_ms_max": 2_000 });
        assert_eq!(read(&whole), Some((1_001, Duration::from_secs(2))));
        assert_eq!(read(&json!({ "available": 1_001 })), None);
        assert_eq!(read(&json!({ "available": -1, "age_ms_max": 2_000 })), None);
    }
}
