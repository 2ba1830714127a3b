//! Calls of gRPC over HTTP/2: one message there, one or a stream of them back, and the status in
//! the trailers.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header, request};
use http_body_util::{BodyExt, Full};
use squall_reports::record::Outcome;

use super::{
    answer::{Asked, Ending, shown},
    first_message::FirstMessage,
    http2::{Broken, Connections},
    protobuf,
};
use crate::{
    plan::{GrpcCall, GrpcCode, Statuses},
    run::environment::Environment,
};

/// What comes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Clients of gRPC take no larger message unless told otherwise.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// The longest number of a `grpc-timeout`.
const TIMEOUT_MAX: u128 = 99_999_999;

/// What is called.
pub(super) struct Called<'a, E: Environment> {
    pub(super) call: &'a GrpcCall,
    pub(super) statuses: &'a Statuses,
    pub(super) asked: Asked,
    /// How long the client still waits.
    pub(super) time_left: Duration,
    /// Told of the first message of a stream.
    pub(super) first: FirstMessage<E>,
}

impl<E: Environment> Called<'_, E> {
    /// Makes the call whose path and trace are in `request`.
    pub(super) async fn perform(
        mut self,
        connections: &Connections<E>,
        request: request::Builder,
    ) -> Ending {
        let ending = self.attempt(connections, request).await;
        self.first.end(ending.outcome);
        ending
    }

    async fn attempt(&mut self, connections: &Connections<E>, request: request::Builder) -> Ending {
        let failed = |reason| Ending::without_answer(Outcome::Failed, reason);
        let response = match connections.begin(self.request(request)).await {
            Ok(response) => response,
            Err(broken) => return self.broken(broken),
        };
        let (head, mut body) = response.into_parts();
        if head.status != StatusCode::OK {
            return self.ending(status_of_http(head.status), &shown(head.status.as_str()));
        }
        // An answer without messages may have its status in the head.
        let mut last = head.headers;
        let mut messages = Messages::default();
        let (mut count, mut wrong) = (0_u64, None);
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return self.broken(error.into()),
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(frame) => {
                    last = frame.into_trailers().unwrap_or_default();
                    continue;
                }
            };
            messages.push(&data);
            loop {
                match messages.next() {
                    Ok(None) => break,
                    Ok(Some(message)) => {
                        count += 1;
                        self.first.came();
                        let compared = protobuf::compare(&message, &self.call.reply, self.asked);
                        wrong = wrong.or(compared.err());
                    }
                    Err(reason) => return failed(&reason),
                }
            }
        }
        let Some(code) = code(&last) else { return failed("the answer has no grpc-status") };
        if code != GrpcCode::OK {
            return self.ending(code, &detail(&last));
        }
        if !messages.is_empty() {
            return failed("answer broken off");
        }
        match wrong.or_else(|| self.miscounted(count)) {
            Some(wrong) => Ending::new(Outcome::Failed, StatusCode::OK.as_u16(), wrong),
            None => Ending::new(Outcome::Succeeded, StatusCode::OK.as_u16(), String::new()),
        }
    }

    fn request(&self, request: request::Builder) -> Request<Full<Bytes>> {
        let message = protobuf::encode(&self.call.message, self.asked);
        let mut body = BytesMut::with_capacity(PREFIX + message.len());
        body.put_u8(0);
        // What is longer is refused by every server.
        body.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        body.put_slice(&message);
        request
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"))
            .header(header::TE, HeaderValue::from_static("trailers"))
            .header("grpc-timeout", timeout(self.time_left))
            .body(Full::from(body.freeze()))
            .expect("a checked plan has paths that make requests")
    }

    /// What a stream that was broken off is worth. A connection that failed is no status of the
    /// service, which may never have heard of the call.
    fn broken(&self, broken: Broken) -> Ending {
        match broken.reset {
            Some(reset) => self.ending(status_of_reset(reset), broken.reason),
            None => Ending::without_answer(Outcome::Failed, broken.reason),
        }
    }

    /// What an error is worth.
    fn ending(&self, code: u16, detail: &str) -> Ending {
        let (name, status) = GrpcCode::describe(code);
        let note = if detail.is_empty() { name.to_owned() } else { format!("{name}: {detail}") };
        let refused = [GrpcCode::RESOURCE_EXHAUSTED, GrpcCode::UNAVAILABLE].contains(&code);
        let outcome = if self.statuses.degraded.contains(&code) {
            Outcome::Degraded
        } else if self.statuses.shed(code, || refused) {
            Outcome::Shed
        } else {
            Outcome::Failed
        };
        Ending::new(outcome, status, note)
    }

    /// What is wrong with the number of messages, if anything.
    fn miscounted(&self, count: u64) -> Option<String> {
        let expected = if self.call.streams { self.call.replies? } else { 1 };
        (count != expected).then(|| format!("the answer has {count} messages, not {expected}"))
    }
}

