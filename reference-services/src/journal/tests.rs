//! Whatever is cut off or flipped: what was synced is found, a torn tail is dropped, damage in the
//! middle is named, and nothing is half read.

use std::{fs, path::PathBuf};

use proptest::prelude::*;

use super::{
    file::{Access, Journal, OpenError},
    frame::{self, Damage, DamageKind, FRAME_BYTES_MAX, MAGIC},
};

/// Batches of records, as they are appended.
fn batches() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let record = prop::collection::vec(any::<u8>(), 0..40);
    prop::collection::vec(prop::collection::vec(record, 1..4), 1..6)
}

/// The file with these batches, and where each frame begins; the last place is the end.
fn file(batches: &[Vec<Vec<u8>>]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = MAGIC.to_vec();
    let mut places = vec![bytes.len()];
    for batch in batches {
        let frame = frame::encode(bytes.len() as u64, batch);
        bytes.extend(frame);
        places.push(bytes.len());
    }
    (bytes, places)
}

/// The records of the file's whole frames.
fn records(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Damage> {
    let scan = frame::scan(bytes)?;
    Ok(scan.records.into_iter().map(|place| bytes[place].to_vec()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_whole_is_found_and_a_torn_tail_is_dropped(
        batches in batches(),
        cut in any::<prop::sample::Index>(),
    ) {
        let (bytes, places) = file(&batches);
        let cut = MAGIC.len() + cut.index(bytes.len() - MAGIC.len() + 1);
        let whole = places.iter().filter(|place| **place <= cut).count() - 1;
        let expected: Vec<Vec<u8>> = batches[..whole].iter().flatten().cloned().collect();
        prop_assert_eq!(records(&bytes[..cut]), Ok(expected));
        let scan = frame::scan(&bytes[..cut]).expect("no damage");
        prop_assert_eq!(scan.sound, places[whole]);
        prop_assert_eq!(scan.last, whole.checked_sub(1).map_or(0, |last| batches[last].len()));
    }

    #[test]
    fn a_flipped_bit_is_a_torn_tail_at_the_end_and_damage_elsewhere(
        batches in batches(),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let (mut bytes, places) = file(&batches);
        let place = MAGIC.len() + place.index(bytes.len() - MAGIC.len());
        bytes[place] ^= 1 << bit;
        let hit = places.partition_point(|begin| *begin <= place) - 1;
        if hit == batches.len() - 1 {
            let expected: Vec<Vec<u8>> = batches[..hit].iter().flatten().cloned().collect();
            prop_assert_eq!(records(&bytes), Ok(expected));
        } else {
            prop_assert_eq!(records(&bytes), Err(Damage { offset: places[hit], kind: DamageKind::Middle }));
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(tail);
        // Whatever is found, it was within bounds.
        let _ = frame::scan(&bytes);
    }
}

#[test]
fn a_frame_inside_of_a_record_is_no_frame() {
    // Somebody knows the format, and sends a frame as a payload. It is not where it says it is.
    let inner = frame::encode(MAGIC.len() as u64, &[b"gotcha".to_vec()]);
    let (mut bytes, places) = file(&[vec![b"first".to_vec()], vec![inner]]);
    bytes.pop();
    assert_eq!(records(&bytes), Ok(vec![b"first".to_vec()]));
    assert_eq!(frame::scan(&bytes).expect("no damage").sound, places[1]);
}

#[test]
fn another_format_is_refused() {
    let refused = Err(Damage { offset: 0, kind: DamageKind::Format });
    assert_eq!(frame::scan(b""), refused);
    assert_eq!(frame::scan(b"SQUALLJ3"), refused);
    assert_eq!(frame::scan(b"SQUALLJ1").expect("the version before").sound, MAGIC.len());
}

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
        // From a run that was cut off, if there is one.
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    fn journal(&self) -> PathBuf {
        self.0.join("inner").join("a.journal")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in a folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn record(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

async fn reopen(folder: &Folder) -> (Journal, Vec<Vec<u8>>, usize) {
    let (journal, found) =
        Journal::open(&folder.journal(), Access::Alone).await.expect("a good journal");
    (journal, found.records, found.last)
}

#[tokio::test]
async fn what_is_appended_is_there_when_it_is_opened_again() {
    let folder = Folder::new("journal-append");
    let (mut journal, found, _) = reopen(&folder).await;
    assert!(found.is_empty());
    journal.append(&[record("a"), record("b")]).await.expect("appended");
    drop(journal);
    let (mut journal, found, last) = reopen(&folder).await;
    assert_eq!((found, last), (vec![record("a"), record("b")], 2));
    journal.append(&[record("c")]).await.expect("appended");
    drop(journal);
    let (_, found, last) = reopen(&folder).await;
    assert_eq!((found, last), (vec![record("a"), record("b"), record("c")], 1));
}

#[tokio::test]
async fn a_torn_tail_is_cut_off_for_good() {
    let folder = Folder::new("journal-torn");
    let (mut journal, ..) = reopen(&folder).await;
    journal.append(&[record("a")]).await.expect("appended");
    journal
        .append(&[record("torn, and long enough to be behind what comes next")])
        .await
        .expect("ok");
    drop(journal);
    let mut bytes = fs::read(folder.journal()).expect("the file");
    bytes.pop();
    fs::write(folder.journal(), bytes).expect("written");
    let (mut journal, found, _) = reopen(&folder).await;
    assert_eq!(found, [record("a")]);
    journal.append(&[record("b")]).await.expect("appended");
    drop(journal);
    let (_, found, _) = reopen(&folder).await;
    assert_eq!(found, [record("a"), record("b")]);
}

#[tokio::test]
async fn damage_in_the_middle_names_file_and_offset_and_changes_nothing() {
    let folder = Folder::new("journal-damage");
    let (mut journal, ..) = reopen(&folder).await;
    for text in ["a", "b", "c"] {
        journal.append(&[record(text)]).await.expect("appended");
    }
    drop(journal);
    let mut bytes = fs::read(folder.journal()).expect("the file");
    // A frame with one byte of record is 13 bytes; this is in the second.
    bytes[MAGIC.len() + 13 + 12] ^= 1;
    fs::write(folder.journal(), &bytes).expect("written");
    let error = Journal::open(&folder.journal(), Access::Alone).await.err().expect("damage");
    assert_eq!(
        error.to_string(),
        "expected a whole frame at byte 21 of 47, found damage before other frames"
    );
    assert!(matches!(error, OpenError::Damaged { offset: 21, length: 47, .. }));
    assert_eq!(fs::read(folder.journal()).expect("the file"), bytes);
}

#[tokio::test]
async fn a_journal_that_is_written_anew_has_what_it_is_given() {
    let folder = Folder::new("journal-rewrite");
    let (mut journal, ..) = reopen(&folder).await;
    for number in 0..100 {
        journal.append(&[record(&number.to_string())]).await.expect("appended");
    }
    let before = journal.bytes();
    // What a crash has left behind is no trouble.
    fs::write(folder.journal().with_extension("new"), b"half a jour").expect("written");
    journal.rewrite(&[record("98"), record("99")]).await.expect("written anew");
    assert!(journal.bytes() < before);
    journal.append(&[record("100")]).await.expect("appended");
    drop(journal);
    let (_, found, _) = reopen(&folder).await;
    assert_eq!(found, [record("98"), record("99"), record("100")]);
    assert!(!folder.journal().with_extension("new").exists());
}

#[tokio::test]
async fn a_journal_larger_than_a_frame_is_written_anew_in_several() {
    let folder = Folder::new("journal-large");
    let (mut journal, ..) = reopen(&folder).await;
    let large: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![number; 100_000]).collect();
    journal.rewrite(&large).await.expect("written anew");
    drop(journal);
    let (_, found, last) = reopen(&folder).await;
    assert_eq!(found, large);
    assert!(last < large.len(), "one frame");
}

#[test]
fn a_frame_that_was_written_for_another_place_is_damage() {
    // Two have opened the file when it had two frames, and each has appended one.
    let batch = |text: &str| vec![record(text)];
    let (mut bytes, places) = file(&[batch("a"), batch("b"), batch("ours")]);
    let theirs = frame::encode(places[2] as u64, &batch("theirs"));
    bytes.extend(&theirs);
    let misplaced = |offset| Err(Damage { offset, kind: DamageKind::Misplaced(places[2]) });
    assert_eq!(records(&bytes), misplaced(places[3]));
    // Whatever comes behind it.
    bytes.extend(frame::encode((places[2] + theirs.len()) as u64, &batch("more")));
    assert_eq!(records(&bytes), misplaced(places[3]));
    // One that is cut short is a torn tail.
    bytes.truncate(places[3] + theirs.len() - 1);
    assert_eq!(records(&bytes).expect("no damage").len(), 3);
}

#[test]
fn no_batch_is_so_long_as_that_tail() {
    let mut bytes = MAGIC.to_vec();
    bytes.resize(MAGIC.len() + 8 + FRAME_BYTES_MAX, 0xff);
    assert_eq!(records(&bytes), Ok(Vec::new()));
    bytes.push(0xff);
    let kind = DamageKind::Tail(8 + FRAME_BYTES_MAX + 1);
    assert_eq!(records(&bytes), Err(Damage { offset: MAGIC.len(), kind }));
}

#[tokio::test]
async fn a_second_one_is_refused_for_as_long_as_the_first_has_it() {
    let folder = Folder::new("journal-locked");
    let (mut journal, ..) = reopen(&folder).await;
    journal.append(&[record("a")]).await.expect("appended");
    // Also after it was replaced by another file.
    journal.rewrite(&[record("a")]).await.expect("written anew");
    let before = fs::read(folder.journal()).expect("the file");
    let error = Journal::open(&folder.journal(), Access::Alone).await.err().expect("locked");
    let lock = folder.journal().with_file_name("a.journal.lock");
    let expected = format!(
        "expected to be the only one with it, found {} locked by another process",
        lock.display()
    );
    assert_eq!(error.to_string(), expected);
    journal.append(&[record("b")]).await.expect("appended");
    assert!(fs::read(folder.journal()).expect("the file").starts_with(&before));
    drop(journal);
    assert_eq!(reopen(&folder).await.1, [record("a"), record("b")]);
}
