//! Whether the seeds of one side have other values than those of the other: the Mann-Whitney U
//! test, and Holm's correction for many measures.
//!
//! H. B. Mann and D. R. Whitney, *On a Test of Whether one of Two Random Variables is
//! Stochastically Larger than the Other*, The Annals of Mathematical Statistics 18, 1947.
//! S. Holm, *A Simple Sequentially Rejective Multiple Test Procedure*, Scandinavian Journal of
//! Statistics 6, 1979.
//!
//! Few runs are tested exactly, with their ties: each way to deal the values that were found to
//! the two sides counts once, as in B. Streitberg and J. Röhmel, *Exact Distributions for
//! Permutation and Rank Tests*, Statistical Software Newsletter 12, 1986. Of many runs the sum of
//! ranks is close to normal; its variance is corrected for ties, and it for continuity, as in
//! `wilcox.test` of R and `mannwhitneyu` of scipy.

use std::{cmp::Ordering, f64::consts::SQRT_2};

/// The exact test takes time with the square of this: runs times those of the smaller side. 50
/// runs in two halves are well below, and from there on the normal approximation is good.
const EXACT_MAX: usize = 1_500;

/// More seeds on each side than any number of measures needs.
const NEEDED_MAX: usize = 100;

/// The probability, two-sided, that the values of two sides are as far apart as these or further
/// when there is no difference between the sides. 1 if a side has none.
///
/// Values must be comparable: no NaN.
pub(crate) fn p_value(a: &[f64], b: &[f64]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return 1.0;
    }
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let ranks = Ranks::of(few, many);
    if ranks.doubled.len() * ranks.few <= EXACT_MAX { exact(&ranks) } else { approximate(&ranks) }
}

fn exact(ranks: &Ranks) -> f64 {
    let ways = ways(ranks);
    let lower: f64 = ways[..=ranks.sum_few].iter().sum();
    let upper: f64 = ways[ranks.sum_few..].iter().sum();
    let all: f64 = ways.iter().sum();
    (2.0 * lower.min(upper) / all).min(1.0)
}

fn approximate(ranks: &Ranks) -> f64 {
    let (few, all) = (real(ranks.few), real(ranks.doubled.len()));
    let expected = few * (all + 1.0) / 2.0;
    let distance = (real(ranks.sum_few) / 2.0 - expected).abs() - 0.5;
    let ties: f64 = ranks.doubled.chunk_by(|a, b| a == b).map(|tie| cubed(tie.len())).sum();
    let variance = few * (all - few) / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    if variance <= 0.0 || distance <= 0.0 {
        return 1.0;
    }
    libm::erfc(distance / variance.sqrt() / SQRT_2)
}

/// How much a tie of this length takes from the variance.
fn cubed(length: usize) -> f64 {
    real(length).powi(3) - real(length)
}

/// Ranks of all values together; equal ones share the mean of theirs, so all are doubled.
struct Ranks {
    doubled: Vec<usize>,
    /// Of these are on the first side.
    few: usize,
    sum_few: usize,
}

impl Ranks {
    fn of(few: &[f64], many: &[f64]) -> Self {
        let first = few.iter().map(|value| (*value, true));
        let mut all: Vec<(f64, bool)> =
            first.chain(many.iter().map(|value| (*value, false))).collect();
        all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let (mut doubled, mut sum_few) = (Vec::with_capacity(all.len()), 0);
        for equal in all.chunk_by(|(a, _), (b, _)| a == b) {
            let (first, last) = (doubled.len() + 1, doubled.len() + equal.len());
            doubled.extend(equal.iter().map(|_| first + last));
            sum_few += equal.iter().filter(|(_, few)| *few).count() * (first + last);
        }
        Self { doubled, few: few.len(), sum_few }
    }
}

/// How many ways there are to choose the first side, by the sum of its doubled ranks.
fn ways(ranks: &Ranks) -> Vec<f64> {
    let sums = ranks.doubled.iter().rev().take(ranks.few).sum::<usize>() + 1;
    let mut ways = vec![vec![0.0; sums]; ranks.few + 1];
    ways[0][0] = 1.0;
    for rank in &ranks.doubled {
        for chosen in (1..=ranks.few).rev() {
            let (without, with) = ways.split_at_mut(chosen);
            let from = &without[chosen - 1];
            for (slot, more) in with[0].iter_mut().skip(*rank).zip(from) {
                *slot += more;
            }
        }
    }
    ways.swap_remove(ranks.few)
}

/// Whether the values of `b` tend to be above those of `a`: more of the pairs than not.
pub(crate) fn tendency(a: &[f64], b: &[f64]) -> Ordering {
    let ranks = Ranks::of(a, b);
    let expected = a.len() * (a.len() + b.len() + 1);
    expected.cmp(&ranks.sum_few)
}

/// The smallest value that [`p_value`] can have with so many runs on the sides.
pub(crate) fn p_smallest(a: usize, b: usize) -> f64 {
    let few = a.min(b);
    let all = a + b;
    // 2 / C(a + b, a), factor by factor.
    (0..few).fold(2.0, |p, chosen| p * real(chosen + 1) / real(all - chosen)).min(1.0)
}

/// With how many seeds on each side a difference can reach `level` at all.
pub(crate) fn seeds_needed(level: f64) -> usize {
    (1..NEEDED_MAX).find(|seeds| p_smallest(*seeds, *seeds) <= level).unwrap_or(NEEDED_MAX)
}

/// Adjusts the values of several tests so that each can be compared with the level that all of
/// them have together.
pub(crate) fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let (mut adjusted, mut so_far) = (vec![1.0; p_values.len()], 0.0_f64);
    for (place, index) in order.into_iter().enumerate() {
        so_far = so_far.max(p_values[index] * real(p_values.len() - place)).min(1.0);
        adjusted[index] = so_far;
    }
    adjusted
}

#[expect(clippy::cast_precision_loss, reason = "a number of runs or measures")]
pub(crate) fn real(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
