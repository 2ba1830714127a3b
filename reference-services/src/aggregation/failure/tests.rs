//! What a status means for the next attempt, and for the breaker.

use std::time::Duration;

use tonic::{Code, Status, metadata::MetadataValue};

use super::judge;
use crate::server::PUSHBACK;

fn status(code: Code, pushback: Option<&str>) -> Status {
    let mut status = Status::new(code, "no");
    if let Some(text) = pushback {
        let value = MetadataValue::try_from(text).expect("ASCII");
        status.metadata_mut().insert(PUSHBACK, value);
    }
    status
}

#[track_caller]
fn check(code: Code, pushback: Option<&str>, again_after_ms: Option<u64>) {
    let (failure, _) = judge(&status(code, pushback));
    let found = failure.transient.then_some(failure.not_before);
    assert_eq!(found, again_after_ms.map(Duration::from_millis), "{code:?} {pushback:?}");
}

#[test]
fn a_dependency_can_put_a_caller_off() {
    check(Code::Unavailable, None, Some(0));
    check(Code::Unavailable, Some("30"), Some(30));
    check(Code::ResourceExhausted, None, None);
    check(Code::ResourceExhausted, Some("30"), Some(30));
    check(Code::ResourceExhausted, Some("0"), Some(0));
}

#[test]
fn a_dependency_can_ask_not_to_be_called_again() {
    for refusal in ["-1", "soon", "", "99999999999999999999"] {
        check(Code::Unavailable, Some(refusal), None);
        check(Code::ResourceExhausted, Some(refusal), None);
    }
}

#[test]
fn what_time_does_not_mend_is_not_made_again_whatever_the_trailer_says() {
    for code in [Code::PermissionDenied, Code::NotFound, Code::InvalidArgument, Code::Internal] {
        check(code, None, None);
        check(code, Some("30"), None);
    }
}

#[test]
fn a_refusal_says_that_the_dependency_is_well() {
    for code in [
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::Unauthenticated,
        Code::FailedPrecondition,
        Code::OutOfRange,
    ] {
        assert!(judge(&status(code, None)).0.refused, "{code:?}");
    }
    for code in [
        Code::Unavailable,
        Code::ResourceExhausted,
        Code::DeadlineExceeded,
        Code::Internal,
        Code::Unknown,
        Code::Unimplemented,
        Code::DataLoss,
    ] {
        assert!(!judge(&status(code, None)).0.refused, "{code:?}");
    }
}
