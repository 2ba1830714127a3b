//! Runs as Markdown, for the summary of a CI job, and as annotations of source files.

use std::fmt::Write as _;

use crate::{
    json::RunReport,
    plain,
    report::{Open, notes},
    verdict::Verdict,
    words,
};

/// What GitHub takes for the summary of a step, less room for the last sentence: 1 MiB.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>
const BYTES_MAX: usize = (1 << 20) - 1_024;

/// GitHub shows at most ten annotations of a kind for a step.
const ANNOTATIONS_MAX: usize = 10;

/// `reports` as one document, the worst first, below one mebibyte.
#[must_use]
pub fn markdown(reports: &[RunReport]) -> String {
    let mut sorted: Vec<&RunReport> = reports.iter().collect();
    sorted.sort_by_key(|report| std::cmp::Reverse(report.verdict));
    let count = |verdict| reports.iter().filter(|it| it.verdict == verdict).count();
    let mut text = format!(
        "## Squall: {} of {} pass\n\n{} failed, {} without data\n\n",
        count(Verdict::Pass),
        words::counted(reports.len() as u64, "run"),
        count(Verdict::Fail),
        count(Verdict::NoData),
    );
    text.push_str("| verdict | scenario | seed | requests | worst finding |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    let mut parts: Vec<String> = sorted.iter().map(|report| row(report)).collect();
    parts.push("\n".to_owned());
    let is_told =
        |it: &&&RunReport| it.verdict != Verdict::Pass || !notes(&it.objectives).is_empty();
    let red = sorted.iter().filter(is_told);
    parts.extend(red.map(|report| in_full(report)));
    fill(&mut text, &parts, BYTES_MAX, "a job summary");
    text
}

/// Adds as many of `parts` as `place` has room for, none by half, and says so if some are left
/// out.
pub(crate) fn fill(text: &mut String, parts: &[String], bytes_max: usize, place: &str) {
    for part in parts {
        if text.len() + part.len() > bytes_max {
            let said = format!("\n\nThe rest is left out: there is no more room in {place}.\n");
            return text.push_str(&said);
        }
        text.push_str(part);
    }
}

fn row(report: &RunReport) -> String {
    let worst = report.open().first().map_or_else(
        || "all hold".to_owned(),
        |open| format!("{}, {}", open.title(), open.place()),
    );
    format!(
        "| {} | {} | {} | {} | {} |\n",
        mark(report.verdict),
        cell(&report.title()),
        report.seed,
        words::count(report.requests.sent),
        cell(&worst),
    )
}

fn in_full(report: &RunReport) -> String {
    let mut text = format!(
        "### {} {} (seed {})\n\n{}\n\n",
        mark(report.verdict),
        inline(&report.title()),
        report.seed,
        inline(&report.hypothesis),
    );
    for operation in &report.operations {
        let _ = writeln!(text, "- {}", inline(&operation.to_string()));
    }
    if !report.operations.is_empty() {
        text.push('\n');
    }
    let open = report.open();
    if !open.is_empty() {
        text.push_str("| verdict | phase | objective | observed | bound | samples | margin |\n");
        text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    }
    for it in &open {
        let finding = it.first;
        let of_one = |value: String| if it.is_folded() { String::new() } else { value };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            mark(finding.verdict),
            it.place(),
            cell(&it.title()),
            cell(&finding.observed),
            cell(it.bound()),
            of_one(words::count(finding.samples)),
            finding.margin.map_or_else(String::new, words::margin),
        );
    }
    text.push('\n');
    for it in &open {
        let count =
            if it.is_folded() { format!("{} findings: ", it.count()) } else { String::new() };
        let _ = writeln!(text, "- {count}{}", inline(&it.first.reason));
        for follower in &it.followers {
            let (mark, brief) = (mark(follower.first.verdict), inline(&follower.in_brief()));
            let _ = writeln!(text, "  - follows: {mark} {brief}");
        }
    }
    for note in notes(&report.objectives) {
        let _ = writeln!(text, "- note: {}", inline(&note));
    }
    let replay = plain::line(&report.replay).replace("```", "");
    let _ = writeln!(text, "\n```console\n$ {replay}\n```\n");
    text
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅ pass",
        Verdict::NoData => "⚪ no data",
        Verdict::Fail => "❌ fail",
    }
}

/// Text that is nothing but text in Markdown: no markup, no HTML, one line.
pub(crate) fn inline(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in plain::line(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' | '@' => {
                safe.push('\\');
                safe.push(c);
            }
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            c => safe.push(c),
        }
    }
    safe
}

/// The same in a table, whose columns a bar would end.
pub(crate) fn cell(text: &str) -> String {
    inline(text).replace('|', "\\|")
}

/// What is wrong, as workflow commands of GitHub Actions that mark the file of each scenario. A
/// scenario whose file is not known is marked at the job.
#[must_use]
pub fn annotations(reports: &[RunReport]) -> String {
    let mut text = String::new();
    let of = |verdict| reports.iter().filter(move |report| report.verdict == verdict);
    let failed = of(Verdict::Fail).take(ANNOTATIONS_MAX);
    for report in failed.chain(of(Verdict::NoData).take(ANNOTATIONS_MAX)) {
        let open = report.open();
        let reasons = open.iter().flat_map(|it| {
            let reason = match it.count() {
                1 => it.first.reason.clone(),
                count => format!("{} ({count} findings)", it.first.reason),
            };
            let follows = |it: &Open<'_>| format!("follows: {}", plain::line(&it.in_brief()));
            std::iter::once(reason).chain(it.followers.iter().map(follows))
        });
        let reasons: Vec<String> = reasons.collect();
        let command = match report.verdict {
            Verdict::Fail => "error",
            Verdict::NoData | Verdict::Pass => "warning",
        };
        let file = report.source.as_deref().map(|source| format!("file={},", property(source)));
        let title = format!("{} (seed {})", report.title(), report.seed);
        let body = format!("{}\nreplay: {}", reasons.join("\n"), report.replay);
        let (file, title) = (file.unwrap_or_default(), property(&title));
        let _ = writeln!(text, "::{command} {file}title={title}::{}", data(&body));
    }
    text
}

/// The message of a workflow command.
fn data(text: &str) -> String {
    plain::lines(text).replace('%', "%25").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(&plain::line(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests;
