//! What is done in a container on behalf of its run: to the disk of a host, which is a small file system that
//! is mounted there.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// Where the disk is.
pub(in crate::backend) const DISK: &str = "/disk";

/// The folder on it in which processes work.
pub(in crate::backend) const FILES: &str = "files";

/// The file on a disk in which processes count the writes that they are refused.
pub(in crate::backend) const REFUSED: &str = "refused-writes";

/// The file that takes the room of a full disk.
const BALLAST: &str = "ballast";

/// So much is written at once to fill a disk.
const STEP: usize = 64 << 10;

/// What is done to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DiskAct {
    /// It is made ready for its first process.
    Prepare,
    /// Nothing more fits on it.
    Fill,
    /// There is room again.
    MakeRoom,
}

/// Where a process counts what it is refused, as it sees the file from where it works.
pub(in crate::backend) fn count_from_files() -> PathBuf {
    Path::new("..").join(REFUSED)
}

/// Does it to the disk at `disk`: how many writes were refused on it so far?
pub(super) fn act(disk: &Path, act: DiskAct) -> io::Result<u64> {
    let refused = disk.join(REFUSED);
    match act {
        DiskAct::Prepare => {
            fs::create_dir_all(disk.join(FILES))?;
            // It is written in its place from now on, for which it takes no more room.
            fs::write(&refused, 0_u64.to_le_bytes())?;
        }
        DiskAct::Fill => fill(&disk.join(BALLAST))?,
        DiskAct::MakeRoom => fs::remove_file(disk.join(BALLAST))?,
    }
    let bytes = fs::read(refused)?;
    let bytes = bytes.try_into().map_err(|_| io::Error::other("not a count of eight bytes"))?;
    Ok(u64::from_le_bytes(bytes))
}

fn fill(ballast: &Path) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(ballast)?;
    let step = vec![0; STEP];
    loop {
        match file.write(&step) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
