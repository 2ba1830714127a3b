//! What is concluded from two sides.

use proptest::prelude::proptest;

use super::{compare, empty, passed, run, side, taking};
use crate::{
    compare::{
        Answer, Comparison, Conclusion, Direction, MeasureComparison, Noise, Refused,
        ScenarioComparison, Side,
    },
    fixture,
    record::{Backend, first_divergence},
    tally::Verdicts,
};

fn seeds(a: &Side, b: &Side) -> Comparison {
    compare(a, b, Noise::Seeds)
}

#[track_caller]
fn only(comparison: &Comparison) -> &ScenarioComparison {
    let [scenario] = comparison.scenarios.as_slice() else { panic!("{comparison:#?}") };
    scenario
}

#[track_caller]
fn measure<'c>(comparison: &'c Comparison, name: &str) -> &'c MeasureComparison {
    let mut measures = only(comparison).measures.iter();
    let found = measures.find(|it| it.measure.to_string() == name);
    found.unwrap_or_else(|| panic!("no {name} in {comparison:#?}"))
}

#[test]
fn a_side_against_itself_moves_nothing() {
    let a = taking("a", 0..10, 10);
    let comparison = seeds(&a, &a);
    assert_eq!(comparison.conclusion, Conclusion::NothingWorse);
    let scenario = only(&comparison);
    assert_eq!((scenario.same_runs, scenario.seeds_in_common), (10, 10));
    assert!(scenario.measures.iter().all(|it| it.answer == Answer::WithinNoise), "{scenario:#?}");
    assert!(scenario.unvaried > 5);
    assert_eq!((scenario.plan.count, scenario.verdicts_changed.len()), (0, 0));
    // Too few to tell anything, but there is nothing to tell.
    let few = taking("a", 0..3, 10);
    assert!(!only(&seeds(&few, &few)).measures.is_empty());
    assert_eq!(seeds(&few, &few).conclusion, Conclusion::NothingWorse);
    let single = taking("a", 3..4, 10);
    assert_eq!(seeds(&single, &single).conclusion, Conclusion::NothingWorse);
}

#[test]
fn slower_with_every_seed_is_worse_and_faster_is_not() {
    let (fast, slow) = (taking("fast", 0..8, 10), taking("slow", 20..28, 40));
    let comparison = seeds(&fast, &slow);
    assert_eq!(comparison.conclusion, Conclusion::Worse);
    let p99 = measure(&comparison, "p99 latency, baseline");
    assert_eq!((p99.answer, p99.direction), (Answer::Moved, Direction::Worse));
    assert!((p99.difference - 30e6).abs() < 2.1e6, "{p99:?}");
    assert_eq!((p99.runs_a, p99.runs_b), (8, 8));
    assert_eq!(only(&comparison).seeds_in_common, 0);
    let back = seeds(&slow, &fast);
    assert_eq!(back.conclusion, Conclusion::NothingWorse);
    let p99 = measure(&back, "p99 latency, baseline");
    assert_eq!((p99.answer, p99.direction), (Answer::Moved, Direction::Better));
}

#[test]
fn a_difference_between_few_seeds_is_not_decided() {
    let comparison = seeds(&taking("a", 0..3, 10), &taking("b", 0..3, 40));
    assert_eq!(comparison.conclusion, Conclusion::Inconclusive);
    let p99 = measure(&comparison, "p99 latency, baseline");
    // Three measures differ, so that the least of them must reach 0.05 / 3.
    assert_eq!(only(&comparison).measures.len(), 3);
    assert_eq!(p99.answer, Answer::TooFewSeeds { seeds_needed: 5 });
    let comparison = seeds(&taking("a", 0..5, 10), &taking("b", 0..5, 40));
    assert_eq!(measure(&comparison, "p99 latency, baseline").answer, Answer::Moved);
}

#[test]
fn values_that_no_seed_moves_are_ranked_as_any_others() {
    let same = |name, seeds: std::ops::Range<u64>, latency| {
        side(name, &seeds.map(|seed| run(seed, &[latency])).collect::<Vec<_>>())
    };
    let few = seeds(&same("a", 0..3, 10), &same("b", 0..3, 11));
    assert_eq!(few.conclusion, Conclusion::Inconclusive);
    let enough = seeds(&same("a", 0..6, 10), &same("b", 0..6, 11));
    assert_eq!(enough.conclusion, Conclusion::Worse);
}

#[test]
fn noise_alone_moves_nothing() {
    let mixed = |seeds: std::ops::Range<u64>| {
        side("mixed", &seeds.map(|seed| run(seed, &[10 + seed * 37 % 23])).collect::<Vec<_>>())
    };
    let comparison = seeds(&mixed(0..12), &mixed(12..24));
    assert_eq!(comparison.conclusion, Conclusion::NothingWorse);
    assert!(only(&comparison).measures.iter().any(|it| it.answer == Answer::WithinNoise));
}

