//! A comparison for people: the worst first, and only what moved or may have.

use std::fmt::Write as _;

use super::{
    comparison::{Comparison, Conclusion, Direction, MeasureComparison, Part, ScenarioComparison},
    measure::Measure,
};
use crate::{plain, tally::Verdicts, words};

/// Seeds, measures that more seeds might tell apart, and those without a counterpart: of more there
/// is only the number.
const SEEDS_MAX: usize = 10;
const UNDECIDED_MAX: usize = 10;
const ALONE_MAX: usize = 10;

/// `comparison` as text. What comes from a record keeps its letters and loses its control
/// characters.
#[must_use]
pub fn text(comparison: &Comparison) -> String {
    let mut out = format!("A: {}\nB: {}\n", plain::line(&comparison.a), plain::line(&comparison.b));
    if let Some(backend) = comparison.performed_by() {
        let _ = writeln!(out, "both on {backend}");
    }
    for scenario in &comparison.scenarios {
        out.push_str(&in_full(scenario, comparison.is_deterministic()));
    }
    for (side, names) in [("A", &comparison.only_in_a), ("B", &comparison.only_in_b)] {
        if !names.is_empty() {
            let _ = writeln!(out, "\nonly in {side}: {}", plain::line(&names.join(", ")));
        }
    }
    let _ = writeln!(out, "\n{}", conclusion(comparison));
    out
}

/// What a comparison comes to, in a sentence.
pub(super) fn conclusion(comparison: &Comparison) -> &'static str {
    match comparison.conclusion {
        Conclusion::Worse => "worse: something is worse by more than noise",
        Conclusion::NothingWorse => "nothing is worse by more than noise",
        Conclusion::Inconclusive if comparison.scenarios.is_empty() => {
            "inconclusive: the sides have no scenario in common"
        }
        Conclusion::Inconclusive if !comparison.only_in_a.is_empty() => {
            "inconclusive: B does not have all scenarios of A"
        }
        Conclusion::Inconclusive if comparison.is_any_alone() => {
            "inconclusive: there are measures without a counterpart on the other side"
        }
        Conclusion::Inconclusive => "inconclusive: too few seeds to tell what differs from noise",
    }
}

fn in_full(scenario: &ScenarioComparison, is_deterministic: bool) -> String {
    let mut out = format!("\n{}\n", plain::line(&scenario.title()));
    for (side, part) in [("A", &scenario.a), ("B", &scenario.b)] {
        let _ = writeln!(out, "  {side}: {}", plain::line(&runs(part)));
    }
    let _ = writeln!(out, "  {}", the_same(scenario, is_deterministic));
    if let Some(runs) = scenario.noise_runs {
        let _ = writeln!(out, "  noise from {}", words::counted(runs as u64, "run"));
    }
    out.push_str(&verdicts_changed(scenario));
    out.push_str(&plan(scenario));
    for (direction, title) in [
        (Direction::Worse, "moved for the worse"),
        (Direction::Neutral, "moved"),
        (Direction::Better, "moved for the better"),
    ] {
        out.push_str(&table(title, &scenario.moved(direction)));
    }
    let (undecided, needed) = scenario.undecided();
    let few = &undecided[..undecided.len().min(UNDECIDED_MAX)];
    out.push_str(&table(&format!("too few seeds to tell ({needed} on each side can)"), few));
    if undecided.len() > few.len() {
        let _ = writeln!(out, "    and {} more", undecided.len() - few.len());
    }
    for (title, measures) in alone(scenario) {
        let names: Vec<String> = measures.iter().map(|it| plain::line(it)).collect();
        let _ = writeln!(out, "  {title}:\n    {}", names.join("\n    "));
    }
    let _ = writeln!(out, "  {}", the_rest(scenario));
    if let Some(divergence) = &scenario.divergence {
        for line in divergence.to_string().lines() {
            let _ = writeln!(out, "  {}", plain::line(line));
        }
    }
    out
}

/// The measures without a counterpart, by where they are: a few of them, and how many more.
pub(super) fn alone(scenario: &ScenarioComparison) -> Vec<(&'static str, Vec<String>)> {
    let kinds = [
        ("measured only in A", &scenario.only_in_a),
        ("measured only in B", &scenario.only_in_b),
        ("measured in all runs of A, but not of B", &scenario.lost_in_b),
        ("measured in all runs of B, but not of A", &scenario.lost_in_a),
    ];
    let some = kinds.into_iter().filter(|(_, measures)| !measures.is_empty());
    let named = some.map(|(title, measures)| {
        let few = measures.iter().take(ALONE_MAX);
        let mut names: Vec<String> = few.map(Measure::to_string).collect();
        if measures.len() > names.len() {
            names.push(format!("and {} more", measures.len() - names.len()));
        }
        (title, names)
    });
    named.collect()
}

