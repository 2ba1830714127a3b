//! Against published values, and values of R and scipy.

use std::cmp::Ordering;

use proptest::prelude::{Strategy, proptest};

use super::{EXACT_MAX, holm, p_smallest, p_value, real, seeds_needed, tendency};

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "expected {expected}, found {found}");
}

#[track_caller]
fn check(a: &[f64], b: &[f64], expected: f64) {
    close(p_value(a, b), expected);
    close(p_value(b, a), expected);
}

/// M. Hollander and D. A. Wolfe, *Nonparametric Statistical Methods*, Wiley 1973, page 69: the
/// permeability of a membrane. `?wilcox.test` of R has it with 0.1272 for one side.
#[test]
fn published_example_without_ties() {
    let term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    let early = [1.15, 0.88, 0.90, 0.74, 1.21];
    check(&term, &early, 2.0 * 0.127_206_127_206_127_2);
}

/// The example in the documentation of `scipy.stats.mannwhitneyu`: ages at which diabetes was
/// diagnosed.
#[test]
fn documented_example_without_ties() {
    check(&[19.0, 22.0, 16.0, 29.0, 24.0], &[20.0, 11.0, 17.0, 12.0], 1.0 / 9.0);
}

/// The ends of a table of critical values: complete separation, 2 / C(n + m, n).
#[test]
fn complete_separation() {
    let [low, high] =
        [0.0, 100.0].map(|from| (1..=9).map(|v| from + f64::from(v)).collect::<Vec<_>>());
    for (n, m, expected) in [
        (1, 1, 1.0),
        (3, 3, 0.1),
        (4, 4, 2.0 / 70.0),
        (5, 5, 2.0 / 252.0),
        (4, 5, 2.0 / 126.0),
        (9, 9, 2.0 / 48_620.0),
    ] {
        check(&low[..n], &high[..m], expected);
        close(p_smallest(n, m), expected);
        close(p_smallest(m, n), expected);
    }
}

/// `mannwhitneyu(.., method=PermutationMethod(n_resamples=10**9))` of scipy 1.17, which looks at
/// all permutations.
#[test]
fn few_runs_with_ties_are_exact() {
    check(&[1.0, 1.0, 2.0, 2.0], &[3.0, 3.0, 4.0, 4.0], 0.028_571_428_571_428_57);
    check(&[1.0, 1.0, 2.0, 2.0, 3.0], &[2.0, 3.0, 3.0, 4.0, 4.0, 5.0], 0.043_290_043_290_043_29);
    check(&[0.0, 0.0, 0.0, 1.0], &[0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0], 0.103_030_303_030_303_03);
    let (a, b) = ([10.0, 10.0, 10.0, 12.0, 13.0], [10.0, 11.0, 12.0, 12.0, 12.0]);
    check(&a, &b, 0.809_523_809_523_809_5);
    check(&[0.0, 0.0, 0.0], &[0.0, 0.0, 0.0, 0.0, 0.0, 9.0], 1.0);
}

/// `mannwhitneyu(.., method='asymptotic')` of scipy 1.17.
#[test]
fn many_runs_are_approximated() {
    let a: Vec<f64> = (0..40).map(|x| f64::from(x % 17)).collect();
    let b: Vec<f64> = (0..35).map(|x| f64::from(x * 7 % 19 + 3)).collect();
    assert!((a.len() + b.len()) * b.len() > EXACT_MAX);
    assert!((p_value(&a, &b) - 0.000_707_575_019).abs() < 1e-12);
    let a: Vec<f64> = (0..60).map(f64::from).collect();
    let b: Vec<f64> = (0..60).map(|x| f64::from(x) * 1.5 + 10.25).collect();
    assert!((p_value(&a, &b) - 0.000_000_391_985).abs() < 1e-12);
    assert!((p_value(&[1.0; 60], &[1.0; 60]) - 1.0).abs() < f64::EPSILON);
}

