//! HTTP/1.1 answers as a client reads them, which is strict: whatever no server of ours may send is a
//! panic.

/// Header fields of an answer at the most.
const FIELDS_MAX: usize = 64;

/// An answer that is there as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// With its head, in bytes.
    pub(crate) length: usize,
}

/// How the end of a body is told.
enum Length {
    Known(usize),
    Chunked,
    UntilClosed,
}

/// The first answer of `bytes`, if all of it is there. `ended` says that no more will come, and
/// `to_head` that it is for a request that asked for no body.
pub(crate) fn first(bytes: &[u8], to_head: bool, ended: bool) -> Option<Answer> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    let parsed = head.parse(bytes).unwrap_or_else(|error| panic!("{error}: {}", text(bytes)));
    let httparse::Status::Complete(begin) = parsed else { return None };
    let status = head.code.expect("a status");
    assert!((100..600).contains(&status), "expected a status, found {status}");
    let length = body_length(head.headers, bytes);
    if to_head || status < 200 || status == 204 || status == 304 {
        return Some(Answer { status, length: begin });
    }
    let body = &bytes[begin..];
    let length = match length {
        Length::Known(length) => (body.len() >= length).then_some(length)?,
        Length::Chunked => chunks(body)?,
        Length::UntilClosed => ended.then_some(body.len())?,
    };
    Some(Answer { status, length: begin + length })
}

fn body_length(fields: &[httparse::Header<'_>], bytes: &[u8]) -> Length {
    let all = |name: &str| -> Vec<&[u8]> {
        let named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value).collect()
    };
    match (&all("content-length")[..], &all("transfer-encoding")[..]) {
        ([], []) => Length::UntilClosed,
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Length::Chunked,
        ([length], []) => {
            let digits = std::str::from_utf8(length).ok();
            let length = digits.and_then(|digits| digits.parse().ok());
            Length::Known(length.unwrap_or_else(|| panic!("no length: {}", text(bytes))))
        }
        _ => panic!("expected one way to tell the end of a body: {}", text(bytes)),
    }
}

/// How long a body in chunks is, if its end is there.
fn chunks(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let (begin, size) = match httparse::parse_chunk_size(&body[at..]) {
            Ok(httparse::Status::Complete((begin, size))) => (begin, size),
            Ok(httparse::Status::Partial) => return None,
            Err(error) => panic!("{error}: {}", text(&body[at..])),
        };
        let end = at + begin + usize::try_from(size).expect("a chunk that fits into memory");
        let after = body.get(end..end + 2)?;
        assert_eq!(after, b"\r\n", "the end of a chunk: {}", text(&body[at..]));
        at = end + 2;
        if size == 0 {
            return Some(at);
        }
    }
}

/// All answers on a connection that has ended, the first of which is for a request that asked for no
/// body if `to_head` is so. The last one may be cut off within its body.
pub(crate) fn all(bytes: &[u8], to_head: bool) -> Vec<Answer> {
    let (mut found, mut at) = (Vec::new(), 0);
    let mut to_head = to_head;
    while at < bytes.len() {
        let rest = &bytes[at..];
        // Of later requests it is not known how they asked: a body that is not there was not asked for.
        let head = first(rest, true, true);
        let bare = head.is_some_and(|head| rest[head.length..].starts_with(b"HTTP/1."));
        let Some(answer) = first(rest, to_head || bare, true) else { break };
        at += answer.length;
        found.push(answer);
        // What says that another answer follows is for the same request.
        to_head &= answer.status < 200;
    }
    found
}

fn text(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(500)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn lengths(bytes: &[u8], to_head: bool, expected: &[usize]) {
        let found: Vec<usize> = all(bytes, to_head).iter().map(|answer| answer.length).collect();
        assert_eq!(found, expected, "{}", text(bytes));
    }

    #[test]
    fn answers_follow_one_another() {
        let empty = b"HTTP/1.1 204 No Content\r\n\r\n";
        let known = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let all = [&empty[..], known, chunked].map(<[u8]>::len);
        lengths(&[&empty[..], known, chunked].concat(), false, &all);
        // The body is not all there.
        lengths(&[&known[..], &chunked[..chunked.len() - 1]].concat(), false, &all[1..2]);
        lengths(b"HTTP/1.1 200 OK\r\n\r\nuntil it is closed", false, &[37]);
    }

    #[test]
    fn whoever_asks_for_no_body_gets_none() {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
        lengths(head, true, &[head.len()]);
        let next = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx";
        lengths(&[&head[..], next].concat(), true, &[head.len(), next.len()]);
        assert!(first(head, false, true).is_none(), "who asks for one gets one");
    }

    #[track_caller]
    fn refused(bytes: &[u8]) {
        let found = std::panic::catch_unwind(|| all(bytes, false));
        assert!(found.is_err(), "{found:?}: {}", text(bytes));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        refused(b"HTTP/1.1 2000 OK\r\n\r\n");
        refused(b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n");
        refused(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n");
        refused(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx");
        refused(
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        );
        refused(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n");
        refused(b"HTTP/1.1 204 No Content\r\n\r\nwhat should not be there");
    }
}
