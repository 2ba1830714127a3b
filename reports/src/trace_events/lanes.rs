//! Tracks on which slices lie inside each other or apart, as viewers of traces want them.

/// The tracks of one host; slices come in the order in which they begin, the longer one first.
#[derive(Default)]
pub(super) struct Lanes {
    /// For each track, when the slices end that are open on it, the outermost first.
    open: Vec<Vec<u64>>,
}

impl Lanes {
    /// The first track with room for a slice.
    pub(super) fn place(&mut self, from: u64, until: u64) -> u64 {
        let free = self.open.iter_mut().position(|ends| {
            while ends.last().is_some_and(|end| *end <= from) {
                ends.pop();
            }
            ends.last().is_none_or(|end| until <= *end)
        });
        let lane = free.unwrap_or_else(|| {
            self.open.push(Vec::new());
            self.open.len() - 1
        });
        self.open[lane].push(until);
        lane as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Lanes;

    #[test]
    fn slices_lie_inside_each_other_or_apart() {
        let mut lanes = Lanes::default();
        let placed: Vec<u64> = [(0, 10), (1, 5), (2, 7), (5, 8), (6, 12), (10, 11), (11, 30)]
            .map(|(from, until)| lanes.place(from, until))
            .to_vec();
        assert_eq!(placed, [0, 0, 1, 0, 2, 0, 0]);
    }
}
