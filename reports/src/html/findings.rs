//! The findings of a run as a table, what is not a pass first and in full.

use maud::{Markup, html};

use super::class_of;
use crate::{
    Report,
    report::{open, place_of, title_of},
    verdict::{Finding, Verdict},
    words,
};

pub(super) fn findings(report: &Report<'_>) -> Markup {
    let good = report.judgement.findings.iter().filter(|it| it.verdict == Verdict::Pass);
    html! {
        section {
            h2 { "Objectives" }
            div.wide {
                table {
                    thead {
                        tr {
                            th scope="col" { "verdict" }
                            th scope="col" { "objective" }
                            th scope="col" { "phase" }
                            th scope="col" { "observed" }
                            th scope="col" { "bound" }
                            th.number scope="col" { "samples" }
                            th.number scope="col" { "margin" }
                        }
                    }
                    tbody {
                        @for finding in open(&report.judgement.findings) {
                            (row(finding))
                            tr.reason { td {} td colspan="6" { (finding.reason) } }
                        }
                        @for finding in good { (row(finding)) }
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
            td { (place_of(finding)) }
            td { (finding.observed) }
            td { (finding.bound) }
            td.number { (words::count(finding.samples)) }
            td.number { @if let Some(margin) = finding.margin { (words::percent(margin)) } }
        }
    }
}
