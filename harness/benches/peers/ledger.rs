//! What was measured, side by side: criterion reports each contestant by itself, and what else
//! the machine does meanwhile falls on one of them only.

use std::{fmt, time::Duration};

/// The times of the contestants of one workload.
pub(crate) struct Ledger {
    workload: &'static str,
    lines: Vec<Line>,
}

struct Line {
    name: String,
    unit: Unit,
    times: Vec<Duration>,
}

/// What a time is shown in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    /// Microseconds for each of so many requests, or segments.
    MicrosFor(u32),
    /// Milliseconds, times a factor when less than the workload was run.
    MillisTimes(u32),
}

impl Ledger {
    pub(crate) fn new(workload: &'static str) -> Self {
        Self { workload, lines: Vec::new() }
    }

    /// Writes down that a run of this contestant took so long.
    pub(crate) fn note(&mut self, name: &str, unit: Unit, time: Duration) {
        match self.lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.times.push(time),
            None => self.lines.push(Line { name: name.to_owned(), unit, times: vec![time] }),
        }
    }
}

impl Line {
    fn shown(&self, time: Duration) -> f64 {
        match self.unit {
            Unit::MicrosFor(requests) => time.as_secs_f64() * 1e6 / f64::from(requests),
            Unit::MillisTimes(factor) => time.as_secs_f64() * 1e3 * f64::from(factor),
        }
    }

    fn suffix(&self) -> String {
        match self.unit {
            Unit::MicrosFor(_) => "us a request or segment".to_owned(),
            Unit::MillisTimes(1) => "ms".to_owned(),
            Unit::MillisTimes(factor) => format!("ms (1/{factor} of it was run)"),
        }
    }
}

fn median<T: Copy + PartialOrd>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied()
}

/// Median, least and most, and the median of the ratios to `turmoil` in the same round.
impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}: median (least to most) of the rounds", self.workload)?;
        let peer = self.lines.iter().find(|line| line.name == "turmoil");
        for line in &self.lines {
            let times = || line.times.iter().map(|time| line.shown(*time));
            let least = times().fold(f64::INFINITY, f64::min);
            let most = times().fold(0.0, f64::max);
            let typical = median(times()).unwrap_or_default();
            let suffix = line.suffix();
            write!(f, "  {:<20}{typical:>9.1} ({least:.1} to {most:.1}) {suffix}", line.name)?;
            let theirs = peer.map_or(&[][..], |peer| &peer.times[..]);
            let ratios = times()
                .zip(theirs)
                .map(|(ours, theirs)| ours / peer.map_or(f64::NAN, |peer| peer.shown(*theirs)));
            match median(ratios) {
                Some(ratio) => writeln!(f, ", {ratio:.2} x turmoil")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}
