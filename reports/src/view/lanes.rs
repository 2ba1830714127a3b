//! States over time: of hosts, and of breakers and whatever else logs how it moves.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Record,
    record::{EventKind, HostState},
};

/// Changes of a lane that a screen tells apart.
const COLUMNS: u64 = 300;

/// One thing and the states that it was in.
pub(crate) struct Lane {
    pub(crate) name: String,
    pub(crate) stretches: Vec<Stretch>,
}

/// A state and how long it lasted.
pub(crate) struct Stretch {
    pub(crate) from: u64,
    pub(crate) until: u64,
    pub(crate) state: String,
}

/// Lanes under construction.
#[derive(Default)]
struct Lanes(BTreeMap<String, Vec<Stretch>>);

impl Lanes {
    /// `name` goes into `state` at `at`; what it was in ends.
    fn enter(&mut self, name: &str, at: u64, state: &str) {
        let lane = self.0.entry(name.to_owned()).or_default();
        if let Some(last) = lane.last_mut() {
            if last.state == state {
                return;
            }
            last.until = at;
        }
        lane.push(Stretch { from: at, until: at, state: state.to_owned() });
    }

    /// `name` goes on as before it was paused, or is up if it was not.
    fn resume(&mut self, name: &str, at: u64) {
        let lane = self.0.get(name).map_or(&[][..], Vec::as_slice);
        let state = match lane {
            [.., before, last] if last.state == "paused" => before.state.clone(),
            _ => "up".to_owned(),
        };
        self.enter(name, at, &state);
    }

    fn end(self, at: u64) -> Vec<Lane> {
        let lanes = self.0.into_iter().map(|(name, mut stretches)| {
            if let Some(last) = stretches.last_mut() {
                last.until = at;
            }
            Lane { name, stretches: thinned(stretches, at) }
        });
        lanes.filter(|lane| !lane.stretches.is_empty()).collect()
    }
}

/// Without what lasted no time, and of the stretches that begin in one column of a screen the
/// first and those that are wider than it.
fn thinned(mut stretches: Vec<Stretch>, end: u64) -> Vec<Stretch> {
    let column = (end / COLUMNS).max(1);
    let mut last = None;
    stretches.retain(|stretch| {
        let length = stretch.until.saturating_sub(stretch.from);
        let begins_in = stretch.from / column;
        let is_kept = length >= column || (length > 0 && last != Some(begins_in));
        if is_kept {
            last = Some(begins_in);
        }
        is_kept
    });
    stretches
}

/// The life of each host: what the kernel says of it, and in between what its service logs when
/// it begins to listen and to drain. Of a pod it is the orchestrator that says when it is ready.
pub(crate) fn hosts(record: &Record) -> Vec<Lane> {
    let logs = record.events.iter().filter_map(|event| match &event.what {
        EventKind::Log(log) => Some(log),
        _ => None,
    });
    let pods: BTreeSet<u16> =
        logs.filter(|log| record.text(log.message) == "pod created").map(|log| log.host).collect();
    let mut lanes = Lanes::default();
    for event in &record.events {
        match &event.what {
            EventKind::Host { host, state } => {
                let state = match state {
                    HostState::Up => {
                        lanes.resume(record.host(*host), event.at);
                        continue;
                    }
                    HostState::Crashed => "crashed",
                    HostState::PoweredOff => "powered off",
                    HostState::Paused => "paused",
                    HostState::Terminating => "terminating",
                    HostState::Exited => "exited",
                };
                lanes.enter(record.host(*host), event.at, state);
            }
            EventKind::Log(log) => {
                let state = match record.text(log.message) {
                    "listening" if !pods.contains(&log.host) => "ready",
                    "pod ready" => "ready",
                    "pod not ready" => "not ready",
                    "pod created" => "pending",
                    "pod terminating" | "draining" => "draining",
                    _ => continue,
                };
                lanes.enter(record.host(log.host), event.at, state);
            }
            _ => {}
        }
    }
    lanes.end(record.end.at)
}

/// What logs its moves with the fields `from` and `to`: circuit breakers above all. What has not
/// moved yet is in the state that its first move leaves.
/// What dies with its process begins again as it began.
pub(crate) fn breakers(record: &Record) -> Vec<Lane> {
    let mut lanes = Lanes::default();
    let mut first: BTreeMap<u16, Vec<(String, String)>> = BTreeMap::new();
    for event in &record.events {
        if let EventKind::Host { host, state: HostState::Crashed | HostState::PoweredOff } =
            event.what
        {
            for (name, state) in first.get(&host).into_iter().flatten() {
                lanes.enter(name, event.at, state);
            }
        }
        let EventKind::Log(log) = &event.what else { continue };
        let value = |name| record.attribute(log.attributes, name);
        let (Some(from), Some(to)) = (value("from"), value("to")) else { continue };
        // The first that is neither: what the event is about.
        let mut others = record.attributes(log.attributes);
        let subject = others.find(|(name, _)| !["from", "to"].contains(name));
        let subject = subject.map_or("", |(_, value)| value);
        let name = format!("{} on {}", subject, record.host(log.host));
        if !lanes.0.contains_key(&name) {
            lanes.enter(&name, 0, from);
            first.entry(log.host).or_default().push((name.clone(), from.to_owned()));
        }
        lanes.enter(&name, event.at, to);
    }
    lanes.end(record.end.at)
}

