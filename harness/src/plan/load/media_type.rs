//! Media types as `Content-Type` names them (RFC 9110, 8.3.1).

/// A media type with its parameters. Names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// `type/subtype`.
    essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// `None` if `text` is no media type.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let end = text.find(';').unwrap_or(text.len());
        let (essence, mut rest) = text.split_at(end);
        let (kind, subtype) = trimmed(essence).split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters = Vec::new();
        while let Some(after) = rest.strip_prefix(';') {
            rest = trimmed(after);
            // A parameter may be left out between two semicolons, or after the last one.
            if !rest.is_empty() && !rest.starts_with(';') {
                let (parameter, after) = parameter(rest)?;
                parameters.push(parameter);
                rest = trimmed(after);
            }
        }
        let essence = format!("{kind}/{subtype}").to_ascii_lowercase();
        rest.is_empty().then_some(Self { essence, parameters })
    }

    /// Is this what was expected, with all of its parameters? There may be more.
    pub(crate) fn is(&self, expected: &Self) -> bool {
        let has = |parameter| self.parameters.contains(parameter);
        self.essence == expected.essence && expected.parameters.iter().all(has)
    }
}

/// `name=value` at the beginning of `text`, and what follows it.
fn parameter(text: &str) -> Option<((String, String), &str)> {
    let (name, value) = text.split_once('=')?;
    if !is_token(name) {
        return None;
    }
    let (mut value, rest) = match value.strip_prefix('"') {
        Some(quoted) => unquoted(quoted)?,
        None => {
            let end = value.find([';', ' ', '\t']).unwrap_or(value.len());
            let (value, rest) = value.split_at(end);
            (is_token(value).then(|| value.to_owned())?, rest)
        }
    };
    let name = name.to_ascii_lowercase();
    if name == "charset" {
        // RFC 9110, 8.3.2; of others only who defined them knows.
        value.make_ascii_lowercase();
    }
    Some(((name, value), rest))
}

/// The text up to the quote that ends it, and what follows that.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(c),
        }
    }
    None
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::MediaType;

    #[track_caller]
    fn check(found: &str, expected: &str, holds: bool) {
        let found_type = MediaType::parse(found).expect(found);
        let expected_type = MediaType::parse(expected).expect(expected);
        assert_eq!(found_type.is(&expected_type), holds, "{found:?} is {expected:?}");
    }

    #[test]
    fn parameters_that_are_not_asked_for_do_not_count() {
        let problem = "application/problem+json";
        for found in [
            problem,
            "Application/Problem+JSON",
            "application/problem+json;charset=utf-8",
            "application/problem+json ; charset=\"utf-8\" ;",
            "application/problem+json;; a=\"x;y=\\\"\" ; b=c",
        ] {
            check(found, problem, true);
            check(found, "APPLICATION/PROBLEM+JSON", true);
        }
        for found in ["application/json", "application/problem", "text/problem+json"] {
            check(found, problem, false);
        }
    }

    #[test]
    fn parameters_that_are_asked_for_are_there() {
        let expected = "text/html; Charset=UTF-8";
        check("text/html; charset=utf-8", expected, true);
        check("text/html;v=1;CHARSET=\"Utf-8\"", expected, true);
        check("text/html", expected, false);
        check("text/html; charset=latin1", expected, false);
        check("text/html; v=a", "text/html; v=A", false);
    }

    #[test]
    fn what_is_no_media_type_is_none() {
        for text in [
            "",
            "text",
            "text/",
            "/html",
            "text/html/x",
            "te xt/html",
            "text/html; charset",
            "text/html; =x",
            "text/html; a=\"x",
            "text/html; a=b c",
            "text/html, text/plain",
        ] {
            assert_eq!(MediaType::parse(text), None, "{text:?}");
        }
    }
}
