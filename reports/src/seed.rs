//! Seeds in JSON.
//!
//! A seed has 64 bits, and many readers of JSON take every number for one of 53: JavaScript, `jq`,
//! most spreadsheets. A seed that was rounded on the way is another run. So it is written as a
//! string of decimal digits, always, and read back as that or as a number.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

/// A seed, as it is written.
#[derive(Clone, Copy)]
struct Seed(u64);

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Digits).map(Self)
    }
}

struct Digits;

impl Visitor<'_> for Digits {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a seed from 0 to 18446744073709551615, as a string or a number")
    }

    fn visit_u64<E: Error>(self, seed: u64) -> Result<u64, E> {
        Ok(seed)
    }

    fn visit_str<E: Error>(self, digits: &str) -> Result<u64, E> {
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let seed = digits.parse().ok().filter(|_| is_plain);
        seed.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(digits), &self))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
pub(crate) fn serialize<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    Seed(*seed).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Seed::deserialize(deserializer).map(|Seed(seed)| seed)
}

/// What a seed looks like, for the published schema.
pub(crate) struct SeedSchema;

impl JsonSchema for SeedSchema {
    fn schema_name() -> Cow<'static, str> {
        "Seed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The seed of all randomness, in decimal digits: a number of 64 bits, \
                            which readers of JSON would round.",
            "type": "string",
            "pattern": "^[0-9]{1,20}$",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Run {
        #[serde(with = "crate::seed")]
        seed: u64,
    }

    #[test]
    fn a_seed_is_written_as_a_string_and_read_as_that_or_a_number() {
        for seed in [0, 7, (1 << 53) + 1, u64::MAX] {
            let text = serde_json::to_string(&Run { seed }).expect("JSON");
            assert_eq!(text, format!(r#"{{"seed":"{seed}"}}"#));
            for text in [text, format!(r#"{{"seed":{seed}}}"#)] {
                let run: Run = serde_json::from_str(&text).expect("a run");
                assert_eq!(run.seed, seed);
                let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(serde_json::from_value::<Run>(value).expect("a run").seed, seed);
            }
        }
    }

    #[test]
    fn what_is_no_seed_is_refused() {
        for wrong in ["\"\"", "\"+7\"", "\"0x7\"", "\"18446744073709551616\"", "-1", "1.5", "1e99"]
        {
            let read = serde_json::from_str::<Run>(&format!(r#"{{"seed":{wrong}}}"#));
            let error = read.err().expect(wrong).to_string();
            assert!(error.contains("a seed from 0 to 18446744073709551615"), "{error}");
        }
    }
}
