//! Why an attempt gave no answer, and what that means for the next one and for those who keep count.

use std::{error::Error, time::Duration};

use tonic::{Code, Status, TimeoutExpired};

use super::metrics::CallOutcome;
use crate::server::PUSHBACK;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The bulkhead was full.
    Full,
    /// The breaker is open.
    BreakerOpen,
    /// No answer within the deadline.
    Timeout,
    /// The dependency does not know the product.
    NotFound,
    /// The dependency answered with an error or the connection failed.
    Failed,
}

/// An attempt without an answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: CallError,
    /// Might the next attempt fare better?
    pub(super) transient: bool,
    /// Did the dependency answer, if only to say no? Then it is well, and the caller is not.
    pub(super) refused: bool,
    /// How long the dependency wants to be left alone.
    pub(super) not_before: Duration,
    /// Did it say so, or that it is not to be asked again?
    pub(super) put_off: bool,
}

/// All calls are reads, so an attempt that never reached the dependency or broke on the way may be
/// made again. One that it refused for good reason, or that used up the deadline, may not. One that
/// it put off may, once the time has come that it named.
pub(super) fn judge(status: &Status) -> (Failure, CallOutcome) {
    // An error of the transport has a source; a status that the peer sent has none.
    let source = status.source();
    let (failure, outcome) = match status.code() {
        Code::NotFound => (Failure::refusal(CallError::NotFound), CallOutcome::Ok),
        // What is wrong with these is the call, and every dependency that is well says so.
        Code::InvalidArgument
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::OutOfRange => (Failure::refusal(CallError::Failed), CallOutcome::Error),
        // A connection that dies with calls not yet sent cancels them. Otherwise it is a timer
        // that ran out before ours did: the peer's, or tonic's.
        Code::Cancelled if source.is_some_and(|source| !is_timeout(source)) => {
            (Failure::transient(), CallOutcome::Error)
        }
        Code::DeadlineExceeded | Code::Cancelled => {
            (Failure::fatal(CallError::Timeout), CallOutcome::Timeout)
        }
        Code::Unavailable | Code::Aborted => (Failure::transient(), CallOutcome::Error),
        _ if source.is_some() => (Failure::transient(), CallOutcome::Error),
        _ => (Failure::fatal(CallError::Failed), CallOutcome::Error),
    };
    (failure.pushed_back(status), outcome)
}

impl Failure {
    pub(super) fn fatal(error: CallError) -> Self {
        Self { error, transient: false, refused: false, not_before: Duration::ZERO, put_off: false }
    }

    fn transient() -> Self {
        Self { transient: true, ..Self::fatal(CallError::Failed) }
    }

    fn refusal(error: CallError) -> Self {
        Self { refused: true, ..Self::fatal(error) }
    }

    /// Heeds what the dependency said of retries (gRFC A6): a number of milliseconds after which
    /// to come again, or anything else for not to.
    fn pushed_back(self, status: &Status) -> Self {
        let Some(pushback) = status.metadata().get(PUSHBACK) else { return self };
        let this = Self { put_off: true, ..self };
        let wait = pushback.to_str().ok().and_then(|text| text.parse::<u32>().ok());
        match wait {
            Some(ms) if this.transient || status.code() == Code::ResourceExhausted => {
                Self { transient: true, not_before: Duration::from_millis(ms.into()), ..this }
            }
            _ => Self { transient: false, ..this },
        }
    }
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    error.is::<TimeoutExpired>() || error.source().is_some_and(is_timeout)
}

#[cfg(test)]
mod tests;
