//! What can be configured of the orders.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use http::Uri;
use serde::{Deserialize, Serialize};

use super::Defect;
use crate::{
    backoff::BackoffConfig,
    breaker::BreakerConfig,
    config::{self, Invalid},
    server::{Limits, endpoint},
};

/// The configuration of the orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on, HTTP, `host:port`. Default `127.0.0.1:8090`.
    pub listen: String,
    /// The journal. Its folder is made if it is not there. Default `orders-data/orders.journal`.
    pub journal: PathBuf,
    /// Who reserves. Default `http://127.0.0.1:50081`.
    pub stock: String,
    /// Who charges. Default `http://127.0.0.1:50082`.
    pub payments: String,
    /// Who ships. Default `http://127.0.0.1:50083`.
    pub shipping: String,
    /// Who tells customers. Default `http://127.0.0.1:50084`.
    pub notifications: String,
    /// Orders that are not final; further ones are turned away. Default 10000.
    pub open_max: usize,
    /// Final orders that are still known, so that they are not placed again. Default 100000.
    pub final_max: usize,
    /// Events that were not delivered, with those to come of open orders; orders that would have more
    /// are turned away. Default 100000.
    pub outbox_max: usize,
    /// What `Retry-After` says to those turned away. Default 1.
    pub retry_after_s: u64,
    /// Calls at once to each of the three that take part. Default 64.
    pub calls_max: usize,
    /// Time for a call. Default 1000.
    pub call_timeout_ms: u64,
    /// How long after it was placed an order that is not done yet is cancelled: a time and not a number
    /// of attempts, since that would begin anew with each crash. Default 30000.
    pub give_up_after_ms: u64,
    /// Pauses between attempts. Default: from 100 to 5000 ms.
    pub backoff: BackoffConfig,
    /// When one who takes part is not asked for a while. Default as the breaker has it.
    pub breaker: BreakerConfig,
    /// A journal shorter than this is not rewritten, however much of it is history. Default
    /// 1 MiB.
    pub compact_bytes_min: u64,
    /// Time for what is in flight when the service stops. Default 10000.
    pub drain_ms: u64,
    /// Processor time of one request, for simulations; 0 states none. Default 50.
    pub cpu_us: u64,
    /// The bounds of the HTTP server.
    pub http: Limits,
    /// Planted mistakes. Default none.
    pub defects: BTreeSet<Defect>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8090".to_owned(),
            journal: PathBuf::from("orders-data/orders.journal"),
            stock: "http://127.0.0.1:50081".to_owned(),
            payments: "http://127.0.0.1:50082".to_owned(),
            shipping: "http://127.0.0.1:50083".to_owned(),
            notifications: "http://127.0.0.1:50084".to_owned(),
            open_max: 10_000,
            final_max: 100_000,
            outbox_max: 100_000,
            retry_after_s: 1,
            calls_max: 64,
            call_timeout_ms: 1_000,
            give_up_after_ms: 30_000,
            backoff: BackoffConfig { base_ms: 100, cap_ms: 5_000 },
            breaker: BreakerConfig::default(),
            compact_bytes_min: 1 << 20,
            drain_ms: 10_000,
            cpu_us: 50,
            http: Limits::default(),
            defects: BTreeSet::new(),
        }
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &["retry_after_s", "give_up_after_ms", "backoff"];

    fn validate(&self) -> Result<(), Invalid> {
        let at_least_one = [
            ("open_max", self.open_max as u64),
            ("calls_max", self.calls_max as u64),
            ("call_timeout_ms", self.call_timeout_ms),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        let outbox = self.outbox_max;
        Invalid::unless(outbox >= 2, "outbox_max", "at least 2, for one order", outbox)?;
        let (day, after) = (86_400_000, self.give_up_after_ms);
        Invalid::unless(after <= day, "give_up_after_ms", "at most 86400000", after)?;
        let named = self.journal.file_name().is_some();
        Invalid::unless(named, "journal", "the path of a file", self.journal.display())?;
        self.backoff.validate()?;
        self.breaker.validate()?;
        self.parties()?;
        self.notifications()?;
        self.http.validate()
    }
}

impl Config {
    /// Those who take part, in the order in which they are asked.
    pub(super) fn parties(&self) -> Result<[Uri; 3], Invalid> {
        Ok([
            endpoint("stock", &self.stock, None)?,
            endpoint("payments", &self.payments, None)?,
            endpoint("shipping", &self.shipping, None)?,
        ])
    }

    pub(super) fn notifications(&self) -> Result<Uri, Invalid> {
        endpoint("notifications", &self.notifications, None)
    }

    pub(super) fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_ms)
    }

    pub(super) fn cpu(&self) -> Option<Duration> {
        (self.cpu_us > 0).then(|| Duration::from_micros(self.cpu_us))
    }

    pub(super) fn has(&self, defect: Defect) -> bool {
        self.defects.contains(&defect)
    }
}
