//! A comparison as Markdown, for a comment on a pull request.

use std::fmt::Write as _;

use super::{
    comparison::{Answer, Comparison, Direction, MeasureComparison, ScenarioComparison},
    text::{alone, changes, conclusion, runs, the_rest, the_same},
};
use crate::{
    markdown::{cell, fill, inline},
    words,
};

/// GitHub takes comments of up to 65,536 characters; less room for the last sentence.
const BYTES_MAX: usize = 60_000;

/// `comparison` as one document that fits into a comment: the worst first, and only what moved or
/// may have. All text of records is escaped.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("## Squall: {}\n\n", conclusion(comparison));
    let sides = format!("A is {}, B is {}.\n\n", inline(&comparison.a), inline(&comparison.b));
    let mut parts = vec![sides];
    let backend = comparison.performed_by();
    parts.extend(backend.map(|backend| format!("Both on {backend}.\n\n")));
    for scenario in &comparison.scenarios {
        parts.extend(in_full(scenario, comparison.is_deterministic()));
    }
    for (side, names) in [("A", &comparison.only_in_a), ("B", &comparison.only_in_b)] {
        if !names.is_empty() {
            parts.push(format!("Only in {side}: {}\n\n", inline(&names.join(", "))));
        }
    }
    fill(&mut text, &parts, BYTES_MAX, "a comment");
    text
}

/// A scenario in parts, none of which is half of something.
fn in_full(scenario: &ScenarioComparison, is_deterministic: bool) -> Vec<String> {
    let mut head = format!("### {}\n\n", inline(&scenario.title()));
    for (side, part) in [("A", &scenario.a), ("B", &scenario.b)] {
        let _ = writeln!(head, "- {side}: {}", inline(&runs(part)));
    }
    let _ = writeln!(head, "- {}", the_same(scenario, is_deterministic));
    if let Some(runs) = scenario.noise_runs {
        let _ = writeln!(head, "- noise from {}", words::counted(runs as u64, "run"));
    }
    if let Some(changes) = changes(scenario) {
        let _ = writeln!(head, "- seeds whose verdict changed: {}", inline(&changes));
    }
    let (undecided, needed) = scenario.undecided();
    if !undecided.is_empty() {
        let _ = writeln!(
            head,
            "- {} differ, with too few seeds to tell from noise; {needed} on each side can",
            words::counted(undecided.len() as u64, "measure")
        );
    }
    for (title, measures) in alone(scenario) {
        let _ = writeln!(head, "- {title}: {}", inline(&measures.join("; ")));
    }
    let _ = writeln!(head, "- {}", the_rest(scenario));
    let mut parts = vec![head + "\n"];
    let moved: Vec<&MeasureComparison> =
        scenario.measures.iter().filter(|it| it.answer == Answer::Moved).collect();
    if !moved.is_empty() {
        let title = "| moved | measure | A | B | difference | relative | rests on |\n";
        parts.push(format!("{title}| --- | --- | --- | --- | --- | --- | --- |\n"));
        parts.extend(moved.into_iter().map(row));
        parts.push("\n".to_owned());
    }
    parts.extend(plan(scenario));
    parts
}

fn row(it: &MeasureComparison) -> String {
    let mark = match it.direction {
        Direction::Worse => "❌ worse",
        Direction::Neutral => "⚪ moved",
        Direction::Better => "✅ better",
    };
    let [a, b, difference, relative] = it.shown();
    let measure = cell(&it.measure.to_string());
    format!("| {mark} | {measure} | {a} | {b} | {difference} | {relative} | {} |\n", it.grounds())
}

fn plan(scenario: &ScenarioComparison) -> Vec<String> {
    let plan = &scenario.plan;
    if plan.count == 0 {
        return Vec::new();
    }
    let differences = words::counted(plan.count as u64, "difference");
    let mut parts =
        vec![format!("The plans have {differences}.\n\n| where | A | B |\n| --- | --- | --- |\n")];
    parts.extend(plan.named.iter().map(|it| {
        let [a, b] = [&it.a, &it.b].map(|value| value.as_deref().unwrap_or("nothing"));
        format!("| {} | {} | {} |\n", cell(&it.path), cell(a), cell(b))
    }));
    parts.push("\n".to_owned());
    parts
}
