//! Gauges over time: a line for each host on which a gauge moved, and a word on the others.

use std::collections::BTreeMap;

use crate::{
    Record,
    record::{ALL_HOSTS, EventKind},
    words,
};

/// Samples of one gauge that are drawn; of more, the highest of each stretch.
const SAMPLES_MAX: usize = 300;

/// Lines that are drawn: of more, those that moved most, by their own measure.
const LINES_MAX: usize = 24;

/// A line that moves by less than this part of what its chart is high is flat to the eye.
const FLAT_BELOW: f64 = 0.02;

/// A gauge of a host.
pub(crate) struct Level {
    pub(crate) host: String,
    /// When it had which value.
    pub(crate) samples: Vec<(u64, f64)>,
}

impl Level {
    fn highest(&self) -> f64 {
        self.samples.iter().map(|(_, value)| *value).fold(f64::MIN, f64::max)
    }

    fn lowest(&self) -> f64 {
        self.samples.iter().map(|(_, value)| *value).fold(f64::MAX, f64::min)
    }

    fn moved(&self) -> f64 {
        self.highest() - self.lowest()
    }
}

/// Hosts whose lines would say nothing more than from where to where they are.
#[derive(Debug, PartialEq)]
pub(crate) struct Flat {
    pub(crate) hosts: Vec<String>,
    lowest: f64,
    highest: f64,
}

impl Flat {
    /// How many hosts, and where: `4 hosts, unchanged at 0`.
    pub(crate) fn text(&self) -> String {
        let hosts = match self.hosts.as_slice() {
            [host] => host.clone(),
            hosts => words::counted(hosts.len() as u64, "host"),
        };
        let [lowest, highest] = [self.lowest, self.highest].map(|value| words::decimal(value, 3));
        if lowest == highest {
            format!("{hosts}, unchanged at {lowest}")
        } else {
            format!("{hosts}, {lowest} to {highest}")
        }
    }
}

/// A gauge that moved on some host.
pub(crate) struct GaugeView {
    pub(crate) name: String,
    /// The hosts on which it moved so that it can be seen.
    pub(crate) lines: Vec<Level>,
    /// The others, those alike together.
    pub(crate) flat: Vec<Flat>,
}

/// The gauges that moved on any host, by name, and the names of those that are left out because
/// others moved more.
pub(crate) fn gauges(record: &Record) -> (Vec<GaugeView>, Vec<String>) {
    let mut levels: BTreeMap<&str, ByHost> = BTreeMap::new();
    for event in &record.events {
        if let EventKind::Gauge(gauge) = event.what
            && gauge.host != ALL_HOSTS
            && gauge.value.is_finite()
        {
            let hosts = levels.entry(record.text(gauge.name)).or_default();
            hosts.entry(gauge.host).or_default().push((event.at, gauge.value));
        }
    }
    let mut views: Vec<GaugeView> =
        levels.into_iter().filter_map(|(name, hosts)| view(record, name, hosts)).collect();
    keep_largest(&mut views);
    let (drawn, left_out) = views.into_iter().partition(|view| !view.lines.is_empty());
    (drawn, Vec::into_iter(left_out).map(|view: GaugeView| view.name).collect())
}

/// The samples of a gauge on each host.
type ByHost = BTreeMap<u16, Vec<(u64, f64)>>;

/// `None` for a gauge that never moved.
fn view(record: &Record, name: &str, hosts: ByHost) -> Option<GaugeView> {
    let levels = hosts.into_iter().map(|(host, samples)| Level {
        host: record.host(host).to_owned(),
        samples: thinned(samples),
    });
    let levels: Vec<Level> = levels.collect();
    let highest = levels.iter().map(Level::highest).fold(0.0, f64::max);
    let is_seen = |level: &Level| level.moved() >= highest * FLAT_BELOW;
    // Where everything is flat, what moved at all is what there is to see.
    let any_seen = levels.iter().any(|level| level.moved() > 0.0 && is_seen(level));
    let is_line = |level: &Level| level.moved() > 0.0 && (is_seen(level) || !any_seen);
    let (lines, others): (Vec<Level>, Vec<Level>) = levels.into_iter().partition(is_line);
    let mut view = GaugeView { name: name.to_owned(), lines, flat: Vec::new() };
    others.into_iter().for_each(|level| view.fold(&level));
    (!view.lines.is_empty()).then_some(view)
}

impl GaugeView {
    fn fold(&mut self, level: &Level) {
        let (lowest, highest) = (level.lowest(), level.highest());
        let alike = |flat: &&mut Flat| {
            flat.lowest.total_cmp(&lowest).is_eq() && flat.highest.total_cmp(&highest).is_eq()
        };
        match self.flat.iter_mut().find(alike) {
            Some(flat) => flat.hosts.push(level.host.clone()),
            None => self.flat.push(Flat { hosts: vec![level.host.clone()], lowest, highest }),
        }
    }
}

