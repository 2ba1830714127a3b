//! Fields of a JSON object into values of Rust, with Go's messages for what does not fit.

use super::Value;

/// The entries of `value` as an object that is wanted as the Go type `wanted`; none of `null`.
pub(crate) fn entries<'v>(value: &'v Value, wanted: &str) -> Result<&'v [(String, Value)], String> {
    match value {
        Value::Object(entries) => Ok(entries),
        Value::Null => Ok(&[]),
        other => {
            let kind = other.kind();
            Err(format!("json: cannot unmarshal {kind} into Go value of type {wanted}"))
        }
    }
}

/// Takes fields of one Go struct and keeps the first that did not fit.
#[derive(Debug)]
pub(crate) struct Fields {
    owner: String,
    wrong: Option<String>,
}

impl Fields {
    /// `owner` stands before the name of a field in messages: `Proxy`, `LatencyToxic.attributes`.
    pub(crate) fn of(owner: impl Into<String>) -> Self {
        Self { owner: owner.into(), wrong: None }
    }

    /// Is the entry `key` meant for the field `name`?
    pub(crate) fn named(key: &str, name: &str) -> bool {
        key.eq_ignore_ascii_case(name)
    }

    pub(crate) fn text(&mut self, name: &str, value: &Value, into: &mut String) {
        match value {
            Value::Text(text) => into.clone_from(text),
            Value::Null => {}
            other => self.refuse(name, other.kind(), "string"),
        }
    }

    pub(crate) fn flag(&mut self, name: &str, value: &Value, into: &mut bool) {
        match value {
            Value::Bool(flag) => *into = *flag,
            Value::Null => {}
            other => self.refuse(name, other.kind(), "bool"),
        }
    }

    /// `wanted` is the Go type: `int` or `int64`, which have the same range.
    pub(crate) fn integer(&mut self, name: &str, value: &Value, wanted: &str, into: &mut i64) {
        match value {
            Value::Number(number) => match number.parse() {
                Ok(parsed) => *into = parsed,
                Err(_) => self.refuse(name, &format!("number {number}"), wanted),
            },
            Value::Null => {}
            other => self.refuse(name, other.kind(), wanted),
        }
    }

    pub(crate) fn float(&mut self, name: &str, value: &Value, into: &mut f32) {
        match value {
            Value::Number(number) => match number.parse::<f32>() {
                Ok(parsed) if parsed.is_finite() => *into = parsed,
                _ => self.refuse(name, &format!("number {number}"), "float32"),
            },
            Value::Null => {}
            other => self.refuse(name, other.kind(), "float32"),
        }
    }

    /// The entries of a field that is an object.
    pub(crate) fn object<'v>(
        &mut self,
        name: &str,
        value: &'v Value,
        wanted: &str,
    ) -> &'v [(String, Value)] {
        match value {
            Value::Object(entries) => entries,
            Value::Null => &[],
            other => {
                self.refuse(name, other.kind(), wanted);
                &[]
            }
        }
    }

    fn refuse(&mut self, name: &str, found: &str, wanted: &str) {
        let owner = &self.owner;
        self.wrong.get_or_insert_with(|| {
            format!(
                "json: cannot unmarshal {found} into Go struct field {owner}.{name} of type {wanted}"
            )
        });
    }

    /// The first field that did not fit, if there is one.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.wrong.map_or(Ok(()), Err)
    }
}
