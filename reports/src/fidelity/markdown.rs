//! Sides as Markdown: a table of all scenarios, and what differs.

use std::fmt::Write as _;

use super::{
    Fidelity,
    text::{HEAD, concluded, given, heading, summary_rows},
};
use crate::markdown::{cell, inline};

/// All of it as one document.
#[must_use]
pub fn markdown(fidelity: &Fidelity) -> String {
    let mut out = format!("{}\n\n", fidelity.sentence());
    let _ = writeln!(out, "| {} |", HEAD.join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(HEAD.len()));
    for row in fidelity.scenarios.iter().flat_map(summary_rows) {
        let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    for scenario in &fidelity.scenarios {
        let mut notes: Vec<String> = given(scenario).into_iter().collect();
        for claim in scenario.differing() {
            let sides = claim.sides.iter().zip(&scenario.sides);
            let sides: Vec<String> = sides
                .map(|(side, of)| format!("{} {}", of.backend, inline(&concluded(side))))
                .collect();
            notes.push(format!("differs: {}: {}", inline(&heading(claim)), sides.join("; ")));
        }
        if !notes.is_empty() {
            let _ = writeln!(out, "\n{}:\n", inline(&scenario.scenario));
            notes.iter().for_each(|note| {
                let _ = writeln!(out, "- {note}");
            });
        }
    }
    out
}
