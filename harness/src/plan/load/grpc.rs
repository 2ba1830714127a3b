//! Calls of gRPC, as far as a plan has them: what is sent, and what a good reply is.

use serde::{Deserialize, Serialize};

use super::Message;

/// What makes a request a call of gRPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct GrpcCall {
    /// Does the server answer with a stream? Else with exactly one message.
    pub streams: bool,
    /// The one message that is sent.
    pub message: Message,
    /// What must be in each message of the reply.
    pub reply: Message,
    /// How many messages a whole stream has; if not given, any number is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replies: Option<u64>,
}

/// The codes that a call of gRPC can end with (`google/rpc/code.proto`), by their numbers.
#[derive(Clone, Copy, Debug)]
pub struct GrpcCode;

/// Each code with its name and the HTTP status that `google/rpc/code.proto` maps it to.
const CODES: [(&str, u16); 17] = [
    ("OK", 200),
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 501),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
    ("UNAUTHENTICATED", 401),
];

impl GrpcCode {
    /// The call succeeded.
    pub const OK: u16 = 0;
    /// The caller gave it up.
    pub const CANCELLED: u16 = 1;
    /// An error that says no more.
    pub const UNKNOWN: u16 = 2;
    /// What was asked makes no sense.
    pub const INVALID_ARGUMENT: u16 = 3;
    /// It took too long.
    pub const DEADLINE_EXCEEDED: u16 = 4;
    /// What was asked for is not there.
    pub const NOT_FOUND: u16 = 5;
    /// What was to be made is there already.
    pub const ALREADY_EXISTS: u16 = 6;
    /// The caller may not do that.
    pub const PERMISSION_DENIED: u16 = 7;
    /// A quota or the room for more is used up.
    pub const RESOURCE_EXHAUSTED: u16 = 8;
    /// Things are not in the state that it needs.
    pub const FAILED_PRECONDITION: u16 = 9;
    /// Another call got in the way.
    pub const ABORTED: u16 = 10;
    /// Beyond the end of what there is.
    pub const OUT_OF_RANGE: u16 = 11;
    /// The service has no such method.
    pub const UNIMPLEMENTED: u16 = 12;
    /// The service is broken.
    pub const INTERNAL: u16 = 13;
    /// The service cannot answer at present.
    pub const UNAVAILABLE: u16 = 14;
    /// Data is lost.
    pub const DATA_LOSS: u16 = 15;
    /// The caller has not said who it is.
    pub const UNAUTHENTICATED: u16 = 16;

    /// The name of a code and the HTTP status that it is mapped to; an unknown one is `UNKNOWN`,
    /// as gRPC has it.
    pub(crate) fn describe(code: u16) -> (&'static str, u16) {
        CODES.get(usize::from(code)).copied().unwrap_or(CODES[usize::from(Self::UNKNOWN)])
    }
}

#[cfg(test)]
mod tests {
    use super::{CODES, GrpcCode};

    #[test]
    fn codes_have_the_numbers_and_names_of_the_code_proto() {
        for (code, name) in [
            (GrpcCode::OK, "OK"),
            (GrpcCode::RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"),
            (GrpcCode::UNAVAILABLE, "UNAVAILABLE"),
            (GrpcCode::UNAUTHENTICATED, "UNAUTHENTICATED"),
        ] {
            assert_eq!(GrpcCode::describe(code), CODES[usize::from(code)]);
            assert_eq!(GrpcCode::describe(code).0, name);
        }
        assert_eq!(GrpcCode::describe(17), ("UNKNOWN", 500));
    }
}