/// Where the one ends the other begins: they must agree.
#[test]
fn the_approximation_takes_over_smoothly() {
    let values = |count: i32, shift: f64| -> Vec<f64> {
        (0..count).map(|x| f64::from(x * 31 % 97) + shift).collect()
    };
    for shift in [0.0, 8.0, 16.0, 30.0] {
        let exact = p_value(&values(27, 0.0), &values(27, shift));
        let approximate = p_value(&values(28, 0.0), &values(28, shift));
        assert!((exact - approximate).abs() < 0.03, "{exact} and {approximate}");
    }
}

#[test]
fn nothing_differs_from_nothing() {
    close(p_value(&[], &[1.0]), 1.0);
    close(p_value(&[1.0], &[]), 1.0);
    close(p_value(&[2.0, 2.0], &[2.0, 2.0]), 1.0);
}

#[test]
fn what_is_needed_is_what_is_enough() {
    for (measures, expected) in [(1, 4), (10, 6), (50, 7), (100, 8), (300, 8)] {
        let level = 0.05 / f64::from(measures);
        assert_eq!(seeds_needed(level), expected, "{measures} measures");
        assert!(p_smallest(expected, expected) <= level);
        assert!(p_smallest(expected - 1, expected - 1) > level);
    }
}

/// `p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm")` and others of R.
#[test]
fn adjusted_as_in_r() {
    for (found, expected) in [
        (holm(&[0.01, 0.02, 0.03, 0.04]), vec![0.04, 0.06, 0.06, 0.06]),
        (holm(&[0.04, 0.001, 0.5]), vec![0.08, 0.003, 0.5]),
        (holm(&[0.9, 0.8]), vec![1.0, 1.0]),
        (holm(&[]), vec![]),
    ] {
        assert_eq!(found.len(), expected.len());
        found.iter().zip(&expected).for_each(|(found, expected)| close(*found, *expected));
    }
}

#[test]
fn the_side_that_is_more_often_higher() {
    assert_eq!(tendency(&[1.0, 2.0], &[2.0, 3.0, 4.0]), Ordering::Greater);
    assert_eq!(tendency(&[2.0, 3.0, 4.0], &[1.0, 2.0]), Ordering::Less);
    // The medians are equal, the sides are not.
    assert_eq!(tendency(&[1.0, 1.0, 1.0], &[1.0, 1.0, 0.0]), Ordering::Less);
    assert_eq!(tendency(&[1.0, 3.0], &[2.0, 2.0]), Ordering::Equal);
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(0..6_i32, 1..6)
        .prop_map(|values| values.into_iter().map(f64::from).collect())
}

/// By the definition: all ways to deal the values, one by one.
fn by_counting(a: &[f64], b: &[f64]) -> f64 {
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    // Pairs in which the first side is higher, with half of those that are equal: U, doubled.
    let doubled_u = |first: u32| -> i64 {
        let of = |side: bool| {
            let chosen = move |place: &usize| (first >> place & 1 == 1) == side;
            (0..all.len()).filter(chosen).map(|place| all[place]).collect::<Vec<_>>()
        };
        let (first, second) = (of(true), of(false));
        let pairs = first.iter().flat_map(|x| second.iter().map(move |y| (x, y)));
        pairs.map(|(x, y)| 1 + i64::from(x > y) - i64::from(x < y)).sum()
    };
    let found = doubled_u((1 << a.len()) - 1);
    let dealt = (0..1_u32 << all.len()).filter(|it| it.count_ones() as usize == a.len());
    let us: Vec<i64> = dealt.map(doubled_u).collect();
    let share = |count: usize| real(count) / real(us.len());
    let lower = share(us.iter().filter(|u| **u <= found).count());
    let upper = share(us.iter().filter(|u| **u >= found).count());
    (2.0 * lower.min(upper)).min(1.0)
}

proptest! {
    #[test]
    fn exact_is_what_counting_finds(a in values(), b in values()) {
        close(p_value(&a, &b), by_counting(&a, &b));
        close(p_value(&b, &a), p_value(&a, &b));
        assert_eq!(tendency(&a, &b), tendency(&b, &a).reverse());
    }

    #[test]
    fn no_value_is_below_the_smallest(a in values(), b in values()) {
        assert!(p_value(&a, &b) >= p_smallest(a.len(), b.len()) - 1e-12);
    }
}
