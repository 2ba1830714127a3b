//! Messages of Protocol Buffers on the wire: those of a plan written, and those of a reply compared
//! with what a plan expects.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

use super::answer::{Asked, shown};
use crate::plan::{Message, MessageValue, fill_in, varint};

/// The types on the wire.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED_32: u64 = 5;

/// A field as it was found.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Found<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

/// `message` for the request that asks for `asked`.
pub(super) fn encode(message: &Message, asked: Asked) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in &message.fields {
        match &field.value {
            MessageValue::Number(text) => {
                put_varint(&mut bytes, (u64::from(field.number) << 3) | VARINT);
                // A checked plan has whole numbers.
                put_varint(&mut bytes, varint(text, asked.id, asked.request).unwrap_or(0));
            }
            MessageValue::Text(text) => {
                let text = fill_in(text, asked.id, asked.request);
                put_bytes(&mut bytes, field.number, text.as_bytes());
            }
            MessageValue::Bytes(value) => put_bytes(&mut bytes, field.number, value),
            MessageValue::Message(inner) => {
                put_bytes(&mut bytes, field.number, &encode(inner, asked));
            }
            MessageValue::Encoded(encoded) => bytes.extend_from_slice(encoded),
        }
    }
    bytes
}

/// Has `reply` in each field of `expected` the value that it has there? A field that is not in the
/// reply has the default value, as in proto3; the n-th time that a field is expected is compared
/// with the n-th time that it is found.
pub(super) fn compare(reply: &[u8], expected: &Message, asked: Asked) -> Result<(), String> {
    compare_within("", reply, expected, asked)
}

fn compare_within(
    outer: &str,
    reply: &[u8],
    expected: &Message,
    asked: Asked,
) -> Result<(), String> {
    if expected.fields.is_empty() {
        return Ok(());
    }
    let found = fields(reply).ok_or_else(|| match outer {
        "" => "the answer is no message".to_owned(),
        outer => format!("field {} is no message", outer.trim_end_matches('.')),
    })?;
    for (place, field) in expected.fields.iter().enumerate() {
        let before = expected.fields[..place].iter().filter(|it| it.number == field.number);
        let same = found.iter().filter(|(number, _)| *number == field.number);
        let found = same.map(|(_, found)| *found).nth(before.count());
        let name = format!("{outer}{}", field.number);
        let differs = |found: String, expected: String| {
            Err(format!("field {name} is {found}, not {expected}"))
        };
        match &field.value {
            MessageValue::Number(text) => {
                let expected = varint(text, asked.id, asked.request).unwrap_or(0);
                match found.unwrap_or(Found::Number(0)) {
                    Found::Number(number) if number == expected => {}
                    Found::Number(number) => {
                        let text = fill_in(text, asked.id, asked.request);
                        return differs(number.to_string(), text);
                    }
                    Found::Bytes(_) => return Err(format!("field {name} is no number")),
                }
            }
            MessageValue::Text(text) => {
                let expected = fill_in(text, asked.id, asked.request);
                match found.unwrap_or(Found::Bytes(b"")) {
                    Found::Bytes(bytes) if bytes == expected.as_bytes() => {}
                    Found::Bytes(bytes) => {
                        let found = shown(&String::from_utf8_lossy(bytes));
                        return differs(format!("{found:?}"), format!("{:?}", shown(&expected)));
                    }
                    Found::Number(_) => return Err(format!("field {name} is no text")),
                }
            }
            MessageValue::Bytes(expected) => {
                if found.unwrap_or(Found::Bytes(b"")) != Found::Bytes(expected) {
                    return Err(format!("field {name} has other bytes"));
                }
            }
            MessageValue::Message(inner) => {
                let Found::Bytes(bytes) = found.unwrap_or(Found::Bytes(b"")) else {
                    return Err(format!("field {name} is no message"));
                };
                compare_within(&format!("{name}."), bytes, inner, asked)?;
            }
            // A checked plan expects fields.
            MessageValue::Encoded(_) => {}
        }
    }
    Ok(())
}

/// The fields of a message in their order; `None` if it is none, or has groups, which are no longer
/// part of the language.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u32, Found<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = take_varint(&mut bytes)?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
        let found = match key & 7 {
            VARINT => Found::Number(take_varint(&mut bytes)?),
            FIXED_64 => Found::Number(u64::from_le_bytes(take(&mut bytes, 8)?.try_into().ok()?)),
            FIXED_32 => {
                Found::Number(u32::from_le_bytes(take(&mut bytes, 4)?.try_into().ok()?).into())
            }
            LENGTH => {
                let length = usize::try_from(take_varint(&mut bytes)?).ok()?;
                Found::Bytes(take(&mut bytes, length)?)
            }
            _ => return None,
        };
        fields.push((number, found));
    }
    Some(fields)
}

