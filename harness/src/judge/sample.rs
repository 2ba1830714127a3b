//! What latencies and shares are drawn from: requests of the load, or calls that spans stand for.

use squall_reports::record::{Outcome, Phase, RequestId, SpanId, Symbol};

use crate::objective::{Scope, ShareBound, ShareOf};

use super::number::{nanos, real};

/// Something that started, took its time and came to an end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// When a request was meant to start, or a call did.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) request: RequestId,
    /// The span that a call is; 0 for a request.
    pub(super) span: SpanId,
    pub(super) route: Symbol,
    pub(super) host: u16,
    pub(super) attempts: u8,
    pub(super) outcome: Outcome,
    /// The HTTP status of the answer; 0 without one, and for a call.
    pub(super) status: u16,
    /// The phase that `start` lies in.
    pub(super) phase: Phase,
}

impl Sample {
    pub(super) fn latency(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Does it count for a latency in `scope`?
    ///
    /// Unless the scope names outcomes, a request counts if a client waited for its answer. A
    /// call counts also if it was cancelled or dropped: it took at least as long as its span was
    /// open, and a call that hangs until its caller leaves must not drop out of its own bound.
    pub(super) fn has_latency(&self, scope: &Scope) -> bool {
        if !scope.outcomes.is_empty() {
            return scope.outcomes.contains(&self.outcome);
        }
        match self.outcome {
            Outcome::Succeeded | Outcome::Degraded | Outcome::Failed => true,
            Outcome::Shed => false,
            Outcome::Abandoned => scope.calls.is_some(),
        }
    }

    pub(super) fn is_useful(&self) -> bool {
        matches!(self.outcome, Outcome::Succeeded | Outcome::Degraded)
    }
}

impl ShareOf {
    /// Is this one of all that the share is of?
    pub(super) fn counts(self, sample: &Sample) -> bool {
        self == Self::Abandoned || sample.outcome != Outcome::Abandoned
    }

    /// Is this one of the share?
    pub(super) fn holds(self, sample: &Sample) -> bool {
        match self {
            Self::Available | Self::Useful => sample.is_useful(),
            Self::OnTime(bound) => sample.is_useful() && sample.latency() <= nanos(bound),
            Self::Succeeded => sample.outcome == Outcome::Succeeded,
            Self::Degraded => sample.outcome == Outcome::Degraded,
            Self::Shed => sample.outcome == Outcome::Shed,
            Self::Failed => sample.outcome == Outcome::Failed,
            Self::FailedOtherwiseThan(status) => {
                sample.outcome == Outcome::Failed && sample.status != status
            }
            Self::Wrong => sample.outcome == Outcome::Failed && (200..300).contains(&sample.status),
            Self::Abandoned => sample.outcome == Outcome::Abandoned,
        }
    }
}

impl ShareBound {
    /// Is `part` of `whole` within the bound? The quotient of two counts is rounded correctly,
    /// so 999 of 1,000 are exactly the 0.999 that somebody wrote.
    pub(super) fn allows(self, part: u64, whole: u64) -> bool {
        let share = real(part) / real(whole);
        match self {
            Self::AtLeast(fraction) => share >= fraction,
            Self::AtMost(fraction) => share <= fraction,
            Self::CountAtMost(count) => part <= count,
        }
    }
}
