//! What can be configured, with defaults for a pod behind a load balancer.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use http::Uri;
use serde::{Deserialize, Serialize};

use super::{Defect, entries::Freshness};
use crate::{
    config::{self, Invalid, Secret},
    server::{Limits, endpoint},
    tls::ClientTls,
};

/// Each of them is looked at for each request.
const FLAGS_MAX: usize = 16;

/// The configuration of the cache service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on, `host:port`. Default `127.0.0.1:8081`.
    pub listen: String,
    /// The version that every answer names. Default `v1`.
    pub version: String,
    /// Items are numbered from 1 to this. Default 1000.
    pub items: u64,
    /// The catalog source, as `http://host:port`. Default `http://127.0.0.1:50061`.
    pub source: String,
    /// What the connection to the source is secured with. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// How old an item may be; it is loaded again when it is half as old. Default 60000.
    pub fresh_for_ms: u64,
    /// Is the cache filled item by item, as they are asked for, and not before it is ready? Then an
    /// item that is too old is loaded when it is next asked for, and one that soon will be while it is
    /// answered. Default false.
    pub on_demand: bool,
    /// By which share of `fresh_for_ms` the items differ in how old they may be, and pods in when they
    /// refresh, in percent: so that what was loaded together is not loaded together again. Default 20.
    pub jitter_percent: u32,
    /// How the cache is filled at start.
    pub warm_up: WarmUpConfig,
    /// Sessions of users.
    pub session: SessionConfig,
    /// What is taken from clients at the most.
    pub http: Limits,
    /// Requests for items in flight; further ones are shed. Default 1024.
    pub in_flight_max: usize,
    /// Exports and snapshots in flight; further ones are shed. Default 64.
    pub streams_max: usize,
    /// What `Retry-After` says to those turned away. Default 1.
    pub retry_after_s: u64,
    /// Pause between two lines of an export. Default 10.
    pub export_pause_ms: u64,
    /// How long the pre-stop hook takes: until every load balancer knows. Default 5000.
    pub prestop_delay_ms: u64,
    /// Time for what is in flight when the service stops. Default 25000.
    pub drain_ms: u64,
    /// Processor time of a request for an item, for simulations; 0 states none. Default 30.
    pub cpu_us: u64,
    /// What is wrong with this version: for rollouts that must be rolled back.
    pub trouble: TroubleConfig,
    /// What a part of the items is answered with in a new way, by name. Default none; at most 16.
    pub flags: BTreeMap<String, FlagConfig>,
    /// Planted mistakes. Default none.
    pub defects: BTreeSet<Defect>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8081".to_owned(),
            version: "v1".to_owned(),
            items: 1000,
            source: "http://127.0.0.1:50061".to_owned(),
            tls: None,
            fresh_for_ms: 60_000,
            on_demand: false,
            jitter_percent: 20,
            warm_up: WarmUpConfig::default(),
            session: SessionConfig::default(),
            http: Limits::default(),
            in_flight_max: 1024,
            streams_max: 64,
            retry_after_s: 1,
            export_pause_ms: 10,
            prestop_delay_ms: 5_000,
            drain_ms: 25_000,
            cpu_us: 30,
            trouble: TroubleConfig::default(),
            flags: BTreeMap::new(),
            defects: BTreeSet::new(),
        }
    }
}

/// How the cache is filled at start: from the peer, then the snapshot, then the source. Each is
/// asked for what the one before it did not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WarmUpConfig {
    /// A pod that runs, or what stands before them, as `host:port`. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Time for the peer to send all it has. Default 2000.
    pub peer_timeout_ms: u64,
    /// The file that the cache is written to when it is warm and after it was refreshed, and read
    /// from at start. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<PathBuf>,
    /// Ranges that are loaded from the source at once. Default 8.
    pub concurrency: usize,
    /// Items in a page. Default 100.
    pub page_size: u32,
    /// Time for each page. Default 1000.
    pub page_timeout_ms: u64,
    /// The longest pause before the second attempt at a page; it doubles with each further one up
    /// to 16 times this, and the pause is uniform between nothing and it. Default 100.
    pub backoff_ms: u64,
}

impl Default for WarmUpConfig {
    fn default() -> Self {
        Self {
            peer: None,
            peer_timeout_ms: 2_000,
            snapshot: None,
            concurrency: 8,
            page_size: 100,
            page_timeout_ms: 1_000,
            backoff_ms: 100,
        }
    }
}

/// Sessions of users: in a cookie that the server signs, so that every pod knows every session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SessionConfig {
    /// What cookies are signed with, the same for all pods: at least 32 bytes. Without it there
    /// are no sessions. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// How long a session lasts. Default 3600.
    pub lasts_s: u64,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { key: None, lasts_s: 3600 }
    }
}

/// What is wrong with a version. By default nothing is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TroubleConfig {
    /// Share of the requests for an item that fail with 500, 0 to 1. Default 0.
    pub fail_fraction: f64,
    /// How much longer a request for an item takes. Default 0.
    pub slow_ms: u64,
    /// The process ends with an error so long after the cache was warm; 0 for never. Default 0.
    pub crash_after_ms: u64,
}