/// Folds the lines that moved least until there are few enough.
fn keep_largest(views: &mut [GaugeView]) {
    let lines = views.iter().flat_map(|view| view.lines.iter());
    let mut moved: Vec<f64> = lines.map(Level::moved).collect();
    if moved.len() <= LINES_MAX {
        return;
    }
    moved.sort_by(|a, b| b.total_cmp(a));
    let least = moved[LINES_MAX - 1];
    // Of those that moved as much as the last one, the first.
    let mut room = LINES_MAX - moved.iter().filter(|moved| **moved > least).count();
    for view in views {
        let mut kept = Vec::new();
        for level in std::mem::take(&mut view.lines) {
            let is_last = level.moved().total_cmp(&least).is_eq();
            if level.moved() > least || (is_last && room > 0) {
                room -= usize::from(is_last);
                kept.push(level);
            } else {
                view.fold(&level);
            }
        }
        view.lines = kept;
    }
}

fn thinned(samples: Vec<(u64, f64)>) -> Vec<(u64, f64)> {
    if samples.len() <= SAMPLES_MAX {
        return samples;
    }
    let each = samples.len().div_ceil(SAMPLES_MAX);
    let highest =
        |part: &[(u64, f64)]| part.iter().copied().max_by(|(_, a), (_, b)| a.total_cmp(b));
    samples.chunks(each).filter_map(highest).collect()
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, SAMPLES_MAX, gauges};
    use crate::{
        Record, fixture,
        record::{Event, EventKind, Gauge},
    };

    /// Adds samples of a gauge on a host, which is there from then on.
    fn sample(record: &mut Record, name: &str, host: u16, values: &[f64]) {
        while record.header.hosts.len() <= usize::from(host) {
            record.header.hosts.push(format!("host-{}", record.header.hosts.len()));
        }
        let name = record.symbols.intern(name);
        for (at, value) in (0..).zip(values) {
            let gauge = Gauge { host, name, value: *value };
            record.events.push(Event { at, what: EventKind::Gauge(gauge) });
        }
    }

    #[test]
    fn a_gauge_that_never_moves_is_left_out_and_a_peak_is_kept() {
        let mut record = fixture::record();
        assert!(gauges(&record).0.is_empty(), "tasks has one sample");
        let values = (0..2_000_u32).map(|at| if at == 777 { 99.0 } else { f64::from(at % 7) });
        let values: Vec<f64> = values.collect();
        sample(&mut record, "depth", 1, &values);
        let (views, left_out) = gauges(&record);
        assert_eq!((views.len(), left_out.len()), (1, 0));
        let [line] = views[0].lines.as_slice() else { panic!("one line") };
        assert_eq!((views[0].name.as_str(), line.host.as_str()), ("depth", "api"));
        assert!(line.samples.len() <= SAMPLES_MAX);
        assert!(line.samples.contains(&(777, 99.0)));
    }

    #[test]
    fn hosts_on_which_nothing_is_to_be_seen_are_counted() {
        let mut record = fixture::record();
        sample(&mut record, "depth", 1, &[0.0, 100.0, 3.0]);
        for host in 2..6 {
            sample(&mut record, "depth", host, &[0.0, 0.0]);
        }
        sample(&mut record, "depth", 6, &[0.0, 1.0, 0.0]);
        sample(&mut record, "depth", 7, &[50.0, 50.0]);
        let (views, _) = gauges(&record);
        assert_eq!(views[0].lines.len(), 1);
        let texts: Vec<String> = views[0].flat.iter().map(super::Flat::text).collect();
        assert_eq!(texts, ["4 hosts, unchanged at 0", "host-6, 0 to 1", "host-7, unchanged at 50"]);
    }

    #[test]
    fn where_nothing_moves_much_what_moves_at_all_is_drawn() {
        let mut record = fixture::record();
        sample(&mut record, "depth", 1, &[10_000.0, 10_001.0]);
        sample(&mut record, "depth", 2, &[10_000.0, 10_000.0]);
        let (views, _) = gauges(&record);
        assert_eq!((views[0].lines.len(), views[0].flat.len()), (1, 1));
    }

    #[test]
    fn of_many_lines_those_that_moved_most_are_drawn() {
        let mut record = fixture::record();
        for host in 0..40 {
            sample(&mut record, "depth", host, &[0.0, 100.0 + f64::from(host)]);
        }
        sample(&mut record, "small", 1, &[0.0, 1.0]);
        let (views, left_out) = gauges(&record);
        assert_eq!(views.iter().map(|view| view.lines.len()).sum::<usize>(), LINES_MAX);
        let folded: usize = views[0].flat.iter().map(|flat| flat.hosts.len()).sum();
        assert_eq!((folded, left_out), (16, vec!["small".to_owned()]));
    }
}
