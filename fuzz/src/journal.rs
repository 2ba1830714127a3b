//! Journals of the queue broker and the result store, cut off and damaged in any way.
//!
//! Whatever is in a file, it is read within bounds and without a panic: as whole frames from its
//! beginning, or with the place of the damage. Of records that were appended, a prefix is found again,
//! batch by batch: all of them if nothing was changed, and those before the cut if the end is missing.
//! A service opens the file or says which file and what is wrong, leaves a damaged one as it is, and
//! opens again what it has opened once.

use std::{
    fs,
    path::Path,
    sync::{LazyLock, Mutex},
};

use reference_services::{
    journal::{DamageKind, MAGIC, OpenError, Scan, encode, scan},
    queue_broker, result_store,
    server::Error,
};
use tokio::runtime::Runtime;

use crate::{input::Input, runtime, scratch::Scratch};

/// Batches of an input.
const BATCHES_MAX: usize = 8;

/// Records of a batch.
const RECORDS_MAX: usize = 4;

/// Changes of the file.
const CHANGES_MAX: usize = 4;

static PLACE: LazyLock<Mutex<(Runtime, Scratch)>> =
    LazyLock::new(|| Mutex::new((runtime(), Scratch::new("journal"))));

/// What a file was made of, and what has been done to it since.
struct Written {
    bytes: Vec<u8>,
    batches: Vec<Vec<Vec<u8>>>,
    /// Where each frame begins; the last place is the end.
    places: Vec<usize>,
    /// Bytes in it have changed, or more have come.
    is_damaged: bool,
}

/// The first byte says whether what follows is a file or batches and changes, and whether the broker
/// or the store opens it.
///
/// # Panics
///
/// If anything of the above is not so.
pub fn journal(data: &[u8]) {
    let mut input = Input::new(data);
    let mode = input.byte();
    let bytes = if mode & 1 == 0 {
        let bytes = if mode & 2 == 0 { Vec::new() } else { MAGIC.to_vec() };
        let bytes = [bytes.as_slice(), input.rest()].concat();
        if let Ok(found) = scan(&bytes) {
            assert!(found.sound <= bytes.len() && found.last <= found.records.len());
        }
        bytes
    } else {
        let written = Written::new(&mut input);
        written.check(scan(&written.bytes).map_err(|damage| (damage.offset, damage.kind)));
        written.bytes
    };
    if mode & 4 == 0 {
        open(&bytes, mode & 8 == 0);
    }
}

impl Written {
    fn new(input: &mut Input<'_>) -> Self {
        let (mut bytes, mut batches) = (MAGIC.to_vec(), Vec::new());
        let mut places = vec![bytes.len()];
        for _ in 0..input.below(BATCHES_MAX + 1) {
            let records = 1 + input.below(RECORDS_MAX);
            let batch: Vec<Vec<u8>> = (0..records).map(|_| input.piece().to_vec()).collect();
            bytes.extend(encode(bytes.len() as u64, &batch));
            places.push(bytes.len());
            batches.push(batch);
        }
        let whole = bytes.clone();
        for _ in 0..CHANGES_MAX {
            if !input.has_more() {
                break;
            }
            let (kind, at) = (input.byte(), input.below(bytes.len()));
            match kind % 4 {
                // A torn tail.
                0 => bytes.truncate(at.max(MAGIC.len())),
                1 => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= input.byte();
                    }
                }
                // What was written a second time, by somebody who knew less of the file.
                2 => bytes.extend_from_within(at..),
                _ => bytes.extend(input.piece()),
            }
        }
        let is_damaged = !whole.starts_with(&bytes);
        Self { bytes, batches, places, is_damaged }
    }

    fn check(&self, found: Result<Scan, (usize, DamageKind)>) {
        match found {
            Ok(scan) => {
                let whole = self.places.iter().position(|place| *place == scan.sound);
                let whole = whole.expect("the end of a frame that was appended");
                let records: Vec<&[u8]> =
                    scan.records.iter().map(|place| &self.bytes[place.clone()]).collect();
                assert_eq!(
                    records,
                    self.batches[..whole].concat(),
                    "a prefix of what was appended"
                );
                let last = whole.checked_sub(1).map_or(0, |last| self.batches[last].len());
                assert_eq!(scan.last, last, "the records of the last frame");
                if !self.is_damaged {
                    let cut = self.places.partition_point(|place| *place <= self.bytes.len()) - 1;
                    assert_eq!(whole, cut, "all that was not cut off");
                }
            }
            Err((offset, kind)) => {
                assert!(self.is_damaged, "a torn tail is taken for damage: {kind} at {offset}");
                let begins = offset == 0 || self.places.contains(&offset);
                assert!(begins, "damage where no frame begins: {kind} at {offset}");
            }
        }
    }
}

/// Opens a file with these bytes as the broker, or as the store.
fn open(bytes: &[u8], as_broker: bool) {
    let place = PLACE.lock().expect("no input has failed");
    let (runtime, scratch) = &*place;
    let path = scratch.file("it.journal");
    fs::write(&path, bytes).expect("a file in memory");
    let opened = runtime.block_on(start_and_stop(&path, as_broker));
    let Err(error) = opened else {
        let repaired = fs::read(&path).expect("a file in memory");
        let found = scan(&repaired).expect("what was opened is a journal");
        assert_eq!(found.sound, repaired.len(), "the torn tail is gone");
        let again = runtime.block_on(start_and_stop(&path, as_broker));
        assert!(again.is_ok(), "what was opened is opened again: {again:?}");
        return;
    };
    let said = error.to_string();
    assert!(said.contains("it.journal"), "expected the name of the file: {said}");
    let Error::Journal { source, .. } = error else {
        panic!("expected a word on the journal: {said}")
    };
    match source {
        OpenError::Damaged { .. } => {
            assert!(scan(bytes).is_err(), "{said}");
            assert_eq!(fs::read(&path).expect("a file in memory"), bytes, "left as it was");
        }
        OpenError::Record(_) => assert!(scan(bytes).is_ok(), "{said}"),
        other => panic!("no fault of the file: {other}"),
    }
}

async fn start_and_stop(path: &Path, as_broker: bool) -> Result<(), Error> {
    let anywhere = "127.0.0.1:0".to_owned();
    if as_broker {
        let mut config = queue_broker::Config::default();
        (config.listen, config.listen_workers) = (anywhere.clone(), anywhere);
        config.journal = path.to_owned();
        queue_broker::bind(config).await?.serve_until(std::future::ready(Ok(()))).await
    } else {
        let mut config = result_store::Config::default();
        (config.listen, config.listen_probes) = (anywhere.clone(), anywhere);
        config.journal = path.to_owned();
        result_store::bind(config).await?.serve_until(std::future::ready(Ok(()))).await
    }
}
