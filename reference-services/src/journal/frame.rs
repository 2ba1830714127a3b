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

/// What a journal begins with: its name, and the version of the format.
pub(super) const MAGIC: [u8; 8] = *b"SQUALLJ1";

/// Length and checksum.
const HEAD: usize = 8;

/// No frame is longer. Only damage makes one look so.
pub(super) const FRAME_BYTES_MAX: usize = 16 << 20;

/// What is found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// The records of all frames, as places in the file.
    pub(super) records: Vec<Range<usize>>,
    /// How many of the records are in the last frame.
    pub(super) last: usize,
    /// Where the last whole frame ends. What follows is a torn tail.
    pub(super) sound: usize,
}

/// Where a file is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// From the beginning of the file.
    pub(super) offset: usize,
}

/// The frame with these records for this place in the file.
pub(super) fn encode(offset: u64, records: &[Vec<u8>]) -> Vec<u8> {
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

/// Reads a whole file.
pub(super) fn scan(file: &[u8]) -> Result<Scan, Damage> {
    if !file.starts_with(&MAGIC) {
        return Err(Damage { offset: 0 });
    }
    let mut scan = Scan { records: Vec::new(), last: 0, sound: MAGIC.len() };
    while let Some(body) = whole(file, scan.sound) {
        let before = scan.records.len();
        let end = body.end;
        // The checksum holds, so records that do not add up are of another format.
        read_records(file, body, &mut scan.records).ok_or(Damage { offset: scan.sound })?;
        scan.last = scan.records.len() - before;
        scan.sound = end;
    }
    let later = scan.sound + 1..file.len();
    if later.into_iter().any(|offset| whole(file, offset).is_some()) {
        return Err(Damage { offset: scan.sound });
    }
    Ok(scan)
}

/// Where the records of the frame at this place are, if there is a whole one.
fn whole(file: &[u8], offset: usize) -> Option<Range<usize>> {
    let length = read_number(file, offset)?;
    let sum = read_number(file, offset + 4)?;
    let begin = offset + HEAD;
    let end = begin.checked_add(usize::try_from(length).ok()?)?;
    let records = file.get(begin..end)?;
    // No frame is empty: a stretch of zeros is none.
    let sized = !records.is_empty() && records.len() <= FRAME_BYTES_MAX;
    (sized && checksum(offset as u64, records.len(), records) == sum).then_some(begin..end)
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
