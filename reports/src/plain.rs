//! Text that is nothing but text, wherever it is shown.
//!
//! What services, plans and records say may hold anything: escape sequences that a terminal obeys,
//! characters that XML does not have, marks that turn the direction of what follows. Renderers pass
//! free text through here before they escape what their own format gives a meaning to.

/// What stands where a character was taken out: it is seen that there was one.
const TAKEN_OUT: char = '\u{fffd}';

/// `text` in one line: what ends a line, and a tab, becomes a space, and what is not text is
/// replaced.
#[must_use]
pub fn line(text: &str) -> String {
    text.replace("\r\n", " ").chars().map(|c| if is_space(c) { ' ' } else { shown(c) }).collect()
}

/// `text` with its lines and tabs, each line ended by `\n` alone; what is not text is replaced.
#[must_use]
pub fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").chars().map(|c| if ends_line(c) { '\n' } else { shown(c) }).collect()
}

fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_space(c: char) -> bool {
    c == '\t' || ends_line(c)
}

fn shown(c: char) -> char {
    let is_text = c == '\t' || !(c.is_control() || is_noncharacter(c) || turns_direction(c));
    if is_text { c } else { TAKEN_OUT }
}

/// Code points that are no characters and never will be. XML refuses two of them.
/// <https://www.unicode.org/faq/private_use.html#nonchar1>
fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    matches!(code, 0xfdd0..=0xfdef) || code & 0xfffe == 0xfffe
}

/// Marks that make a terminal or a browser show text in another order than it is in
/// (<https://www.unicode.org/reports/tr9/>, explicit directional formatting).
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{line, lines};

    /// Everything that some format or terminal would take for more than text.
    const HOSTILE: &str = "\u{0}\u{1}\u{7}\u{8}\u{1b}\u{7f}\u{9b}\u{fdd0}\u{fffe}\u{ffff}\
                           \u{1fffe}\u{10ffff}\u{202e}\u{2066}\u{200f}";

    #[test]
    fn what_is_text_stays() {
        let text = "p99 für 東京: 12 ms, ✅ \u{10000} \u{fffd}";
        assert_eq!((line(text), lines(text)), (text.to_owned(), text.to_owned()));
    }

    #[test]
    fn lines_and_tabs_are_kept_or_become_spaces() {
        let text = "a\r\nb\rc\nd\te\u{2028}f\u{85}g";
        assert_eq!(line(text), "a b c d e f g");
        assert_eq!(lines(text), "a\nb\nc\nd\te\nf\ng");
    }

    #[test]
    fn nothing_that_is_no_text_is_left() {
        for c in HOSTILE.chars() {
            let text = format!("a{c}b");
            assert_eq!((line(&text), lines(&text)), ("a\u{fffd}b".into(), "a\u{fffd}b".into()));
        }
        for c in (0..=0x0010_ffff_u32).filter_map(char::from_u32) {
            let (one, many) = (line(&c.to_string()), lines(&c.to_string()));
            assert!(one.chars().all(|c| !c.is_control()), "{c:?}");
            assert!(many.chars().all(|c| !c.is_control() || "\n\t".contains(c)), "{c:?}");
            // What XML 1.0 has (section 2.2).
            let is_xml = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'..);
            assert!(one.chars().chain(many.chars()).all(is_xml), "{c:?}");
        }
    }
}
