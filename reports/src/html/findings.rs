//! The findings of a run as a table, what is not a pass first and in full.

use maud::{Markup, html};

use super::class_of;
use crate::{
    Report,
    report::{open, place_of, title_of},
    verdict::{Finding, Verdict},
    words,
};

/// What passes is folded away as long as something else asks to be read.
pub(super) fn findings(report: &Report<'_>) -> Markup {
    let findings = &report.judgement.findings;
    let open = open(findings);
    let passed: Vec<_> = findings.iter().filter(|it| it.verdict == Verdict::Pass).collect();
    html! {
        section #objectives {
            h2 { "Objectives" }
            @if findings.is_empty() { p { "Nothing was judged." } }
            @if !open.is_empty() { (table(&open)) }
            @if open.is_empty() && !passed.is_empty() { (table(&passed)) }
            @if !open.is_empty() && !passed.is_empty() {
                details {
                    summary { (words::count(passed.len() as u64)) " more that pass" }
                    (table(&passed))
                }
            }
        }
    }
}

fn table(findings: &[&Finding]) -> Markup {
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
                        th.number scope="col" { "margin" }
                    }
                }
                tbody {
                    @for finding in findings {
                        (row(finding))
                        @if !finding.reason.is_empty() {
                            tr.reason { td {} td colspan="6" { (finding.reason) } }
                        }
                    }
                }
            }
        }
    }
}

fn row(finding: &Finding) -> Markup {
    html! {
        tr {
            td { span.mark.(class_of(finding.verdict)) { (finding.verdict.name()) } }
            td { (title_of(finding)) }
            td data-label="phase" { (place_of(finding)) }
            td data-label="observed" { (finding.observed) }
            td data-label="bound" { (finding.bound) }
            td.number data-label="samples" { (words::count(finding.samples)) }
            td.number data-label="margin" { @if let Some(margin) = finding.margin { (words::margin(margin)) } }
        }
    }
}
