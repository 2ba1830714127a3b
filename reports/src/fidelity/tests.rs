//! Sides that were made by hand.

use super::{Agreement, Aspect, Conclusion, Fidelity, Performed, ScenarioFidelity, markdown, text};
use crate::{
    Record,
    fixture::{self, MS},
    html,
    record::{Backend, EndCause, EventKind, Phase},
    verdict::{Finding, FindingKind, Judgement, Verdict},
};

/// A run on a backend in which every request takes so much longer.
fn run(backend: Backend, seed: u64, later: u64) -> Record {
    let mut record = fixture::record();
    record.header.backend = backend;
    record.header.seed = seed;
    for event in &mut record.events {
        if matches!(event.what, EventKind::Request(_)) {
            event.at += later;
        }
    }
    record
}

fn judged(verdict: Verdict) -> Judgement {
    let finding = match verdict {
        Verdict::Fail => fixture::failed(),
        _ => Finding { verdict, ..fixture::passed() },
    };
    Judgement::of(vec![finding])
}

/// Runs that take so much longer each.
fn side(backend: Backend, later: impl IntoIterator<Item = u64>, verdict: Verdict) -> Performed {
    let mut side = Performed::on(backend);
    for (seed, later) in (1..).zip(later) {
        side.add(&run(backend, seed, later), &judged(verdict)).expect("it is alike");
    }
    side
}

fn simulated() -> Performed {
    side(Backend::Simulation, (0..20).map(|run| run * 1_000), Verdict::Pass)
}

fn against(other: Performed) -> ScenarioFidelity {
    ScenarioFidelity::between(&simulated(), &[other])
}

#[test]
fn a_few_milliseconds_are_close_and_more_are_apart() {
    let close = against(side(Backend::Processes, [2 * MS, 2 * MS, 3 * MS - 50_000], Verdict::Pass));
    assert_eq!(close.conclusion(), Conclusion::Close);
    let apart = against(side(Backend::Processes, [5 * MS, 6 * MS, 5 * MS], Verdict::Pass));
    assert_eq!(apart.conclusion(), Conclusion::Apart);
    let p50 = apart.measures.iter().find(|it| it.aspect == Aspect::P50).expect("it is measured");
    assert_eq!(p50.agreements, [Agreement::Apart]);
    assert!(p50.sides[1].is_some_and(|it| it.p.is_some_and(|p| p < 0.05)), "{p50:?}");
}

/// 15 % of what is slow is more than 3 ms.
#[test]
fn the_tolerance_grows_with_what_is_measured() {
    for (real, expected) in [(100.0, true), (116.0, true), (118.0, false)] {
        let agreement = Agreement::of(Aspect::P99, (100e6, real * 1e6), 0.001, true);
        assert_eq!(agreement == Agreement::Close, expected, "{real}");
    }
    let share = |real| Agreement::of(Aspect::Availability, (1.0, real), 0.001, true);
    assert_eq!((share(0.995), share(0.98)), (Agreement::Close, Agreement::Apart));
}

#[test]
fn one_run_tells_nothing_and_runs_that_differ_little_from_each_other_do() {
    let one = against(side(Backend::Processes, [9 * MS], Verdict::Pass));
    assert_eq!(one.conclusion(), Conclusion::Inconclusive);
    assert!(one.measures.iter().any(|it| it.agreements == [Agreement::TooFewRuns]));
    // The runs of the simulation differ by as much themselves.
    let spread = side(Backend::Simulation, (0..20).map(|run| run * MS), Verdict::Pass);
    let life = side(Backend::Processes, [2 * MS, 15 * MS, 18 * MS], Verdict::Pass);
    let within = ScenarioFidelity::between(&spread, &[life]);
    assert_eq!(within.conclusion(), Conclusion::Close);
    assert!(within.measures.iter().any(|it| it.agreements == [Agreement::WithinNoise]));
}

/// The worst that there can be: red for real, and green in simulation.
#[test]
fn another_verdict_is_apart_whatever_the_figures() {
    let red = against(side(Backend::Processes, [0, 0, 0], Verdict::Fail));
    assert_eq!((red.conclusion(), red.same_on(1)), (Conclusion::Apart, 0));
    let text = text::scenario(&red);
    assert!(text.contains("DIFFERS: ") && text.contains("3 FAIL"), "{text}");
    // One of three is enough.
    let mut mixed = side(Backend::Processes, [0, 0], Verdict::Pass);
    let last = run(Backend::Processes, 3, 0);
    mixed.add(&last, &judged(Verdict::Fail)).expect("it is alike");
    assert_eq!(against(mixed).conclusion(), Conclusion::Apart);
    let no_data = against(side(Backend::Processes, [0, 0, 0], Verdict::NoData));
    assert_eq!(no_data.conclusion(), Conclusion::Apart);
}

#[test]
fn a_run_that_shows_the_machine_is_left_out_and_makes_no_conclusion() {
    let mut side = side(Backend::Processes, [0, 0, 0], Verdict::Pass);
    let mut late = run(Backend::Processes, 4, 0);
    late.end.cause = EndCause::LoadBehind { how: "99 of 100 were late".to_owned() };
    side.add(&late, &judged(Verdict::Fail)).expect("it is alike");
    let scenario = against(side);
    assert_eq!((scenario.conclusion(), scenario.sides[1].runs()), (Conclusion::Inconclusive, 3));
    let text = text::scenario(&scenario);
    assert!(text.contains("one run is left out: seed 4") && text.contains("were late"), "{text}");
    assert_eq!(against(Performed::on(Backend::Processes)).conclusion(), Conclusion::Inconclusive);
    assert_eq!(Fidelity::of(Vec::new()).conclusion, Conclusion::Inconclusive);
}

