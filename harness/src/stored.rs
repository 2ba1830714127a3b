//! Records from files, judged again.
//!
//! A file has its findings beside its events, for people who read it with a pager. No digest covers
//! them, and a newer judge may know better: what counts is what the events and the objectives of
//! the plan, which digests do cover, give now.

use std::path::Path;

use squall_reports::{
    Record,
    file::ReadError,
    verdict::{Finding, Judgement},
    words,
};

use crate::{judge::judge, objective::Objective, plan::Processes};

/// How many findings that differ are named.
const NAMED: usize = 3;

/// A record that was read.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) record: Record,
    /// What is concluded from it now.
    pub(crate) judgement: Judgement,
    /// In one sentence, where that is not what was kept with it.
    pub(crate) differs: Option<String>,
}

impl Stored {
    /// Reads the record in `path` and judges it by its plan.
    ///
    /// # Errors
    ///
    /// As [`Record::read`], and when the plan has no objectives that can be read.
    pub(crate) fn read(path: &Path) -> Result<Self, ReadError> {
        let (record, kept) = Record::read(path)?;
        let objectives = objectives(&record).map_err(|error| ReadError::Damaged {
            path: path.to_owned(),
            line: 1,
            reason: format!("expected a plan with objectives to judge the record by: {error}"),
        })?;
        let judgement = judge(&record, &objectives);
        let differs = difference(&kept, &judgement)
            .map(|difference| format!("{}: {difference}", path.display()));
        Ok(Self { record, judgement, differs })
    }
}

fn objectives(record: &Record) -> Result<Vec<Objective>, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Evaluate {
        objectives: Vec<Objective>,
        #[serde(default)]
        processes: Processes,
    }
    let plan: Evaluate = serde::Deserialize::deserialize(&record.header.plan)?;
    Ok(plan.processes.objectives(&plan.objectives, record.header.backend))
}

/// Where two judgements on one record differ; words may.
fn difference(kept: &Judgement, judged: &Judgement) -> Option<String> {
    let name = |finding: &Finding| match finding.phase {
        Some(phase) => format!("{} in phase {phase}", finding.name),
        None => finding.name.clone(),
    };
    let mut found = Vec::new();
    for place in 0..kept.findings.len().max(judged.findings.len()) {
        match (kept.findings.get(place), judged.findings.get(place)) {
            (Some(kept), Some(judged)) if name(kept) == name(judged) => {
                if kept.verdict != judged.verdict {
                    let (kept, judged_as) = (kept.verdict.name(), judged.verdict.name());
                    found.push(format!("{} (kept {kept}, judged {judged_as})", name(judged)));
                }
            }
            (_, Some(judged)) => found.push(format!("{} (not kept)", name(judged))),
            (Some(kept), None) => found.push(format!("{} (kept, not judged)", name(kept))),
            (None, None) => {}
        }
    }
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    if more > 0 {
        found.push(words::counted(more as u64, "more finding"));
    }
    (!found.is_empty()).then(|| {
        format!(
            "the findings kept with the record are not what its events give, which counts: {}",
            found.join(", ")
        )
    })
}

#[cfg(test)]
mod tests;
