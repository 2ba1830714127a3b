//! The simulation and other backends, laid over each other.

use maud::{Markup, html};

use super::{
    NOTHING, document,
    frame::{Lines, Over, frame, real, series, steps, time},
    scale::{HEIGHT, Scale, fixed_axis, place, placed, x},
};
use crate::{
    fidelity::{
        Agreement, ClaimOnSides, Conclusion, Curves, Fidelity, ScenarioFidelity,
        text::{HEAD, cell, concluded, given, heading, is_recovery, performed, summary_rows},
    },
    words,
};

/// Faults that are shaded and named on a chart: their names would lie on one another.
const BANDS_MAX: usize = 5;

/// All scenarios on one page, which needs nothing but itself: a table, and for each the curves of all
/// sides on one axis.
#[must_use]
pub fn fidelity(fidelity: &Fidelity) -> String {
    let (mark, class) = match fidelity.conclusion {
        Conclusion::Close => ("close", "pass"),
        Conclusion::Inconclusive => ("inconclusive", "no-data"),
        Conclusion::Apart => ("APART", "fail"),
    };
    let body = html! {
        header {
            p.verdict.(class) { (mark) }
            h1 { "How true the simulation is" }
            p.hypothesis { (fidelity.sentence()) }
            p.hint {
                "Each scenario was performed with the same load in simulation and on other backends. A p50 \
                 or p99 is close when it is within "
                (words::percent(fidelity.tolerance)) " of that of the real runs, or within "
                (time(fidelity.tolerance_ns)) " if that is more; further off it counts if runs of the two \
                 differ by more than runs of one do (Mann-Whitney U, Holm, level "
                (fidelity.level) ")."
            }
        }
        main {
            (table(fidelity))
            @for (number, scenario) in fidelity.scenarios.iter().enumerate() {
                (section(number, scenario))
            }
        }
    };
    document("Squall: how true the simulation is", &body, "", NOTHING)
}

