//! What stands above the fold.

use maud::{Markup, html};

use super::class_of;
use crate::{
    Record, Report,
    record::{Backend, Outcome},
    report::differences,
    tally::Tally,
    words,
};

const GOLDEN: (&str, &str) = ("difference", "Golden");

const SECTIONS: [(&str, &str); 5] = [
    ("objectives", "Objectives"),
    ("timeline", "Timeline"),
    ("requests", "Requests"),
    GOLDEN,
    ("plan", "Plan"),
];

/// The sections of a page. What is another run each time has no golden.
fn sections(backend: Backend) -> impl Iterator<Item = (&'static str, &'static str)> {
    SECTIONS.into_iter().filter(move |it| backend.is_deterministic() || *it != GOLDEN)
}

/// What the length of a run is called.
fn time_of(backend: Backend) -> &'static str {
    match backend {
        Backend::Simulation => "simulated",
        Backend::Processes | Backend::Containers => "lasted",
    }
}

pub(super) fn head_of_run(report: &Report<'_>) -> Markup {
    let header = &report.record.header;
    let tally: Tally = report.record.requests().map(|(_, request)| request.outcome).collect();
    html! {
        header {
            p.verdict.(class_of(report.judgement.verdict)) { (report.judgement.verdict.name()) }
            h1 { (header.scenario) }
            p.hypothesis { (header.hypothesis) }
            @if !header.backend.is_deterministic() {
                p.hint {
                    "Performed on " (header.backend.described()) (differences(report.record)) ": with the same seed it is another \
                     run each time."
                }
            }
            dl.facts {
                div { dt { "seed" } dd { (header.seed) } }
                div { dt { "defects" } dd {
                    @if header.defects.is_empty() { "none" } @else { (header.defects.join(", ")) }
                } }
                div { dt { "backend" } dd { (header.backend) } }
                @if header.backend.is_deterministic() {
                    div { dt { "digest" } dd { code { (report.record.digest()) } } }
                }
                div { dt { (time_of(header.backend)) } dd { (words::time(report.record.end.at)) } }
                div { dt { "requests" } dd {
                    (words::count(tally.sent))
                    @for outcome in Outcome::ALL {
                        @if tally.of(outcome) > 0 && outcome != Outcome::Succeeded {
                            ", " (words::count(tally.of(outcome))) " " (outcome.name())
                        }
                    }
                } }
            }
            @if !report.record.end.cause.is_complete() { (cut_short(report.record)) }
            div.replay {
                code #replay { (report.replay) }
                button type="button" #copy data-copy="replay" { "Copy" }
                span #copied role="status" {}
            }
            nav aria-label="Sections" {
                a href="index.html" { "All runs" } " "
                @for (id, name) in sections(header.backend) { a href=(format!("#{id}")) { (name) } " " }
            }
        }
    }
}

/// That the record is not of a whole run, and why.
fn cut_short(record: &Record) -> Markup {
    let planned = record.header.phases.last().map_or(0, |span| span.until);
    html! {
        p.partial role="note" {
            strong { "Partial record. " }
            "The plan was not performed to its end: " (record.end.cause) ", at "
            (words::time(record.end.at))
            @if planned > record.end.at { " of " (words::time(planned)) }
            "."
        }
    }
}
