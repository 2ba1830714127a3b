//! Feature flags: a part of the requests is answered in a new way, and if that is worse than the old
//! one, nobody waits for a person to turn it off.
//!
//! An item is in one arm of a flag, on or off, for as long as the flag's percentage stays. What
//! becomes of the requests in each arm is counted over a while; if so much more fails where the flag is
//! on, it is killed: off for everybody, until its configuration changes. So it is the flag that is judged,
//! in the version that all pods run, and not a version. Each pod judges what it sees itself.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::StatusCode;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};
use rand::Rng;
use tokio::time::{Instant, sleep};

use super::{Config, FlagConfig};
use crate::{config::Live, server::Problem, window::Window};

/// Standard deviations that are chance: each request is a look, and of that many looks one in 30,000
/// would find more.
const DEVIATIONS: f64 = 4.0;

/// All flags of a pod.
#[derive(Clone, Debug)]
pub(super) struct Flags {
    config: Live<Config>,
    states: Arc<Mutex<BTreeMap<String, State>>>,
    /// Defect: what the guard says is for people to read.
    unguarded: bool,
}

/// What is known of a flag, as it is configured.
#[derive(Debug)]
struct State {
    config: FlagConfig,
    on: Arm,
    off: Arm,
    killed: bool,
}

/// The requests in one arm: lately, and ever.
#[derive(Debug)]
struct Arm {
    lately: Window,
    calls: u64,
    failures: u64,
}

/// The arm of each flag that a request is in.
#[derive(Debug)]
#[must_use = "a request that is not judged counts for neither arm"]
pub(super) struct Exposed<'a> {
    flags: &'a Flags,
    arms: Vec<(String, FlagConfig, bool)>,
    begun: Instant,
}

impl Flags {
    pub(super) fn new(config: Live<Config>, unguarded: bool) -> Self {
        Self { config, states: Arc::default(), unguarded }
    }

    /// The arms of a request for this item.
    pub(super) fn expose(&self, item: u64) -> Exposed<'_> {
        let config = self.config.get();
        let begun = Instant::now();
        let mut arms = Vec::new();
        if !config.flags.is_empty() {
            let mut states = self.states();
            states.retain(|name, _| config.flags.contains_key(name));
            for (name, flag) in &config.flags {
                let known = states.get(name).is_some_and(|state| state.config == *flag);
                if !known {
                    states.insert(name.clone(), State::new(flag, begun));
                    let percent = flag.percent;
                    tracing::info!(flag = name, percent, "a flag is configured");
                }
                let killed = states.get(name).is_some_and(|state| state.killed);
                let on = !killed && place(name, item) < flag.percent;
                arms.push((name.clone(), flag.clone(), on));
            }
        }
        Exposed { flags: self, arms, begun }
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where an item is among the hundred parts of a flag: the same in all pods, and another one for each
/// flag.
fn place(flag: &str, item: u64) -> u32 {
    let hash = blake3::hash(format!("{flag} {item}").as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d]) % 100
}

impl Exposed<'_> {
    /// What the new ways of this request do to it.
    pub(super) async fn meet(&self) -> Result<(), Problem> {
        for (_, flag, _) in self.arms.iter().filter(|(_, _, on)| *on) {
            if flag.slow_ms > 0 {
                sleep(Duration::from_millis(flag.slow_ms)).await;
            }
            if flag.fail_fraction > 0.0 && rand::rng().random_bool(flag.fail_fraction) {
                let detail = "what a flag has turned on is broken";
                return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail));
            }
        }
        Ok(())
    }

    /// Counts what became of it, and kills what is worse than what it is to replace.
    pub(super) fn judge(self, failed: bool) {
        if self.arms.is_empty() {
            return;
        }
        let now = Instant::now();
        let took = now - self.begun;
        let mut states = self.flags.states();
        for (name, config, on) in self.arms {
            // The configuration may have changed meanwhile.
            let state = states.get_mut(&name).filter(|state| state.config == config);
            let Some(state) = state else { continue };
            let late = config.late_ms > 0 && took > Duration::from_millis(config.late_ms);
            let arm = if on { &mut state.on } else { &mut state.off };
            arm.count(now, failed || late);
            if on && !state.killed && state.is_worse() && !self.flags.unguarded {
                state.killed = true;
                let (on, off) = (state.on.percent(), state.off.percent());
                tracing::warn!(flag = name, on, off, "a flag was killed: more fails with it");
            }
        }
    }
}

impl State {
    fn new(config: &FlagConfig, now: Instant) -> Self {
        let window = Duration::from_millis(config.window_ms);
        let arm = || Arm { lately: Window::new(window, now), calls: 0, failures: 0 };
        Self { config: config.clone(), on: arm(), off: arm(), killed: false }
    }

