//! Attributes of spans and resources.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};

use crate::{Record, record::Attributes};

/// More than a span of `tracing` can have.
const ATTRIBUTES_MAX: usize = 100;

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

/// What a span says of itself.
pub(super) fn of_span(record: &Record, set: Attributes) -> Vec<KeyValue> {
    record.attributes(set).take(ATTRIBUTES_MAX).map(|(name, value)| text(name, value)).collect()
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
        text("squall.backend", header.backend.name()),
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
