//! Which spans or log events an objective is about.
//!
//! Names, targets, values and hosts are compared whole; a `*` at the end of one stands for any
//! ending, so that `worker-*` is every worker. A record keeps texts up to a bound
//! ([`record::TEXT_BYTES_MAX`]); of a longer one, only its beginning can be looked for.

use std::fmt;

use serde::{Deserialize, Serialize};
use squall_reports::record;

use super::claim::expect;

/// A pattern for spans or log events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Matching {
    /// Spans or log events.
    pub kind: Kind,
    /// The span's name or the log's message; `*` for any.
    pub name: String,
    /// The part of the service that logged it. Spans have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How grave a log event must be at least. Spans have no level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<record::Level>,
    /// The fields that it must have, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// The hosts that it may be on; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

/// Spans or log events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Spans.
    Span,
    /// Log events.
    Log,
}

/// A field that a span or log event must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value; `*` for any.
    pub value: String,
}

/// Spans of this name.
pub fn spans(name: impl Into<String>) -> Matching {
    Matching::new(Kind::Span, name)
}

/// Spans of any name.
pub fn any_span() -> Matching {
    spans("*")
}

/// Log events with this message.
pub fn logs(message: impl Into<String>) -> Matching {
    Matching::new(Kind::Log, message)
}

/// Log events with any message.
pub fn any_log() -> Matching {
    logs("*")
}

impl Matching {
    fn new(kind: Kind, name: impl Into<String>) -> Self {
        let (target, level) = (None, None);
        Self { kind, name: name.into(), target, level, fields: Vec::new(), hosts: Vec::new() }
    }

    /// Only those whose field `name` has the value `value`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push(Field { name: name.into(), value: value.into() });
        self
    }

    /// Only those that have a field `name`.
    #[must_use]
    pub fn having(self, name: impl Into<String>) -> Self {
        self.with(name, "*")
    }

    /// Only those on `host`. More hosts widen it.
    #[must_use]
    pub fn on(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Only log events of this target.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Only log events at least this grave.
    #[must_use]
    pub fn at_least(mut self, level: record::Level) -> Self {
        self.level = Some(level);
        self
    }

    pub(crate) fn is_log(&self) -> bool {
        self.kind == Kind::Log
    }

    /// The dependency, if this is no more than the calls to one.
    pub(super) fn dependency(&self) -> Option<&str> {
        let plain = self.name == "call" && self.hosts.is_empty() && !self.is_log();
        match self.fields.as_slice() {
            [field] if plain && field.name == "dependency" => Some(&field.value),
            _ => None,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let (what, thing) = match self.kind {
            Kind::Span => ("the name of a span", "spans"),
            Kind::Log => ("the message of a log event", "log events"),
        };
        expect::named(what, &self.name)?;
        if !self.is_log() && (self.target.is_some() || self.level.is_some()) {
            return Err(format!("expected neither a target nor a level, which {thing} lack"));
        }
        let names = self.fields.iter().map(|field| ("the name of a field", &field.name));
        let hosts = self.hosts.iter().map(|host| ("the name of a host", host));
        names.chain(hosts).try_for_each(|(what, name)| expect::named(what, name))?;
        let texts = self.fields.iter().map(|field| &field.value).chain([&self.name]);
        texts.map(String::len).max().map_or(Ok(()), |longest| {
            let good = longest <= record::TEXT_BYTES_CUT;
            good.then_some(()).ok_or_else(|| {
                format!(
                    "expected at most {} bytes of a text that is looked for, found {longest}: a \
                     record keeps no more of a longer one, so give its beginning and a *",
                    record::TEXT_BYTES_CUT
                )
            })
        })
    }

    /// For claims that need a duration.
    pub(super) fn check_span(&self) -> Result<(), String> {
        if self.is_log() {
            return Err(format!("expected spans, found {self}, which have no duration"));
        }
        self.check()
    }
}

impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, any) = match self.kind {
            Kind::Span => ("span", "any span"),
            Kind::Log => ("log", "any log"),
        };
        match self.name.as_str() {
            "*" => f.write_str(any)?,
            name => write!(f, "{one} \"{name}\"")?,
        }
        for field in &self.fields {
            write!(f, " {}={}", field.name, field.value)?;
        }
        if let Some(target) = &self.target {
            write!(f, " of {target}")?;
        }
        if let Some(level) = self.level {
            let level = format!("{level:?}").to_lowercase();
            write!(f, " at least {level}")?;
        }
        if !self.hosts.is_empty() {
            write!(f, " on {}", self.hosts.join(" or "))?;
        }
        Ok(())
    }
}
