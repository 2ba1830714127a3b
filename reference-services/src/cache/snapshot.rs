//! A snapshot of the cache: lines of JSON, the last of which is a digest of all before it, so
//! that one that was cut short or damaged is not taken for the truth.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The form of the lines; others are refused.
const SCHEMA: u32 = 1;

/// No snapshot is longer.
pub(super) const BYTES_MAX: usize = 256 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Header {
    schema: u32,
    items: usize,
    taken_unix_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    id: u64,
    #[serde(borrow)]
    value: Cow<'a, str>,
    age_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Digest {
    digest: String,
}

/// An item with its age.
pub(super) type Aged = (u64, Arc<str>, Duration);

/// What a snapshot says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// The items as old as they were when it was taken.
    pub(super) items: Vec<Aged>,
    /// When it was taken, since 1970.
    pub(super) taken: Duration,
}

/// Why a snapshot cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadSnapshot {
    #[error("expected a snapshot with a digest at its end, found {0} bytes without one")]
    CutShort(usize),
    #[error("expected a snapshot with the digest {expected}, found {found}")]
    Damaged { expected: String, found: String },
    #[error("expected schema {SCHEMA}, found {0}")]
    Schema(u32),
    #[error("expected {expected} items, found {found}")]
    Incomplete { expected: usize, found: usize },
    #[error("bad line {line}: {reason}")]
    Line { line: usize, reason: String },
}

impl Snapshot {
    /// A snapshot of these items, taken now.
    pub(super) fn now(items: Vec<Aged>) -> Self {
        Self { items, taken: since_1970() }
    }

    /// How long ago it was taken; zero if that is in the future by this machine's clock.
    pub(super) fn age(&self) -> Duration {
        since_1970().saturating_sub(self.taken)
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut text = Vec::new();
        let taken_unix_ms = millis(self.taken);
        push(&mut text, &Header { schema: SCHEMA, items: self.items.len(), taken_unix_ms });
        for (id, value, age) in &self.items {
            push(&mut text, &Line { id: *id, value: Cow::Borrowed(value), age_ms: millis(*age) });
        }
        let digest = blake3::hash(&text).to_hex().to_string();
        push(&mut text, &Digest { digest });
        text.into()
    }

    /// Reads a snapshot that is whole and undamaged.
    pub(super) fn decode(text: &[u8]) -> Result<Self, BadSnapshot> {
        Self::read(text, true)
    }

    /// Defect: reads a snapshot whatever its digest is.
    pub(super) fn decode_unchecked(text: &[u8]) -> Result<Self, BadSnapshot> {
        Self::read(text, false)
    }

    fn read(text: &[u8], checked: bool) -> Result<Self, BadSnapshot> {
        let cut_short = BadSnapshot::CutShort(text.len());
        let body = text.strip_suffix(b"\n").unwrap_or(text);
        let Some(end) = body.iter().rposition(|&byte| byte == b'\n').map(|at| at + 1) else {
            return Err(cut_short);
        };
        let (lines, last) = body.split_at(end);
        let Ok(Digest { digest: expected }) = serde_json::from_slice(last) else {
            return Err(cut_short);
        };
        let found = blake3::hash(lines).to_hex().to_string();
        if checked && expected != found {
            return Err(BadSnapshot::Damaged { expected, found });
        }
        let mut lines = lines.split(|&byte| byte == b'\n').zip(1..);
        let header: Header = parse(lines.next().unwrap_or_default())?;
        if header.schema != SCHEMA {
            return Err(BadSnapshot::Schema(header.schema));
        }
        let mut items = Vec::new();
        for (line, number) in lines.filter(|(line, _)| !line.is_empty()) {
            let Line { id, value, age_ms } = parse((line, number))?;
            items.push((id, Arc::from(value), Duration::from_millis(age_ms)));
        }
        if items.len() != header.items {
            let (expected, found) = (header.items, items.len());
            return Err(BadSnapshot::Incomplete { expected, found });
        }
        Ok(Self { items, taken: Duration::from_millis(header.taken_unix_ms) })
    }
}

fn parse<'a, T: Deserialize<'a>>((text, line): (&'a [u8], usize)) -> Result<T, BadSnapshot> {
    serde_json::from_slice(text)
        .map_err(|error| BadSnapshot::Line { line, reason: error.to_string() })
}

fn push(text: &mut Vec<u8>, line: &impl Serialize) {
    // Our own structs have string keys and no failing implementation, and memory takes it all.
    serde_json::to_writer(&mut *text, line).expect("a struct that serializes");
    text.push(b'\n');
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let aged = |id, value: &str, ms| (id, value.into(), Duration::from_millis(ms));
        let items = vec![aged(1, "one", 5), aged(3, "th\"ree\n", 0)];
        Snapshot { items, taken: Duration::from_secs(1_700_000_000) }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(Snapshot::decode(&snapshot().encode()), Ok(snapshot()));
        let empty = Snapshot { items: Vec::new(), taken: Duration::ZERO };
        assert_eq!(Snapshot::decode(&empty.encode()), Ok(empty));
    }

    #[test]
    fn one_cut_short_anywhere_is_refused() {
        let whole = snapshot().encode();
        // The last byte ends the last line, and nothing is missing without it.
        for length in 0..whole.len() - 1 {
            let error = Snapshot::decode(&whole[..length]).expect_err("cut short");
            assert_eq!(error, BadSnapshot::CutShort(length));
        }
    }

    #[test]
    fn one_that_is_damaged_anywhere_is_refused() {
        let whole = snapshot().encode();
        for at in 0..whole.len() - 1 {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 1;
            Snapshot::decode(&damaged).expect_err("damaged");
        }
    }

    #[test]
    fn another_schema_is_refused() {
        let mut text = b"{\"schema\":2,\"items\":0,\"taken_unix_ms\":0}\n".to_vec();
        let digest = blake3::hash(&text).to_hex().to_string();
        push(&mut text, &Digest { digest });
        assert_eq!(Snapshot::decode(&text), Err(BadSnapshot::Schema(2)));
    }
}
