//! An index over many runs: what to look at first.

use maud::{Markup, html};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{ITS_SERVER, NOTHING, class_of, document};
use crate::{
    in_progress::{InProgress, Running},
    json::RunReport,
    record::Backend,
    verdict::{FindingKind, Verdict},
    words,
};

const TITLE: &str = "Squall: runs";
const SCRIPT: &str = include_str!("index.js");
const LIVE_SCRIPT: &str = include_str!("live.js");

/// What stands for itself in the address of a page; a `:` would make a scheme of a file's name.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One run in an index.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The address of its page, relative to the index.
    pub address: String,
    /// Who performed the plan.
    pub backend: Backend,
    /// The scenario's name.
    pub scenario: String,
    /// The defects that were switched on.
    pub defects: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// The verdict on it.
    pub verdict: Verdict,
    /// Its requests.
    pub requests: u64,
    /// How long it was, in milliseconds of virtual time; on processes, of real time.
    pub lasted_ms: u64,
    /// The smallest margin of its objectives.
    pub margin: Option<f64>,
    /// The digest of its record.
    pub digest: String,
    /// Was the plan performed to its end? If not, the record is of a part of it.
    pub is_complete: bool,
}

impl Entry {
    /// The entry of a run whose page is the file `file`, beside the index.
    #[must_use]
    pub fn new(report: &RunReport, file: &str) -> Self {
        let claims = report.objectives.iter().filter(|finding| {
            matches!(finding.kind, FindingKind::Objective | FindingKind::Invariant)
        });
        Self {
            address: utf8_percent_encode(file, PLAIN).to_string(),
            backend: report.backend,
            scenario: report.scenario.clone(),
            defects: report.defects.clone(),
            seed: report.seed,
            verdict: report.verdict,
            requests: report.requests.sent,
            lasted_ms: report.sim_ms,
            margin: claims.filter_map(|finding| finding.margin).min_by(f64::total_cmp),
            digest: report.digest.to_string(),
            is_complete: report.end.is_complete(),
        }
    }
}

/// What could not be read, and why.
type Unread = (String, String);

/// The index over `entries`, the worst first, and over files that could not be read.
#[must_use]
pub fn index(entries: &[Entry], unread: &[Unread]) -> String {
    let body = body(entries, unread, &Markup::default());
    document(TITLE, &body, SCRIPT, NOTHING)
}

/// The same for a server: it says what is going on, and renews itself when the server tells it
/// to, over server-sent events at `events`.
#[must_use]
pub fn live_index(
    entries: &[Entry],
    unread: &[Unread],
    in_progress: Option<&InProgress>,
) -> String {
    let going_on = html! {
        section #in-progress role="status" {
            @if let Some(in_progress) = in_progress { (going_on(in_progress)) }
        }
        p #connection role="status" {}
    };
    let script = format!("{SCRIPT}\n{LIVE_SCRIPT}");
    document(TITLE, &body(entries, unread, &going_on), &script, ITS_SERVER)
}

fn going_on(in_progress: &InProgress) -> Markup {
    html! {
        h2 { "Going on: " (in_progress.done) " of " (words::counted(in_progress.of, "run")) " done" }
        ul {
            @for run in &in_progress.running { li { (running(run)) } }
        }
    }
}

fn running(run: &Running) -> Markup {
    let ms = |ms: u64| words::time(ms.saturating_mul(1_000_000));
    html! {
        (run.title()) ", seed " (run.seed) ": "
        progress max=(run.lasts_ms.max(1)) value=(run.reached_ms.min(run.lasts_ms)) {}
        " " (ms(run.reached_ms)) " of " (ms(run.lasts_ms))
    }
}

