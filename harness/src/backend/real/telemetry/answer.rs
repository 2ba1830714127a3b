//! What the receiver answers to a request, as the specification of OTLP over HTTP has it.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Body;
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{
    Sink,
    decode::{self, Rejected},
    messages::{Accepted, PartialSuccess, Refused},
    wire::Signal,
};
use crate::service::BoxError;

/// Some twenty times what an SDK sends at once.
pub(super) const BODY_BYTES_MAX: usize = 4 << 20;

/// What a path begins with that says whose words they are.
const HOSTS: &str = "/hosts/";

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// How a message is encoded; it is answered in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

/// Why nothing of a request was taken.
struct Refusal {
    status: StatusCode,
    reason: String,
}

fn refuse(status: StatusCode, reason: impl Into<String>) -> Refusal {
    Refusal { status, reason: reason.into() }
}

/// Tells what is in a request, and answers it.
pub(super) async fn answer<B>(request: Request<B>, tell: &Sink) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let encoding = Encoding::of(request.headers());
    match accept(request, encoding, tell).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.into_response(encoding),
    }
}

async fn accept<B>(
    request: Request<B>,
    encoding: Option<Encoding>,
    tell: &Sink,
) -> Result<Response<Full<Bytes>>, Refusal>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let (host, rest) = host_in(path);
    let signal = Signal::of(rest).ok_or_else(|| {
        let known = "/v1/traces, /v1/logs and /v1/metrics";
        refuse(StatusCode::NOT_FOUND, format!("there are {known}, and no {path}"))
    })?;
    if parts.method != Method::POST {
        return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, "expected the method POST"));
    }
    let encoding = encoding.ok_or_else(|| {
        let reason = format!("expected the content-type {PROTOBUF} or {JSON}");
        refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason)
    })?;
    if parts.headers.get(header::CONTENT_ENCODING).is_some_and(|it| it != "identity") {
        let reason = "expected a body without content-encoding: switch compression off";
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    let body = read(body).await?;
    let rejected = match signal {
        Signal::Traces => decode::traces(encoding.decode(&body)?, host, tell),
        Signal::Logs => decode::logs(encoding.decode(&body)?, host, tell),
        Signal::Metrics => decode::metrics(encoding.decode(&body)?, host, tell),
    };
    Ok(encoding.accepted(signal, rejected))
}

/// Where the program of a host sends what it has to say: whatever it calls itself, it is that host.
pub(in super::super) fn endpoint(receiver: SocketAddr, host: &str) -> String {
    format!("http://{receiver}{HOSTS}{host}")
}

/// The host that a path begins with, and the rest.
fn host_in(path: &str) -> (Option<&str>, &str) {
    let named = path.strip_prefix(HOSTS).and_then(|named| named.split_at_checked(named.find('/')?));
    named.map_or((None, path), |(host, rest)| (Some(host), rest))
}

async fn read<B>(body: B) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let too_large = || {
        let reason =
            format!("expected a body of at most {BODY_BYTES_MAX} bytes: send smaller batches");
        refuse(StatusCode::PAYLOAD_TOO_LARGE, reason)
    };
    // Who says beforehand how much it is need not send it.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(refuse(StatusCode::BAD_REQUEST, format!("the body ends early: {error}"))),
    }
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let named = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        // Parameters (`; charset=utf-8`) say nothing about either.
        let named = named.split(';').next()?.trim();
        match named {
            _ if named.eq_ignore_ascii_case(PROTOBUF) => Some(Self::Protobuf),
            _ if named.eq_ignore_ascii_case(JSON) => Some(Self::Json),
            _ => None,
        }
    }

    fn decode<M: Message + Default + DeserializeOwned>(self, body: &[u8]) -> Result<M, Refusal> {
        let wrong = match self {
            Self::Protobuf => match M::decode(body) {
                Ok(message) => return Ok(message),
                Err(error) => format!("the body is no such message in protobuf: {error}"),
            },
            Self::Json => match serde_json::from_slice(body) {
                Ok(message) => return Ok(message),
                Err(error) => format!("the body is no such message in JSON: {error}"),
            },
        };
        Err(refuse(StatusCode::BAD_REQUEST, wrong))
    }

    fn accepted(self, signal: Signal, rejected: Rejected) -> Response<Full<Bytes>> {
        let Rejected { count, reason } = rejected;
        let body = match self {
            Self::Protobuf => {
                let partial_success = (count > 0).then(|| PartialSuccess {
                    rejected: i64::try_from(count).unwrap_or(i64::MAX),
                    error_message: reason,
                });
                Accepted { partial_success }.encode_to_vec()
            }
            Self::Json if count == 0 => b"{}".to_vec(),
            Self::Json => {
                let name = match signal {
                    Signal::Traces => "rejectedSpans",
                    Signal::Logs => "rejectedLogRecords",
                    Signal::Metrics => "rejectedDataPoints",
                };
                let partial = json!({ name: count.to_string(), "errorMessage": reason });
                json!({ "partialSuccess": partial }).to_string().into_bytes()
            }
        };
        self.response(StatusCode::OK, body)
    }

    fn response(self, status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
        let content_type = match self {
            Self::Protobuf => PROTOBUF,
            Self::Json => JSON,
        };
        response(status, content_type, body)
    }
}

impl Refusal {
    fn into_response(self, encoding: Option<Encoding>) -> Response<Full<Bytes>> {
        let Self { status, reason } = self;
        // The codes of gRPC that go with it.
        let code = match status {
            StatusCode::NOT_FOUND => 5,
            StatusCode::PAYLOAD_TOO_LARGE => 8,
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE => 12,
            _ => 3,
        };
        let mut answer = match encoding {
            Some(Encoding::Protobuf) => {
                let body = Refused { code, message: reason }.encode_to_vec();
                response(status, PROTOBUF, body)
            }
            Some(Encoding::Json) => {
                let body = json!({ "code": code, "message": reason }).to_string();
                response(status, JSON, body.into_bytes())
            }
            None => response(status, "text/plain; charset=utf-8", reason.into_bytes()),
        };
        if status == StatusCode::METHOD_NOT_ALLOWED {
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        answer
    }
}

fn response(
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
