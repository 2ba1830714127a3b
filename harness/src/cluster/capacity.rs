//! How many pods a deployment lacks and has too many: what an operation costs while it goes on, and
//! what taking it back costs.

/// The pods of a deployment against those that are desired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    /// How many available pods are missing to what is desired.
    pub(super) missing: u32,
    /// How many pods there are beyond what is desired; one that terminates is none any more.
    pub(super) surplus: u32,
}

impl Capacity {
    pub(super) fn of(desired: u32, pods: usize, available: usize) -> Self {
        let count = |pods: usize| u32::try_from(pods).unwrap_or(u32::MAX);
        Self {
            missing: desired.saturating_sub(count(available)),
            surplus: count(pods).saturating_sub(desired),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Capacity;

    #[test]
    fn what_is_missing_is_not_available_and_what_is_too_many_is_there() {
        let of = |desired, pods, available| {
            let Capacity { missing, surplus } = Capacity::of(desired, pods, available);
            (missing, surplus)
        };
        assert_eq!(of(3, 3, 3), (0, 0));
        assert_eq!(of(3, 4, 3), (0, 1));
        assert_eq!(of(3, 4, 2), (1, 1));
        assert_eq!(of(0, 2, 2), (0, 2));
    }
}
