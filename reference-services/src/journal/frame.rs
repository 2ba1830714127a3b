//! Frames: bytes in, bytes out.
//!
//! ```text
//! file    magic frame*
//! frame   length: u32  checksum: u32  record*      length counts the records' bytes
//! record  length: u32  bytes
//! ```
//!
//! Numbers are little-endian. The checksum (CRC-32, IEEE) covers the place of the frame in the
//! file, its length and its records, so that a frame in another place, such as one that a client
//! has put into its payload, is not taken for one.

use std::ops::Range;

/// What a journal begins with: its name, and the version of what is in it.
pub const MAGIC: [u8; 8] = *b"SQUALLJ2";

/// What one of the version before begins with. All that it has is in this one too.
pub(super) const MAGIC_BEFORE: [u8; 8] = *b"SQUALLJ1";

/// Length and checksum.
const HEAD: usize = 8;

/// No frame is longer. Only damage makes one look so.
pub(super) const FRAME_BYTES_MAX: usize = 16 << 20;

/// What is found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scan {
    /// The records of all frames, as places in the file.
    pub records: Vec<Range<usize>>,
    /// How many of the records are in the last frame.
    pub last: usize,
    /// Where the last whole frame ends. What follows is a torn tail.
    pub sound: usize,
    /// Where frames begin, or could.
    places: Vec<usize>,
}

/// Where a file is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// From the beginning of the file.
    pub offset: usize,
    /// What it is.
    pub kind: DamageKind,
}

/// What no loss of power brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DamageKind {
    /// It does not begin as a journal does.
    #[error("a file of another format")]
    Format,
    /// The checksum of a frame holds, and its records do not add up.
    #[error("a frame whose records do not add up")]
    Records,
    /// A frame that was whole once, with frames behind it.
    #[error("damage before other frames")]
    Middle,
    /// A whole frame that was written for another place: somebody else has written to the file.
    #[error("a frame that was written for byte {0}: two processes have had the journal at once")]
    Misplaced(usize),
    /// More than one batch.
    #[error("{0} bytes that are no frame, more than a batch has")]
    Tail(usize),
}

/// The frame with these records for this place in the file.
#[must_use]
pub fn encode(offset: u64, records: &[Vec<u8>]) -> Vec<u8> {
    let length = records.iter().map(|record| 4 + record.len()).sum::<usize>();
    let mut frame = Vec::with_capacity(HEAD + length);
    frame.extend(number(length));
    frame.extend([0; 4]);
    for record in records {
        frame.extend(number(record.len()));
        frame.extend(record);
    }
    let checksum = checksum(offset, length, &frame[HEAD..]);
    frame[4..HEAD].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// Reads a whole file that nobody else has written to.
///
/// # Errors
///
/// When there is damage that no loss of power explains, or somebody else has written to it.
pub fn scan(file: &[u8]) -> Result<Scan, Damage> {
    let scan = scan_shared(file)?;
    match written_for(file, scan.sound, &scan.places) {
        Some(place) => Err(Damage { offset: scan.sound, kind: DamageKind::Misplaced(place) }),
        None => Ok(scan),
    }
}

/// Defect: the same, and what somebody else has written is taken for a torn tail.
pub(super) fn scan_shared(file: &[u8]) -> Result<Scan, Damage> {
    if !file.starts_with(&MAGIC) && !file.starts_with(&MAGIC_BEFORE) {
        return Err(Damage { offset: 0, kind: DamageKind::Format });
    }
    let sound = MAGIC.len();
    let mut scan = Scan { records: Vec::new(), last: 0, sound, places: vec![sound] };
    while let Some(body) = whole(file, scan.sound) {
        let before = scan.records.len();
        let end = body.end;
        let unread = Damage { offset: scan.sound, kind: DamageKind::Records };
        read_records(file, body, &mut scan.records).ok_or(unread)?;
        scan.last = scan.records.len() - before;
        scan.sound = end;
        scan.places.push(end);
    }
    match damage_behind(file, scan.sound) {
        Some(kind) => Err(Damage { offset: scan.sound, kind }),
        None => Ok(scan),
    }
}

/// What is behind the last whole frame, if a batch that was cut short does not explain it.
fn damage_behind(file: &[u8], sound: usize) -> Option<DamageKind> {
    let mut later = sound + 1..file.len();
    if later.any(|offset| whole(file, offset).is_some()) {
        return Some(DamageKind::Middle);
    }
    let tail = file.len() - sound;
    (tail > HEAD + FRAME_BYTES_MAX).then_some(DamageKind::Tail(tail))
}

/// The place that the frame at `offset` was written for, if there is a whole one but for that. Who
/// had the journal at the same time believed that it ended at one of `places`.
fn written_for(file: &[u8], offset: usize, places: &[usize]) -> Option<usize> {
    let (body, sum) = body(file, offset)?;
    let records = &file[body];
    let mut rest = crc32fast::Hasher::new();
    rest.update(&number(records.len()));
    rest.update(records);
    places.iter().copied().find(|place| {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&(*place as u64).to_le_bytes());
        hasher.combine(&rest);
        *place != offset && hasher.finalize() == sum
    })
}

/// Where the records of the frame at this place are, if there is a whole one.
fn whole(file: &[u8], offset: usize) -> Option<Range<usize>> {
    let (body, sum) = body(file, offset)?;
    let records = &file[body.clone()];
    (checksum(offset as u64, records.len(), records) == sum).then_some(body)
}

/// Where the records would be if a frame began at this place, and their checksum.
fn body(file: &[u8], offset: usize) -> Option<(Range<usize>, u32)> {
    let length = read_number(file, offset)?;
    let sum = read_number(file, offset + 4)?;
    let begin = offset + HEAD;
    let end = begin.checked_add(usize::try_from(length).ok()?)?;
    // No frame is empty: a stretch of zeros is none.
    let sized = (1..=FRAME_BYTES_MAX).contains(&(end - begin));
    (sized && end <= file.len()).then_some((begin..end, sum))
}

fn read_records(file: &[u8], body: Range<usize>, into: &mut Vec<Range<usize>>) -> Option<()> {
    let mut at = body.start;
    while at < body.end {
        let length = usize::try_from(read_number(file, at)?).ok()?;
        let end = at.checked_add(4)?.checked_add(length).filter(|end| *end <= body.end)?;
        into.push(at + 4..end);
        at = end;
    }
    Some(())
}

fn checksum(offset: u64, length: usize, records: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&offset.to_le_bytes());
    hasher.update(&number(length));
    hasher.update(records);
    hasher.finalize()
}

/// Lengths are bounded far below this.
fn number(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn read_number(file: &[u8], at: usize) -> Option<u32> {
    let bytes = file.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}