/// `grpc-timeout`: up to eight digits and a unit.
fn timeout(left: Duration) -> String {
    let units = [(left.as_micros(), 'u'), (left.as_millis(), 'm'), (left.as_secs().into(), 'S')];
    let fits = units.into_iter().find(|(count, _)| *count <= TIMEOUT_MAX);
    let (count, unit) = fits.unwrap_or((TIMEOUT_MAX, 'S'));
    format!("{count}{unit}")
}

/// The status in a head or in trailers, if there is one; `UNKNOWN` if it is no number.
fn code(headers: &HeaderMap) -> Option<u16> {
    let code = headers.get("grpc-status")?;
    let number = code.to_str().ok().and_then(|text| text.parse().ok());
    Some(number.unwrap_or(GrpcCode::UNKNOWN))
}

/// What `grpc-message` says, which is percent-encoded.
fn detail(headers: &HeaderMap) -> String {
    let message = headers.get("grpc-message").map_or(&b""[..], HeaderValue::as_bytes);
    shown(&percent_encoding::percent_decode(message).decode_utf8_lossy())
}

/// The code for an answer that is none of gRPC, of a proxy perhaps.
///
/// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>
fn status_of_http(status: StatusCode) -> u16 {
    match status.as_u16() {
        400 => GrpcCode::INTERNAL,
        401 => GrpcCode::UNAUTHENTICATED,
        403 => GrpcCode::PERMISSION_DENIED,
        404 => GrpcCode::UNIMPLEMENTED,
        429 | 502 | 503 | 504 => GrpcCode::UNAVAILABLE,
        _ => GrpcCode::UNKNOWN,
    }
}

/// The code for a stream that the server has reset, as the protocol maps them.
fn status_of_reset(reset: h2::Reason) -> u16 {
    match reset {
        h2::Reason::REFUSED_STREAM => GrpcCode::UNAVAILABLE,
        h2::Reason::CANCEL => GrpcCode::CANCELLED,
        h2::Reason::ENHANCE_YOUR_CALM => GrpcCode::RESOURCE_EXHAUSTED,
        h2::Reason::INADEQUATE_SECURITY => GrpcCode::PERMISSION_DENIED,
        _ => GrpcCode::INTERNAL,
    }
}

/// The messages in the data of an answer, which is cut anywhere.
#[derive(Default)]
struct Messages(BytesMut);

impl Messages {
    fn push(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }

    /// Is no part of a message left?
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next message that has come as a whole.
    fn next(&mut self) -> Result<Option<Bytes>, String> {
        let Some(prefix) = self.0.first_chunk::<PREFIX>() else { return Ok(None) };
        let [flag, length @ ..] = *prefix;
        if flag != 0 {
            return Err("a message is compressed, which nobody asked for".to_owned());
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MESSAGE_BYTES_MAX {
            return Err(format!("a message has more than {MESSAGE_BYTES_MAX} bytes"));
        }
        if self.0.len() < PREFIX + length {
            return Ok(None);
        }
        self.0.advance(PREFIX);
        Ok(Some(self.0.split_to(length).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{GrpcCode, MESSAGE_BYTES_MAX, Messages, status_of_reset, timeout};

    #[test]
    fn a_stream_that_is_refused_is_unavailable() {
        for (reset, code) in [
            (h2::Reason::REFUSED_STREAM, GrpcCode::UNAVAILABLE),
            (h2::Reason::ENHANCE_YOUR_CALM, GrpcCode::RESOURCE_EXHAUSTED),
            (h2::Reason::CANCEL, GrpcCode::CANCELLED),
            (h2::Reason::PROTOCOL_ERROR, GrpcCode::INTERNAL),
        ] {
            assert_eq!(status_of_reset(reset), code, "{reset:?}");
        }
    }

    #[test]
    fn messages_are_found_wherever_the_data_is_cut() {
        let data = b"\0\0\0\0\x03abc\0\0\0\0\0\0\0\0\0\x01d";
        for size in 1..=data.len() {
            let (mut messages, mut found) = (Messages::default(), Vec::new());
            for part in data.chunks(size) {
                messages.push(part);
                while let Some(message) = messages.next().expect("good data") {
                    found.push(message);
                }
            }
            assert_eq!(found, [&b"abc"[..], b"", b"d"], "in pieces of {size}");
            assert!(messages.is_empty());
        }
    }

    #[test]
    fn what_is_too_long_or_compressed_is_refused_before_it_has_come() {
        let mut long = Messages::default();
        long.push(b"\0\xff\xff\xff\xff");
        let expected = format!("a message has more than {MESSAGE_BYTES_MAX} bytes");
        assert_eq!(long.next(), Err(expected));
        let mut compressed = Messages::default();
        compressed.push(b"\x01\0\0\0\0");
        assert!(compressed.next().is_err());
    }

    #[test]
    fn a_timeout_has_up_to_eight_digits() {
        assert_eq!(timeout(Duration::from_secs(1)), "1000000u");
        assert_eq!(timeout(Duration::from_secs(100)), "100000m");
        assert_eq!(timeout(Duration::from_secs(1_000_000)), "1000000S");
        assert_eq!(timeout(Duration::MAX), "99999999S");
    }
}
