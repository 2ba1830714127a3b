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
