//! A run as one HTML file, and an index over many.
//!
//! A page needs nothing but itself: no network, no server. What it shows is drawn here, as text
//! and SVG; a small script adds zoom, hover and copying. All text from a record passes through
//! `maud`, which escapes it, and the only script that a browser runs carries the page's nonce.

mod charts;
mod difference;
mod findings;
mod index;
mod lanes;
mod scale;
mod waterfall;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::json;

pub use self::index::{Entry, index};
use self::{
    charts::charts,
    difference::difference,
    findings::findings,
    lanes::{breaker_lanes, fault_lanes, host_lanes},
    waterfall::waterfalls,
};
use crate::{
    Report,
    record::Outcome,
    tally::Tally,
    verdict::Verdict,
    view::{self, Buckets},
    words,
};

const STYLE: &str = include_str!("style.css");
const RUN_SCRIPT: &str = include_str!("run.js");

/// One run as a page. `golden` is the summary that was accepted for its scenario, if there is
/// one: the page shows how the run differs from it.
#[must_use]
pub fn page(report: &Report<'_>, golden: Option<&str>) -> String {
    let record = report.record;
    let buckets = Buckets::of(record);
    let body = html! {
        (head_of_run(report))
        main {
            (findings(report))
            section #timeline aria-label="Timeline" {
                h2 { "Timeline" }
                p.hint {
                    "Drag across a chart to zoom in, double-click to zoom out. With a chart "
                    "focused: " kbd { "+" } " " kbd { "-" } " zoom, " kbd { "←" } " " kbd { "→" }
                    " move, " kbd { "0" } " shows all."
                }
                div.tools {
                    button type="button" data-zoom="in" { "Zoom in" }
                    button type="button" data-zoom="out" { "Zoom out" }
                    button type="button" data-zoom="all" { "Show all" }
                    span #window role="status" {}
                }
                (charts(record, &buckets))
                (fault_lanes(record))
                (breaker_lanes(&view::breakers(record), record))
                (host_lanes(&view::hosts(record), record))
                (scale::axis(record.end.at))
                div #tip role="status" hidden {}
            }
            (waterfalls(record))
            (difference(report, golden))
            section {
                h2 { "Plan" }
                details {
                    summary { "The plan as data" }
                    pre { (serde_json::to_string_pretty(&record.header.plan).unwrap_or_default()) }
                }
            }
        }
        (data(report, &buckets))
    };
    let title = format!("{}: {}", report.judgement.verdict.name(), report.title());
    document(&title, &record.digest().to_string(), &body, RUN_SCRIPT)
}

/// What stands above the fold.
fn head_of_run(report: &Report<'_>) -> Markup {
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
                div { dt { "end" } dd { (report.record.end.cause) } }
            }
            div.replay {
                code #replay { (report.replay) }
                button type="button" #copy data-copy="replay" { "Copy" }
                span #copied role="status" {}
            }
        }
    }
}

/// What the script knows. As text of a script it must not end it.
fn data(report: &Report<'_>, buckets: &Buckets) -> Markup {
    let rows: Vec<_> = buckets
        .all
        .iter()
        .map(|bucket| {
            let counts = Outcome::ALL.map(|outcome| bucket.requests.of(outcome));
            json!({
                "n": bucket.requests.sent, "c": counts,
                "p": [bucket.p50, bucket.p95, bucket.p99], "o": bucket.open_max,
            })
        })
        .collect();
    let header = &report.record.header;
    let faults: Vec<_> = header
        .faults
        .iter()
        .map(|fault| json!({ "l": fault.label, "f": fault.inject, "u": fault.heal }))
        .collect();
    let data = json!({
        "end": report.record.end.at.max(1),
        "width": buckets.width,
        "outcomes": Outcome::ALL.map(Outcome::name),
        "rows": rows,
        "faults": faults,
    });
    let text = data.to_string().replace('<', "\\u003c");
    html! { script type="application/json" #data { (PreEscaped(text)) } }
}

fn class_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::NoData => "no-data",
        Verdict::Fail => "fail",
    }
}

/// A whole page. The browser runs `script` and nothing else.
fn document(title: &str, nonce: &str, body: &Markup, script: &str) -> String {
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; \
         base-uri 'none'; form-action 'none'"
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (body)
                script nonce=(nonce) { (PreEscaped(script)) }
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests;
