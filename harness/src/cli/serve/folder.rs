//! The records in a folder, read again when they change.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use squall_reports::{
    Record, Report,
    html::{Entry, live_index},
    in_progress::InProgress,
    json::RunReport,
    verdict::Judgement,
};
use tokio::sync::watch;

use crate::{
    catalogue::Catalogue,
    cli::{
        in_progress,
        output::say,
        report::{is_record, with_report},
    },
    stored::Stored,
};

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// More records than this are not shown; what is left out is said.
const RECORDS_MAX: usize = 5_000;

/// What tells one content of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

impl Stamp {
    /// That of a file; `None` if it is not there.
    fn of(path: &Path) -> Option<Self> {
        let meta = fs::metadata(path).ok()?;
        Some(Self { modified: meta.modified().ok()?, bytes: meta.len() })
    }
}

/// A record that was read.
struct Known {
    stamp: Stamp,
    /// The run, or why it cannot be shown.
    run: Result<Entry, String>,
}

#[derive(Default)]
struct Contents {
    records: BTreeMap<String, Known>,
    in_progress: Option<InProgress>,
    left_out: usize,
    /// Why the folder itself cannot be read now.
    gone: Option<String>,
}

/// A folder of records.
pub(super) struct Folder {
    path: PathBuf,
    contents: Mutex<Contents>,
    /// Grows whenever there is something new to show.
    version: watch::Sender<u64>,
    stopped: AtomicBool,
    was_made: bool,
}

impl Folder {
    /// The folder at `path`, which is made if it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let failed = |error| format!("cannot read the folder {}: {error}", path.display());
        let was_made = match fs::metadata(path) {
            Ok(there) if there.is_dir() => false,
            Ok(_) => {
                let file = path.display();
                return Err(format!("expected a folder of records, found the file {file}"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(failed(error)),
        };
        fs::create_dir_all(path).and_then(|()| fs::read_dir(path)).map_err(failed)?;
        Ok(Self {
            was_made,
            path: path.to_owned(),
            contents: Mutex::default(),
            version: watch::Sender::new(0),
            stopped: AtomicBool::new(false),
        })
    }

    /// What is to be said of the folder before anybody waits for something to show.
    pub(super) fn first_word(&self) -> Option<String> {
        let folder = self.path.display();
        let is_empty = || self.stamps().is_ok_and(|stamps| stamps.is_empty());
        if self.was_made {
            Some(format!("there was no folder {folder}: it was made, and is waited in for records"))
        } else if is_empty() {
            Some(format!("there is no record in {folder} yet: it is waited for"))
        } else {
            None
        }
    }

    /// Looks at the folder from now on, on a thread of its own, until [`stop`](Self::stop).
    pub(super) fn watch(self: &Arc<Self>) -> io::Result<()> {
        let folder = Arc::clone(self);
        let look = move || {
            while !folder.stopped.load(Ordering::Relaxed) {
                folder.look();
                thread::sleep(LOOK_EVERY);
            }
        };
        thread::Builder::new().name("look".to_owned()).spawn(look).map(drop)
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Tells when there is something new.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// The page with all runs.
    pub(super) fn index(&self) -> String {
        let contents = self.contents();
        let (mut entries, mut unread) = (Vec::new(), Vec::new());
        if let Some(why) = &contents.gone {
            let why = format!("the folder cannot be read: {why}");
            unread.push((self.path.display().to_string(), why));
        }
        for (name, known) in &contents.records {
            match &known.run {
                Ok(entry) => entries.push(entry.clone()),
                Err(why) => unread.push((format!("{name}.jsonl"), why.clone())),
            }
        }
        if contents.left_out > 0 {
            let why = format!("no more than {RECORDS_MAX} records are shown");
            unread.push((format!("{} more records", contents.left_out), why));
        }
        live_index(&entries, &unread, contents.in_progress.as_ref())
    }

    /// What there is of the record `name` just now; `None` if there is no such record. Only names
    /// that were found in the folder are looked for, so that none leads out of it.
    pub(super) fn stamp(&self, name: &str) -> Option<Stamp> {
        self.known(name)?;
        Stamp::of(&self.path_of(name))
    }

    /// What there was of the record `name` when it was read.
    fn known(&self, name: &str) -> Option<Stamp> {
        self.contents().records.get(name).map(|known| known.stamp)
    }

    /// Reads the record `name` and draws it.
    pub(super) fn draw(
        &self,
        name: &str,
        catalogue: &Catalogue,
        draw: impl FnOnce(&Report<'_>) -> String,
    ) -> Result<String, String> {
        let (record, judgement) = read(&self.path_of(name))?;
        Ok(with_report(catalogue, &record, &judgement, draw))
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.jsonl"))
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks once, and reads what is new. What is new is shown as soon as it is read.
    fn look(&self) {
        let mut there = match self.stamps() {
            Ok(there) => there,
            Err(error) => return self.lose(&error),
        };
        let left_out = there.len().saturating_sub(RECORDS_MAX);
        if let Some(first) = there.keys().nth(RECORDS_MAX).cloned() {
            there.split_off(&first);
        }
        let in_progress = in_progress::read(&self.path);
        self.change(|contents| {
            let before = contents.records.len();
            contents.records.retain(|name, _| there.contains_key(name));
            let is_back = contents.gone.take().is_some();
            if is_back {
                say(&format!("the folder {} is back", self.path.display()));
            }
            let changed = is_back
                || before != contents.records.len()
                || contents.in_progress != in_progress
                || contents.left_out != left_out;
            contents.in_progress = in_progress;
            contents.left_out = left_out;
            changed
        });
        for (name, stamp) in there {
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            if self.known(&name) == Some(stamp) {
                continue;
            }
            let known = Known { stamp, run: self.enter(&name) };
            self.change(|contents| {
                contents.records.insert(name, known);
                true
            });
        }
    }

    /// A folder that cannot be read, such as one that was taken away, has no records. That is said
    /// once, and shown until it is back.
    fn lose(&self, error: &io::Error) {
        let why = error.to_string();
        self.change(|contents| {
            if contents.gone.as_ref() == Some(&why) {
                return false;
            }
            say(&format!("cannot read the folder {}: {why}", self.path.display()));
            *contents = Contents { gone: Some(why), ..Contents::default() };
            true
        });
    }

    fn enter(&self, name: &str) -> Result<Entry, String> {
        let (record, judgement) = read(&self.path_of(name))?;
        let report = Report { record: &record, judgement: &judgement, replay: "", source: None };
        Ok(Entry::new(&RunReport::new(&report, None), &format!("{name}.html")))
    }

    /// The records that are there now, by name.
    fn stamps(&self) -> io::Result<BTreeMap<String, Stamp>> {
        let mut stamps = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if !is_record(&path) {
                continue;
            }
            // A file that has gone since is no record, and a name that is no text has no address.
            let name = path.file_stem().and_then(OsStr::to_str);
            if let (Some(stamp), Some(name)) = (Stamp::of(&path), name) {
                stamps.insert(name.to_owned(), stamp);
            }
        }
        Ok(stamps)
    }

    fn change(&self, change: impl FnOnce(&mut Contents) -> bool) {
        if change(&mut self.contents()) {
            self.version.send_modify(|version| *version += 1);
        }
    }
}

fn read(path: &Path) -> Result<(Record, Judgement), String> {
    let stored = Stored::read(path).map_err(|error| error.to_string())?;
    Ok((stored.record, stored.judgement))
}
