//! Where a circuit breaker stands, for the breaker itself and for the metrics that show it.

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakerState {
    /// Every call is admitted.
    Closed,
    /// No call is admitted.
    Open,
    /// One call at a time is admitted, to probe.
    HalfOpen,
}

impl BreakerState {
    /// The name in events.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}
