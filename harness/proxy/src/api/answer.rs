//! Answers with the headers that Toxiproxy gives them.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::error::ApiError;

pub(crate) type Answer = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// No body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

fn with(status: StatusCode, kind: HeaderValue, body: String) -> Answer {
    let mut answer = Answer::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

pub(crate) fn json(status: StatusCode, body: String) -> Answer {
    with(status, JSON, body)
}

/// An error's JSON is plain text to Go, whose helper for errors says so of all.
pub(crate) fn error(error: &ApiError) -> Answer {
    plain(error.status, &format!("{{{}}}\n", error.fields()))
}

pub(crate) fn plain(status: StatusCode, body: &str) -> Answer {
    let mut answer = with(status, TEXT, body.to_owned());
    let nosniff = HeaderValue::from_static("nosniff");
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    answer
}

pub(crate) fn version(version: &str) -> Answer {
    let kind = HeaderValue::from_static("application/json;charset=utf-8");
    with(StatusCode::OK, kind, format!("{{\"version\": \"{version}\"}}\n"))
}

pub(crate) fn metrics(page: String) -> Answer {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    with(StatusCode::OK, kind, page)
}

pub(crate) fn moved(to: &str) -> Answer {
    let mut answer = empty(StatusCode::MOVED_PERMANENTLY);
    // Only what is escaped already gets here.
    if let Ok(to) = HeaderValue::from_str(to) {
        answer.headers_mut().insert(header::LOCATION, to);
    }
    answer
}
