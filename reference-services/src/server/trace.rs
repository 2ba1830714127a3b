//! W3C Trace Context: which trace a request belongs to, and how the calls learn of it.

use std::fmt;

use http::{HeaderMap, HeaderValue};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use rand::Rng;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header, on HTTP and in gRPC metadata.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// The trace of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    id: u128,
    /// The caller's span.
    parent: u64,
    flags: u8,
}

impl Trace {
    /// The trace that the client named, or a new one when it named none or named it badly.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(TRACEPARENT).and_then(|value| Self::parse(value.as_bytes()));
        given.unwrap_or_else(Self::begin)
    }

    /// As [`of`](Self::of), for a gRPC call.
    pub(crate) fn of_call(metadata: &MetadataMap) -> Self {
        Self::named(metadata).unwrap_or_else(Self::begin)
    }

    /// The trace that this `traceparent` names, or a new one when it names none.
    pub(crate) fn resume(traceparent: &str) -> Self {
        Self::parse(traceparent.as_bytes()).unwrap_or_else(Self::begin)
    }

    /// The trace that the caller of a gRPC method named, if any.
    pub(crate) fn named(metadata: &MetadataMap) -> Option<Self> {
        metadata.get(TRACEPARENT).and_then(|value| Self::parse(value.as_bytes()))
    }

    /// One that begins here: as if with a caller that nobody has seen.
    fn begin() -> Self {
        Self { id: rand::rng().random(), parent: 1, flags: 1 }
    }

    /// `00-<32 hex: trace>-<16 hex: parent>-<2 hex: flags>`. Versions to come may append fields.
    fn parse(value: &[u8]) -> Option<Self> {
        let value = std::str::from_utf8(value).ok()?;
        let mut fields = value.splitn(5, '-');
        let version = hex(fields.next()?, 2)?;
        let id = hex(fields.next()?, 32)?;
        let parent = hex(fields.next()?, 16)?;
        let flags = hex(fields.next()?, 2)?;
        let rest = fields.next().is_some();
        let valid = version != 0xff && id != 0 && parent != 0 && !(version == 0 && rest);
        let (parent, flags) = (u64::try_from(parent).ok()?, u8::try_from(flags).ok()?);
        valid.then_some(Self { id, parent, flags })
    }

    /// Makes a span that was not entered yet the caller's child, for a collector of spans, if there
    /// is one.
    pub(crate) fn adopt(self, span: &Span) {
        let (id, parent) = (TraceId::from(self.id), SpanId::from(self.parent));
        let flags = TraceFlags::new(self.flags);
        let caller = SpanContext::new(id, parent, flags, true, TraceState::default());
        // Without a collector there is nothing to be a child in.
        let _ = span.set_parent(Context::new().with_remote_span_context(caller));
    }

    /// What a call carries: this trace, and the id of the call's span.
    pub(crate) fn for_call(self, span: &Span) -> Option<MetadataValue<Ascii>> {
        self.within(span).parse().ok()
    }

    /// The same for a request over HTTP.
    pub(crate) fn for_request(self, span: &Span) -> Option<HeaderValue> {
        self.within(span).parse().ok()
    }

    /// A `traceparent`: this trace, and the id that a collector knows the span by, or a new one.
    pub(crate) fn within(self, span: &Span) -> String {
        let drawn = rand::rng().random_range(1..=u64::MAX);
        let known = span.context().span().span_context().span_id();
        let id = if known == SpanId::INVALID { SpanId::from(drawn) } else { known };
        format!("00-{self}-{id}-{:02x}", self.flags)
    }
}

/// Lower-case hexadecimal of exactly `digits`, as the specification demands.
fn hex(field: &str, digits: usize) -> Option<u128> {
    let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if field.len() != digits || !field.bytes().all(plain) {
        return None;
    }
    u128::from_str_radix(field, 16).ok()
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[track_caller]
    fn check(value: &str, valid: bool) {
        let parsed = Trace::parse(value.as_bytes());
        assert_eq!(parsed.map(|trace| trace.to_string()), valid.then(|| ID.to_owned()), "{value}");
    }

    #[test]
    fn parses_what_the_specification_allows() {
        check(&format!("00-{ID}-00f067aa0ba902b7-01"), true);
        check(&format!("cc-{ID}-00f067aa0ba902b7-01-what-follows"), true);
        check(&format!("ff-{ID}-00f067aa0ba902b7-01"), false);
        check(&format!("00-{ID}-00f067aa0ba902b7-01-more"), false);
        check(&format!("00-{ID}-0000000000000000-01"), false);
        check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false);
        check(&format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()), false);
        check(&format!("00-{ID}-00f067aa0ba902b7"), false);
        check("", false);
    }

    #[test]
    fn a_call_keeps_the_trace_and_the_flags() {
        let trace = Trace::parse(format!("00-{ID}-00f067aa0ba902b7-00").as_bytes()).expect("valid");
        let value = trace.for_call(&Span::none()).expect("ascii");
        let value = value.to_str().expect("ascii");
        assert!(value.starts_with(&format!("00-{ID}-")) && value.ends_with("-00"), "{value}");
        let again = Trace::parse(value.as_bytes()).expect("valid");
        assert_eq!((again.id, again.flags), (trace.id, trace.flags));
        assert_ne!(again.parent, trace.parent);
    }
}
