//! The first JSON value of a text, or what is wrong with it in the words of Go.

/// Deeper values are refused. Go goes to 10,000, on a stack that grows.
const DEPTH_MAX: usize = 256;

/// One JSON value. Numbers are kept as they were written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    /// What Go calls it when it does not fit.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

/// The first value of `text`; what follows it is not looked at.
pub(crate) fn first_value(text: &[u8]) -> Result<Value, String> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.skip_space();
    if scanner.at == text.len() {
        return Err("EOF".to_owned());
    }
    scanner.value(0)
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Result<u8, String> {
        self.text.get(self.at).copied().ok_or_else(|| "unexpected EOF".to_owned())
    }

    fn skip_space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The next byte that is no space.
    fn peek_past_space(&mut self) -> Result<u8, String> {
        self.skip_space();
        self.peek()
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err("exceeded max depth".to_owned());
        }
        match self.peek_past_space()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Value::Text),
            b't' => self.literal("true", Value::Bool(true)),
            b'f' => self.literal("false", Value::Bool(false)),
            b'n' => self.literal("null", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            other => Err(unexpected(other, "looking for beginning of value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut entries = Vec::new();
        if self.peek_past_space()? == b'}' {
            self.at += 1;
            return Ok(Value::Object(entries));
        }
        loop {
            match self.peek_past_space()? {
                b'"' => {}
                other => {
                    return Err(unexpected(other, "looking for beginning of object key string"));
                }
            }
            let key = self.string()?;
            match self.peek_past_space()? {
                b':' => self.at += 1,
                other => return Err(unexpected(other, "after object key")),
            }
            entries.push((key, self.value(depth + 1)?));
            let after = self.peek_past_space()?;
            self.at += 1;
            match after {
                b',' => {}
                b'}' => return Ok(Value::Object(entries)),
                other => return Err(unexpected(other, "after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut values = Vec::new();
        if self.peek_past_space()? == b']' {
            self.at += 1;
            return Ok(Value::Array(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            let after = self.peek_past_space()?;
            self.at += 1;
            match after {
                b',' => {}
                b']' => return Ok(Value::Array(values)),
                other => return Err(unexpected(other, "after array element")),
            }
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, String> {
        for expected in word.bytes() {
            let found = self.peek()?;
            if found != expected {
                let expected = char::from(expected);
                return Err(unexpected(
                    found,
                    &format!("in literal {word} (expecting '{expected}')"),
                ));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, String> {
        let begin = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.skip_digits(),
            other => return Err(unexpected(other, "in numeric literal")),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(Value::Number(String::from_utf8_lossy(&self.text[begin..self.at]).into_owned()))
    }

    fn skip_digits(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    fn digits(&mut self, place: &str) -> Result<(), String> {
        let first = self.peek()?;
        if !first.is_ascii_digit() {
            return Err(unexpected(first, place));
        }
        self.skip_digits();
        Ok(())
    }

    /// A string, from its opening quotation mark to its closing one.
    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
                b'\\' => self.escape(&mut bytes)?,
                0..=0x1f => return Err(unexpected(byte, "in string literal")),
                other => bytes.push(other),
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), String> {
        let code = self.peek()?;
        self.at += 1;
        let plain = match code {
            b'"' | b'\\' | b'/' => code,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let found = self.escaped_char()?;
                bytes.extend(found.encode_utf8(&mut [0; 4]).bytes());
                return Ok(());
            }
            other => return Err(unexpected(other, "in string escape code")),
        };
        bytes.push(plain);
        Ok(())
    }

    /// What follows `\u`; half of a pair alone is the replacement character.
    fn escaped_char(&mut self) -> Result<char, String> {
        let first = self.four_digits()?;
        let second = if (0xd800..0xdc00).contains(&first) { self.low_surrogate() } else { None };
        let code = second.map_or(first, |low| 0x1_0000 + ((first - 0xd800) << 10) + low - 0xdc00);
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn low_surrogate(&mut self) -> Option<u32> {
        let before = self.at;
        if self.text[before..].starts_with(b"\\u") {
            self.at += 2;
            if let Ok(low) = self.four_digits()
                && (0xdc00..0xe000).contains(&low)
            {
                return Some(low);
            }
            self.at = before;
        }
        None
    }

    fn four_digits(&mut self) -> Result<u32, String> {
        let mut code = 0;
        for _ in 0..4 {
            let byte = self.peek()?;
            let digit = char::from(byte).to_digit(16);
            code = code * 16
                + digit.ok_or_else(|| unexpected(byte, "in \\u hexadecimal character escape"))?;
            self.at += 1;
        }
        Ok(code)
    }
}

/// Go's message about a byte, which it shows as the character of that number.
fn unexpected(byte: u8, place: &str) -> String {
    let shown = match byte {
        b'\'' => "\\'".to_owned(),
        b'\\' => "\\\\".to_owned(),
        0x07 => "\\a".to_owned(),
        0x08 => "\\b".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\n' => "\\n".to_owned(),
        0x0b => "\\v".to_owned(),
        0x0c => "\\f".to_owned(),
        b'\r' => "\\r".to_owned(),
        0..=0x1f | 0x7f => format!("\\x{byte:02x}"),
        0x80..=0xa0 | 0xad => format!("\\u{byte:04x}"),
        other => char::from(other).to_string(),
    };
    format!("invalid character '{shown}' {place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn wrong(text: &[u8], message: &str) {
        assert_eq!(first_value(text), Err(message.to_owned()));
    }

    #[test]
    fn only_the_first_value_counts() {
        assert_eq!(first_value(b" 01"), Ok(Value::Number("0".to_owned())));
        assert_eq!(first_value(b"[]{"), Ok(Value::Array(Vec::new())));
        assert_eq!(first_value(b"\"a\"\"b"), Ok(Value::Text("a".to_owned())));
    }

    #[test]
    fn pairs_of_surrogates_are_one_character_and_halves_are_none() {
        let found = first_value(br#""\ud83d\ude00\ud83d\u0041\udc00\ud800""#);
        assert_eq!(found, Ok(Value::Text("\u{1f600}\u{fffd}A\u{fffd}\u{fffd}".to_owned())));
        wrong(br#""\ud83d\u00"#, "unexpected EOF");
    }

    #[test]
    fn bytes_that_cannot_be_shown_are_escaped() {
        wrong(b"\x07", "invalid character '\\a' looking for beginning of value");
        wrong(b"\x1b", "invalid character '\\x1b' looking for beginning of value");
        wrong(b"\x80", "invalid character '\\u0080' looking for beginning of value");
        wrong(b"\"\0\"", "invalid character '\\x00' in string literal");
    }

    #[test]
    fn depth_is_bounded() {
        wrong(&[b'['; 100_000], "exceeded max depth");
        let deep = [vec![b'['; DEPTH_MAX], vec![b']'; DEPTH_MAX]].concat();
        assert!(first_value(&deep).is_ok());
    }
}
