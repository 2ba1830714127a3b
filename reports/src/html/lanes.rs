//! States over time, one lane for each thing.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{
    charts::{BANDS_MAX, bands, named},
    scale::{HEIGHT, WIDTH, place, placed, x},
};
use crate::{
    Record,
    record::Level,
    view::{self, Lane, Message, Stretch},
    words,
};

/// More lanes of a kind than a person reads; how many more there are is said.
const LANES_MAX: usize = 60;

/// The parts of the run that objectives are judged in.
pub(super) fn phases(record: &Record) -> Markup {
    let end = record.end.at;
    html! {
        div.row.strip {
            div.gutter { "phase" }
            div.layers {
                @for span in record.header.phases.iter().filter(|span| span.from < end) {
                    (placed(span.phase.name(), (span.from, span.until.min(end)), end,
                        span.phase.name()))
                }
            }
        }
        @let operations = record.operations();
        @if !operations.is_empty() {
            div.row.strip {
                div.gutter { "operation" }
                div.layers {
                    @for span in operations.iter().take(BANDS_MAX) {
                        @let until = span.ended.map_or(end, |(at, _)| at.min(end));
                        (placed("operation", (span.from, until), end, span.label))
                    }
                }
            }
        }
    }
}

pub(super) fn host_lanes(record: &Record) -> Markup {
    drawn("Hosts", &view::hosts(record), record)
}

pub(super) fn breaker_lanes(record: &Record) -> Markup {
    drawn("Breakers, and what else logs how it moves", &view::breakers(record), record)
}

/// What services logged, a lane for each message.
pub(super) fn log_lanes(record: &Record) -> Markup {
    let (messages, left_out) = view::messages(record);
    if messages.is_empty() {
        return Markup::default();
    }
    html! {
        figure.chart.lanes tabindex="0" {
            figcaption {
                "Log"
                span.key { span.swatch.info {} "info" }
                span.key { span.swatch.warn {} "warning" }
                span.key { span.swatch.error {} "error" }
                @if left_out > 0 {
                    span.key { "without " (words::counted(left_out as u64, "more frequent message")) }
                }
            }
            @for message in &messages { (message_lane(message, record)) }
        }
    }
}

fn message_lane(message: &Message, record: &Record) -> Markup {
    let hosts: Vec<&str> = message.hosts.iter().map(String::as_str).collect();
    let hosts = match hosts.as_slice() {
        few if few.len() <= 3 => few.join(", "),
        many => format!("{} hosts", many.len()),
    };
    let ticks: String =
        message.at.iter().map(|at| format!("M{} 150v700", place(x(*at, record.end.at)))).collect();
    let class = match message.level {
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    let name = format!("{}, {} on {hosts}", message.text, words::counted(message.count, "time"));
    lane(&name, record, &html! { path.ticks.(class) d=(ticks) {} })
}

/// Each operation with what it came to.
pub(super) fn operation_lanes(record: &Record) -> Markup {
    let lanes: Vec<Lane> = record
        .operations()
        .into_iter()
        .map(|span| Lane {
            name: span.to_string(),
            stretches: vec![Stretch {
                from: span.from,
                until: span.ended.map_or(record.end.at, |(at, _)| at),
                state: span.outcome().to_owned(),
            }],
        })
        .collect();
    drawn("Operations, and what they came to", &lanes, record)
}

/// Each fault with what it affected.
pub(super) fn fault_lanes(record: &Record) -> Markup {
    let faults = record.header.faults.iter().zip(record.affected());
    let lanes: Vec<Lane> = faults
        .map(|(fault, affected)| Lane {
            name: named(fault, affected),
            stretches: vec![Stretch {
                from: fault.inject,
                until: fault.heal.min(record.end.at),
                state: "fault".to_owned(),
            }],
        })
        .collect();
    drawn("Faults, and what they affected", &lanes, record)
}

fn drawn(title: &str, lanes: &[Lane], record: &Record) -> Markup {
    if lanes.is_empty() {
        return Markup::default();
    }
    let (lanes, left_out) = lanes.split_at(lanes.len().min(LANES_MAX));
    let states: BTreeSet<&str> =
        lanes.iter().flat_map(|lane| lane.stretches.iter().map(|it| it.state.as_str())).collect();
    html! {
        figure.chart.lanes tabindex="0" {
            figcaption {
                (title)
                @for state in states.iter().filter(|_| states.len() > 1) {
                    @let class = format!("state-{}", class_of(state));
                    span.key { span.swatch.(class) {} (state) }
                }
            }
            @if !left_out.is_empty() {
                p.hint { "and " (words::count(left_out.len() as u64)) " more" }
            }
            @for each in lanes {
                @let bars = html! {
                    @for stretch in &each.stretches { (bar(stretch, record.end.at)) }
                };
                (lane(&each.name, record, &bars))
            }
        }
    }
}

fn lane(name: &str, record: &Record, marks: &Markup) -> Markup {
    html! {
        div.lane-name { (name) }
        div.row {
            div.gutter {}
            svg.plot.lane viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none"
                role="img" aria-label=(name) {
                (bands(record))
                (marks)
            }
        }
    }
}

fn bar(stretch: &Stretch, end: u64) -> Markup {
    let (from, until) = (x(stretch.from, end), x(stretch.until, end));
    let class = format!("state-{}", class_of(&stretch.state));
    html! {
        rect.state.(class) x=(place(from)) width=(place((until - from).max(1.0))) y="150"
            height="700" {
            title {
                (stretch.state) ", " (words::time(stretch.from)) " to " (words::time(stretch.until))
            }
        }
    }
}

/// What a state looks like; states that are not known here look alike.
fn class_of(state: &str) -> &'static str {
    match state {
        "up" | "closed" => "up",
        "ready" | "completed" => "ready",
        "draining" | "terminating" | "half-open" | "not ready" | "rolled back" => "draining",
        "crashed" | "powered off" | "open" | "failed" => "down",
        "paused" => "paused",
        "exited" => "exited",
        "fault" => "fault",
        _ => "other",
    }
}
