//! Judges the pauses between attempts.

use std::{collections::BTreeMap, fmt};

use squall_reports::{
    record::{Phase, RequestId},
    verdict::{Finding, Good},
    words,
};

use super::{
    Conclude, Evaluate, FindingBuilder, Index,
    index::{Hit, in_phase},
    number::{nanos, real},
};
use crate::objective::{Pace, Pauses};

/// Fewer pauses have neither a median nor quartiles worth the name.
const PAUSES_MIN: usize = 8;

impl Evaluate for Pace {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let chains = chains(self, builder, index);
        builder.for_each_part(index, |mut finding| {
            let here = chains.iter().filter(|chain| in_phase(finding.phase, chain.phase));
            let here: Vec<&Chain<'_>> = here.collect();
            let pauses: Vec<Pause<'_>> = here.iter().flat_map(|chain| chain.pauses()).collect();
            finding.samples = pauses.len() as u64;
            if pauses.is_empty() {
                let (what, at) = (&self.attempts, builder.place(finding.phase));
                return finding.no_data(format!("no {what} was followed by another attempt {at}"));
            }
            let view = View { builder, index };
            match &self.pauses {
                Pauses::AtLeast(bound) => view.at_least(finding, &pauses, nanos(*bound)),
                Pauses::AtMost(bound) => view.at_most(finding, &pauses, nanos(*bound)),
                Pauses::GrowingBy(factor) => view.growing(finding, &here, *factor),
                Pauses::SpreadAtLeast(fraction) => view.spread(finding, &pauses, *fraction),
                Pauses::NotBefore(field) => view.not_before(finding, &pauses, field),
            }
        })
    }
}

/// The attempts at one thing, in the order in which they began.
struct Chain<'r> {
    of: Key<'r>,
    /// That of its request, or that in which the first attempt began.
    phase: Phase,
    attempts: Vec<Hit>,
}

/// What the attempts of a chain share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'r> {
    Request(RequestId),
    Field(&'r str, &'r str),
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(request) => write!(f, "request {request}"),
            Self::Field(field, value) => write!(f, "{field}={value}"),
        }
    }
}

/// From the end of one attempt to the beginning of the next one.
#[derive(Clone, Copy)]
struct Pause<'r> {
    of: Key<'r>,
    /// The number of the earlier attempt, from 1.
    after: usize,
    earlier: Hit,
    later: Hit,
}

impl Pause<'_> {
    fn took(&self) -> u64 {
        self.later.at.saturating_sub(self.earlier.end)
    }
}

impl<'r> Chain<'r> {
    fn pauses(&self) -> impl Iterator<Item = Pause<'r>> {
        let pairs = self.attempts.windows(2).zip(1..);
        pairs.map(|(pair, after)| Pause { of: self.of, after, earlier: pair[0], later: pair[1] })
    }
}

fn chains<'r>(
    pace: &'r Pace,
    builder: &FindingBuilder<'_>,
    index: &'r Index<'_>,
) -> Vec<Chain<'r>> {
    let mut attempts: BTreeMap<Key<'r>, Vec<Hit>> = BTreeMap::new();
    for hit in index.hits(&pace.attempts, builder.scope) {
        let key = match &pace.same {
            Some(field) => index.value(&hit, field).map(|value| Key::Field(field, value)),
            None => hit.request().map(Key::Request),
        };
        if let Some(key) = key {
            attempts.entry(key).or_default().push(hit);
        }
    }
    // Spans come in the order in which they opened.
    let chain = |(of, attempts): (Key<'r>, Vec<Hit>)| {
        let phase = match pace.same {
            Some(_) => index.phase_at(attempts[0].at),
            None => index.phase_of(&attempts[0]),
        };
        Chain { of, phase, attempts }
    };
    attempts.into_iter().map(chain).collect()
}

/// What sentences need.
struct View<'v> {
    builder: &'v FindingBuilder<'v>,
    index: &'v Index<'v>,
}

