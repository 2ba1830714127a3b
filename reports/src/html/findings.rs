//! The findings of a run as a table, what is not a pass first and in full.

use maud::{Markup, html};

use super::{bullet::bullet, class_of};
use crate::{
    Report,
    report::{Open, notes, open, place_of, title_of},
    verdict::{Finding, Verdict},
    words,
};

/// What passes is folded away as long as something else asks to be read.
pub(super) fn findings(report: &Report<'_>) -> Markup {
    let findings = &report.judgement.findings;
    let open = html! { @for open in open(findings) { (open_rows(&open)) } };
    let passed: Vec<_> = findings.iter().filter(|it| it.verdict == Verdict::Pass).collect();
    let all_pass = passed.len() == findings.len();
    let passed_rows = html! {
        @for finding in &passed { (row(finding, &title_of(finding), place_of(finding), &finding.bound)) }
    };
    html! {
        section #objectives {
            h2 { "Objectives" }
            @if findings.is_empty() { p { "Nothing was judged." } }
            @else {
                p.hint {
                    "A bar shows how much of what the bound allows was used or, where something must be \
                     reached, how much of it was. The mark is the bound."
                }
            }
            @if !all_pass { (table(&open)) }
            @let notes = notes(findings);
            @if !notes.is_empty() {
                div.partial role="note" {
                    strong { "To be looked at" }
                    ul { @for note in notes { li { (note) } } }
                }
            }
            @if !passed.is_empty() {
                @if all_pass { (table(&passed_rows)) }
                @else {
                    details {
                        summary { (words::count(passed.len() as u64)) " more that pass" }
                        (table(&passed_rows))
                    }
                }
            }
        }
    }
}

/// What is not a pass, with its reason. What is folded can be unfolded.
fn open_rows(open: &Open<'_>) -> Markup {
    html! {
        (row(open.first, &open.title(), open.place(), open.bound()))
        @if !open.first.reason.is_empty() {
            tr.reason {
                td {}
                td colspan="6" {
                    (open.first.reason)
                    @if open.is_folded() {
                        details {
                            summary { "All " (words::count(open.count() as u64)) }
                            ul { @for name in open.names() { li { (name) } } }
                        }
                    }
                }
            }
        }
        @if !open.followers.is_empty() {
            tr.reason {
                td {}
                td.follows colspan="6" {
                    "What follows from it:"
                    ul {
                        @for follower in &open.followers {
                            li {
                                span.mark.(class_of(follower.first.verdict)) {
                                    (follower.first.verdict.name())
                                }
                                " " (follower.in_brief())
                            }
                        }
                    }
                }
            }
        }
    }
}

fn table(rows: &Markup) -> Markup {
    html! {
        div.wide {
            table.findings {
                thead {
                    tr {
                        th.verdicts scope="col" { "verdict" }
                        th scope="col" { "objective" }
                        th.phases scope="col" { "phase" }
                        th scope="col" { "observed" }
                        th scope="col" { "bound" }
                        th.number scope="col" { "samples" }
                        th.number.margins scope="col" { "margin" }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}

fn row(finding: &Finding, title: &str, place: &str, bound: &str) -> Markup {
    let is_folded = bound.is_empty() && !finding.bound.is_empty();
    html! {
        tr {
            td { span.mark.(class_of(finding.verdict)) { (finding.verdict.name()) } }
            td { (title) }
            td data-label="phase" { (place) }
            td data-label="observed" { (finding.observed) }
            td data-label="bound" { (bound) }
            td.number data-label="samples" { @if !is_folded { (words::count(finding.samples)) } }
            td.number data-label="margin" {
                @if let Some(margin) = finding.margin { (words::margin(margin)) }
                (bullet(finding))
            }
        }
    }
}
