//! Values of gauges in a file: whole numbers without a fraction, and what JSON has no number for as
//! `"inf"` and `"-inf"`.

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Up to here every whole number is its own `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if !serializer.is_human_readable() {
        return serializer.serialize_f64(*value);
    }
    if value.is_infinite() {
        return serializer.serialize_str(if *value > 0.0 { "inf" } else { "-inf" });
    }
    if value.fract() == 0.0 && value.abs() <= EXACT && !is_negative_zero(*value) {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
        return serializer.serialize_i64(*value as i64);
    }
    serializer.serialize_f64(*value)
}

fn is_negative_zero(value: f64) -> bool {
    value == 0.0 && value.is_sign_negative()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    if !deserializer.is_human_readable() {
        return f64::deserialize(deserializer);
    }
    match Written::deserialize(deserializer)? {
        Written::Number(value) => Ok(value),
        Written::Text(text) => match text.as_str() {
            "inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            _ => Err(D::Error::custom(format!("expected a number or \"inf\", found {text:?}"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::record::{Gauge, Symbol};

    #[test]
    fn every_value_is_read_back_as_it_was_written() {
        for (value, written) in [
            (0.0, "0"),
            (4.0, "4"),
            (-3.0, "-3"),
            (0.49, "0.49"),
            (1e300, "1e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "\"inf\""),
            (f64::NEG_INFINITY, "\"-inf\""),
        ] {
            let gauge = Gauge { host: 0, name: Symbol::default(), value };
            let text = serde_json::to_string(&gauge).expect("plain data");
            assert_eq!(text, format!(r#"{{"host":0,"name":0,"value":{written}}}"#));
            assert_eq!(serde_json::from_str::<Gauge>(&text).expect("the same"), gauge);
            let bytes = postcard::to_stdvec(&gauge).expect("plain data");
            assert_eq!(postcard::from_bytes::<Gauge>(&bytes).expect("the same"), gauge);
        }
        assert!(serde_json::from_str::<Gauge>(r#"{"host":0,"name":0,"value":"much"}"#).is_err());
    }
}
