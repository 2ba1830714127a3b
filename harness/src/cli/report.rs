//! `squall report`: draws the records of a folder.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use squall_reports::{
    Record, Report,
    verdict::{Judgement, Verdict},
};

use super::{
    Exit, Failure, args, otlp::Exporter, print, problems::Problems, publish::Publisher, say,
};
use crate::{
    catalogue::{Catalogue, replay_of_record},
    stored::Stored,
};

pub(super) fn report(catalogue: &Catalogue, args: &args::Report) -> Result<Exit, Failure> {
    let files = records_in(&args.folder)?;
    let mut publisher = Publisher::new(catalogue, &args.folder, args.formats.or_all())
        .map_err(Failure::bad_input)?;
    let exporter = args.otlp.as_ref().map(|to| Exporter::new(to, Arc::default()));
    let mut exporter = exporter.transpose()?;
    let (mut verdicts, mut problems) = (Vec::new(), Problems::default());
    for file in files {
        match Stored::read(&file) {
            Ok(Stored { record, judgement, differs }) => {
                if let Some(differs) = differs {
                    say(&differs);
                }
                verdicts.push(judgement.verdict);
                let exporter = exporter.as_mut();
                let drawn = draw(catalogue, &mut publisher, exporter, &file, &record, &judgement);
                problems.note(drawn);
            }
            Err(error) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                publisher.skip(&name, &error.to_string());
                problems.add(Failure::bad_input(error));
            }
        }
    }
    if let Some(begin) = problems.note(publisher.finish().map_err(Failure::bad_input)) {
        print(&format!("report: {}\n", begin.display()));
    }
    problems.note(exporter.map_or(Ok(()), Exporter::finish));
    // Where no record could be read there is no verdict either.
    let exit = if verdicts.is_empty() { Exit::Pass } else { Verdict::worst(verdicts).into() };
    Ok(problems.conclude(exit))
}

fn draw(
    catalogue: &Catalogue,
    publisher: &mut Publisher<'_>,
    exporter: Option<&mut Exporter>,
    file: &Path,
    record: &Record,
    judgement: &Judgement,
) -> Result<(), Failure> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    with_report(catalogue, record, judgement, |report| {
        publisher.add(report, &name, None).map_err(Failure::bad_input)?;
        if let Some(exporter) = exporter {
            exporter.send(report, &name, ended(file));
        }
        Ok(())
    })
}

/// Hands out a record that was read as a report, with what the catalogue knows of its scenario.
pub(super) fn with_report<T>(
    catalogue: &Catalogue,
    record: &Record,
    judgement: &Judgement,
    take: impl FnOnce(&Report<'_>) -> T,
) -> T {
    let header = &record.header;
    let replay = replay_of_record(record);
    let source = catalogue.find(&header.scenario).map(|listed| listed.source.as_str());
    take(&Report { record, judgement, replay: &replay, source })
}

/// Is this file of a folder a record, by its name? `runs.jsonl` is of the same kind, but a report.
pub(super) fn is_record(path: &Path) -> bool {
    let is_report = path.file_name() == Some(OsStr::new("runs.jsonl"));
    path.extension() == Some(OsStr::new("jsonl")) && !is_report
}

/// When a run ended: a record is written when it does.
fn ended(file: &Path) -> SystemTime {
    let written = fs::metadata(file).and_then(|metadata| metadata.modified());
    written.unwrap_or_else(|_| SystemTime::now())
}

/// The records in the folder, by name.
pub(super) fn records_in(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let folder = path.display();
    let failed = |error| Failure::bad_input(format!("cannot read the folder {folder}: {error}"));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_record(&path) {
            files.push(path);
        }
    }
    if files.is_empty() {
        let wanted = "expected records (NAME.jsonl, as `squall run --record` keeps them)";
        return Err(Failure::bad_input(format!("{wanted} in {folder}, found none")));
    }
    files.sort_unstable();
    Ok(files)
}
