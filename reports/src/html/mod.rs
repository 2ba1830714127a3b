//! A run as one HTML file, and an index over many.
//!
//! A page needs nothing but itself: no network, no server. What it shows is drawn here, as text
//! and SVG; a small script adds zoom, hover and copying. All text from a record passes through
//! `maud`, which escapes it, and the only script that a browser runs carries the page's nonce.

mod bullet;
mod charts;
mod data;
mod difference;
mod fidelity;
mod findings;
mod frame;
mod head;
mod index;
mod lanes;
mod scale;
mod waterfall;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::{
    charts::charts,
    data::data,
    difference::difference,
    findings::findings,
    head::head_of_run,
    lanes::{breaker_lanes, fault_lanes, host_lanes, log_lanes, operation_lanes, phases},
    waterfall::waterfalls,
};
pub use self::{
    difference::Golden,
    fidelity::fidelity,
    index::{Entry, index, live_index},
};
use crate::{Record, Report, verdict::Verdict, view::Buckets};

const STYLE: &str = include_str!("style.css");
const RUN_SCRIPT: &str = include_str!("run.js");

/// One run as a page. `golden` is the summary that was accepted for its scenario: the page shows how
/// the run differs from it, if its backend performs the same run each time.
#[must_use]
pub fn page(report: &Report<'_>, golden: &Golden) -> String {
    let record = report.record;
    let buckets = Buckets::of(record);
    let body = html! {
        (head_of_run(report))
        main {
            (findings(report))
            (timeline(record, &buckets))
            (waterfalls(record))
            @if record.header.backend.is_deterministic() { (difference(report, golden)) }
            section #plan {
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
    document(&title, &body, RUN_SCRIPT, NOTHING)
}

/// Everything over time, on one axis.
fn timeline(record: &Record, buckets: &Buckets) -> Markup {
    html! {
        section #timeline {
            h2 { "Timeline" }
            p.hint {
                "Drag across a chart to zoom in, double-click to zoom out. With a chart focused: "
                kbd { "+" } " " kbd { "-" } " zoom, " kbd { "←" } " " kbd { "→" } " move, "
                kbd { "0" } " shows all."
            }
            div.tools {
                button type="button" data-zoom="in" { "Zoom in" }
                button type="button" data-zoom="out" { "Zoom out" }
                button type="button" data-zoom="all" { "Show all" }
                span #window role="status" {}
            }
            (phases(record))
            (operation_lanes(record))
            (fault_lanes(record))
            (charts(record, buckets))
            (breaker_lanes(record))
            (host_lanes(record))
            (log_lanes(record))
            (scale::axis(record.end.at))
            div #tip role="status" hidden {}
        }
    }
}

fn class_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::NoData => "no-data",
        Verdict::Fail => "fail",
    }
}

/// What a page may ask for over the network, in the words of a content policy.
const NOTHING: &str = "'none'";
const ITS_SERVER: &str = "'self'";

/// A whole page. The browser runs `script` and nothing else, and it connects to nothing else than
/// what `connects` says. The nonce that lets the script run is a hash of all else, so that no text
/// on the page can name it.
fn document(title: &str, body: &Markup, script: &str, connects: &str) -> String {
    let nonce = blake3::hash(body.0.as_bytes()).to_hex();
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; \
         connect-src {connects}; base-uri 'none'; form-action 'none'"
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