/// A feature flag: for whom it is on, what is wrong with what it turns on, and when it is killed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FlagConfig {
    /// Share of the items that it is on for; 0 turns it off. Default 0.
    pub percent: u32,
    /// Share of the requests for these that fail with 500, 0 to 1. Default 0.
    pub fail_fraction: f64,
    /// How much longer these take. Default 0.
    pub slow_ms: u64,
    /// A request that takes longer counts as failed, with the flag or without; 0 for none. Default 0.
    pub late_ms: u64,
    /// How long a request counts when the arms are compared. Default 5000.
    pub window_ms: u64,
    /// Requests in an arm before it is compared. Default 50.
    pub calls_min: u32,
    /// By how many points the share of failures with the flag may be above that without, in percent;
    /// beyond that it is killed. 100 is never. Default 5.
    pub worse_percent: u32,
}

impl Default for FlagConfig {
    fn default() -> Self {
        Self {
            percent: 0,
            fail_fraction: 0.0,
            slow_ms: 0,
            late_ms: 0,
            window_ms: 5_000,
            calls_min: 50,
            worse_percent: 5,
        }
    }
}

impl FlagConfig {
    fn validate(&self) -> Result<(), Invalid> {
        let percents =
            [("flags.percent", self.percent), ("flags.worse_percent", self.worse_percent)];
        for (field, percent) in percents {
            Invalid::unless(percent <= 100, field, "0 to 100", percent)?;
        }
        let fraction = self.fail_fraction;
        let field = "flags.fail_fraction";
        Invalid::unless((0.0..=1.0).contains(&fraction), field, "0 to 1", fraction)?;
        let window = self.window_ms;
        let in_range = (100..=3_600_000).contains(&window);
        Invalid::unless(in_range, "flags.window_ms", "100 to 3600000", window)?;
        Invalid::unless(self.calls_min >= 1, "flags.calls_min", "at least 1", self.calls_min)
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &[
        "retry_after_s",
        "export_pause_ms",
        "prestop_delay_ms",
        "trouble.fail_fraction",
        "trouble.slow_ms",
        "flags",
    ];

    fn secrets(&self) -> Vec<(&'static str, Option<&Secret>)> {
        vec![("session.key", self.session.key.as_ref())]
    }

    fn validate(&self) -> Result<(), Invalid> {
        self.http.validate()?;
        let at_least_one = [
            ("in_flight_max", self.in_flight_max as u64),
            ("streams_max", self.streams_max as u64),
            ("warm_up.peer_timeout_ms", self.warm_up.peer_timeout_ms),
            ("warm_up.concurrency", self.warm_up.concurrency as u64),
            ("warm_up.page_timeout_ms", self.warm_up.page_timeout_ms),
            ("warm_up.backoff_ms", self.warm_up.backoff_ms),
            ("session.lasts_s", self.session.lasts_s),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        let items = self.items;
        Invalid::unless((1..=1_000_000).contains(&items), "items", "1 to 1000000", items)?;
        let page = self.warm_up.page_size;
        Invalid::unless((1..=1000).contains(&page), "warm_up.page_size", "1 to 1000", page)?;
        let fresh = self.fresh_for_ms;
        let in_range = (100..=86_400_000).contains(&fresh);
        Invalid::unless(in_range, "fresh_for_ms", "100 to 86400000", fresh)?;
        let jitter = self.jitter_percent;
        Invalid::unless(jitter <= 50, "jitter_percent", "0 to 50", jitter)?;
        let version = self.version.as_str();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let named = (1..=63).contains(&version.len()) && version.bytes().all(plain);
        let expected = "1 to 63 letters, digits, dots, dashes and underscores";
        Invalid::unless(named, "version", expected, version)?;
        let fraction = self.trouble.fail_fraction;
        let field = "trouble.fail_fraction";
        Invalid::unless((0.0..=1.0).contains(&fraction), field, "0 to 1", fraction)?;
        let flags = self.flags.len();
        Invalid::unless(flags <= FLAGS_MAX, "flags", format!("at most {FLAGS_MAX}"), flags)?;
        for (name, flag) in &self.flags {
            let named = (1..=63).contains(&name.len()) && name.bytes().all(plain);
            Invalid::unless(named, "flags", format!("names of {expected}"), name)?;
            flag.validate()?;
        }
        if let Some(key) = &self.session.key {
            let expected = "at least 32 bytes";
            let length = key.reveal().len();
            let found = format!("{length} bytes");
            Invalid::unless(length >= 32, "session.key", expected, found)?;
        }
        if let Some(tls) = &self.tls {
            tls.validate("tls")?;
        }
        self.source_uri().map(drop)
    }
}

impl Config {
    /// Where the source is; refuses what is not an address.
    pub(super) fn source_uri(&self) -> Result<Uri, Invalid> {
        endpoint("source", &self.source, self.tls.as_ref())
    }

    pub(super) fn fresh_for(&self) -> Duration {
        Duration::from_millis(self.fresh_for_ms)
    }

    /// By which share of that items and pods differ.
    pub(super) fn jitter(&self) -> f64 {
        // Defect: what was loaded together expires together.
        let together = self.defects.contains(&Defect::SynchronisedExpiry);
        if together { 0.0 } else { f64::from(self.jitter_percent) / 100.0 }
    }

    pub(super) fn freshness(&self) -> Freshness {
        let (lasts, on_demand) = (self.fresh_for(), self.on_demand);
        let early = on_demand && !self.defects.contains(&Defect::SynchronisedExpiry);
        Freshness { lasts, jitter: if on_demand { self.jitter() } else { 0.0 }, early }
    }

    pub(super) fn cpu(&self) -> Option<Duration> {
        (self.cpu_us > 0).then(|| Duration::from_micros(self.cpu_us))
    }
}
