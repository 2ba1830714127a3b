//! What stands above the fold.

use maud::{Markup, html};

use super::class_of;
use crate::{Record, Report, record::Outcome, tally::Tally, words};

const SECTIONS: [(&str, &str); 5] = [
    ("objectives", "Objectives"),
    ("timeline", "Timeline"),
    ("requests", "Requests"),
    ("difference", "Golden"),
    ("plan", "Plan"),
];

pub(super) fn head_of_run(report: &Report<'_>) -> Markup {
    let header = &report.record.header;
    let tally: Tally = report.record.requests().map(|(_, request)| request.outcome).collect();
    html! {
        header {
            p.verdict.(class_of(report.judgement.verdict)) { (report.judgement.verdict.name()) }
            h1 { (header.scenario) }
            p.hypothesis { (header.hypothesis) }
            dl.facts {
                div { dt { "seed" } dd { (header.seed) } }
                div { dt { "defects" } dd {
                    @if header.defects.is_empty() { "none" } @else { (header.defects.join(", ")) }
                } }
                div { dt { "digest" } dd { code { (report.record.digest()) } } }
                div { dt { "simulated" } dd { (words::time(report.record.end.at)) } }
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
                @for (id, name) in SECTIONS { a href=(format!("#{id}")) { (name) } " " }
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
