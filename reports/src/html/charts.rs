//! Quantities over time, as SVG on one shared axis.

use std::{collections::BTreeMap, fmt::Write as _};

use maud::{Markup, html};

use super::{
    frame::{Lines, Over, frame, real, series, steps, time},
    scale::{HEIGHT, Scale, WIDTH, place, placed, x},
};
use crate::{
    Record,
    record::{FaultSpan, Outcome},
    view::{Bucket, Buckets, GaugeView, failures, gauges},
    words,
};

/// What the harness samples on every host. What a service says of itself comes before it.
const SAMPLED: [&str; 3] = ["connections_opened", "sockets", "tasks"];

/// Faults that are shaded on a chart, which are in each of up to some hundred.
pub(super) const BANDS_MAX: usize = 60;

/// Bands that are named on a chart; the names of more would lie on one another.
const NAMED_MAX: usize = 5;

/// Latency, rate, concurrency, and the gauges that moved.
pub(super) fn charts(record: &Record, buckets: &Buckets) -> Markup {
    let (views, left_out) = gauges(record);
    let (sampled, scraped): (Vec<_>, Vec<_>) =
        views.into_iter().partition(|view| SAMPLED.contains(&view.name.as_str()));
    html! {
        (latency(record, buckets))
        (rate(record, buckets))
        (concurrency(record, buckets))
        @for view in scraped.iter().chain(&sampled) { (gauge(record, view)) }
        @if !left_out.is_empty() {
            p.hint { "Not drawn, since other gauges moved more: " (left_out.join(", ")) }
        }
    }
}

/// When operations went on and faults acted, shaded.
pub(super) fn bands(record: &Record) -> Markup {
    let end = record.end.at;
    html! {
        @for span in record.operations().iter().take(BANDS_MAX) {
            @let until = span.ended.map_or(end, |(at, _)| at.min(end));
            @let (from, width) = (x(span.from, end), x(until, end) - x(span.from, end));
            rect.band.operation x=(place(from)) width=(place(width.max(0.0))) y="0" height=(HEIGHT) {
                title { (span.to_string()) }
            }
        }
        @for (fault, affected) in record.header.faults.iter().zip(record.affected()).take(BANDS_MAX) {
            @let (from, until) = (x(fault.inject.min(end), end), x(fault.heal.min(end), end));
            rect.band x=(place(from)) width=(place((until - from).max(0.0))) y="0" height=(HEIGHT) {
                title {
                    (named(fault, affected)) ", " (words::time(fault.inject)) " to "
                    (words::time(fault.heal))
                }
            }
        }
    }
}

/// The names of the first bands, over them.
fn names(record: &Record) -> Markup {
    let end = record.end.at;
    html! {
        @for (fault, affected) in record.header.faults.iter().zip(record.affected()).take(NAMED_MAX) {
            (placed("band-name", (fault.inject, fault.heal.min(end)), end, &named(fault, affected)))
        }
    }
}

/// A fault and what it affected.
pub(super) fn named(fault: &FaultSpan, affected: u64) -> String {
    format!("{}: {}", fault.label, words::affected(affected, &fault.counts))
}

/// A chart of a run, with its faults.
fn of_run(record: &Record, lines: &Lines<'_>, marks: &Markup) -> Markup {
    frame(lines, marks, &Over { bands: bands(record), names: names(record) })
}

/// A line of steps, one for each stretch of the run.
fn steps_of(
    record: &Record,
    buckets: &Buckets,
    scale: &Scale,
    value: impl Fn(&Bucket) -> Option<f64>,
) -> String {
    steps(buckets.all.iter().map(value), buckets.width, record.end.at, record.end.at, scale)
}