/// What a measure would have shown on the side that does not have it nobody knows.
#[test]
fn a_measure_without_a_counterpart_is_no_good_news() {
    let plain = taking("a", 0..10, 10);
    let with_route = |seeds: std::ops::Range<u64>| {
        seeds.map(|seed| {
            let mut record = run(seed, &[10 + seed % 7]);
            super::add(&mut record, "PUT /x", crate::record::Outcome::Succeeded, 10 + seed % 7);
            record
        })
    };
    let all: Vec<_> = with_route(0..10).collect();
    let other = side("b", &all);
    for (a, b, alone_in_a, alone_in_b) in
        [(&plain, &other, 0, 22), (&other, &plain, 22, 0), (&plain, &plain, 0, 0)]
    {
        let comparison = seeds(a, b);
        let scenario = only(&comparison);
        assert_eq!((scenario.only_in_a.len(), scenario.only_in_b.len()), (alone_in_a, alone_in_b));
        let expected = match alone_in_a + alone_in_b {
            0 => Conclusion::NothingWorse,
            _ => Conclusion::Inconclusive,
        };
        let moved = scenario.measures.iter().any(|it| it.direction == Direction::Worse);
        assert!(!moved, "{scenario:#?}");
        assert_eq!(comparison.conclusion, expected);
    }
    // The same if it is missing in some of the runs of a side only.
    let some: Vec<_> =
        with_route(0..4).chain((4..10).map(|seed| run(seed, &[10 + seed % 7]))).collect();
    let comparison = seeds(&other, &side("b", &some));
    assert_eq!(only(&comparison).lost_in_b.len(), 22);
    assert_ne!(comparison.conclusion, Conclusion::NothingWorse);
    let comparison = seeds(&side("a", &some), &other);
    assert_eq!(only(&comparison).lost_in_a.len(), 22);
    assert_ne!(comparison.conclusion, Conclusion::NothingWorse);
}

#[test]
fn a_seed_that_does_not_pass_any_more_is_worse() {
    let a = side("a", &[empty(1), empty(2)]);
    let mut b = Side::new("b");
    b.add(&empty(1), &passed()).expect("a new seed");
    b.add(&empty(2), &fixture::judged([fixture::failed()])).expect("a new seed");
    let comparison = seeds(&a, &b);
    assert_eq!(comparison.conclusion, Conclusion::Worse);
    let scenario = only(&comparison);
    assert_eq!(scenario.verdicts_changed.iter().map(|it| it.seed).collect::<Vec<_>>(), [2]);
    assert_eq!(scenario.b.verdicts, Verdicts { pass: 1, no_data: 0, fail: 1 });
    assert_ne!(seeds(&b, &a).conclusion, Conclusion::Worse);
}

/// A run of this scenario with these defects.
fn named(scenario: &str, defects: &[&str]) -> crate::Record {
    let mut record = empty(1);
    scenario.clone_into(&mut record.header.scenario);
    record.header.defects = defects.iter().map(|&defect| defect.to_owned()).collect();
    record
}

#[test]
fn groups_are_those_of_a_scenario_with_its_defects() {
    let of = |names: &[(&str, &[&str])]| {
        let runs = names.iter().map(|(scenario, defects)| named(scenario, defects));
        side("side", &runs.collect::<Vec<_>>())
    };
    let pairs = |a: &Side, b: &Side| {
        let comparison = seeds(a, b);
        let scenarios = comparison.scenarios.iter();
        let pair = |it: &ScenarioComparison| (it.a.defects.clone(), it.b.defects.clone());
        let pairs: Vec<_> = scenarios.map(pair).collect();
        (pairs, comparison.only_in_a, comparison.only_in_b)
    };
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    // One way on each side: before and after.
    let found = pairs(&of(&[("x", &[])]), &of(&[("x", &["d"])]));
    assert_eq!(found, (vec![(list(&[]), list(&["d"]))], vec![], vec![]));
    // Several ways: each with its own.
    let found = pairs(&of(&[("x", &[]), ("x", &["d"])]), &of(&[("x", &["d"]), ("x", &["e"])]));
    assert_eq!(found, (vec![(list(&["d"]), list(&["d"]))], list(&["x"]), list(&["x +e"])));
    let found = pairs(&of(&[("x", &[])]), &of(&[("x", &["d"]), ("x", &["e"])]));
    assert_eq!(found, (vec![], list(&["x"]), list(&["x +d", "x +e"])));
    let nothing = seeds(&of(&[("x", &[])]), &of(&[("y", &[])]));
    assert_eq!(nothing.conclusion, Conclusion::Inconclusive);
    assert_eq!((nothing.only_in_a, nothing.only_in_b), (list(&["x"]), list(&["y"])));
}

/// A run of another backend differs for reasons of its own.
#[test]
fn what_is_compared_has_one_backend() {
    let on = |backend, seed| {
        let mut record = empty(seed);
        record.header.backend = backend;
        record
    };
    let mut simulated = side("before", &[on(Backend::Simulation, 1)]);
    let real = side("after", &[on(Backend::Processes, 1)]);
    let refused = crate::compare::compare(&simulated, &real, Noise::Seeds);
    assert_eq!(
        refused.expect_err("two backends").to_string(),
        "before has runs on simulation and after has runs on processes, expected one backend"
    );
    let refused = crate::compare::compare(&real, &real, Noise::Runs(&simulated));
    assert!(refused.is_err(), "noise of another backend");
    assert!(crate::compare::compare(&real, &side("empty", &[]), Noise::Seeds).is_ok());

    let refused = simulated.add(&on(Backend::Processes, 2), &passed());
    assert_eq!(
        refused.expect_err("two backends").to_string(),
        "before has records of runs on simulation and on processes, expected one backend"
    );
    assert_eq!(simulated.runs(), 1);
}

