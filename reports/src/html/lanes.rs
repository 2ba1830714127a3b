//! States over time, one lane for each thing.

use maud::{Markup, html};

use super::{
    charts::bands,
    scale::{HEIGHT, WIDTH, place, x},
};
use crate::{
    Record,
    view::{Lane, Stretch},
    words,
};

pub(super) fn host_lanes(lanes: &[Lane], record: &Record) -> Markup {
    drawn("Hosts", lanes, record)
}

pub(super) fn breaker_lanes(lanes: &[Lane], record: &Record) -> Markup {
    drawn("Breakers, and what else logs how it moves", lanes, record)
}

/// Each fault with what it affected.
pub(super) fn fault_lanes(record: &Record) -> Markup {
    let faults = record.header.faults.iter().zip(record.affected());
    let lanes: Vec<Lane> = faults
        .map(|(fault, affected)| Lane {
            name: format!("{}: {} {}", fault.label, words::count(affected), fault.counts),
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
    html! {
        figure.chart.lanes tabindex="0" {
            figcaption { (title) }
            @for lane in lanes {
                div.lane-name { (lane.name) }
                div.row {
                    div.gutter {}
                    svg.plot.lane viewBox=(format!("0 0 {WIDTH} {HEIGHT}"))
                        preserveAspectRatio="none" role="img" aria-label=(lane.name) {
                        (bands(record))
                        @for stretch in &lane.stretches { (bar(stretch, record.end.at)) }
                    }
                }
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
        "ready" => "ready",
        "draining" | "terminating" | "half-open" => "draining",
        "crashed" | "powered off" | "open" => "down",
        "paused" => "paused",
        "exited" => "exited",
        "fault" => "fault",
        _ => "other",
    }
}