fn latency(record: &Record, buckets: &Buckets) -> Markup {
    let points = failures(record);
    let of_buckets = buckets.all.iter().flat_map(|bucket| [bucket.p50, bucket.p99]).flatten();
    let values = of_buckets.chain(points.iter().map(|point| point.latency));
    let (least, most) =
        values.fold((u64::MAX, 0), |(least, most), value| (least.min(value), most.max(value)));
    let scale = Scale::log(real(least.min(most)), real(most));
    let mut dots: BTreeMap<Outcome, String> = BTreeMap::new();
    for point in &points {
        let (x, y) = (x(point.at, record.end.at), scale.y(real(point.latency)));
        let path = dots.entry(point.outcome).or_default();
        let _ = write!(path, "M{} {}h0", place(x), place(y));
    }
    let mut legend: Vec<(String, String)> =
        ["p50", "p95", "p99"].map(|name| (name.to_owned(), name.to_owned())).to_vec();
    legend
        .extend(dots.keys().map(|outcome| (outcome.name().to_owned(), outcome.name().to_owned())));
    let line = |value: fn(&Bucket) -> Option<u64>| {
        steps_of(record, buckets, &scale, |bucket| value(bucket).map(real))
    };
    let marks = html! {
        path.line.p50 d=(line(|bucket| bucket.p50)) {}
        path.line.p95 d=(line(|bucket| bucket.p95)) {}
        path.line.p99 d=(line(|bucket| bucket.p99)) {}
        @for (outcome, path) in &dots {
            path.dots.(outcome.name()) d=(path) {}
        }
    };
    let title = "Latency, by the time at which a request was meant to start";
    of_run(
        record,
        &Lines { title, scale: &scale, shown: &time, legend: &legend, flat: &[] },
        &marks,
    )
}

fn rate(record: &Record, buckets: &Buckets) -> Markup {
    let per_second = 1e9 / real(buckets.width);
    let most = real(buckets.most(|bucket| bucket.requests.sent)) * per_second;
    let scale = Scale::linear(most);
    let present: Vec<Outcome> = Outcome::ALL
        .into_iter()
        .filter(|outcome| buckets.all.iter().any(|bucket| bucket.requests.of(*outcome) > 0))
        .collect();
    // From the top of the pile down, so that each covers what is above the next one.
    let areas: Vec<(Outcome, String)> = (0..present.len())
        .rev()
        .map(|last| {
            let pile = |bucket: &Bucket| {
                let sum: u64 = present[..=last].iter().map(|it| bucket.requests.of(*it)).sum();
                Some(real(sum) * per_second)
            };
            let line = steps_of(record, buckets, &scale, pile);
            (present[last], format!("{line}V{HEIGHT}H0Z"))
        })
        .collect();
    let named = |outcome: &Outcome| (outcome.name().to_owned(), outcome.name().to_owned());
    let legend: Vec<(String, String)> = present.iter().map(named).collect();
    let marks = html! {
        @for (outcome, path) in &areas {
            path.area.(outcome.name()) d=(path) {}
        }
    };
    let shown = |value: f64| format!("{}/s", words::decimal(value, 1));
    let title = "Requests a second, by outcome";
    of_run(
        record,
        &Lines { title, scale: &scale, shown: &shown, legend: &legend, flat: &[] },
        &marks,
    )
}

fn concurrency(record: &Record, buckets: &Buckets) -> Markup {
    let scale = Scale::linear(real(buckets.most(|bucket| bucket.open_max)));
    let line = steps_of(record, buckets, &scale, |bucket| Some(real(bucket.open_max)));
    let marks = html! { path.line.series-0 d=(line) {} };
    let shown = |value: f64| words::decimal(value, 1);
    let title = "Requests in flight, the most in each stretch";
    of_run(record, &Lines { title, scale: &scale, shown: &shown, legend: &[], flat: &[] }, &marks)
}

fn gauge(record: &Record, view: &GaugeView) -> Markup {
    let values = view.lines.iter().flat_map(|level| level.samples.iter().map(|(_, value)| *value));
    let scale = Scale::linear(values.fold(0.0, f64::max));
    let lines: Vec<String> = view
        .lines
        .iter()
        .map(|level| {
            let mut path = String::new();
            for (at, value) in &level.samples {
                let (x, y) = (place(x(*at, record.end.at)), place(scale.y(value.max(0.0))));
                let _ = if path.is_empty() {
                    write!(path, "M{x} {y}")
                } else {
                    write!(path, "H{x}V{y}")
                };
            }
            path.push_str(&format!("H{WIDTH}"));
            path
        })
        .collect();
    let named = (0..).zip(&view.lines).map(|(number, level)| (series(number), level.host.clone()));
    let legend: Vec<(String, String)> = named.collect();
    let marks = html! {
        @for (number, path) in lines.iter().enumerate() {
            path.line.(series(number)) d=(path) {}
        }
    };
    let shown = |value: f64| words::decimal(value, 1);
    let (title, flat) = (view.name.as_str(), view.flat.as_slice());
    of_run(record, &Lines { title, scale: &scale, shown: &shown, legend: &legend, flat }, &marks)
}
