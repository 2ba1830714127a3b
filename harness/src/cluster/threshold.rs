//! What a row of probes says.

/// Counts the results of a probe and says when there are enough in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threshold {
    success: u32,
    failure: u32,
    last: Option<bool>,
    in_a_row: u32,
}

impl Threshold {
    pub(crate) fn new(success: u32, failure: u32) -> Self {
        Self { success, failure, last: None, in_a_row: 0 }
    }

    /// Notes a result; the conclusion, if there are enough of its kind in a row.
    pub(crate) fn note(&mut self, succeeded: bool) -> Option<bool> {
        self.in_a_row = if self.last == Some(succeeded) { self.in_a_row + 1 } else { 1 };
        self.last = Some(succeeded);
        let enough = if succeeded { self.success } else { self.failure };
        (self.in_a_row >= enough).then_some(succeeded)
    }
}

#[cfg(test)]
mod tests {
    use super::Threshold;

    #[test]
    fn enough_of_a_kind_in_a_row_are_a_conclusion() {
        // "After a probe fails failureThreshold times in a row, Kubernetes considers that the
        // overall check has failed"; "successThreshold: Minimum consecutive successes for the probe
        // to be considered successful after having failed":
        // https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
        let mut threshold = Threshold::new(2, 3);
        let results = [true, true, false, false, true, false, false, false, true, true];
        let concluded: Vec<Option<bool>> =
            results.into_iter().map(|result| threshold.note(result)).collect();
        let (good, bad, none) = (Some(true), Some(false), None);
        assert_eq!(concluded, [none, good, none, none, none, none, none, bad, none, good]);
    }
}
