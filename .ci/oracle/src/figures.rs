//! Figures of samples, and how they are written.

/// Durations in nanoseconds, sorted; at least one.
pub(crate) struct Sample(Vec<u64>);

impl Sample {
    /// `None` if there are none.
    pub(crate) fn new(nanos: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut nanos: Vec<u64> = nanos.into_iter().collect();
        nanos.sort_unstable();
        (!nanos.is_empty()).then_some(Self(nanos))
    }

    /// The least of the sample that so many percent of it do not exceed (nearest rank).
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        let rank = (percent / 100.0 * self.0.len() as f64).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1]
    }

    pub(crate) fn least(&self) -> u64 {
        self.0[0]
    }

    pub(crate) fn most(&self) -> u64 {
        self.0[self.0.len() - 1]
    }
}

/// In milliseconds, with a decimal where it says something.
pub(crate) fn milliseconds(nanos: u64) -> String {
    let ms = nanos as f64 / 1e6;
    if ms < 99.95 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

/// In seconds, to the millisecond.
pub(crate) fn seconds(nanos: u64) -> String {
    format!("{:.3}", nanos as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sample() {
        let sample = Sample::new((1..=100).rev()).expect("a hundred");
        let found = [0.0, 50.0, 99.0, 99.9, 100.0].map(|percent| sample.percentile(percent));
        assert_eq!(found, [1, 50, 99, 100, 100]);
        assert_eq!((sample.least(), sample.most()), (1, 100));
        assert_eq!(Sample::new([7]).expect("one").percentile(50.0), 7);
        assert!(Sample::new([]).is_none());
    }

    #[test]
    fn durations_have_as_many_digits_as_they_are_worth() {
        assert_eq!(milliseconds(10_340_000), "10.3");
        assert_eq!(milliseconds(225_510_000), "226");
        assert_eq!(milliseconds(99_960_000), "100");
        assert_eq!(seconds(1_134_400_000), "1.134");
    }
}
