//! A snapshot of the cache: lines of JSON, the last of which is a digest of all before it, so
//! that one that was cut short or damaged is not taken for the truth.
//!
//! It is made piece by piece as it is written, since the whole cache is too much to have in memory
//! for each that asks for it.

use std::{
    borrow::Cow,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde::{Deserialize, Serialize};

use super::{
    entries::{Entries, Held},
    state::Cache,
};

/// The form of the lines; others are refused.
const SCHEMA: u32 = 1;

/// No snapshot is longer.
pub(super) const BYTES_MAX: usize = 256 * 1024 * 1024;

/// Items in a piece.
const PIECE: usize = 256;

#[derive(Serialize, Deserialize)]
struct Header {
    schema: u32,
    items: u64,
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
    Incomplete { expected: u64, found: usize },
    #[error("bad line {line}: {reason}")]
    Line { line: usize, reason: String },
}

impl Snapshot {
    /// How long ago it was taken; zero if that is in the future by this machine's clock.
    pub(super) fn age(&self) -> Duration {
        since_1970().saturating_sub(self.taken)
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
        if items.len() as u64 != header.items {
            let (expected, found) = (header.items, items.len());
            return Err(BadSnapshot::Incomplete { expected, found });
        }
        Ok(Self { items, taken: Duration::from_millis(header.taken_unix_ms) })
    }
}

/// A snapshot of what a cache holds now, piece by piece.
#[derive(Debug)]
pub(super) struct Pieces {
    held: Held,
    taken: Duration,
    /// Of all pieces before.
    hasher: blake3::Hasher,
    next: Next,
}

/// What of a snapshot is next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Header,
    /// The items from this one on.
    Items(u64),
    Nothing,
}

impl Pieces {
    pub(super) fn of(entries: &Entries) -> Self {
        let (held, taken) = (entries.now(), since_1970());
        Self { held, taken, hasher: blake3::Hasher::new(), next: Next::Header }
    }

    /// The next piece of the snapshot of these entries; nothing at its end.
    pub(super) fn next(&mut self, entries: &Entries) -> Option<Bytes> {
        let mut text = Vec::new();
        match self.next {
            Next::Header => {
                let (items, taken_unix_ms) = (self.held.items, millis(self.taken));
                push(&mut text, &Header { schema: SCHEMA, items, taken_unix_ms });
                self.next = Next::Items(1);
            }
            Next::Items(from) => {
                let items = entries.some(self.held, from, PIECE);
                for (id, value, age) in &items {
                    let value = Cow::Borrowed(&**value);
                    push(&mut text, &Line { id: *id, value, age_ms: millis(*age) });
                }
                match items.last() {
                    Some((last, ..)) => self.next = Next::Items(last + 1),
                    None => {
                        let digest = self.hasher.finalize().to_hex().to_string();
                        push(&mut text, &Digest { digest });
                        self.next = Next::Nothing;
                    }
                }
            }
            Next::Nothing => return None,
        }
        self.hasher.update(&text);
        Some(text.into())
    }
}

/// A snapshot as the body of an answer.
#[derive(Debug)]
pub(super) struct SnapshotBody {
    cache: Arc<Cache>,
    pieces: Pieces,
}

impl SnapshotBody {
    pub(super) fn new(cache: Arc<Cache>) -> Self {
        let pieces = Pieces::of(&cache.entries);
        Self { cache, pieces }
    }
}

impl Body for SnapshotBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self { cache, pieces } = &mut *self;
        Poll::Ready(pieces.next(&cache.entries).map(|piece| Ok(Frame::data(piece))))
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
    use tokio::time::Instant;

    use super::*;
    use crate::cache::entries::Freshness;

    fn places(items: u64) -> Entries {
        let lasts = Duration::from_secs(60);
        Entries::new(items, "v1", &Freshness { lasts, jitter: 0.0, early: false })
    }

    /// As many as are in two pieces and a bit, one of which needs quoting.
    fn entries() -> Entries {
        let entries = places(2 * PIECE as u64 + 9);
        for id in (1..=entries.places()).filter(|id| id % 7 > 0) {
            let value = if id == 3 { "th\"ree\n".to_owned() } else { format!("item {id}") };
            entries.insert(id, &value, Instant::now());
        }
        entries
    }

    fn encoded(entries: &Entries) -> Vec<u8> {
        let mut pieces = Pieces::of(entries);
        std::iter::from_fn(|| pieces.next(entries)).flatten().collect()
    }

    #[test]
    fn what_is_written_piece_by_piece_is_read() {
        let entries = entries();
        let held = entries.now();
        let snapshot = Snapshot::decode(&encoded(&entries)).expect("a good snapshot");
        assert_eq!(snapshot.items.len() as u64, entries.held());
        let found = snapshot.items.iter().map(|(id, value, _)| (*id, &**value));
        let there = entries.some(held, 1, usize::MAX);
        assert!(found.eq(there.iter().map(|(id, value, _)| (*id, &**value))));
        let empty = places(1);
        assert_eq!(Snapshot::decode(&encoded(&empty)).expect("a good one").items, []);
    }

    #[test]
    fn what_changes_meanwhile_does_not_spoil_it() {
        let entries = entries();
        let mut pieces = Pieces::of(&entries);
        let mut text: Vec<u8> = pieces.next(&entries).expect("a piece").to_vec();
        for id in 1..=entries.places() {
            entries.insert(id, "changed", Instant::now());
        }
        text.extend(std::iter::from_fn(|| pieces.next(&entries)).flatten());
        let snapshot = Snapshot::decode(&text).expect("a good snapshot");
        assert!(snapshot.items.iter().all(|(id, value, _)| id % 7 > 0 && &**value == "changed"));
    }

    /// A small one.
    fn whole() -> Vec<u8> {
        let entries = places(3);
        entries.insert(1, "one", Instant::now());
        entries.insert(3, "th\"ree\n", Instant::now());
        encoded(&entries)
    }

    #[test]
    fn one_cut_short_anywhere_is_refused() {
        let whole = whole();
        // The last byte ends the last line, and nothing is missing without it.
        for length in 0..whole.len() - 1 {
            let error = Snapshot::decode(&whole[..length]).expect_err("cut short");
            assert_eq!(error, BadSnapshot::CutShort(length));
        }
    }

    #[test]
    fn one_that_is_damaged_anywhere_is_refused() {
        let whole = whole();
        for at in 0..whole.len() - 1 {
            let mut damaged = whole.clone();
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
