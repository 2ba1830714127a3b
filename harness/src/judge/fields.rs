//! Reading the fields of a span or log event: `name=value` apart by spaces.

/// The value of the field `name`. Values may contain spaces: one ends where the next `name=`
/// begins. Quotes around a value are not part of it, and what they hold is never a field.
pub(super) fn value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let (key, after) = rest.split_once('=')?;
        let key = key.rsplit(' ').next().unwrap_or(key);
        let (value, next) = split_value(after);
        if key == name {
            return Some(value);
        }
        rest = next;
    }
}

fn split_value(text: &str) -> (&str, &str) {
    if let Some(quoted) = text.strip_prefix('"')
        && let Some(end) = closing_quote(quoted)
    {
        return (&quoted[..end], &quoted[end + 1..]);
    }
    let mut from = 0;
    while let Some(space) = text[from..].find(' ').map(|place| from + place) {
        let word = text[space + 1..].split(' ').next().unwrap_or_default();
        if word.split_once('=').is_some_and(|(key, _)| is_name(key)) {
            return (&text[..space], &text[space + 1..]);
        }
        from = space + 1;
    }
    (text, "")
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(place, letter)| {
        let closes = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        closes.then_some(place)
    })
}

fn is_name(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || "._-".contains(letter))
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(text: &str, name: &str, expected: Option<&str>) {
        assert_eq!(super::value(text, name), expected, "{name} in {text:?}");
    }

    #[test]
    fn finds_whole_values() {
        let text = "dependency=pricing outcome=ok attempt=1";
        check(text, "dependency", Some("pricing"));
        check(text, "outcome", Some("ok"));
        check(text, "attempt", Some("1"));
        check(text, "come", None);
        check("", "attempt", None);
        check("no fields here", "fields", None);
        check("empty= next=1", "empty", Some(""));
    }

    #[test]
    fn values_may_have_spaces_and_quotes() {
        check("error=connection reset by peer job=7", "error", Some("connection reset by peer"));
        check("error=connection reset by peer job=7", "job", Some("7"));
        check(r#"error="a=b \"c\" d=e" job=7"#, "error", Some(r#"a=b \"c\" d=e"#));
        check(r#"error="a=b \"c\" d=e" job=7"#, "job", Some("7"));
        check(r#"error="a=b d=e" job=7"#, "d", None);
        check("query=a == b job=7", "job", Some("7"));
        check(r#"torn="never closed job=7"#, "job", Some("7"));
    }
}
