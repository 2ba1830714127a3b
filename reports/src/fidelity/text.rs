//! Sides for people: what differs first, then the figures.

use super::{
    Agreement, Aspect, ClaimOnSides, Fidelity, MeasureOnSides, ScenarioFidelity, SideOfClaim,
    SideOfMeasure, SideOfScenario,
};
use crate::{plain, tally::Verdicts, words};

/// A scenario in full.
#[must_use]
pub fn scenario(scenario: &ScenarioFidelity) -> String {
    let mut out =
        format!("{}: {}\n", plain::line(&scenario.scenario), plain::line(&scenario.hypothesis));
    for side in &scenario.sides {
        out.push_str(&format!("  {}\n", plain::line(&performed(side))));
    }
    if let Some(differences) = given(scenario) {
        out.push_str(&format!("  {differences}\n"));
    }
    for claim in scenario.differing() {
        out.push_str(&format!("  DIFFERS: {}\n", plain::line(&heading(claim))));
        let rows = claim.sides.iter().zip(&scenario.sides).map(|(side, of)| {
            let reason = side.reason.as_deref().unwrap_or_default();
            vec![of.backend.to_string(), concluded(side), plain::line(reason)]
        });
        out.push_str(&aligned(&rows.collect::<Vec<_>>(), 4));
    }
    out.push_str(&figures(scenario));
    out
}

/// The table of what all scenarios come to.
#[must_use]
pub fn summary(fidelity: &Fidelity) -> String {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(fidelity.scenarios.iter().flat_map(summary_rows));
    format!("{}\n{}\n", aligned(&rows, 0), fidelity.sentence())
}

/// The columns of the summary.
pub(crate) const HEAD: [&str; 7] =
    ["scenario", "on", "runs", "verdicts", "p50 latency", "p99 latency", "availability"];

/// The lines of a scenario in the summary: one for each side but the simulation.
pub(crate) fn summary_rows(scenario: &ScenarioFidelity) -> Vec<Vec<String>> {
    let others = scenario.sides.iter().enumerate().skip(1);
    let row = |(number, side): (usize, &SideOfScenario)| {
        let verdicts = match (side.is_empty(), scenario.claims.len()) {
            (true, _) => "not performed".to_owned(),
            (false, all) if scenario.same_on(number) == all => format!("{all} the same"),
            (false, all) => format!("{} of {all} DIFFER", all - scenario.same_on(number)),
        };
        let furthest = |aspect| furthest(scenario, aspect, number);
        vec![
            plain::line(&scenario.scenario),
            side.backend.to_string(),
            side.runs().to_string(),
            verdicts,
            furthest(Aspect::P50),
            furthest(Aspect::P99),
            furthest(Aspect::Availability),
        ]
    };
    others.map(row).collect()
}

/// The phase in which a measure is furthest off: `20.9 -> 21.8 ms (during)`.
fn furthest(scenario: &ScenarioFidelity, aspect: Aspect, side: usize) -> String {
    let Some((phase, simulated, real, agreement)) = scenario.furthest(aspect, side) else {
        return "-".to_owned();
    };
    let mark = marked(aspect, agreement);
    format!("{} -> {}, {phase}{mark}", aspect.shown(simulated), aspect.shown(real))
}

/// What stands behind a measure that is not close.
pub(crate) fn marked(aspect: Aspect, agreement: Agreement) -> &'static str {
    match agreement {
        // That is not what is concluded from.
        Agreement::Apart if !aspect.is_wanted() => " (differs)",
        Agreement::Close => "",
        Agreement::WithinNoise => " (within noise)",
        Agreement::TooFewRuns => " (too few runs to tell)",
        Agreement::Missing => " (missing)",
        Agreement::Apart => " APART",
    }
}

/// Who performed a scenario and what it came to: `processes: 3 runs, 3 pass`.
pub(crate) fn performed(side: &SideOfScenario) -> String {
    let left_out = match side.left_out.as_slice() {
        [] => String::new(),
        [only] => format!("; one run is left out: {only}"),
        [first, ..] => format!("; {} runs are left out, the first: {first}", side.left_out.len()),
    };
    if side.is_empty() {
        return format!("{}: not performed{left_out}", side.backend);
    }
    let runs = words::counted(side.runs(), "run");
    format!("{}: {runs}, {}{left_out}", side.backend, counted(side.verdicts))
}

