//! Configuration in layers: defaults, then a TOML file, then the environment, then flags.
//!
//! Every layer is applied and checked by itself, so that an error can say in which file,
//! variable or flag the mistake is. They can be read again while the service runs: see
//! [`Reloading`].

mod error;
mod live;
mod reload;
mod reloads;
mod secret;
mod service_link;

pub use error::ConfigError;
pub use live::Live;
pub use reload::{ReloadError, Reloading};
pub use secret::Secret;

use std::{borrow::Cow, path::PathBuf};

use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

/// What a configuration offers to the loader.
pub trait Config: Default + Serialize + DeserializeOwned {
    /// The fields that a running service takes up when they change, with all that is below them and
    /// with dots between levels. All others are what the service was started with.
    const LIVE: &'static [&'static str];

    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// Names the first field that is out of its range, what was expected and what was found.
    fn validate(&self) -> Result<(), Invalid>;

    /// The secrets, with their fields: written down all of them look the same.
    fn secrets(&self) -> Vec<(&'static str, Option<&Secret>)> {
        Vec::new()
    }
}

/// A field whose value is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: expected {expected}, found {found}")]
pub struct Invalid {
    /// The field, with dots between levels.
    pub field: Cow<'static, str>,
    /// The range.
    pub expected: String,
    /// The value.
    pub found: String,
}

impl Invalid {
    /// `Ok` if `holds`, else says so about `field`.
    pub(crate) fn unless(
        holds: bool,
        field: impl Into<Cow<'static, str>>,
        expected: impl ToString,
        found: impl ToString,
    ) -> Result<(), Self> {
        if holds {
            Ok(())
        } else {
            let (expected, found) = (expected.to_string(), found.to_string());
            Err(Self { field: field.into(), expected, found })
        }
    }
}

/// Where the layers above the defaults come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The TOML file.
    pub file: Option<PathBuf>,
    /// What the variables of the environment begin with, underscore included.
    pub prefix: String,
    /// The environment. `PREFIX_BREAKER__OPEN_MS` sets `breaker.open_ms`; a value that is no TOML
    /// is taken as a string.
    pub environment: Vec<(String, String)>,
    /// Flags: a dotted field and its value, written as in the environment.
    pub flags: Vec<(String, String)>,
}

/// Applies all layers.
///
/// # Errors
///
/// The file cannot be read, a layer has a field that is unknown or of the wrong type, or the
/// outcome is out of range.
pub fn load<C: Config>(sources: &Sources) -> Result<C, ConfigError> {
    let mut layers = Table::new();
    if let Some(path) = &sources.file {
        let at = || format!("in the file {}", path.display());
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(at(), &error))?;
        // The whole type first: its error knows line and column.
        toml::from_str::<C>(&text).map_err(|error| ConfigError::malformed(at(), &error))?;
        layers = text.parse().map_err(|error| ConfigError::malformed(at(), &error))?;
    }
    for (name, value) in &sources.environment {
        let key = name.strip_prefix(&sources.prefix);
        if let Some(key) = key.filter(|_| !service_link::is(name, value)) {
            let path = key.to_lowercase().replace("__", ".");
            let at = || format!("in the environment variable {name}");
            apply::<C>(&mut layers, &path, value, at)?;
        }
    }
    for (path, value) in &sources.flags {
        apply::<C>(&mut layers, path, value, || format!("in the flag for `{path}`"))?;
    }
    let config: C = layers
        .try_into()
        .map_err(|error| ConfigError::malformed("after all layers".to_owned(), &error))?;
    config.validate()?;
    Ok(config)
}

fn apply<C: Config>(
    layers: &mut Table,
    path: &str,
    text: &str,
    at: impl Fn() -> String,
) -> Result<(), ConfigError> {
    set(layers, path, parse(text));
    layers.clone().try_into::<C>().map(drop).map_err(|error| ConfigError::malformed(at(), &error))
}

/// A TOML value if it is one, else a string: nobody quotes in an environment variable.
fn parse(text: &str) -> Value {
    let whole = format!("value = {text}");
    let parsed = whole.parse::<Table>().ok().filter(|table| table.len() == 1);
    let value = parsed.and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn set(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let entry = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            // What stands in the way is replaced; if the field takes no table, the type says so.
            if !entry.is_table() {
                *entry = Value::Table(Table::new());
            }
            if let Value::Table(inner) = entry {
                set(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
