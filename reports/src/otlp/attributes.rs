//! Attributes of spans and resources.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};

use crate::Record;

/// More fields than a span has in life.
const FIELDS_MAX: usize = 100;

pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    of(key, Value::StringValue(value.into()))
}

pub(super) fn number(key: &str, value: impl Into<i64>) -> KeyValue {
    of(key, Value::IntValue(value.into()))
}

/// A count, which stops at the largest number that there is.
pub(super) fn count(key: &str, value: u64) -> KeyValue {
    number(key, i64::try_from(value).unwrap_or(i64::MAX))
}

/// The fields of a span, `name=value` apart by spaces. What has no name belongs to the value
/// before it, which had a space in it.
pub(super) fn fields(fields: &str) -> Vec<KeyValue> {
    let mut found: Vec<(&str, String)> = Vec::new();
    for word in fields.split(' ').filter(|word| !word.is_empty()) {
        let begins = word.split_once('=').filter(|(name, _)| is_name(name));
        if let Some((name, value)) = begins
            && found.len() < FIELDS_MAX
        {
            found.push((name, value.to_owned()));
        } else if let Some((_, value)) = found.last_mut() {
            value.push(' ');
            value.push_str(word);
        }
    }
    found.into_iter().map(|(name, value)| text(name, value.trim_matches('"'))).collect()
}

/// What `tracing` takes for the name of a field.
fn is_name(name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    !name.is_empty() && name.chars().all(part)
}

/// What a host, or the harness itself, is to a collector. Seeds are text: they can be larger than
/// the numbers of OTLP.
pub(super) fn resource_of(record: &Record, digest: &str, service: &str) -> Vec<KeyValue> {
    let header = &record.header;
    let string = |text: &String| AnyValue { value: Some(Value::StringValue(text.clone())) };
    let defects = ArrayValue { values: header.defects.iter().map(string).collect() };
    vec![
        text("service.name", service),
        text("squall.scenario", header.scenario.as_str()),
        text("squall.seed", header.seed.to_string()),
        text("squall.digest", digest),
        of("squall.defects", Value::ArrayValue(defects)),
    ]
}

fn of(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{fields, text};

    #[test]
    fn fields_become_attributes() {
        let found = fields("dependency=pricing why=\"not now\" attempt=2 a=b=c");
        let expected =
            [("dependency", "pricing"), ("why", "not now"), ("attempt", "2"), ("a", "b=c")];
        assert_eq!(found, expected.map(|(name, value)| text(name, value)));
        assert_eq!(fields("no name at all"), []);
        assert_eq!(fields("  =x "), []);
    }
}
