//! The trace of a request: the W3C `traceparent` that the load sends along, and the way back.

use squall_reports::record::RequestId;

/// The upper half of the trace ids of the load: `squall` in ASCII, and two zero bytes.
const TAG: u64 = 0x7371_7561_6c6c_0000;

/// The fields of a span of `tracing` that say which trace it is of. They are different each time and
/// are no part of what is kept of it.
pub(crate) const FIELDS: [&str; 3] = ["trace_id", "span_id", "parent_id"];

/// The `traceparent` header of a request (W3C Trace Context, level 1).
pub(crate) fn parent_of(request: RequestId, attempt: u8) -> String {
    let span = (u64::from(request) << 8) | u64::from(attempt.max(1));
    format!("00-{TAG:016x}{:016x}-{span:016x}-01", u64::from(request))
}

/// The trace id in a `traceparent`; empty if it is none.
pub(crate) fn id_of(traceparent: &str) -> &str {
    traceparent.split('-').nth(1).unwrap_or_default()
}

/// The trace id of a request in binary, as OTLP has it.
pub(crate) fn bytes_of(request: RequestId) -> [u8; 16] {
    ((u128::from(TAG) << 64) | u128::from(request)).to_be_bytes()
}

/// The request of the load with this trace id in binary; `None` for the trace of somebody else.
pub(crate) fn request_in(trace_id: [u8; 16]) -> Option<RequestId> {
    let trace_id = u128::from_be_bytes(trace_id);
    let request = trace_id ^ (u128::from(TAG) << 64);
    RequestId::try_from(request).ok()
}

/// The request of the load with this trace id; `None` for the trace of somebody else.
pub(crate) fn request_of(trace_id: &str) -> Option<RequestId> {
    let trace_id = trace_id.trim_matches('"');
    let (tag, request) = (trace_id.get(..16)?, trace_id.get(16..32)?);
    if trace_id.len() != 32 || u64::from_str_radix(tag, 16) != Ok(TAG) {
        return None;
    }
    RequestId::try_from(u64::from_str_radix(request, 16).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{bytes_of, id_of, parent_of, request_in, request_of};

    #[test]
    fn a_request_is_found_again_by_its_trace() {
        let parent = parent_of(4711, 2);
        assert_eq!(
            parent,
            "00-7371756c6c0000000000000000001267-0000000000126702-01"
                .replace("7371756c6c000000", "737175616c6c0000")
        );
        assert_eq!(request_of(id_of(&parent)), Some(4711));
    }

    #[test]
    fn a_trace_id_in_binary_is_the_one_in_the_header() {
        let bytes = bytes_of(4711);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, id_of(&parent_of(4711, 1)));
        assert_eq!(request_in(bytes), Some(4711));
        for (place, other) in [(0, 1), (7, 1), (8, 0x80), (11, 1)] {
            let mut bytes = bytes;
            bytes[place] ^= other;
            assert_eq!(request_in(bytes), None, "{place}");
        }
    }

    #[test]
    fn the_trace_of_somebody_else_is_of_no_request() {
        for other in
            ["", "7371", "0af7651916cd43dd8448eb211c80319c", "zzzz75616c6c00000000000000001267"]
        {
            assert_eq!(request_of(other), None, "{other:?}");
        }
    }
}
