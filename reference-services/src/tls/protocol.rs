//! What is spoken inside of TLS.

/// What a handshake agrees on (RFC 7301).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    /// The only one that is offered, and that is accepted from those who offer any.
    pub(super) fn names(self) -> Vec<Vec<u8>> {
        let name: &[u8] = match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        };
        vec![name.to_vec()]
    }
}