#[test]
fn runs_of_something_else_are_refused() {
    let mut side = side(Backend::Processes, [0], Verdict::Pass);
    let refused = side.add(&run(Backend::Simulation, 2, 0), &judged(Verdict::Pass));
    assert!(refused.expect_err("another backend").to_string().contains("on simulation"));
    let mut other = run(Backend::Processes, 2, 0);
    other.header.scenario = "another".to_owned();
    let refused = side.add(&other, &judged(Verdict::Pass));
    assert!(refused.expect_err("another scenario").to_string().contains("another"));
}

/// What comes of a record is text, wherever it is shown.
#[test]
fn all_of_it_is_shown_and_nothing_of_a_record_is_markup() {
    let mut sides =
        [simulated(), side(Backend::Processes, [9 * MS, 9 * MS, 9 * MS], Verdict::Fail)];
    for side in &mut sides {
        side.title = Some("<b>scenario|".to_owned());
        side.hypothesis = "\u{1b}[31mred".to_owned();
    }
    let [simulated, life] = sides;
    let fidelity = Fidelity::of(vec![ScenarioFidelity::between(&simulated, &[life])]);
    assert_eq!(fidelity.conclusion, Conclusion::Apart);
    let page = html::fidelity(&fidelity);
    assert!(page.contains("&lt;b&gt;scenario") && !page.contains("<b>scenario"), "{page}");
    // Two backends, with a line for each on three charts.
    assert_eq!(page.matches("<path class=\"line series-0 dash-0\" d=\"M0 4H28\"").count(), 3);
    assert_eq!(page.matches("<path class=\"line series-1 dash-0\" d=\"M0 4H28\"").count(), 3);
    let document = markdown(&fidelity);
    assert!(document.contains("&lt;b&gt;scenario\\|"), "{document}");
    let shown = [text::scenario(&fidelity.scenarios[0]), text::summary(&fidelity)].concat();
    assert!(!shown.contains('\u{1b}') && shown.contains("APART"), "{shown}");
    let object: serde_json::Value = serde_json::from_str(&fidelity.to_json()).expect("it is JSON");
    assert_eq!(object["conclusion"], "apart");
    assert_eq!(object["scenarios"][0]["sides"][1]["backend"], "processes");
}

/// A late heal can leave nothing of a phase: what is judged in the others is still the same.
#[test]
fn a_run_without_a_phase_moves_no_objective_into_the_place_of_another() {
    let named = |name: &str, phase, verdict| Finding {
        name: name.to_owned(),
        phase: Some(phase),
        verdict,
        ..fixture::passed()
    };
    let (during, recovery) = (Phase::During, Phase::Recovery);
    let whole = Judgement::of(vec![
        named("a", during, Verdict::Pass),
        named("a", recovery, Verdict::Pass),
        named("b", during, Verdict::Fail),
        named("b", recovery, Verdict::Pass),
    ]);
    let mut simulated = Performed::on(Backend::Simulation);
    let mut real = Performed::on(Backend::Processes);
    for seed in 1..4 {
        simulated.add(&run(Backend::Simulation, seed, 0), &whole).expect("it is alike");
        real.add(&run(Backend::Processes, seed, 0), &whole).expect("it is alike");
    }
    let part = Judgement::of(vec![
        named("a", during, Verdict::Pass),
        named("b", during, Verdict::Fail),
        // What only this side has is shown as missing on the other one.
        named("c", Phase::After, Verdict::Pass),
    ]);
    real.add(&run(Backend::Processes, 4, 0), &part).expect("it is alike");
    let scenario = ScenarioFidelity::between(&simulated, &[real]);
    let same: Vec<(&str, bool)> =
        scenario.claims.iter().map(|it| (it.name.as_str(), it.sides[1].is_same)).collect();
    let name = |at: usize| same[at].0;
    assert!(name(0).starts_with('a') && name(2).starts_with('b') && name(4).starts_with('c'));
    assert_eq!(same.iter().map(|it| it.1).collect::<Vec<_>>(), [true, true, true, true, false]);
}

#[test]
fn a_fault_that_could_not_be_performed_says_nothing_of_the_services() {
    let mut side = side(Backend::Processes, [0, 0, 0], Verdict::Pass);
    let mut run = run(Backend::Processes, 4, 0);
    let limit = "power_loss at x could not be performed: the process has written files".to_owned();
    run.end.cause = EndCause::LimitReached { limit };
    side.add(&run, &judged(Verdict::NoData)).expect("it is alike");
    assert_eq!(against(side).conclusion(), Conclusion::Inconclusive);
}

/// Two sides that judged nothing do not agree, and neither do two whose fault never bit.
#[test]
fn what_has_no_data_on_any_side_is_not_close() {
    let nothing = side(Backend::Simulation, [0; 20], Verdict::NoData);
    let neither = side(Backend::Processes, [0, 0, 0], Verdict::NoData);
    let scenario = ScenarioFidelity::between(&nothing, &[neither]);
    assert_eq!((scenario.conclusion(), scenario.same_on(1)), (Conclusion::Inconclusive, 1));
    let never_bit =
        Finding { kind: FindingKind::Fault, verdict: Verdict::NoData, ..fixture::passed() };
    let judgement = Judgement::of(vec![fixture::passed(), never_bit]);
    let mut unbitten = side(Backend::Processes, [0, 0], Verdict::Pass);
    unbitten.add(&run(Backend::Processes, 3, 0), &judgement).expect("it is alike");
    assert_eq!(against(unbitten).conclusion(), Conclusion::Inconclusive);
}