fn table(fidelity: &Fidelity) -> Markup {
    html! {
        section #summary {
            h2 { "All scenarios" }
            p.hint { "Simulation first, in the phase in which the two are furthest apart." }
            div.wide {
                table.sides {
                    thead { tr { @for title in HEAD { th { (title) } } } }
                    tbody {
                        @for (number, scenario) in fidelity.scenarios.iter().enumerate() {
                            @for row in summary_rows(scenario) {
                                tr {
                                    @for (column, text) in row.iter().enumerate() {
                                        td.off[is_off(text)] {
                                            @if column == 0 {
                                                a href=(format!("#scenario-{number}")) { (text) }
                                            } @else { (text) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn is_off(text: &str) -> bool {
    text.ends_with("APART") || text.ends_with("DIFFER")
}

fn section(number: usize, scenario: &ScenarioFidelity) -> Markup {
    html! {
        section #(format!("scenario-{number}")) {
            h2 { (scenario.scenario) }
            p.hypothesis { (scenario.hypothesis) }
            ul {
                @for side in &scenario.sides { li { (performed(side)) } }
                @if let Some(given) = given(scenario) { li { (given) } }
            }
            p.hint { "The first run of each." }
            (charts(scenario))
            (measures(scenario))
            (claims(scenario))
        }
    }
}

/// The runs of all sides, on one axis.
fn charts(scenario: &ScenarioFidelity) -> Markup {
    let named = scenario.sides.iter().enumerate();
    let curves: Vec<(usize, String, &Curves)> = named
        .filter_map(|(number, side)| {
            Some((number, side.backend.to_string(), side.curves.as_ref()?))
        })
        .collect();
    let axis = curves.iter().map(|(_, _, it)| it.end).max().unwrap_or(0);
    let latencies =
        curves.iter().flat_map(|(_, _, it)| it.p50.iter().chain(&it.p99)).copied().flatten();
    let (least, most) = latencies
        .fold((f64::MAX, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
    let latency = Scale::log(least.min(most), most);
    let shares = Scale::Linear { most: 1.0 };
    let percent = |share: f64| words::percent(share);
    let one = |title: &str, scale: &Scale, shown: &dyn Fn(f64) -> String, of: Values| {
        let legend: Vec<(String, String)> =
            curves.iter().map(|(number, name, _)| (series(*number), name.clone())).collect();
        let marks = html! {
            @for (number, _, curves) in &curves {
                @let values = of(curves).iter().copied();
                path.line.(series(*number)) d=(steps(values, curves.width, curves.end, axis, scale)) {}
            }
        };
        let lines = Lines { title, scale, shown, legend: &legend, flat: &[] };
        frame(&lines, &marks, &over(curves.first().map(|(_, _, it)| *it), axis))
    };
    html! {
        (one("p50 latency, by the time at which a request was meant to start", &latency, &time, |it| &it.p50))
        (one("p99 latency", &latency, &time, |it| &it.p99))
        (one("Useful answers", &shares, &percent, |it| &it.useful))
        (fixed_axis(axis))
    }
}

type Values = fn(&Curves) -> &Vec<Option<f64>>;

/// When faults act in simulation.
fn over(simulated: Option<&Curves>, axis: u64) -> Over {
    let faults = || simulated.iter().flat_map(|it| it.faults.iter()).take(BANDS_MAX);
    let bands = html! {
        @for fault in faults() {
            @let (from, until) = (x(fault.inject.min(axis), axis), x(fault.heal.min(axis), axis));
            rect.band x=(place(from)) width=(place((until - from).max(0.0))) y="0" height=(HEIGHT) {
                title { (fault.label) ", " (time(real(fault.inject))) " to " (time(real(fault.heal))) }
            }
        }
    };
    let names = html! {
        @for fault in faults() {
            (placed("band-name", (fault.inject, fault.heal.min(axis)), axis, &fault.label))
        }
    };
    Over { bands, names }
}

/// Latency and availability by phase, times to recover, and what faults affected.
fn measures(scenario: &ScenarioFidelity) -> Markup {
    let sides = 0..scenario.sides.len();
    html! {
        div.wide {
            table.sides {
                thead {
                    tr {
                        th { "phase" } th { "measure" }
                        @for side in &scenario.sides { th { (side.backend) } }
                    }
                }
                tbody {
                    @for measure in &scenario.measures {
                        tr {
                            td { (measure.phase) }
                            td { (measure.aspect.name()) }
                            @for side in sides.clone() {
                                @let apart = side
                                    .checked_sub(1)
                                    .is_some_and(|it| measure.agreements.get(it) == Some(&Agreement::Apart));
                                td.off[apart && measure.aspect.is_wanted()] { (cell(measure, side)) }
                            }
                        }
                    }
                    @for claim in scenario.claims.iter().filter(is_recovery) {
                        tr {
                            td { "after it" }
                            td { (claim.name) }
                            @for side in &claim.sides { td { (side.observed) } }
                        }
                    }
                    @for fault in &scenario.faults {
                        tr {
                            td { "affected" }
                            td { (fault.label) }
                            @for (count, of) in &fault.affected { td { (words::affected(*count, of)) } }
                        }
                    }
                }
            }
        }
    }
}

fn claims(scenario: &ScenarioFidelity) -> Markup {
    let differing: Vec<&ClaimOnSides> = scenario.differing().collect();
    html! {
        @if !differing.is_empty() {
            h3 { "Verdicts that differ" }
            (claims_table(scenario, &differing))
        }
        details {
            summary { "All " (words::counted(scenario.claims.len() as u64, "objective")) }
            (claims_table(scenario, &scenario.claims.iter().collect::<Vec<_>>()))
        }
    }
}

fn claims_table(scenario: &ScenarioFidelity, claims: &[&ClaimOnSides]) -> Markup {
    html! {
        div.wide {
            table.sides {
                thead { tr { th { "objective" } @for side in &scenario.sides { th { (side.backend) } } } }
                tbody {
                    @for claim in claims {
                        tr {
                            td { (heading(claim)) }
                            @for side in &claim.sides {
                                td.off[!side.is_same] title=[side.reason.as_deref()] { (concluded(side)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
