//! Text in lines of a width.

/// Narrower than this no text is made: a word a line is no text.
const ROOM_MIN: usize = 20;

/// `text` in lines that leave room for an indent of `indent` within `columns`. Lines of the text stay
/// lines; a word that is longer than a line is cut. At least one line, which may be empty.
pub(super) fn wrap(text: &str, columns: usize, indent: usize) -> Vec<String> {
    in_width(text, columns.saturating_sub(indent).max(ROOM_MIN))
}

/// `text` in lines of at most `width` characters, at least one.
pub(super) fn in_width(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let (mut current, mut length) = (String::new(), 0);
        for mut word in line.split_whitespace() {
            let mut room = word.chars().count();
            if length > 0 && length + 1 + room > width {
                lines.push(std::mem::take(&mut current));
                length = 0;
            }
            while room > width {
                let end = word.char_indices().nth(width).map_or(word.len(), |(at, _)| at);
                lines.push(word[..end].to_owned());
                word = &word[end..];
                room -= width;
            }
            if length > 0 {
                current.push(' ');
                length += 1;
            }
            current.push_str(word);
            length += room;
        }
        lines.push(current);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::in_width;

    #[track_caller]
    fn check(text: &str, width: usize, expected: &[&str]) {
        assert_eq!(in_width(text, width), expected, "{text:?} in {width}");
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        check("one two three", 7, &["one two", "three"]);
        check("one two three", 13, &["one two three"]);
        check("abcdefgh ij", 3, &["abc", "def", "gh", "ij"]);
        check("ij abcdefgh", 3, &["ij", "abc", "def", "gh"]);
        check("a\nb c", 80, &["a", "b c"]);
        check("äöü äöü", 3, &["äöü", "äöü"]);
        check("", 10, &[""]);
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_wider_and_no_letter_is_lost(text in "[a-z ü\n]{0,60}", width in 1..30_usize) {
            let lines = in_width(&text, width);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:?}");
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(letters(&lines.concat()), letters(&text));
        }
    }
}