fn put_bytes(to: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(to, (u64::from(number) << 3) | LENGTH);
    put_varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{compare, encode, fields};
    use crate::{load::answer::Asked, plan::Message};

    const ASKED: Asked = Asked { id: 150, request: 7 };

    #[derive(Clone, PartialEq, prost::Message)]
    struct Part {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(fixed64, tag = "2")]
        weight: u64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Order {
        #[prost(uint64, tag = "1")]
        id: u64,
        #[prost(string, tag = "2")]
        name: String,
        #[prost(int32, tag = "3")]
        change: i32,
        #[prost(bytes = "vec", tag = "4")]
        raw: Vec<u8>,
        #[prost(message, repeated, tag = "5")]
        parts: Vec<Part>,
        #[prost(fixed32, tag = "6")]
        sum: u32,
    }

    fn order() -> Order {
        let part = |name: &str, weight| Part { name: name.to_owned(), weight };
        Order {
            id: 150,
            name: "P-7".to_owned(),
            change: -3,
            raw: vec![0, 255],
            parts: vec![part("wheel", 0), part("frame", 0)],
            sum: 0,
        }
    }

    fn told() -> Message {
        Message::new()
            .number(1, "{id}")
            .text(2, "P-{request}")
            .number(3, "-3")
            .bytes(4, [0, 255])
            .message(5, Message::new().text(1, "wheel"))
            .message(5, Message::new().text(1, "frame"))
    }

    #[test]
    fn what_is_told_by_fields_is_what_prost_reads_and_writes() {
        let bytes = encode(&told(), ASKED);
        assert_eq!(<Order as prost::Message>::decode(&*bytes), Ok(order()));
        assert_eq!(bytes, prost::Message::encode_to_vec(&order()));
        assert_eq!(encode(&Message::encoded(bytes.clone()), ASKED), bytes);
    }

    #[track_caller]
    fn wrong(change: impl FnOnce(&mut Order), expected: &str) {
        let mut reply = order();
        change(&mut reply);
        let reply = prost::Message::encode_to_vec(&reply);
        assert_eq!(compare(&reply, &told(), ASKED), Err(expected.to_owned()));
    }

    #[test]
    fn one_wrong_field_is_found() {
        let reply = prost::Message::encode_to_vec(&order());
        assert_eq!(compare(&reply, &told(), ASKED), Ok(()));
        wrong(|order| order.id = 151, "field 1 is 151, not 150");
        wrong(|order| order.id = 0, "field 1 is 0, not 150");
        wrong(|order| order.name.push('x'), "field 2 is \"P-7x\", not \"P-7\"");
        wrong(|order| order.raw.clear(), "field 4 has other bytes");
        wrong(|order| order.parts.swap(0, 1), "field 5.1 is \"frame\", not \"wheel\"");
        wrong(|order| order.parts.truncate(1), "field 5.1 is \"\", not \"frame\"");
    }

    #[test]
    fn defaults_need_not_be_there_and_other_fields_do_not_matter() {
        let defaults = Message::new().number(1, "0").text(2, "").message(5, Message::new());
        assert_eq!(compare(b"", &defaults, ASKED), Ok(()));
        let reply =
            Order { sum: 9, parts: vec![Part { weight: 1 << 40, ..Part::default() }], ..order() };
        let reply = prost::Message::encode_to_vec(&reply);
        let expected = Message::new()
            .number(6, "9")
            .message(5, Message::new().number(2, (1_u64 << 40).to_string()));
        assert_eq!(compare(&reply, &expected, ASKED), Ok(()));
    }

    #[test]
    fn what_is_no_message_is_not_read() {
        let expected = Message::new().number(1, "1");
        for bytes in [&b"\x08"[..], b"\x0a\x05abc", b"\x0b", b"\x00\x01", &[0xff; 11]] {
            assert_eq!(fields(bytes), None, "{bytes:?}");
            let no_message = Err("the answer is no message".to_owned());
            assert_eq!(compare(bytes, &expected, ASKED), no_message);
        }
        let number = Message::new().number(1, "1").number(5, "2");
        let no_number = compare(b"\x0a\x00", &number, ASKED);
        assert_eq!(no_number, Err("field 1 is no number".to_owned()));
        let inner = Message::new().message(1, expected);
        let inside = compare(b"\x0a\x01\x08", &inner, ASKED);
        assert_eq!(inside, Err("field 1 is no message".to_owned()));
    }
}
