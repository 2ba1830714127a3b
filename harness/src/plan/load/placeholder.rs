//! What stands for something else in the texts of a request: `{id}` and `{request}`.

use squall_reports::record::RequestId;

/// What is replaced, whatever the text is.
const KNOWN: [&str; 2] = ["{id}", "{request}"];

/// `text` with the number that was drawn for `{id}`, and that of the request for `{request}`.
pub(crate) fn fill_in(text: &str, id: u64, request: RequestId) -> String {
    let [of_id, of_request] = KNOWN;
    text.replace(of_id, &id.to_string()).replace(of_request, &request.to_string())
}

/// The first word in braces that nothing replaces, braces included. Braces around anything but a
/// word are JSON.
pub(in crate::plan) fn unknown_placeholder(text: &str) -> Option<&str> {
    let is_word = |word: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(is_part)
    };
    let braced = text.match_indices('{').filter_map(|(begin, _)| {
        let end = begin + text[begin..].find('}')?;
        is_word(&text[begin + 1..end]).then(|| &text[begin..=end])
    });
    braced.into_iter().find(|found| !KNOWN.contains(found))
}

#[cfg(test)]
mod tests {
    use super::{fill_in, unknown_placeholder};

    #[test]
    fn both_are_replaced_wherever_they_are() {
        assert_eq!(fill_in("/a/{id}?n={request}&id={id}", 7, 12), "/a/7?n=12&id=7");
        assert_eq!(fill_in(r#"{"id":{id},"of":"x{request}"}"#, 7, 12), r#"{"id":7,"of":"x12"}"#);
    }

    #[test]
    fn a_word_in_braces_is_a_placeholder_and_json_is_not() {
        for (text, expected) in [
            ("{id}{request}", None),
            (r#"{"a":{},"b":{"c":{id}}}"#, None),
            ("{ sku }", None),
            ("{", None),
            ("/items/{sku}", Some("{sku}")),
            (r#""P-{item_id}""#, Some("{item_id}")),
            ("{{ID}}", Some("{ID}")),
        ] {
            assert_eq!(unknown_placeholder(text), expected, "{text}");
        }
    }
}
