//! Which group comes next.

/// A group's place in the order of groups, as nginx's smooth weighted round robin has it: the
/// turns of a group are as far apart as its weight allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) weight: i64,
    current: i64,
}

impl Turn {
    pub(super) fn new(weight: u32) -> Self {
        Self { weight: weight.into(), current: 0 }
    }
}

/// The next group among those that are `open`.
pub(super) fn next_group<G>(
    groups: &mut [G],
    open: impl Fn(&G) -> bool,
    turn: impl Fn(&mut G) -> &mut Turn,
) -> Option<&mut G> {
    let mut total = 0;
    let mut best: Option<(usize, i64)> = None;
    for (place, group) in groups.iter_mut().enumerate() {
        if !open(group) {
            continue;
        }
        let turn = turn(group);
        total += turn.weight;
        turn.current += turn.weight;
        if turn.weight > 0 && best.is_none_or(|(_, current)| turn.current > current) {
            best = Some((place, turn.current));
        }
    }
    let group = groups.get_mut(best?.0)?;
    turn(group).current -= total;
    Some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(weights: &[u32], turns: usize, expected: &str) {
        let mut groups: Vec<(char, Turn)> =
            ('a'..).zip(weights).map(|(name, &weight)| (name, Turn::new(weight))).collect();
        let next = |groups: &mut Vec<(char, Turn)>| {
            next_group(groups, |_| true, |group| &mut group.1).map_or('-', |group| group.0)
        };
        let seen: String = (0..turns).map(|_| next(&mut groups)).collect();
        assert_eq!(seen, expected, "{weights:?}");
    }

    #[test]
    fn turns_are_spread() {
        check(&[5, 1, 1], 14, "aabacaaaabacaa");
        check(&[1, 1], 4, "abab");
        check(&[0, 3], 2, "bb");
        check(&[0, 0], 2, "--");
        check(&[], 1, "-");
    }

    #[test]
    fn shares_are_exact() {
        let mut groups = [("stable", Turn::new(95)), ("canary", Turn::new(5))];
        let mut canary = 0;
        for _ in 0..10_000 {
            let next = next_group(&mut groups, |_| true, |group| &mut group.1).expect("a group");
            canary += u32::from(next.0 == "canary");
        }
        assert_eq!(canary, 500);
    }

    #[test]
    fn a_closed_group_has_no_turn() {
        let mut groups = [("a", Turn::new(1)), ("b", Turn::new(1))];
        for _ in 0..3 {
            let next = next_group(&mut groups, |group| group.0 == "b", |group| &mut group.1);
            assert_eq!(next.expect("a group").0, "b");
        }
    }
}
