//! `slicer`: chunks pass in slices of about `average_size` bytes, with a pause after each.

use std::{collections::VecDeque, time::Duration};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Attributes, Chunk, Effect, Inbox, Input, Kind, Step, WAIT_MAX};

/// Its attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Slicer {
    /// Bytes in a slice.
    pub average_size: i64,
    /// So many bytes a slice is longer or shorter.
    pub size_variation: i64,
    /// Microseconds after each slice.
    pub delay: i64,
}

impl Kind for Slicer {
    fn name(&self) -> &'static str {
        "slicer"
    }

    fn go_type(&self) -> &'static str {
        "SlicerToxic"
    }

    fn go_integer(&self) -> &'static str {
        "int"
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut i64)> {
        vec![
            ("average_size", &mut self.average_size),
            ("size_variation", &mut self.size_variation),
            ("delay", &mut self.delay),
        ]
    }

    fn effect(&self) -> Box<dyn Effect> {
        Box::new(Knife { attributes: *self, rest: None, cuts: VecDeque::new(), pause: None })
    }
}

impl Slicer {
    /// The lengths of the slices of so many bytes. What is too long is cut in about two and so on,
    /// which makes no slice likelier to be short than another. A slice has at least one byte.
    fn cut(self, length: usize, draws: &mut ChaCha8Rng) -> VecDeque<usize> {
        let most = self.average_size.max(1).saturating_add(self.size_variation);
        let most = usize::try_from(most).unwrap_or(0).max(1);
        let variation = self.size_variation.max(0);
        let (mut open, mut cuts) = (vec![length], VecDeque::new());
        while let Some(length) = open.pop() {
            if length <= most {
                cuts.push_back(length);
                continue;
            }
            let shift = if variation > 0 { draws.random_range(-variation..variation) } else { 0 };
            let shift = isize::try_from(shift).unwrap_or(0);
            let left = (length / 2).saturating_add_signed(shift).clamp(1, length - 1);
            open.push(length - left);
            open.push(left);
        }
        cuts
    }
}

struct Knife {
    attributes: Slicer,
    rest: Option<Chunk>,
    cuts: VecDeque<usize>,
    pause: Option<Instant>,
}

impl Effect for Knife {
    fn step(&mut self, inbox: &mut Inbox, now: Instant, draws: &mut ChaCha8Rng) -> Step {
        if let Some(pause) = self.pause
            && now < pause
        {
            return Step::Until(pause);
        }
        if self.cuts.is_empty() {
            match inbox.take() {
                Input::Chunk(chunk) => {
                    self.cuts = self.attributes.cut(chunk.data.len(), draws);
                    self.rest = Some(chunk);
                }
                Input::End => return Step::Close,
                Input::Nothing => return Step::Idle,
            }
        }
        let (Some(length), Some(rest)) = (self.cuts.pop_front(), &mut self.rest) else {
            return Step::Idle;
        };
        let slice = Chunk { data: rest.data.split_to(length), at: rest.at };
        let delay = u64::try_from(self.attributes.delay).unwrap_or(0);
        self.pause = Some(now + Duration::from_micros(delay).min(WAIT_MAX));
        Step::Pass(slice)
    }

    fn interrupt(&mut self) -> Option<Chunk> {
        self.cuts.clear();
        self.pause = None;
        self.rest.take().filter(|rest| !rest.data.is_empty())
    }

    fn change(&mut self, to: &Attributes) {
        if let Attributes::Slicer(to) = to {
            self.attributes = *to;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::{super::test::Bench, *};

    #[test]
    fn slices_pass_with_a_pause_after_each() {
        let attributes = Slicer { average_size: 2, size_variation: 0, delay: 10_000 };
        let mut it = Bench::new(Attributes::Slicer(attributes));
        it.push(0, b"abcd");
        it.passes(0, b"ab");
        it.waits(0, 10);
        it.passes(10, b"cd");
        it.waits(10, 20);
        it.end();
        it.is(20, &Step::Close);
    }

    #[test]
    fn the_rest_goes_on_whole_at_an_interrupt() {
        let attributes = Slicer { average_size: 1, size_variation: 0, delay: 10_000 };
        let mut it = Bench::new(Attributes::Slicer(attributes));
        it.push(0, b"abcd");
        it.passes(0, b"a");
        assert_eq!(it.interrupt().as_deref(), Some(&b"bcd"[..]));
        it.push(0, b"e");
        it.passes(0, b"e");
        assert_eq!(it.interrupt(), None);
    }

    #[test]
    fn slices_vary_around_their_average_and_are_all_of_it() {
        let mut draws = ChaCha8Rng::seed_from_u64(1);
        let slicer = Slicer { average_size: 1000, size_variation: 500, delay: 0 };
        let cuts = slicer.cut(1_000_000, &mut draws);
        assert_eq!(cuts.iter().sum::<usize>(), 1_000_000);
        assert!(cuts.iter().all(|cut| (1..=1500).contains(cut)), "{cuts:?}");
        assert!((667..2000).contains(&cuts.len()), "{}", cuts.len());
        let lengths: std::collections::BTreeSet<_> = cuts.iter().collect();
        assert!(lengths.len() > 100, "{}", lengths.len());
    }

    #[test]
    fn no_attributes_cut_forever_or_out_of_bounds() {
        let mut draws = ChaCha8Rng::seed_from_u64(1);
        let extremes = [i64::MIN, -1, 0, 1, i64::MAX];
        for average_size in extremes {
            for size_variation in extremes {
                let slicer = Slicer { average_size, size_variation, delay: -1 };
                let cuts = slicer.cut(5000, &mut draws);
                assert_eq!(cuts.iter().sum::<usize>(), 5000);
                assert!(!cuts.contains(&0));
            }
        }
    }
}
