//! What is sent and what is answered.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::toxic::{Attributes, Direction};

/// A proxy that is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProxyConfig {
    /// Its name.
    pub name: String,
    /// Where it listens, `host:port`; port 0 is any that is free.
    pub listen: String,
    /// Where it leads, `host:port`.
    pub upstream: String,
    /// Is it on?
    pub enabled: bool,
}

impl ProxyConfig {
    /// One that is on.
    pub fn new(
        name: impl Into<String>,
        listen: impl Into<String>,
        upstream: impl Into<String>,
    ) -> Self {
        let (name, listen, upstream) = (name.into(), listen.into(), upstream.into());
        Self { name, listen, upstream, enabled: true }
    }
}

/// What is to change of a proxy; the rest stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProxyUpdate {
    /// Where it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Where it leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Is it on?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

impl ProxyUpdate {
    /// Switches it on or off.
    #[must_use]
    pub fn enabled(enabled: bool) -> Self {
        Self { enabled: Some(enabled), ..Self::default() }
    }
}

/// A proxy that is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ProxyState {
    /// Its name.
    pub name: String,
    /// Where it listens: an address and a port if it is on or has been.
    pub listen: String,
    /// Where it leads.
    pub upstream: String,
    /// Is it on?
    pub enabled: bool,
    /// Its toxics.
    pub toxics: Vec<ToxicState>,
}

/// A toxic that is to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewToxic {
    /// Its name: `latency_downstream` and the like, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its type and its attributes.
    #[serde(flatten)]
    pub attributes: Attributes,
    /// Which way it acts.
    pub stream: Direction,
    /// The share of the connections that it meets, from 0 to 1.
    pub toxicity: f32,
}

impl NewToxic {
    /// For all connections, named by its type and direction.
    #[must_use]
    pub fn new(attributes: Attributes, stream: Direction) -> Self {
        Self { name: None, attributes, stream, toxicity: 1.0 }
    }

    /// With this name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// For this share of the connections.
    #[must_use]
    pub fn toxicity(self, toxicity: f32) -> Self {
        Self { toxicity, ..self }
    }
}

/// A toxic that is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ToxicState {
    /// Its name.
    pub name: String,
    /// Its type and its attributes.
    #[serde(flatten)]
    pub attributes: Attributes,
    /// Which way it acts.
    #[serde(deserialize_with = "direction")]
    pub stream: Direction,
    /// The share of the connections that it meets.
    pub toxicity: f32,
}

/// A direction in any case, as whoever added the toxic has written it.
fn direction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Direction, D::Error> {
    let text = String::deserialize(deserializer)?;
    Direction::parse(&text).ok_or_else(|| de::Error::custom("expected upstream or downstream"))
}
