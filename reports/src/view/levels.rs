//! Gauges over time.

use std::collections::BTreeMap;

use crate::{
    Record,
    record::{ALL_HOSTS, What},
};

/// Samples of one gauge that are drawn; of more, the highest of each stretch.
const SAMPLES_MAX: usize = 300;

/// Gauges that are drawn: those that moved most, by their own measure.
const LEVELS_MAX: usize = 24;

/// A gauge of a host.
pub(crate) struct Level {
    pub(crate) gauge: String,
    pub(crate) host: String,
    /// When it had which value.
    pub(crate) samples: Vec<(u64, f64)>,
}

impl Level {
    fn range(&self) -> f64 {
        let values = || self.samples.iter().map(|(_, value)| *value);
        values().fold(f64::MIN, f64::max) - values().fold(f64::MAX, f64::min)
    }
}

/// The gauges that moved at all, by name and host.
pub(crate) fn levels(record: &Record) -> Vec<Level> {
    let mut gauges: BTreeMap<(&str, u16), Vec<(u64, f64)>> = BTreeMap::new();
    for event in &record.events {
        if let What::Gauge(gauge) = event.what
            && gauge.host != ALL_HOSTS
            && gauge.value.is_finite()
        {
            let samples = gauges.entry((record.text(gauge.name), gauge.host)).or_default();
            samples.push((event.at, gauge.value));
        }
    }
    let mut levels: Vec<Level> = gauges
        .into_iter()
        .map(|((gauge, host), samples)| Level {
            gauge: gauge.to_owned(),
            host: record.host(host).to_owned(),
            samples: thinned(samples),
        })
        .filter(|level| level.range() > 0.0)
        .collect();
    if levels.len() > LEVELS_MAX {
        levels.sort_by(|a, b| b.range().total_cmp(&a.range()));
        levels.truncate(LEVELS_MAX);
        levels.sort_by(|a, b| (&a.gauge, &a.host).cmp(&(&b.gauge, &b.host)));
    }
    levels
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
    use super::{SAMPLES_MAX, levels};
    use crate::{
        fixture,
        record::{Event, Gauge, What},
    };

    #[test]
    fn a_gauge_that_never_moves_is_left_out_and_a_peak_is_kept() {
        let mut record = fixture::record();
        assert!(levels(&record).is_empty(), "tasks has one sample");
        let name = record.symbols.intern("depth");
        for at in 0_u32..2_000 {
            let value = if at == 777 { 99.0 } else { f64::from(at % 7) };
            let gauge = Gauge { host: 1, name, value };
            record.events.push(Event { at: u64::from(at), what: What::Gauge(gauge) });
        }
        let levels = levels(&record);
        assert_eq!(levels.len(), 1);
        assert_eq!((levels[0].gauge.as_str(), levels[0].host.as_str()), ("depth", "api"));
        assert!(levels[0].samples.len() <= SAMPLES_MAX);
        assert!(levels[0].samples.contains(&(777, 99.0)));
    }
}