fn body(entries: &[Entry], unread: &[Unread], going_on: &Markup) -> Markup {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|a, b| {
        let worst = b.verdict.cmp(&a.verdict);
        let closest = a.margin.unwrap_or(f64::MAX).total_cmp(&b.margin.unwrap_or(f64::MAX));
        worst.then(closest).then_with(|| (&a.scenario, a.seed).cmp(&(&b.scenario, b.seed)))
    });
    let count = |verdict| entries.iter().filter(|entry| entry.verdict == verdict).count();
    let (pass, fail, no_data) =
        (count(Verdict::Pass), count(Verdict::Fail), count(Verdict::NoData));
    html! {
        header #summary {
            h1 { "Squall: " (pass) " of " (words::counted(entries.len() as u64, "run")) " pass" }
            p { (fail) " failed, " (no_data) " without data" }
        }
        main {
            (going_on)
            div #unread {
                @if !unread.is_empty() {
                    section.unread role="alert" {
                        h2 { "Not shown" }
                        ul { @for (file, why) in unread { li { code { (file) } ": " (why) } } }
                    }
                }
            }
            (filters(entries))
            div.wide {
                table #runs {
                    thead {
                        tr {
                            (sortable("verdict", false))
                            (sortable("scenario", false))
                            (sortable("defect", false))
                            (sortable("seed", true))
                            (sortable("requests", true))
                            (sortable("lasted", true))
                            (sortable("margin", true))
                            th scope="col" { "digest" }
                        }
                    }
                    tbody { @for entry in sorted { (row(entry)) } }
                }
            }
            p #shown role="status" {}
        }
    }
}

fn filters(entries: &[Entry]) -> Markup {
    let mut defects: Vec<&str> =
        entries.iter().flat_map(|entry| entry.defects.iter().map(String::as_str)).collect();
    defects.sort_unstable();
    defects.dedup();
    html! {
        form.filters {
            label { "verdict "
                select #by-verdict {
                    option value="" { "all" }
                    option value="fail" { "FAIL" }
                    option value="no-data" { "no data" }
                    option value="pass" { "pass" }
                }
            }
            label { "scenario " input #by-scenario type="search" autocomplete="off"; }
            label { "defect "
                select #by-defect {
                    option value="" { "all" }
                    option value="-" { "none" }
                    @for defect in defects { option value=(defect) { (defect) } }
                }
            }
            label { "seed " input #by-seed type="search" inputmode="numeric" autocomplete="off"; }
        }
    }
}

fn sortable(name: &str, is_number: bool) -> Markup {
    html! {
        th.number[is_number] scope="col" aria-sort="none" {
            button type="button" data-sort=(name) { (name) }
        }
    }
}

fn row(entry: &Entry) -> Markup {
    let rank = match entry.verdict {
        Verdict::Fail => 0,
        Verdict::NoData => 1,
        Verdict::Pass => 2,
    };
    let defects = entry.defects.join(", ");
    html! {
        tr data-verdict=(class_of(entry.verdict)) data-scenario=(entry.scenario)
            data-defect=(if defects.is_empty() { "-" } else { &defects }) data-seed=(entry.seed)
            data-margin=(entry.margin.map_or_else(String::new, |margin| margin.to_string()))
            data-requests=(entry.requests) data-lasted=(entry.lasted_ms) data-rank=(rank) {
            td { span.mark.(class_of(entry.verdict)) { (entry.verdict.name()) } }
            td {
                a href=(entry.address) { (entry.scenario) }
                @match entry.backend {
                    Backend::Simulation => {},
                    Backend::Processes => " on processes",
                    Backend::Containers => " on containers",
                }
                @if !entry.is_complete { " (partial)" }
            }
            td { (defects) }
            td.number { (entry.seed) }
            td.number { (words::count(entry.requests)) }
            td.number { (words::time(entry.lasted_ms.saturating_mul(1_000_000))) }
            td.number { @if let Some(margin) = entry.margin { (words::margin(margin)) } }
            // What is another run each time has no digest to look for elsewhere.
            td { @if entry.backend.is_deterministic() { code { (entry.digest) } } }
        }
    }
}