#[cfg(test)]
mod tests {
    use super::{Lane, breakers, hosts};
    use crate::{
        fixture::{self, MS, attributes},
        record::{Event, EventKind, HostState, Level, Log, Record},
    };

    fn shown(lanes: &[Lane]) -> Vec<String> {
        let each = lanes.iter().flat_map(|lane| {
            lane.stretches
                .iter()
                .map(|it| format!("{} {} {}-{}", lane.name, it.state, it.from / MS, it.until / MS))
        });
        each.collect()
    }

    fn logged(record: &mut Record, at: u64, message: &str, fields: &str) {
        let (message, attributes) = (record.symbols.intern(message), attributes(record, fields));
        let log = Log {
            host: 1,
            level: Level::Info,
            target: message,
            message,
            attributes,
            request: 0,
            after: 0,
        };
        record.events.push(Event { at: at * MS, what: EventKind::Log(Box::new(log)) });
    }

    #[test]
    fn a_host_lives_through_its_states() {
        let mut record = fixture::record();
        record.events.clear();
        let state = |at, state| Event { at: at * MS, what: EventKind::Host { host: 1, state } };
        record.events.push(state(0, HostState::Up));
        logged(&mut record, 5, "listening", "");
        record.events.extend([state(100, HostState::Crashed), state(200, HostState::Up)]);
        logged(&mut record, 300, "draining", "");
        let expected = [
            "api up 0-5",
            "api ready 5-100",
            "api crashed 100-200",
            "api up 200-300",
            "api draining 300-400",
        ];
        assert_eq!(shown(&hosts(&record)), expected);
    }

    #[test]
    fn a_pause_is_over_and_all_is_as_before() {
        let mut record = fixture::record();
        record.events.clear();
        let state = |at, state| Event { at: at * MS, what: EventKind::Host { host: 1, state } };
        record.events.push(state(0, HostState::Up));
        logged(&mut record, 5, "listening", "");
        record.events.extend([state(100, HostState::Paused), state(200, HostState::Up)]);
        let expected = ["api up 0-5", "api ready 5-100", "api paused 100-200", "api ready 200-400"];
        assert_eq!(shown(&hosts(&record)), expected);
    }

    #[test]
    fn what_flaps_faster_than_a_screen_shows_is_thinned() {
        let mut record = fixture::record();
        record.events.clear();
        for at in 0..100_000 {
            let state = if at % 2 == 0 { HostState::Up } else { HostState::Crashed };
            record.events.push(Event { at: at * 4_000, what: EventKind::Host { host: 1, state } });
        }
        let lanes = hosts(&record);
        assert!((200..=301).contains(&lanes[0].stretches.len()), "{}", lanes[0].stretches.len());
    }

    #[test]
    fn a_pod_is_ready_when_the_orchestrator_says_so() {
        let mut record = fixture::record();
        record.events.clear();
        logged(&mut record, 10, "pod created", "");
        record
            .events
            .push(Event { at: 50 * MS, what: EventKind::Host { host: 1, state: HostState::Up } });
        for (at, message) in [(60, "listening"), (100, "pod ready"), (300, "pod terminating")] {
            logged(&mut record, at, message, "");
        }
        let expected =
            ["api pending 10-50", "api up 50-100", "api ready 100-300", "api draining 300-400"];
        assert_eq!(shown(&hosts(&record)), expected);
    }

    #[test]
    fn a_breaker_was_closed_before_it_opened() {
        let mut record = fixture::record();
        let moved = |from, to| format!("dependency=reviews from={from} to={to}");
        logged(&mut record, 310, "the breaker moved", &moved("closed", "open"));
        logged(&mut record, 350, "the breaker moved", &moved("open", "half-open"));
        let expected = [
            "reviews on api closed 0-310",
            "reviews on api open 310-350",
            "reviews on api half-open 350-400",
        ];
        assert_eq!(shown(&breakers(&record)), expected);
        let crashed = EventKind::Host { host: 1, state: HostState::Crashed };
        record.events.push(Event { at: 380 * MS, what: crashed });
        let last = shown(&breakers(&record)).pop();
        assert_eq!(last.as_deref(), Some("reviews on api closed 380-400"));
    }
}