/// What of the plan is different from a plain run, if anything.
pub(crate) fn given(scenario: &ScenarioFidelity) -> Option<String> {
    let mut parts = Vec::new();
    if scenario.rate_factor < 1.0 {
        parts.push(format!("{} of the load on all sides", scenario.rate_factor));
    }
    if scenario.slack_ms > 0.0 {
        parts.push(format!("{} ms of slack where time is real", scenario.slack_ms));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// An objective with its phase and bound.
pub(crate) fn heading(claim: &ClaimOnSides) -> String {
    let phase = claim.phase.map_or("run", crate::record::Phase::name);
    format!("{} ({phase}), {}", claim.name, claim.bound)
}

/// What an objective came to on a side: `3 pass, 21.8 ms`.
pub(crate) fn concluded(side: &SideOfClaim) -> String {
    match side.observed.as_str() {
        "" => counted(side.verdicts),
        observed => format!("{}, {observed}", counted(side.verdicts)),
    }
}

fn counted(Verdicts { pass, no_data, fail }: Verdicts) -> String {
    let kinds = [(fail, "FAIL"), (no_data, "without data"), (pass, "pass")];
    let some = kinds.iter().filter(|(count, _)| *count > 0);
    let some: Vec<String> =
        some.map(|(count, name)| format!("{} {name}", words::count(*count))).collect();
    some.join(", ")
}

/// Is it an objective on the time that something takes to hold again?
pub(crate) fn is_recovery(claim: &&ClaimOnSides) -> bool {
    claim.name.starts_with("recovery of")
}

/// What a measure has on a side, with how far that is from the simulation.
pub(crate) fn cell(measure: &MeasureOnSides, side: usize) -> String {
    let Some(here) = measure.sides.get(side).copied().flatten() else { return "-".to_owned() };
    let shown = measure.aspect.shown(here.median);
    let simulated = measure.sides.first().copied().flatten();
    let (Some(simulated), Some(agreement)) =
        (simulated, side.checked_sub(1).and_then(|other| measure.agreements.get(other)))
    else {
        return shown;
    };
    format!(
        "{shown} ({}){}",
        away(measure.aspect, here, simulated),
        marked(measure.aspect, *agreement)
    )
}

/// How far a side is from the simulation, and what part of its own value that is: `+1.2 ms, +6 %`.
fn away(aspect: Aspect, here: SideOfMeasure, simulated: SideOfMeasure) -> String {
    let difference = here.median - simulated.median;
    let sign = match difference {
        it if it > 0.0 => "+",
        it if it < 0.0 => "-",
        _ => return "the same".to_owned(),
    };
    if !aspect.is_latency() || here.median <= 0.0 {
        return format!("{sign}{}", aspect.shown_difference(difference));
    }
    let relative = words::decimal((difference / here.median).abs() * 100.0, 1);
    format!("{sign}{}, {sign}{relative} %", aspect.shown_difference(difference))
}

/// Times to recover, latency and availability, and what faults affected.
fn figures(scenario: &ScenarioFidelity) -> String {
    let backends = scenario.sides.iter().map(|side| side.backend.to_string());
    let mut rows =
        vec![["phase", "measure"].map(str::to_owned).into_iter().chain(backends).collect()];
    for measure in &scenario.measures {
        let mut row = vec![measure.phase.to_string(), measure.aspect.name().to_owned()];
        row.extend((0..scenario.sides.len()).map(|side| cell(measure, side)));
        rows.push(row);
    }
    for claim in scenario.claims.iter().filter(is_recovery) {
        let mut row = vec!["after it".to_owned(), plain::line(&claim.name)];
        row.extend(claim.sides.iter().map(|side| side.observed.clone()));
        rows.push(row);
    }
    for fault in &scenario.faults {
        let mut row = vec!["affected".to_owned(), plain::line(&fault.label)];
        let counts = fault.affected.iter();
        row.extend(counts.map(|(count, of)| words::affected(*count, of)));
        rows.push(row);
    }
    aligned(&rows, 2)
}

/// Rows of a table, each column as wide as what is in it.
fn aligned(rows: &[Vec<String>], indent: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells.map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(format!("{:indent$}{}", "", cells.join("  ")).trim_end());
        out.push('\n');
    }
    out
}
