//! `squall report`: draws the records of a folder.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use squall_reports::{
    Record, Report,
    verdict::{Judgement, Verdict},
};

use super::{Exit, Failure, args, print, publish::Publisher};
use crate::catalogue::{Catalogue, replay_of};

pub(super) fn report(catalogue: &Catalogue, args: &args::Report) -> Result<Exit, Failure> {
    let files = records_in(&args.folder)?;
    let mut publisher = Publisher::new(catalogue, &args.folder, args.formats.or_all())
        .map_err(Failure::bad_input)?;
    let (mut verdicts, mut unread) = (Vec::new(), 0);
    for file in files {
        match Record::read(&file) {
            Ok((record, judgement)) => {
                verdicts.push(judgement.verdict);
                let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                add(catalogue, &mut publisher, &record, &judgement, &name)?;
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
    if unread > 0 {
        return Ok(Exit::BadInput);
    }
    Ok(Verdict::worst(verdicts).into())
}

fn add(
    catalogue: &Catalogue,
    publisher: &mut Publisher<'_>,
    record: &Record,
    judgement: &Judgement,
    name: &str,
) -> Result<(), Failure> {
    let header = &record.header;
    let listed = catalogue.find(&header.scenario);
    let report = Report {
        record,
        judgement,
        replay: &replay_of(&header.scenario, header.seed, &header.defects),
        source: listed.map(|listed| listed.source.as_str()),
    };
    publisher.add(&report, name, None).map_err(Failure::bad_input)
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
