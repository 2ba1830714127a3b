//! Records on disk: JSON lines, so that a person can read one with `less` and `jq`.
//!
//! The first line is the header, then one line for the symbols, one for the sets of attributes, one
//! for each event, and a last one with the end and two digests, of the record and of the plan that it
//! is judged by. A file without its last line is a run that was cut off, and is refused as a whole
//! record. Files are written beside their place and renamed into it. The findings that are kept
//! with it are what was concluded when it was written; no digest covers them, since whoever reads
//! a record judges it again.

use std::{
    fs,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    name,
    record::{
        Attribute, AttributeTable, Digest, End, EndCause, Event, Header, Record, SCHEMA, Symbols,
    },
    regular,
    verdict::{Finding, Judgement},
};

/// Why a record could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the record {}: {source}", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read the record {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is of another schema.
    #[error(
        "the record {} is of schema version {found}, this squall reads version {SCHEMA}: \
         run it with the version that wrote it", path.display()
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u64,
    },
    /// A line is not what it should be.
    #[error("the record {} is damaged at line {line}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was expected and found.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<E, F> {
    Symbols(Vec<String>),
    Attributes(Vec<Vec<Attribute>>),
    Event(E),
    Findings(F),
    End { end: End, digest: Digest, plan: Digest },
}

impl Record {
    /// Writes this record and what was concluded from it to `path`, wholly or not at all.
    ///
    /// # Errors
    ///
    /// When the folder does not exist or the disk refuses; nothing is left behind then.
    pub fn write(&self, judgement: &Judgement, path: &Path) -> Result<(), WriteError> {
        let beside = path.with_extension("partial");
        let written = self.write_lines(judgement, &beside).and_then(|()| fs::rename(&beside, path));
        written.map_err(|source| {
            let _ = fs::remove_file(&beside);
            WriteError { path: path.to_owned(), source }
        })
    }

    fn write_lines(&self, judgement: &Judgement, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(fs::File::create(path)?);
        let mut line = |value: &dyn erased::Json| -> io::Result<()> {
            value.write(&mut out)?;
            out.write_all(b"\n")
        };
        line(&self.header)?;
        line(&Line::<(), ()>::Symbols(self.symbols.iter().map(str::to_owned).collect()))?;
        line(&Line::<(), ()>::Attributes(self.attributes.iter().map(<[_]>::to_vec).collect()))?;
        for event in &self.events {
            line(&Line::<_, ()>::Event(event))?;
        }
        line(&Line::<(), _>::Findings(&judgement.findings))?;
        let plan = Digest::of_plan(&self.header.plan);
        line(&Line::<(), ()>::End { end: self.end.clone(), digest: self.digest(), plan })?;
        out.into_inner()?.sync_all()
    }

    /// Reads the record in `path`, and the judgement that was written with it. Nothing vouches for
    /// the latter: a verdict is what judging the record by its plan gives.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is no regular file, is of another schema, is cut off or was
    /// changed.
    pub fn read(path: &Path) -> Result<(Self, Judgement), ReadError> {
        let file = regular::open(path)
            .map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        Reader { path, lines: BufReader::new(file).lines(), number: 0 }.read()
    }
}

/// Serialisable values behind one pointer.
mod erased {
    use std::io;

    pub(super) trait Json {
        fn write(&self, out: &mut dyn io::Write) -> io::Result<()>;
    }

    impl<T: serde::Serialize> Json for T {
        fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
            serde_json::to_writer(out, self).map_err(io::Error::from)
        }
    }
}

struct Reader<'a> {
    path: &'a Path,
    lines: io::Lines<BufReader<fs::File>>,
    number: usize,
}

impl Reader<'_> {
    fn read(mut self) -> Result<(Record, Judgement), ReadError> {
        let header = self.header()?;
        let mut record = Record {
            header,
            symbols: Symbols::default(),
            attributes: AttributeTable::default(),
            events: Vec::new(),
            end: End { at: 0, cause: EndCause::Interrupted },
        };
        let mut findings = Vec::new();
        loop {
            let Some(text) = self.line()? else {
                return Err(self.damaged("expected the line of the end, the file stops before it"));
            };
            let line: Line<Event, Vec<Finding>> = serde_json::from_str(&text)
                .map_err(|error| self.damaged(format!("expected an event, {error}")))?;
            match line {
                Line::Symbols(texts) => {
                    record.symbols = texts.iter().map(String::as_str).collect();
                }
                Line::Attributes(sets) => record.attributes = sets.into_iter().collect(),
                Line::Event(event) => record.events.push(event),
                Line::Findings(found) => findings = found,
                Line::End { end, digest, plan } => {
                    record.end = end;
                    let record = self.check(record, digest, plan)?;
                    return Ok((record, Judgement::of(findings)));
                }
            }
        }
    }

    fn header(&mut self) -> Result<Header, ReadError> {
        let Some(text) = self.line()? else {
            return Err(self.damaged("expected a header, the file is empty"));
        };
        let value: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| self.damaged(format!("expected a header, {error}")))?;
        match value.get("schema").and_then(serde_json::Value::as_u64) {
            Some(schema) if schema == u64::from(SCHEMA) => {}
            Some(found) => {
                return Err(ReadError::Schema { path: self.path.to_owned(), found });
            }
            None => return Err(self.damaged("expected a header with a schema version")),
        }
        let header: Header = serde_json::from_value(value)
            .map_err(|error| self.damaged(format!("expected a header, {error}")))?;
        // Files are called after these, and looked for.
        for name in std::iter::once(&header.scenario).chain(&header.defects) {
            name::check(name).map_err(|error| self.damaged(error.to_string()))?;
        }
        if header.phases.is_empty() {
            return Err(self.damaged("expected at least one phase in the header"));
        }
        Ok(header)
    }

    fn check(&self, record: Record, digest: Digest, plan: Digest) -> Result<Record, ReadError> {
        let found = Digest::of_plan(&record.header.plan);
        if found != plan {
            return Err(self.damaged(format!(
                "the plan has the digest {found}, the file says {plan}: it was changed"
            )));
        }
        let found = record.digest();
        if found != digest {
            return Err(self.damaged(format!(
                "the events have the digest {found}, the file says {digest}: it was changed"
            )));
        }
        Ok(record)
    }

    fn line(&mut self) -> Result<Option<String>, ReadError> {
        self.number += 1;
        match self.lines.next() {
            None => Ok(None),
            Some(Ok(line)) => Ok(Some(line)),
            Some(Err(source)) => Err(ReadError::Io { path: self.path.to_owned(), source }),
        }
    }

    fn damaged(&self, reason: impl Into<String>) -> ReadError {
        ReadError::Damaged { path: self.path.to_owned(), line: self.number, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests;
