//! What is judged of every run, whatever its objectives.

use squall_reports::{
    Record,
    record::{ALL_HOSTS, EndCause, RequestId},
    tally::Tally,
    verdict::{Finding, FindingKind, Verdict},
    words,
};

use super::{Conclude, Index, blank, consequence::Concluded};

/// What stands in for the objectives of a plan that has none.
pub(super) fn no_objective() -> Finding {
    blank(FindingKind::Objective, "objectives", "at least one")
        .no_data("the plan has no objective, so there is nothing to conclude")
}

/// Does the run have a load? In one that services drive themselves there are no requests that could
/// be lost.
pub(super) fn has_load(index: &Index<'_>) -> bool {
    let loads = index.record.header.plan.get("loads").and_then(|loads| loads.as_array());
    let is_planned = loads.is_none_or(|loads| !loads.is_empty());
    is_planned || !index.requests.is_empty() || sent(index).is_some_and(|sent| sent > 0)
}

/// The gauge of all hosts that says, at the end of a run, how many requests its load has sent.
const SENT: &str = "requests_sent";

/// Every request that was sent came to exactly one end: the numbers from 1 to the last one each
/// occur once, so that sent = succeeded + degraded + failed + shed + abandoned.
///
/// What was sent is what the load has counted. In a record without that count it is the highest
/// number that ended, which does not see requests that are lost at the very end.
pub(super) fn conservation(index: &Index<'_>) -> Concluded {
    let finding = conserved(index);
    let is_cut_short = !index.record.end.cause.is_complete();
    let is_unfinished = is_cut_short && finding.verdict == Verdict::NoData;
    Concluded::alone(finding).unfinished(is_unfinished)
}

fn conserved(index: &Index<'_>) -> Finding {
    let mut finding = blank(FindingKind::Invariant, "conservation", "each request ends once");
    let mut ids: Vec<RequestId> = index.requests.iter().map(|sample| sample.request).collect();
    ids.sort_unstable();
    let highest = ids.last().map(|id| u64::from(*id));
    let Some(sent) = sent(index).or(highest) else {
        return finding.no_data("no request of the load came to an end");
    };
    if sent == 0 && ids.is_empty() {
        return finding.no_data("the load sent no request");
    }
    finding.samples = ids.len() as u64;
    let tally: Tally = index.requests.iter().map(|sample| sample.outcome).collect();
    finding.observed = format!(
        "{} = {} succeeded + {} degraded + {} failed + {} shed + {} abandoned",
        words::count(sent),
        words::count(tally.succeeded),
        words::count(tally.degraded),
        words::count(tally.failed),
        words::count(tally.shed),
        words::count(tally.abandoned),
    );
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        finding.worst = Some(pair[0]);
        return finding.failed(format!("request {} ended more than once", pair[0]));
    }
    if ids.first() == Some(&0) {
        return finding.failed("a request has the number 0, they begin with 1");
    }
    if let Some(highest) = highest.filter(|highest| *highest > sent) {
        return finding.failed(format!(
            "request {highest} ended, but no more than {} were sent",
            words::count(sent)
        ));
    }
    // Distinct numbers from 1 on: the first that is not at its own place follows a gap.
    let ended = ids.iter().map(|id| u64::from(*id)).chain([0]);
    let missing = (1..=sent).zip(ended).find(|(expected, id)| expected != id);
    match missing {
        None => finding.passed(),
        Some((missing, _)) => {
            let lost = sent - ids.len() as u64;
            finding.failed(format!(
                "{} of {} never ended, the first of them request {missing}",
                words::count(lost),
                words::counted(sent, "request"),
            ))
        }
    }
}

/// How many requests the load has sent, if the record says so.
fn sent(index: &Index<'_>) -> Option<u64> {
    let readings = index.gauges.get(&index.record.symbols.find(SENT)?)?;
    let last = readings.iter().rfind(|reading| reading.host == ALL_HOSTS)?.value;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let count = last as u64;
    Some(count)
}

/// One finding for each fault: it affected something.
pub(super) fn faults(record: &Record) -> Vec<Concluded> {
    let affected = record.affected();
    let faults = record.header.faults.iter().zip(affected);
    faults
        .map(|(fault, affected)| {
            let mut finding = blank(FindingKind::Fault, &fault.label, "affects something");
            finding.observed = words::affected(affected, &fault.counts);
            finding.samples = affected;
            if affected > 0 {
                return Concluded::alone(finding.passed());
            }
            let finding = finding.no_data(format!(
                "the fault never bit: {} affected no {}",
                fault.label, fault.counts
            ));
            let is_cut_short = !record.end.cause.is_complete();
            let is_unfinished = is_cut_short && fault.heal > record.end.at;
            Concluded::alone(finding).unfinished(is_unfinished)
        })
        .collect()
}

/// The run came to its planned end.
pub(super) fn completion(record: &Record) -> Finding {
    let mut finding = blank(FindingKind::Completion, "completion", "the plan's end");
    finding.observed = format!("after {}", words::time(record.end.at));
    finding.samples = 1;
    if let EndCause::LoadBehind { .. } = record.end.cause {
        return finding.no_data(record.end.cause.to_string());
    }
    finding
        .wrong_at(Some(record.end.at))
        .concluded(record.end.cause.is_complete(), || record.end.cause.to_string())
}

/// What went wrong in a run whose load was not sent in time speaks against the sender.
pub(super) fn blame_load(finding: &mut Finding) {
    if finding.verdict == Verdict::Fail {
        let reason =
            format!("the load was not sent in time, so this shows nothing: {}", finding.reason);
        *finding = std::mem::replace(finding, blank(finding.kind, "", "")).no_data(reason);
    }
}
