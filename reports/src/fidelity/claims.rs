//! Objectives side by side.

use serde::Serialize;

use super::performed::{Claim, Performed};
use crate::{record::Phase, report::title_of, tally::Verdicts, verdict::Verdict};

/// An objective or invariant on all sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClaimOnSides {
    /// The objective in words, with what it is restricted to.
    pub name: String,
    /// The phase that is judged; `None` for the whole run.
    pub phase: Option<Phase>,
    /// The bound, as it is in simulation if that has it.
    pub bound: String,
    /// On each side, in their order.
    pub sides: Vec<SideOfClaim>,
}

/// An objective on one side.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SideOfClaim {
    /// How many runs came to which verdict.
    pub verdicts: Verdicts,
    /// What was observed in the median run; empty if nothing was.
    pub observed: String,
    /// Why it was no pass, in the first run in which it was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Have all its runs the verdict that all runs of the simulation have?
    pub is_same: bool,
}

/// The objectives of all sides, of which the first is the simulation.
pub(super) fn side_by_side(sides: &[&Performed]) -> Vec<ClaimOnSides> {
    let mut claims: Vec<&Claim> = Vec::new();
    for claim in sides.iter().flat_map(|side| &side.claims) {
        if !claims.iter().any(|known| known.is_that(claim)) {
            claims.push(claim);
        }
    }
    let on_sides = claims.into_iter().map(|claim| {
        let found = sides.iter().map(|side| side.claims.iter().find(|it| it.is_that(claim)));
        let found: Vec<Option<&Claim>> = found.collect();
        let simulated = found.first().copied().flatten();
        let of_sides =
            found.iter().zip(sides).map(|(found, side)| on_side(*found, simulated, side.runs()));
        let first = &claim.first;
        ClaimOnSides {
            name: title_of(first),
            phase: first.phase,
            bound: first.bound.clone(),
            sides: of_sides.collect(),
        }
    });
    on_sides.collect()
}

fn on_side(found: Option<&Claim>, simulated: Option<&Claim>, runs: usize) -> SideOfClaim {
    let Some(found) = found else {
        let no_data = u64::try_from(runs).unwrap_or(u64::MAX);
        let verdicts = Verdicts { no_data, ..Verdicts::default() };
        return SideOfClaim { verdicts, observed: String::new(), reason: None, is_same: false };
    };
    let only = |claim: &Claim| -> Option<Verdict> {
        let first = *claim.verdicts.first()?;
        claim.verdicts.iter().all(|verdict| *verdict == first).then_some(first)
    };
    SideOfClaim {
        verdicts: found.verdicts.iter().copied().collect(),
        observed: observed(found),
        reason: found.reason.clone(),
        is_same: only(found).is_some() && only(found) == simulated.and_then(only),
    }
}

/// What was observed in the median run, those without a number aside.
fn observed(claim: &Claim) -> String {
    let mut figures: Vec<(f64, &str)> = claim
        .observed
        .iter()
        .filter_map(|(figure, text)| Some(((*figure)?, text.as_str())))
        .collect();
    figures.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let median = figures.get(figures.len().saturating_sub(1) / 2);
    let first = || claim.observed.first().map(|(_, text)| text.clone());
    median.map(|(_, text)| (*text).to_owned()).or_else(first).unwrap_or_default()
}
