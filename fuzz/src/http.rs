//! The HTTP ports of all services, under any bytes on a connection.
//!
//! Whatever comes, no service panics, each request that is there as a whole is answered in time, all
//! answers are well-formed and none is an internal error. One that does not say whom it is for, or says
//! it twice, is refused; after one with a length and with chunks there is no other on its connection.
//! And the next client is served.

use std::{net::SocketAddr, sync::Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    answers::{Answer, all, first},
    world::{PATIENCE, World},
};

static WORLD: Mutex<Option<World>> = Mutex::new(None);

/// Header fields that services take.
const FIELDS_MAX: usize = 64;

/// What the next client asks.
const NEXT: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n";

/// What is known of the first request of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Asked {
    /// Its head is there, and its body as well.
    is_whole: bool,
    /// Its head is there, and does not say whom it is for.
    for_nobody: bool,
    /// It has a length, and chunks.
    has_two_ends: bool,
    /// It asks for no body.
    is_head: bool,
}

impl Asked {
    fn by(bytes: &[u8]) -> Self {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Request::new(&mut fields);
        let Ok(httparse::Status::Complete(begin)) = head.parse(bytes) else {
            return Self::default();
        };
        let all = |name: &str| -> Vec<&[u8]> {
            let named = head.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
            named.map(|field| field.value).collect()
        };
        let (hosts, chunked) = (all("host").len(), !all("transfer-encoding").is_empty());
        let lengths = all("content-length");
        let length = lengths.iter().map(|length| std::str::from_utf8(length).ok()?.parse().ok());
        let length: usize = length.map(|length| length.unwrap_or(usize::MAX)).max().unwrap_or(0);
        Self {
            is_whole: !chunked && bytes.len() - begin >= length,
            for_nobody: hosts > 1 || (hosts == 0 && head.version == Some(1)),
            has_two_ends: chunked && !lengths.is_empty(),
            is_head: head.method == Some("HEAD"),
        }
    }
}

/// The first byte chooses the service, the others are what is sent.
///
/// # Panics
///
/// If anything of the above is not so.
pub fn http(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    let mut world = WORLD.lock().expect("no input has failed");
    let world = World::of(&mut world, "http");
    let service = world.http[usize::from(*which) % world.http.len()];
    let asked = Asked::by(bytes);
    world.runtime.block_on(async {
        let (answers, rest) = send(service.address, bytes, asked).await;
        let shown = bytes.escape_ascii();
        for answer in &answers {
            assert_ne!(answer.status, 500, "an internal error: {shown}");
        }
        let last = answers.iter().filter(|answer| answer.status >= 200).collect::<Vec<_>>();
        if asked.for_nobody
            && let Some(first) = last.first()
        {
            assert!((400..500).contains(&first.status), "{} for nobody: {shown}", first.status);
        }
        if asked.has_two_ends {
            let alone = last.len() <= 1 && rest == 0;
            assert!(alone, "{answers:?} on a connection that has two readings: {shown}");
        }
        let (next, _) = send(service.address, NEXT, Asked::by(NEXT)).await;
        let status = next.first().map(|answer| answer.status);
        let without = service.passes_on && status == Some(503);
        assert!(status == Some(200) || without, "{status:?} for the next client, after {shown}");
    });
}

/// Sends these bytes on a connection of their own. The answers, and how many bytes of one that is
/// cut off come after them.
async fn send(address: SocketAddr, bytes: &[u8], asked: Asked) -> (Vec<Answer>, usize) {
    let mut stream = TcpStream::connect(address).await.expect("the service listens");
    stream.set_nodelay(true).expect("an open connection");
    // A service that refuses what it has read does not take the rest.
    let mut is_broken = stream.write_all(bytes).await.is_err();
    let (mut found, mut is_over) = (Vec::new(), false);
    if asked.is_whole {
        while !is_over && !is_answered(&found, asked.is_head) {
            let read = timeout(PATIENCE, stream.read_buf(&mut found)).await;
            match read.unwrap_or_else(|_| panic!("no answer to {}", bytes.escape_ascii())) {
                Ok(read) => is_over = read == 0,
                Err(_) => (is_over, is_broken) = (true, true),
            }
        }
        let answered =
            is_broken || is_answered(&found, asked.is_head) || is_over && !found.is_empty();
        assert!(answered, "no answer to {}", bytes.escape_ascii());
    }
    if !is_over {
        // One that has closed its side is not there to hear of it.
        let _ = stream.shutdown().await;
        let rest = timeout(PATIENCE, stream.read_to_end(&mut found)).await;
        let _ = rest.unwrap_or_else(|_| panic!("no end after {}", bytes.escape_ascii()));
    }
    let answers = all(&found, asked.is_head);
    let whole: usize = answers.iter().map(|answer| answer.length).sum();
    (answers, found.len() - whole)
}

/// Has the first request its answer?
fn is_answered(found: &[u8], to_head: bool) -> bool {
    let mut rest = found;
    while let Some(answer) = first(rest, to_head, false) {
        if answer.status >= 200 {
            return true;
        }
        rest = &rest[answer.length..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &str, expected: Asked) {
        assert_eq!(Asked::by(bytes.as_bytes()), expected, "{bytes}");
    }

    #[test]
    fn what_must_be_answered_and_how_is_known_from_the_request() {
        let whole = Asked { is_whole: true, ..Asked::default() };
        check("GET / HTTP/1.1\r\nhost: it\r\n\r\n", whole);
        check("GET / HTTP/1.0\r\n\r\n", whole);
        check("HEAD / HTTP/1.0\r\n\r\n", Asked { is_head: true, ..whole });
        check("POST / HTTP/1.0\r\ncontent-length: 2\r\n\r\nab", whole);
        check("POST / HTTP/1.0\r\ncontent-length: 2\r\n\r\na", Asked::default());
        check("POST / HTTP/1.0\r\ncontent-length: x\r\n\r\na", Asked::default());
        check("GET / HTTP/1.1\r\nhost: it\r\n", Asked::default());
        check("no HTTP\r\n\r\n", Asked::default());
        let for_nobody = Asked { for_nobody: true, ..whole };
        check("GET / HTTP/1.1\r\n\r\n", for_nobody);
        check("GET / HTTP/1.1\r\nhost: a\r\nHost: a\r\n\r\n", for_nobody);
        let two = "POST / HTTP/1.1\r\nhost: it\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n";
        check(two, Asked { has_two_ends: true, ..Asked::default() });
    }
}
