//! Writes reports of runs into a folder, each file wholly or not at all.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use squall_reports::{
    Report,
    html::{self, Entry},
    json::RunReport,
    junit::junit,
    markdown::{annotations, markdown},
    prometheus::Metrics,
    trace_events::trace_events,
};

use super::args::Formats;
use crate::{catalogue::Catalogue, whole_file};

/// A folder of reports in the making.
pub(super) struct Publisher<'a> {
    catalogue: &'a Catalogue,
    folder: PathBuf,
    formats: Formats,
    runs: Vec<RunReport>,
    entries: Vec<Entry>,
    metrics: Metrics,
    /// Files that are no records, and why.
    unread: Vec<(String, String)>,
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report {}: {source}", path.display())]
pub(super) struct CannotPublish {
    path: PathBuf,
    source: io::Error,
}

impl<'a> Publisher<'a> {
    /// Publishes into `folder`, which is made if it is not there.
    pub(super) fn new(
        catalogue: &'a Catalogue,
        folder: &Path,
        formats: Formats,
    ) -> Result<Self, CannotPublish> {
        let failed = |source| CannotPublish { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        Ok(Self {
            catalogue,
            folder: folder.to_owned(),
            formats,
            runs: Vec::new(),
            entries: Vec::new(),
            metrics: Metrics::default(),
            unread: Vec::new(),
        })
    }

    /// Adds a run; its own files are called `name`.
    pub(super) fn add(
        &mut self,
        report: &Report<'_>,
        name: &str,
        wall_ms: Option<u64>,
    ) -> Result<(), CannotPublish> {
        let run = RunReport::new(report, wall_ms);
        if self.formats.html {
            let golden = self.catalogue.golden(&report.record.header.scenario);
            let file = format!("{name}.html");
            self.write(&file, &html::page(report, &golden))?;
            self.entries.push(Entry::new(&run, &file));
        }
        if self.formats.perfetto {
            self.write(&format!("{name}.trace.json"), &trace_events(report))?;
        }
        if self.formats.prometheus {
            self.metrics.enter(report);
        }
        self.runs.push(run);
        Ok(())
    }

    /// Notes a file that cannot be shown.
    pub(super) fn skip(&mut self, file: &str, why: &str) {
        self.unread.push((file.to_owned(), why.to_owned()));
    }

    /// Writes what is about all runs, and returns the page to begin with, or the folder.
    pub(super) fn finish(mut self) -> Result<PathBuf, CannotPublish> {
        let formats = self.formats;
        if formats.junit {
            self.write("junit.xml", &junit(&self.runs))?;
        }
        if formats.markdown {
            self.write("summary.md", &markdown(&self.runs))?;
            self.write("annotations.txt", &annotations(&self.runs))?;
        }
        if formats.json {
            let lines: String = self.runs.iter().map(|run| run.to_line() + "\n").collect();
            self.write("runs.jsonl", &lines)?;
        }
        if formats.prometheus {
            let metrics = std::mem::take(&mut self.metrics);
            self.write("metrics.prom", &metrics.page())?;
        }
        if formats.html {
            self.write("index.html", &html::index(&self.entries, &self.unread))?;
            return Ok(self.folder.join("index.html"));
        }
        Ok(self.folder)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), CannotPublish> {
        let path = self.folder.join(name);
        whole_file::write(&path, text).map_err(|source| CannotPublish { path, source })
    }
}