impl View<'_> {
    fn at_least(&self, mut finding: Finding, pauses: &[Pause<'_>], bound: u64) -> Finding {
        let short = pauses.iter().filter(|pause| pause.took() < bound).count();
        let Some(worst) = pauses.iter().min_by_key(|pause| pause.took()) else { return finding };
        finding.observed = words::time_apart(worst.took(), bound);
        finding.compare(real(worst.took()), Good::AtLeast, real(bound));
        finding.worst = worst.later.request();
        finding.at = Some(worst.later.at);
        finding.concluded(short == 0, || {
            self.sentence(worst, &format!("at least {}", words::time(bound)), short, pauses.len())
        })
    }

    fn at_most(&self, mut finding: Finding, pauses: &[Pause<'_>], bound: u64) -> Finding {
        let long = pauses.iter().filter(|pause| pause.took() > bound).count();
        // The first of the longest.
        let worst = pauses.iter().rev().max_by_key(|pause| pause.took());
        let Some(worst) = worst else { return finding };
        finding.observed = words::time_apart(worst.took(), bound);
        finding.compare(real(worst.took()), Good::AtMost, real(bound));
        finding.worst = worst.later.request();
        finding.at = Some(worst.later.at);
        finding.concluded(long == 0, || {
            self.sentence(worst, &format!("at most {}", words::time(bound)), long, pauses.len())
        })
    }

    /// Compares each pause with the one before in the same chain, so that chains that ended early
    /// do not count on one side only.
    fn growing(&self, mut finding: Finding, chains: &[&Chain<'_>], factor: f64) -> Finding {
        let mut pairs: BTreeMap<usize, Vec<(Pause<'_>, Pause<'_>)>> = BTreeMap::new();
        for chain in chains {
            let pauses: Vec<Pause<'_>> = chain.pauses().collect();
            for pair in pauses.windows(2) {
                pairs.entry(pair[1].after).or_default().push((pair[0], pair[1]));
            }
        }
        let most = pairs.values().map(Vec::len).max().unwrap_or(0);
        let judged = pairs.values().filter(|pairs| pairs.len() >= PAUSES_MIN).map(|pairs| {
            let before = median(pairs.iter().map(|(before, _)| before.took()));
            let after = median(pairs.iter().map(|(_, after)| after.took()));
            // After no pause at all any pause is growth.
            (real(after) / real(before.max(1)), before, after, pairs)
        });
        let Some((times, before, after, pairs)) = judged.min_by(|a, b| a.0.total_cmp(&b.0)) else {
            return few(finding, "chains with the same two pauses in a row", most);
        };
        let (_, example) = pairs[0];
        let shown = words::apart(times, factor, 4);
        finding.observed = format!("{shown}x");
        finding.compare(times, Good::AtLeast, factor);
        finding.worst = example.later.request();
        finding.at = Some(example.later.at);
        let (name, at) = (&self.builder.name, self.builder.place(finding.phase));
        finding.concluded(times >= factor, || {
            format!(
                "{name} did not grow {at}: after attempt {} the median of {} was {}, {shown}x the {} of \
                 the pause before, expected at least {factor}x; {}",
                example.after,
                pairs.len(),
                words::time(after),
                words::time(before),
                self.for_example(&example),
            )
        })
    }

    /// Each pause among those after the same attempt: pauses that double each time differ from one
    /// another, and still all callers come at the same instants.
    fn spread(&self, mut finding: Finding, pauses: &[Pause<'_>], fraction: f64) -> Finding {
        let mut by_attempt: BTreeMap<usize, Vec<Pause<'_>>> = BTreeMap::new();
        for pause in pauses {
            by_attempt.entry(pause.after).or_default().push(*pause);
        }
        let most = by_attempt.values().map(Vec::len).max().unwrap_or(0);
        let judged =
            by_attempt.values().filter(|pauses| pauses.len() >= PAUSES_MIN).map(|pauses| {
                let mut times: Vec<u64> = pauses.iter().map(Pause::took).collect();
                times.sort_unstable();
                let (low, high) = (rank(&times, 1, 4), rank(&times, 3, 4));
                let middle = rank(&times, 1, 2);
                // Half of them at no distance at all is no spread, however far the others are.
                let spread = if middle == 0 { 0.0 } else { real(high - low) / real(middle) };
                (spread, low, high, pauses)
            });
        let Some((spread, low, high, pauses)) = judged.min_by(|a, b| a.0.total_cmp(&b.0)) else {
            return few(finding, "pauses after the same attempt", most);
        };
        let example = pauses[0];
        let shown = words::percent_apart(spread, fraction);
        finding.observed.clone_from(&shown);
        finding.compare(spread, Good::AtLeast, fraction);
        finding.worst = example.later.request();
        finding.at = Some(example.later.at);
        let (name, at) = (&self.builder.name, self.builder.place(finding.phase));
        finding.concluded(spread >= fraction, || {
            format!(
                "{name} was too much alike {at}: after attempt {} half of {} were from {} to {}, \
                 {shown} of the median, expected at least {}; {}",
                example.after,
                pauses.len(),
                words::time(low),
                words::time(high),
                words::percent_exact(fraction),
                self.for_example(&example),
            )
        })
    }

    fn not_before(&self, mut finding: Finding, pauses: &[Pause<'_>], field: &str) -> Finding {
        let mut asked: Vec<(u64, &Pause<'_>)> = Vec::new();
        for pause in pauses {
            let Some(text) = self.index.value(&pause.earlier, field) else { continue };
            let Some(bound) = text.parse::<u64>().ok().and_then(|ms| ms.checked_mul(1_000_000))
            else {
                return finding.failed(format!(
                    "expected a whole number of milliseconds in {field} of attempt {} of {}, \
                     found \"{text}\"",
                    pause.after, pause.of
                ));
            };
            asked.push((bound, pause));
        }
        finding.samples = asked.len() as u64;
        let early: Vec<_> = asked.iter().filter(|(bound, pause)| pause.took() < *bound).collect();
        let nearest = asked.iter().min_by(|(bound, pause), (other, later)| {
            let share = |bound: u64, pause: &Pause<'_>| real(pause.took()) / real(bound.max(1));
            share(*bound, pause).total_cmp(&share(*other, later))
        });
        let Some((bound, nearest)) = nearest else {
            return finding
                .no_data(format!("no attempt with a {field} was followed by another one"));
        };
        finding.observed =
            format!("{} of {}", words::count((asked.len() - early.len()) as u64), asked.len());
        finding.compare(real(nearest.took()), Good::AtLeast, real(*bound));
        finding.worst = nearest.later.request();
        finding.at = Some(nearest.later.at);
        finding.concluded(early.is_empty(), || {
            let bound = format!("the {} that its {field} asked for", words::time(*bound));
            self.sentence(nearest, &bound, early.len(), asked.len())
        })
    }

    fn sentence(&self, worst: &Pause<'_>, expected: &str, wrong: usize, of: usize) -> String {
        format!(
            "{}, expected {expected} ({} of {} pauses are wrong)",
            self.told(worst),
            words::count(wrong as u64),
            words::count(of as u64),
        )
    }

    fn for_example(&self, pause: &Pause<'_>) -> String {
        format!("for example {}", self.told(pause))
    }

    fn told(&self, pause: &Pause<'_>) -> String {
        let Pause { of, after, earlier, later } = pause;
        let record = self.index.record;
        let begun = format!(
            "attempt {} of {of} began on {} at {}",
            after + 1,
            record.host(later.host),
            words::time(later.at)
        );
        let (host, end) = (record.host(earlier.host), words::time(earlier.end));
        if later.at < earlier.end {
            return format!("{begun}, before attempt {after} ended on {host} at {end}");
        }
        let took = words::time(pause.took());
        format!("{begun}, {took} after attempt {after} ended on {host} at {end}")
    }
}

fn few(finding: Finding, of: &str, found: usize) -> Finding {
    finding.no_data(format!("expected at least {PAUSES_MIN} {of}, found {found}"))
}

fn median(times: impl Iterator<Item = u64>) -> u64 {
    let mut times: Vec<u64> = times.collect();
    times.sort_unstable();
    rank(&times, 1, 2)
}

/// The nearest rank of a quantile, `part` of `parts`.
fn rank(sorted: &[u64], part: usize, parts: usize) -> u64 {
    let rank = (sorted.len() * part).div_ceil(parts).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}