#[test]
fn a_side_has_each_seed_once_and_one_plan() {
    let mut side = side("there", &[empty(1)]);
    let twice = side.add(&empty(1), &passed()).expect_err("the seed is there");
    assert_eq!(
        twice.to_string(),
        "there has two records of reviews-slow with seed 1, expected one"
    );
    let mut other = empty(2);
    other.header.plan = serde_json::json!({"load": "ramp"});
    let refused = side.add(&other, &passed()).expect_err("another plan");
    assert!(matches!(refused, Refused::Plans { .. }), "{refused}");
    assert_eq!(side.runs(), 1);
}

#[test]
fn plans_differ_at_places() {
    let of = |plan: serde_json::Value| {
        let mut record = empty(1);
        record.header.plan = plan;
        side("side", &[record])
    };
    let many: Vec<u32> = (0..30).collect();
    let long = "x".repeat(500);
    let a = of(serde_json::json!({"a/b": [1, 2], "same": 1, "gone": long, "many": many}));
    let b = of(serde_json::json!({"a/b": [1, 3, 4], "same": 1, "new": {}, "many": []}));
    let plan = &only(&seeds(&a, &b)).plan.clone();
    assert_eq!((plan.named.len(), plan.count), (20, 34));
    let first = &plan.named[0];
    assert_eq!((first.path.as_str(), first.a.as_deref()), ("/a~1b/1", Some("2")));
    assert_eq!((plan.named[1].path.as_str(), plan.named[1].a.as_deref()), ("/a~1b/2", None));
    assert_eq!(plan.named[2].path, "/gone");
    assert_eq!(plan.named[2].a.as_ref().map(String::len), Some(63));
}

#[test]
fn two_single_runs_part_somewhere() {
    let (a, b) = (run(1, &[10]), run(1, &[11]));
    let divergence = first_divergence(&a, &b).expect("they differ");
    let comparison = seeds(&side("a", &[a]), &side("b", &[b])).parting_at(divergence);
    assert!(only(&comparison).divergence.is_some());
    assert_eq!(comparison.conclusion, Conclusion::Inconclusive);
}

#[test]
fn single_runs_are_held_against_runs() {
    // Two of these are up to 6 ms apart.
    let noise = taking("noise", 0..14, 100);
    let against = |a: u64, b: u64| {
        let (a, b) = (side("a", &[run(1, &[a])]), side("b", &[run(1, &[b])]));
        compare(&a, &b, Noise::Runs(&noise))
    };
    let within = against(10, 22);
    assert_eq!(within.conclusion, Conclusion::NothingWorse);
    assert_eq!(measure(&within, "p99 latency, baseline").noise, Some(12e6));
    assert_eq!(only(&within).noise_runs, Some(14));
    let beyond = against(10, 23);
    assert_eq!(beyond.conclusion, Conclusion::Worse);
    assert_eq!(measure(&beyond, "p99 latency, baseline").answer, Answer::Moved);
    assert_eq!(against(23, 10).conclusion, Conclusion::NothingWorse);
    // What no run of the noise moves is moved by any difference.
    let (a, b) = (side("a", &[run(1, &[10])]), side("b", &[run(1, &[10, 10])]));
    let sent = compare(&a, &b, Noise::Runs(&noise));
    let sent = measure(&sent, "requests sent, baseline");
    assert_eq!((sent.answer, sent.direction), (Answer::Moved, Direction::Neutral));
}

proptest! {
    /// What is worse one way is better the other way, to the same degree.
    #[test]
    fn a_comparison_has_a_mirror(
        a in proptest::collection::vec(1..9_u64, 1..9),
        b in proptest::collection::vec(1..9_u64, 1..9),
    ) {
        let of = |latencies: &[u64]| {
            let runs = (0..).zip(latencies).map(|(seed, latency)| run(seed, &[*latency]));
            side("side", &runs.collect::<Vec<_>>())
        };
        let (there, back) = (seeds(&of(&a), &of(&b)), seeds(&of(&b), &of(&a)));
        let (there, back) = (only(&there), only(&back));
        assert_eq!(there.measures.len(), back.measures.len());
        for it in &there.measures {
            let other = back.measures.iter().find(|other| other.measure == it.measure);
            let other = other.expect("the same measures");
            let mirrored = match other.direction {
                Direction::Worse => Direction::Better,
                Direction::Neutral => Direction::Neutral,
                Direction::Better => Direction::Worse,
            };
            assert_eq!((it.answer, it.direction), (other.answer, mirrored));
            assert!((it.difference + other.difference).abs() < f64::EPSILON);
        }
    }
}
