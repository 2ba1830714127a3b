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

use super::{Exit, Failure, args, otlp::Exporter, print, publish::Publisher};
use crate::catalogue::{Catalogue, replay_of};

pub(super) fn report(catalogue: &Catalogue, args: &args::Report) -> Result<Exit, Failure> {
    let files = records_in(&args.folder)?;
    let mut publisher = Publisher::new(catalogue, &args.folder, args.formats.or_all())
        .map_err(Failure::bad_input)?;
    let exporter = args.otlp.as_ref().map(|to| Exporter::new(to, Arc::default()));
    let mut exporter = exporter.transpose()?;
    let (mut verdicts, mut unread) = (Vec::new(), 0);
    for file in files {
        match Record::read(&file) {
            Ok((record, judgement)) => {
                verdicts.push(judgement.verdict);
                draw(catalogue, &mut publisher, exporter.as_mut(), &file, &record, &judgement)?;
            }
            Err(error) => {
                unread += 1;
                eprintln!("squall: {error}");
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                publisher.skip(&name, &error.to_string());
            }
        }
    }
    let begin = publisher.finish().map_err(Failure::bad_input)?;
    print(&format!("report: {}\n", begin.display()));
    exporter.map_or(Ok(()), Exporter::finish)?;
    if unread > 0 {
        return Ok(Exit::BadInput);
    }
    Ok(Verdict::worst(verdicts).into())
}

fn draw(
    catalogue: &Catalogue,
    publisher: &mut Publisher<'_>,
    exporter: Option<&mut Exporter>,
    file: &Path,
    record: &Record,
    judgement: &Judgement,
) -> Result<(), Failure> {
    let header = &record.header;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let listed = catalogue.find(&header.scenario);
    let report = Report {
        record,
        judgement,
        replay: &replay_of(&header.scenario, header.seed, &header.defects),
        source: listed.map(|listed| listed.source.as_str()),
    };
    publisher.add(&report, &name, None).map_err(Failure::bad_input)?;
    if let Some(exporter) = exporter {
        exporter.send(&report, &name, ended(file));
    }
    Ok(())
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
        // Of the same kind, but not a record.
        let is_summary = path.file_name() == Some(OsStr::new("runs.jsonl"));
        if path.extension() == Some(OsStr::new("jsonl")) && !is_summary {
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
