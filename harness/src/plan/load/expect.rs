//! What a good answer is, as data: an oracle beside the service, which knows what was asked for.
//!
//! What an answer must say depends on the request, so expected values are JSON texts in which
//! `{id}` and `{request}` are replaced as they are in the path and in the body. What is expected
//! of a section holds unless the answer names the section as left out; a section that is missing
//! and not named, or named and there, makes an answer wrong.

use serde::{Deserialize, Serialize};

use super::{MediaType, fill_in, unknown_placeholder};

/// What a good answer is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Expect {
    /// JSON pointers (RFC 6901) that must be in the body of an answer.
    pub present: Vec<String>,
    /// Values that must be in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub equal: Vec<ExpectedValue>,
    /// Lists that must be in it, by their length.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<ExpectedCount>,
    /// The parts that may be left out, if the answer names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<ExpectedSection>,
    /// A JSON pointer to the list of what was left out: a 2xx answer in which it is not empty
    /// is degraded.
    pub degraded: Option<String>,
    /// The media type that the answer to a failed request must have (RFC 9110, 8.3.1). Its
    /// parameters must be among those of the answer, which may have more. An error of another
    /// type counts as no answer: the status of its request is 0.
    pub error_type: Option<String>,
}

/// What must be at a place of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExpectedValue {
    /// A JSON pointer; the empty one is the whole body.
    pub pointer: String,
    /// The value as JSON, in which `{id}` and `{request}` are replaced: `{id}` is a number,
    /// `"P-{id}"` a text, `{id}99` the digits of the number and two more. Numbers are equal by
    /// their value, objects whatever the order of their fields.
    pub json: String,
}

/// How long a list of an answer must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExpectedCount {
    /// A JSON pointer.
    pub pointer: String,
    /// How many elements it has.
    pub elements: usize,
}

/// A part of an answer that may be left out, if the answer says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExpectedSection {
    /// What the list of what was left out calls it.
    pub name: String,
    /// A JSON pointer to where it is otherwise. `null` there is as good as nothing.
    pub pointer: String,
}

impl Expect {
    /// Is there anything that the body of a good answer is looked at for?
    pub(crate) fn is_of_body(&self) -> bool {
        self.degraded.is_some()
            || !(self.present.is_empty()
                && self.equal.is_empty()
                && self.counts.is_empty()
                && self.sections.is_empty())
    }

    /// What is wrong with it, if anything.
    pub(in crate::plan) fn check(&self) -> Result<(), String> {
        let present = self.present.iter();
        let pointers = present
            .chain(self.equal.iter().map(|expected| &expected.pointer))
            .chain(self.counts.iter().map(|expected| &expected.pointer))
            .chain(self.sections.iter().map(|section| &section.pointer))
            .chain(&self.degraded);
        pointers.into_iter().try_for_each(|pointer| check_pointer(pointer))?;
        self.equal.iter().try_for_each(ExpectedValue::check)?;
        self.check_sections()?;
        match &self.error_type {
            Some(name) if MediaType::parse(name).is_none() => Err(format!(
                "expected a media type such as application/problem+json, found {name:?}"
            )),
            _ => Ok(()),
        }
    }

    fn check_sections(&self) -> Result<(), String> {
        if !self.sections.is_empty() && self.degraded.is_none() {
            let name = &self.sections[0].name;
            return Err(format!(
                "expected degraded_by(..), the list that names the section {name:?} when it is \
                 left out, found none"
            ));
        }
        for (at, section) in self.sections.iter().enumerate() {
            if section.name.is_empty() || section.pointer.is_empty() {
                return Err("expected a section with a name and a JSON pointer, found an empty \
                            one"
                .to_owned());
            }
            if self.sections[..at].iter().any(|other| other.name == section.name) {
                return Err(format!("expected each section once, found {:?} twice", section.name));
            }
        }
        Ok(())
    }
}

impl ExpectedValue {
    fn check(&self) -> Result<(), String> {
        let Self { pointer, json } = self;
        if let Some(found) = unknown_placeholder(json) {
            return Err(format!(
                "expected {{id}} or {{request}} in the value at {pointer:?}, found {found}"
            ));
        }
        match serde_json::from_str::<serde_json::Value>(&fill_in(json, 1, 1)) {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(format!("expected JSON for the value at {pointer:?}, found {json}: {error}"))
            }
        }
    }
}

/// Is this a JSON pointer (RFC 6901)? The empty one is the whole document.
fn check_pointer(pointer: &str) -> Result<(), String> {
    let escapes = || pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if pointer.is_empty() || (pointer.starts_with('/') && escapes()) {
        return Ok(());
    }
    Err(format!("expected a JSON pointer such as /items/0 (RFC 6901), found {pointer:?}"))
}
