//! The digest of a record, and where two records part.
//!
//! The digest is BLAKE3 over the record in the postcard wire format: the header without its schema,
//! the backend and the plan, the names and sets of attributes in the order of their tables, each event but those of
//! one gauge, and the end.
//! Nothing in it depends on the machine, the wall clock or the file that a record was kept in.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, de::Error as _};

use super::{Event, EventKind, Record, UNDIGESTED};

/// A hash of a canonical record. Equal digests mean equal runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 16]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Digest {
    fn schema_name() -> Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A hash of a canonical record. Equal digests mean equal runs.",
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
        })
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let value = u128::from_str_radix(&text, 16)
            .ok()
            .filter(|_| text.len() == 32)
            .ok_or_else(|| D::Error::custom("expected a digest of 32 hexadecimal digits"))?;
        Ok(Self(value.to_be_bytes()))
    }
}

/// Lets postcard write into the hasher.
struct Sink(blake3::Hasher);

impl Sink {
    fn feed(&mut self, value: &impl Serialize) {
        struct Hash<'a>(&'a mut blake3::Hasher);
        impl std::io::Write for Hash<'_> {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.update(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        postcard::to_io(value, Hash(&mut self.0)).expect("records are plain data");
    }

    fn digest(&self) -> Digest {
        let mut short = [0; 16];
        short.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        Digest(short)
    }
}

impl Digest {
    /// The digest of a plan, by its JSON with the keys in order.
    #[must_use]
    pub fn of_plan(plan: &serde_json::Value) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(plan.to_string().as_bytes());
        Sink(hasher).digest()
    }
}

impl Record {
    /// The digest of this record.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut sink = Sink(blake3::Hasher::new());
        let header = &self.header;
        sink.feed(&(FORM, &header.scenario, header.seed, &header.defects));
        sink.feed(&(&header.hosts, &header.faults, &header.operations, &header.phases));
        sink.feed(&self.symbols.iter().collect::<Vec<_>>());
        sink.feed(&self.attributes.iter().collect::<Vec<_>>());
        // One event is a few dozen bytes: hashed in blocks, since a call costs more than a byte.
        let mut block = Vec::with_capacity(BLOCK + 256);
        for event in self.digested() {
            block = postcard::to_extend(event, block).expect("events are plain data");
            if block.len() >= BLOCK {
                sink.0.update(&block);
                block.clear();
            }
        }
        sink.0.update(&block);
        sink.feed(&self.end);
        sink.digest()
    }

    /// The events that are part of the digest: all but one gauge.
    fn digested(&self) -> impl Iterator<Item = &Event> {
        let left_out = self.symbols.find(UNDIGESTED);
        self.events.iter().filter(move |event| match event.what {
            EventKind::Gauge(gauge) => Some(gauge.name) != left_out,
            _ => true,
        })
    }
}

const BLOCK: usize = 64 * 1024;

/// The version of what is hashed, and how. Another one gives all runs other digests.
const FORM: u32 = 2;

/// The first difference between two records that should be equal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Divergence {
    /// The place of the first event that differs.
    pub index: usize,
    /// The host of that event, if it has one.
    pub host: Option<String>,
    /// The event in the first record, rendered; `None` if that record had ended.
    pub left: Option<String>,
    /// The event in the second record, rendered; `None` if that record had ended.
    pub right: Option<String>,
    /// The last events that both records share, rendered.
    pub before: Vec<String>,
}

/// Compares two records event by event. `None` when no event differs.
#[must_use]
pub fn first_divergence(left: &Record, right: &Record) -> Option<Divergence> {
    const NEIGHBOURS: usize = 3;
    let (a, b): (Vec<_>, Vec<_>) = (left.digested().collect(), right.digested().collect());
    // Symbols are numbers of one table each: what they spell is what counts.
    let is_one_table = left.symbols == right.symbols && left.attributes == right.attributes;
    let index = (0..a.len().max(b.len())).find(|&index| match (a.get(index), b.get(index)) {
        (Some(a), Some(b)) if is_one_table => a != b,
        (Some(a), Some(b)) => a.render(left) != b.render(right),
        _ => true,
    })?;
    let first = a.get(index).or_else(|| b.get(index))?;
    Some(Divergence {
        index,
        host: first.what.host().map(|host| left.host(host).to_owned()),
        left: a.get(index).map(|event| event.render(left)),
        right: b.get(index).map(|event| event.render(right)),
        before: a[index.saturating_sub(NEIGHBOURS)..index]
            .iter()
            .map(|event| event.render(left))
            .collect(),
    })
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or("none");
        writeln!(f, "the runs part at event {} (host: {host})", self.index)?;
        for event in &self.before {
            writeln!(f, "    both   {event}")?;
        }
        let ended = || "the record ends here".to_owned();
        writeln!(f, "    first  {}", self.left.clone().unwrap_or_else(ended))?;
        write!(f, "    second {}", self.right.clone().unwrap_or_else(ended))
    }
}

#[cfg(test)]
mod tests;