    /// Does so much more fail where the flag is on, and not by chance? Without enough requests where
    /// it is off, it is compared with none that fails. Chance is a normal distribution of the
    /// difference of two shares with a common one (the two-proportion z-test).
    fn is_worse(&self) -> bool {
        let calls_min = f64::from(self.config.calls_min);
        let (on, failed_on) = self.on.lately.totals();
        let (off, failed_off) = self.off.lately.totals();
        let [on, failed_on, off, failed_off] = [on, failed_on, off, failed_off].map(f64::from);
        if on < calls_min {
            return false;
        }
        let (share, control, parts) = if off < calls_min {
            (failed_on / on, 0.0, 1.0 / on)
        } else {
            ((failed_on + failed_off) / (on + off), failed_off / off, 1.0 / on + 1.0 / off)
        };
        let by_chance = DEVIATIONS * (share * (1.0 - share) * parts).sqrt();
        let worse = f64::from(self.config.worse_percent) / 100.0;
        failed_on / on > control + worse + by_chance
    }
}

impl Arm {
    fn count(&mut self, now: Instant, failed: bool) {
        self.lately.count(now, failed);
        self.calls += 1;
        self.failures += u64::from(failed);
    }

    /// What fails lately.
    fn percent(&self) -> f64 {
        let (calls, failures) = self.lately.totals();
        100.0 * f64::from(failures) / f64::from(calls.max(1))
    }
}

impl Collector for Flags {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let states = self.states();
        if states.is_empty() {
            return Ok(());
        }
        let help =
            "Requests for an item in each arm of a flag, by whether they failed or were late";
        let kind = MetricType::Counter;
        let mut requests = encoder.encode_descriptor("flag_requests", help, None, kind)?;
        for (name, state) in &*states {
            for (arm, counts) in [("on", &state.on), ("off", &state.off)] {
                let well = counts.calls - counts.failures;
                for (outcome, count) in [("ok", well), ("failed", counts.failures)] {
                    let labels = [("flag", &**name), ("arm", arm), ("outcome", outcome)];
                    ConstCounter::new(count).encode(requests.encode_family(&labels)?)?;
                }
            }
        }
        let help = "The percentage of items that a flag is on for; 0 when it was killed";
        let mut on = encoder.encode_descriptor("flag_percent", help, None, MetricType::Gauge)?;
        for (name, state) in &*states {
            let percent = if state.killed { 0 } else { state.config.percent };
            let gauge = ConstGauge::new(i64::from(percent));
            gauge.encode(on.encode_family(&[("flag", &**name)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(flag: FlagConfig) -> (Flags, Live<Config>) {
        let config =
            |flag| Config { flags: [("new".to_owned(), flag)].into(), ..Config::default() };
        let live = Live::new(config(flag));
        (Flags::new(live.clone(), false), live)
    }

    fn flag(percent: u32) -> FlagConfig {
        FlagConfig { percent, calls_min: 10, worse_percent: 5, ..FlagConfig::default() }
    }

    /// Requests for so many items, of which those fail that `fails` says; how many were on.
    fn ask(flags: &Flags, items: u64, fails: impl Fn(bool, u64) -> bool) -> usize {
        let mut count = 0;
        for item in 1..=items {
            let exposed = flags.expose(item);
            let on = exposed.arms.iter().any(|(_, _, on)| *on);
            count += usize::from(on);
            exposed.judge(fails(on, item));
        }
        count
    }

    #[test]
    fn an_item_stays_in_its_arm() {
        let (flags, live) = flags(flag(20));
        let on = ask(&flags, 1000, |_, _| false);
        assert!((150..250).contains(&on), "{on} of 1000");
        assert_eq!(ask(&flags, 1000, |_, _| false), on);
        // Who was in it still is when there are more.
        let small: Vec<u64> = (1..=1000).filter(|item| place("new", *item) < 20).collect();
        assert!(small.iter().all(|item| place("new", *item) < 50));
        let mut other = Config::clone(&live.get());
        other.flags.clear();
        live.replace(other);
        assert_eq!(ask(&flags, 1000, |_, _| true), 0);
        let places: Vec<u32> = (1..=100).map(|item| place("other", item)).collect();
        assert_ne!(places, (1..=100).map(|item| place("new", item)).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_worse_is_killed_until_it_is_another() {
        let (flags, live) = flags(flag(50));
        let on = ask(&flags, 1000, |on, _| on);
        assert!((10..30).contains(&on), "{on}: as soon as there are enough of them");
        assert_eq!(ask(&flags, 1000, |_, _| false), 0, "and it stays so");
        let better = Config { flags: [("new".to_owned(), flag(51))].into(), ..Config::default() };
        live.replace(better);
        assert!(ask(&flags, 1000, |_, _| false) > 400);
    }

    #[test]
    fn what_fails_in_both_arms_is_not_the_flags_fault() {
        let (flags, _) = flags(flag(50));
        // So that neither is the first to have enough.
        assert!(ask(&flags, 2000, |_, item| item % 3 == 0) > 900);
    }

    #[test]
    fn without_a_control_it_is_judged_by_itself() {
        let (flags, _) = flags(flag(100));
        assert!(ask(&flags, 200, |_, item| item % 2 == 0) < 100);
    }

    #[tokio::test]
    async fn what_is_late_counts_as_failed() {
        let late = FlagConfig { late_ms: 2, ..flag(100) };
        let (flags, _) = flags(late);
        let mut on = 0;
        for item in 1..=20 {
            let exposed = flags.expose(item);
            on += usize::from(exposed.arms[0].2);
            sleep(Duration::from_millis(4)).await;
            exposed.judge(false);
        }
        assert_eq!(on, 10);
    }
}
