//! The rate at which data is delivered: draft-cheng-iccrg-delivery-rate-estimation, as in Linux.

use super::Nanos;

/// What is noted of a connection when a segment leaves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Snapshot {
    delivered: u64,
    delivered_at: Nanos,
    first_sent_at: Nanos,
    app_limited: bool,
}

/// How much a connection has delivered, in segments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    pub(crate) delivered: u64,
    delivered_at: Nanos,
    first_sent_at: Nanos,
    /// Samples count as limited by the application until so much is delivered; zero if not.
    app_limited_until: u64,
}

/// A sample of the delivery rate.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Segments that were delivered over `interval`.
    pub(crate) delivered: u64,
    pub(crate) interval: Nanos,
    /// What had been delivered when the segment left that this sample rests on.
    pub(crate) prior_delivered: u64,
    pub(crate) app_limited: bool,
}

/// The acknowledgement that is being worked on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sampling {
    newest: Option<(Snapshot, Nanos, u64)>,
}

impl Meter {
    /// A segment leaves, with nothing else under way if `first`.
    pub(crate) fn sent(&mut self, first: bool, now: Nanos) -> Snapshot {
        if first {
            self.first_sent_at = now;
            self.delivered_at = now;
        }
        Snapshot {
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            app_limited: self.app_limited_until > 0,
        }
    }

    /// A segment was delivered, of which an earlier acknowledgement has not said so: what was noted
    /// when it left, when that was, and where it ends.
    pub(crate) fn delivered(
        &mut self,
        sampling: &mut Sampling,
        noted: Snapshot,
        (sent_at, end): (Nanos, u64),
        now: Nanos,
    ) {
        self.delivered += 1;
        self.delivered_at = now;
        if sampling.newest.is_none_or(|(_, at, to)| (sent_at, end) > (at, to)) {
            sampling.newest = Some((noted, sent_at, end));
            self.first_sent_at = sent_at;
        }
    }

    /// The sample of the acknowledgement, if it delivered something.
    pub(crate) fn sample(&mut self, sampling: &Sampling, now: Nanos) -> Option<Sample> {
        if self.app_limited_until > 0 && self.delivered > self.app_limited_until {
            self.app_limited_until = 0;
        }
        let (snapshot, sent_at, _) = sampling.newest?;
        let sending = sent_at.saturating_sub(snapshot.first_sent_at);
        let acknowledging = now.saturating_sub(snapshot.delivered_at);
        Some(Sample {
            delivered: self.delivered - snapshot.delivered,
            interval: sending.max(acknowledging),
            prior_delivered: snapshot.delivered,
            app_limited: snapshot.app_limited,
        })
    }

    /// The application has nothing more to send, while the window would let it.
    pub(crate) fn limited_by_application(&mut self, in_flight: u32) {
        self.app_limited_until = (self.delivered + u64::from(in_flight)).max(1);
    }

    pub(crate) fn is_app_limited(&self) -> bool {
        self.app_limited_until > 0
    }
}
