//! What the JSON encoding of protobuf writes in ways of its own: 64-bit numbers may be text, ids of
//! traces and spans are hexadecimal, other bytes are Base64.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// A number, as itself or as text.
pub(super) fn number<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display> + Default,
{
    Ok(optional_number(deserializer)?.unwrap_or_default())
}

/// A number, as itself or as text; `null` is none.
pub(super) fn optional_number<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = match Value::deserialize(deserializer)? {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text,
        Value::Null => return Ok(None),
        other => return Err(D::Error::custom(format!("expected a number, found {other}"))),
    };
    let wrong = |error| D::Error::custom(format!("expected a number, found {text:?}: {error}"));
    text.parse().map(Some).map_err(wrong)
}

/// The bytes of an id.
pub(super) fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    let byte = |pair: &[u8]| match pair {
        &[high, low] => {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        }
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes.ok_or_else(|| D::Error::custom(format!("expected hexadecimal digits, found {text:?}")))
}

/// Bytes in either alphabet of Base64, padded or not; `null` is none.
pub(super) fn base64<'de, D>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error>
where
    D: Deserializer<'de>,
{
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let bytes = from_base64(text.trim_end_matches('='));
    let wrong = || D::Error::custom(format!("expected Base64, found {text:?}"));
    bytes.ok_or_else(wrong).map(Some)
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for character in text.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    // One character alone is six bits, which is no byte.
    (held < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::from_base64;

    #[test]
    fn base64_is_read_in_both_alphabets() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg", b"f"),
            ("Zm8", b"fo"),
            ("Zm9v", b"foo"),
            ("-_+/", &[251, 255, 191]),
        ] {
            assert_eq!(from_base64(text).as_deref(), Some(bytes), "{text:?}");
        }
        for text in ["Z", "Zm9vY", "Zm 9v", "=Zg"] {
            assert_eq!(from_base64(text), None, "{text:?}");
        }
    }
}