/// The runs of a side: defects, seeds, verdicts.
pub(super) fn runs(part: &Part) -> String {
    let defects = match part.defects.as_slice() {
        [] => "without defects".to_owned(),
        defects => format!("with {}", defects.join(", ")),
    };
    let Verdicts { pass, no_data, fail } = part.verdicts;
    let verdicts = [(pass, "pass"), (fail, "fail"), (no_data, "without data")];
    let counted = verdicts.iter().filter(|(count, _)| *count > 0);
    let verdicts: Vec<String> =
        counted.map(|(count, name)| format!("{} {name}", words::count(*count))).collect();
    let seeds = words::counted(part.seeds as u64, "seed");
    format!("{defects}, {seeds}: {}", verdicts.join(", "))
}

/// How many seeds both sides have and, where a seed is the same run each time, how many of the runs
/// are one and the same.
pub(super) fn the_same(scenario: &ScenarioComparison, is_deterministic: bool) -> String {
    let (same, common) = (scenario.same_runs, scenario.seeds_in_common);
    match (same, common) {
        (_, 0) => "no seed in common".to_owned(),
        _ if !is_deterministic => format!("{} in common", words::counted(common as u64, "seed")),
        (1, 1) => "the same run".to_owned(),
        _ if same == common => format!("the same runs with all {common} seeds in common"),
        (0, _) => {
            format!("{} in common, no run is the same", words::counted(common as u64, "seed"))
        }
        _ => format!("the same run with {same} of {common} seeds in common"),
    }
}

/// What is not listed.
pub(super) fn the_rest(scenario: &ScenarioComparison) -> String {
    format!(
        "within noise: {}; the same in all runs: {}",
        words::counted(scenario.within_noise() as u64, "measure"),
        words::count(scenario.unvaried as u64)
    )
}

/// Seeds whose verdict changed: `3 pass -> FAIL`.
pub(super) fn changes(scenario: &ScenarioComparison) -> Option<String> {
    let changed = &scenario.verdicts_changed;
    let each = changed.iter().take(SEEDS_MAX);
    let each: Vec<String> =
        each.map(|it| format!("{} {} -> {}", it.seed, it.a.name(), it.b.name())).collect();
    let more = match changed.len() - each.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    (!each.is_empty()).then(|| format!("{}{more}", each.join(", ")))
}

fn verdicts_changed(scenario: &ScenarioComparison) -> String {
    let changes = changes(scenario);
    changes.map_or(String::new(), |changes| format!("  seeds whose verdict changed: {changes}\n"))
}

fn plan(scenario: &ScenarioComparison) -> String {
    let plan = &scenario.plan;
    if plan.count == 0 {
        return String::new();
    }
    let mut out = format!("  plan: {}\n", words::counted(plan.count as u64, "difference"));
    for it in &plan.named {
        let [a, b] = [&it.a, &it.b].map(|value| value.as_deref().unwrap_or("nothing"));
        let _ = writeln!(
            out,
            "    {}: {} -> {}",
            plain::line(&it.path),
            plain::line(a),
            plain::line(b)
        );
    }
    if plan.count > plan.named.len() {
        let _ = writeln!(out, "    and {} more", plan.count - plan.named.len());
    }
    out
}

fn table(title: &str, measures: &[&MeasureComparison]) -> String {
    if measures.is_empty() {
        return String::new();
    }
    let name = |it: &&MeasureComparison| plain::line(&it.measure.to_string());
    let width = measures.iter().map(|it| name(it).chars().count()).max().unwrap_or(0);
    let mut out = format!("  {title}:\n");
    for it in measures {
        let [a, b, difference, relative] = it.shown();
        let grounds = [difference, relative, it.grounds()];
        let grounds: Vec<String> = grounds.into_iter().filter(|text| !text.is_empty()).collect();
        let _ = writeln!(out, "    {:<width$}  {a} -> {b} ({})", name(it), grounds.join(", "));
    }
    out
}
