//! What people and programs are shown.

use super::{compare, empty, run, side, taking};
use crate::{
    compare::{Comparison, Noise, Side, markdown, text},
    record::Backend,
};

fn moved() -> Comparison {
    let slow = (0..8).map(|seed| {
        let mut record = run(seed, &[40 + seed % 7]);
        record.header.defects.push("sequential-calls".to_owned());
        record.header.plan = serde_json::json!({"load": "ramp"});
        record
    });
    compare(&taking("before", 0..8, 10), &side("after", &slow.collect::<Vec<_>>()), Noise::Seeds)
}

#[test]
fn text_says_what_moved_and_what_it_rests_on() {
    let expected = "\
A: before
B: after

reviews-slow
  A: without defects, 8 seeds: 8 pass
  B: with sequential-calls, 8 seeds: 8 pass
  8 seeds in common, no run is the same
  plan: 1 difference
    /load: \"constant\" -> \"ramp\"
  moved for the worse:
    p50 latency, baseline  12 ms -> 42 ms (+30 ms, +250 %, p 0.0005)
    p95 latency, baseline  12 ms -> 42 ms (+30 ms, +250 %, p 0.0005)
    p99 latency, baseline  12 ms -> 42 ms (+30 ms, +250 %, p 0.0005)
  within noise: 0 measures; the same in all runs: 12

worse: something is worse by more than noise
";
    assert_eq!(text(&moved()), expected);
}

#[test]
fn markdown_has_a_row_for_what_moved() {
    let found = markdown(&moved());
    assert!(found.starts_with("## Squall: worse: something is"), "{found}");
    for line in [
        "- B: with sequential-calls, 8 seeds: 8 pass",
        "| ❌ worse | p99 latency, baseline | 12 ms | 42 ms | +30 ms | +250 % | p 0.0005 |",
        "| /load | \"constant\" | \"ramp\" |",
    ] {
        assert!(found.lines().any(|it| it == line), "{line} is not in\n{found}");
    }
}

#[test]
fn json_is_one_object() {
    let json: serde_json::Value = serde_json::from_str(&moved().to_json()).expect("JSON");
    assert_eq!(json["conclusion"], "worse");
    let first = &json["scenarios"][0]["measures"][0];
    assert_eq!(first["name"], "p50 latency");
    assert_eq!((&first["answer"], &first["direction"]), (&"moved".into(), &"worse".into()));
    assert_eq!((&first["unit"], &first["worse"]), (&"nanoseconds".into(), &"higher".into()));
    assert_eq!(first["median_a"], 12_000_000.0);
    let few = compare(&taking("a", 0..2, 10), &taking("b", 0..2, 40), Noise::Seeds).to_json();
    let few: serde_json::Value = serde_json::from_str(&few).expect("JSON");
    let first = &few["scenarios"][0]["measures"][0];
    assert_eq!((&first["answer"], &first["seeds_needed"]), (&"too_few_seeds".into(), &5.into()));
}

#[test]
fn what_is_undecided_and_what_has_no_partner_is_said() {
    let mut other = empty(1);
    "elsewhere".clone_into(&mut other.header.scenario);
    let mut runs = vec![run(0, &[40]), other];
    let few = compare(&taking("a", 0..1, 10), &side("b", &runs), Noise::Seeds);
    let found = text(&few);
    assert!(found.contains("too few seeds to tell (5 on each side can):"), "{found}");
    assert!(found.contains("only in B: elsewhere"), "{found}");
    assert!(found.ends_with("inconclusive: too few seeds to tell what differs from noise\n"));
    runs.remove(0);
    let none = compare(&taking("a", 0..1, 10), &side("b", &runs), Noise::Seeds);
    assert!(text(&none).ends_with("inconclusive: the sides have no scenario in common\n"));
}

/// No two runs on processes are the same, so that nothing can be said of those that are not.
#[test]
fn where_runs_were_performed_is_said_if_they_were_not_simulated() {
    let on = |backend: Backend, latency| {
        let mut record = run(0, &[latency]);
        record.header.backend = backend;
        record
    };
    let of = |backend| {
        compare(&side("a", &[on(backend, 10)]), &side("b", &[on(backend, 40)]), Noise::Seeds)
    };
    let real = of(Backend::Processes);
    let found = text(&real);
    assert!(found.contains("B: b\nboth on processes of this machine, in real time\n"), "{found}");
    assert!(found.contains("\n  1 seed in common\n"), "{found}");
    assert!(markdown(&real).contains("\nBoth on processes of this machine, in real time.\n\n"));
    assert!(real.to_json().starts_with(r#"{"backend":"processes","#));
    let simulated = of(Backend::Simulation);
    let found = text(&simulated);
    assert!(found.contains("1 seed in common, no run is the same"), "{found}");
    assert!(!found.contains("both on"), "{found}");
}

#[test]
fn measures_of_one_side_are_named() {
    let mut two_routes = run(0, &[10]);
    super::add(&mut two_routes, "PUT /x", crate::record::Outcome::Succeeded, 10);
    let comparison = compare(&taking("a", 0..1, 10), &side("b", &[two_routes]), Noise::Seeds);
    let found = text(&comparison);
    let expected = "  measured only in B:\n    abandoned [route GET /x], baseline\n";
    assert!(found.contains(expected), "{found}");
    assert!(found.contains("\n    and 12 more\n"), "{found}");
    assert!(!found.contains("measured only in A"), "{found}");
    let found = markdown(&comparison);
    let line = found.lines().find(|line| line.starts_with("- measured only in B: "));
    let line = line.unwrap_or_else(|| panic!("{found}"));
    assert!(
        line.contains(r"\[route GET /x\], baseline") && line.ends_with("and 12 more"),
        "{line}"
    );
}

/// Sides whose scenarios are all named by somebody who means no good.
fn hostile(scenarios: usize, latency: u64) -> Side {
    let runs = (0..scenarios).flat_map(|number| {
        (0..6).map(move |seed| {
            let mut record = run(seed, &[latency]);
            record.header.scenario =
                format!("{number} | <script>x</script>\n[x](javascript:1) \u{1b}[2J @all");
            record
        })
    });
    side("a | b <img>", &runs.collect::<Vec<_>>())
}

#[test]
fn hostile_text_stays_text_and_a_comment_has_an_end() {
    let comparison = compare(&hostile(1, 10), &hostile(1, 20), Noise::Seeds);
    let shown = text(&comparison);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let found = markdown(&comparison);
    for wrong in ["<script>", "<img>", "[x](", "\u{1b}"] {
        assert!(!found.contains(wrong), "{wrong} in {found}");
    }
    assert!(found.contains("❌ worse | p99 latency, baseline"), "{found}");
    let many = markdown(&compare(&hostile(300, 10), &hostile(300, 20), Noise::Seeds));
    assert!(many.len() < 65_536, "{}", many.len());
    assert!(many.ends_with("there is no more room in a comment.\n"));
}
