//! Messages of Protocol Buffers as plain data: fields by their numbers, without generated code.
//!
//! The wire format is that of <https://protobuf.dev/programming-guides/encoding/>.

use serde::{Deserialize, Serialize};

use super::fill_in;

/// How many messages may be inside of one another.
const DEPTH_MAX: usize = 32;

/// The highest number that a field can have.
const NUMBER_MAX: u32 = (1 << 29) - 1;

/// A message: its fields in the order in which they are sent.
///
/// ```
/// use squall::plan::Message;
///
/// // message Order { string sku = 1; uint32 count = 2; Address to = 3; }
/// Message::new()
///     .text(1, "P-{id}")
///     .number(2, "3")
///     .message(3, Message::new().text(1, "Street {request}"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Message {
    /// The fields.
    pub fields: Vec<MessageField>,
}

/// A field of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MessageField {
    /// Its number; that of bytes which are encoded already is 0.
    #[serde(rename = "field")]
    pub number: u32,
    /// What it holds.
    #[serde(flatten)]
    pub value: MessageValue,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MessageValue {
    /// A whole number in decimal digits, in which `{id}` and `{request}` are replaced. Sent as a
    /// varint: `int32`, `int64`, `uint32`, `uint64`, `bool` and enumerations.
    Number(String),
    /// A text, in which the same is replaced.
    Text(String),
    /// Bytes, as they are.
    Bytes(Vec<u8>),
    /// A message within the message.
    Message(Message),
    /// Fields that are encoded already, number and all.
    Encoded(Vec<u8>),
}

impl Message {
    /// A message without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A message that is encoded already, such as by `prost::Message::encode_to_vec`.
    #[must_use]
    pub fn encoded(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new().with(0, MessageValue::Encoded(bytes.into()))
    }

    /// Adds a field with a whole number in decimal digits, in which `{id}` and `{request}` are
    /// replaced.
    #[must_use]
    pub fn number(self, field: u32, number: impl Into<String>) -> Self {
        self.with(field, MessageValue::Number(number.into()))
    }

    /// Adds a field with a text, in which `{id}` and `{request}` are replaced.
    #[must_use]
    pub fn text(self, field: u32, text: impl Into<String>) -> Self {
        self.with(field, MessageValue::Text(text.into()))
    }

    /// Adds a field with bytes.
    #[must_use]
    pub fn bytes(self, field: u32, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(field, MessageValue::Bytes(bytes.into()))
    }

    /// Adds a field with a message.
    #[must_use]
    pub fn message(self, field: u32, message: Self) -> Self {
        self.with(field, MessageValue::Message(message))
    }

    fn with(mut self, number: u32, value: MessageValue) -> Self {
        self.fields.push(MessageField { number, value });
        self
    }

    /// Are bytes in it whose fields nobody knows?
    pub(super) fn has_encoded(&self) -> bool {
        self.fields.iter().any(|field| match &field.value {
            MessageValue::Encoded(_) => true,
            MessageValue::Message(message) => message.has_encoded(),
            _ => false,
        })
    }

    /// What is wrong with it, if anything; `check_text` looks at the texts.
    pub(super) fn check(
        &self,
        check_text: &impl Fn(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        self.check_within(DEPTH_MAX, check_text)
    }

    fn check_within(
        &self,
        depth: usize,
        check_text: &impl Fn(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        if depth == 0 {
            return Err(format!("expected at most {DEPTH_MAX} messages within one another"));
        }
        for MessageField { number, value } in &self.fields {
            let is_encoded = matches!(value, MessageValue::Encoded(_));
            if !is_encoded && !(1..=NUMBER_MAX).contains(number) {
                let expected = format!("expected the number of a field from 1 to {NUMBER_MAX}");
                return Err(format!("{expected}, found {number}"));
            }
            match value {
                MessageValue::Number(text) => {
                    check_text(text)?;
                    if varint(text, 1, 1).is_none() {
                        return Err(format!("expected a whole number of 64 bits, found {text:?}"));
                    }
                }
                MessageValue::Text(text) => check_text(text)?,
                MessageValue::Message(message) => message.check_within(depth - 1, check_text)?,
                MessageValue::Bytes(_) | MessageValue::Encoded(_) => {}
            }
        }
        Ok(())
    }
}

/// The number that a text stands for, as it is sent: a negative one as its two's complement.
pub(crate) fn varint(text: &str, id: u64, request: u32) -> Option<u64> {
    let text = fill_in(text, id, request);
    let unsigned = text.parse::<u64>().ok();
    unsigned.or_else(|| text.parse::<i64>().ok().map(i64::cast_unsigned))
}
