//! Paths of requests, as Toxiproxy's router takes them apart.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What is escaped in a path.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The path without its escapes, if they are right.
pub(crate) fn decode(path: &str) -> Option<String> {
    let hex = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' && !(hex(bytes.next()) && hex(bytes.next())) {
            return None;
        }
    }
    Some(percent_decode_str(path).decode_utf8_lossy().into_owned())
}

/// Where the path leads without `//`, `.` and `..`, escaped, if that is elsewhere.
pub(crate) fn cleaned(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut clean = format!("/{}", parts.join("/"));
    if path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    (clean != path).then(|| utf8_percent_encode(&clean, ESCAPED).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_two_digits() {
        assert_eq!(decode("/a%20b%C3%A9").as_deref(), Some("/a bé"));
        for wrong in ["/%", "/%z1", "/%1", "/%1z"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_path_with_detours_leads_to_the_straight_one() {
        for (path, expected) in [
            ("//proxies", Some("/proxies")),
            ("/proxies/../version", Some("/version")),
            ("/../..", Some("/")),
            ("/a/./b/", Some("/a/b/")),
            ("/a b//", Some("/a%20b/")),
            ("/proxies/", None),
            ("/proxies/a b", None),
            ("/", None),
        ] {
            assert_eq!(cleaned(path).as_deref(), expected, "{path}");
        }
    }
}
