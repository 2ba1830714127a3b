//! A run on the terminal: one line when all is well, and all that is needed when it is not.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::{
    Record,
    record::Phase,
    tree::SpanTree,
    verdict::{Finding, FindingKind, Judgement, Verdict},
    words,
};

/// Whether to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// With ANSI escapes.
    Always,
}

/// One line on a run: its verdict, its name and what it rests on.
#[must_use]
pub fn line(record: &Record, judgement: &Judgement, colour: Colour) -> String {
    let verdict = judgement.verdict;
    let judged = judgement
        .findings
        .iter()
        .filter(|finding| matches!(finding.kind, FindingKind::Objective | FindingKind::Invariant));
    format!(
        "{} {} (seed {}, {}, {}, {} simulated)",
        paint(verdict, format!("{:<7}", verdict.name()), colour),
        record.header.scenario,
        record.header.seed,
        words::counted(judged.count() as u64, "finding"),
        words::counted(record.requests().count() as u64, "request"),
        words::time(record.end.at),
    )
}

/// A run as it is shown: a [line](fn@line) if it passed; else also the table of findings, every finding
/// that is not a pass in full with the spans of its worst request, and `replay`, the command that
/// runs it again.
#[must_use]
pub fn report(record: &Record, judgement: &Judgement, replay: &str, colour: Colour) -> String {
    let findings = &judgement.findings;
    let mut text = line(record, judgement, colour);
    text.push('\n');
    let open: Vec<&Finding> =
        findings.iter().filter(|finding| finding.verdict != Verdict::Pass).collect();
    if judgement.verdict == Verdict::Pass {
        return text;
    }
    if !record.header.hypothesis.is_empty() {
        let _ = writeln!(text, "  claims: {}", record.header.hypothesis);
    }
    if !record.header.defects.is_empty() {
        let _ = writeln!(text, "  with defects: {}", record.header.defects.join(", "));
    }
    for operation in record.operations() {
        let _ = writeln!(text, "  operation: {operation}");
    }
    text.push('\n');
    text.push_str(&table(findings, colour));
    let mut shown = Vec::new();
    for finding in open {
        text.push_str(&in_full(record, finding, &mut shown, colour));
    }
    let _ = writeln!(text, "\n  replay: {replay}");
    text
}

/// The findings as a table.
#[must_use]
pub fn table(findings: &[Finding], colour: Colour) -> String {
    let mut text = String::new();
    let names: Vec<String> = findings.iter().map(title).collect();
    let width = |texts: &mut dyn Iterator<Item = &str>| {
        texts.map(|text| text.chars().count()).max().unwrap_or_default()
    };
    let name_width = width(&mut names.iter().map(String::as_str));
    let observed_width = width(&mut findings.iter().map(|finding| finding.observed.as_str()));
    for (finding, name) in findings.iter().zip(&names) {
        let verdict = format!("{:<7}", finding.verdict.name());
        let line = format!(
            "  {} {:<8} {name:<name_width$}  {:<observed_width$}  {}",
            paint(finding.verdict, verdict, colour),
            finding.phase.map_or("run", Phase::name),
            finding.observed,
            finding.bound,
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn title(finding: &Finding) -> String {
    match finding.scope.as_str() {
        "" => finding.name.clone(),
        scope => format!("{} [{scope}]", finding.name),
    }
}

/// One finding with all that it says. The spans of a request are shown once.
fn in_full(record: &Record, finding: &Finding, shown: &mut Vec<u32>, colour: Colour) -> String {
    let mut text = String::from("\n");
    let verdict = paint(finding.verdict, finding.verdict.name().to_owned(), colour);
    let _ = writeln!(text, "  {verdict}: {}", title(finding));
    let samples = words::count(finding.samples);
    let margin = finding.margin.map_or(String::new(), words::percent);
    for (label, value) in [
        ("because", finding.reason.as_str()),
        ("bound", &finding.bound),
        ("observed", &finding.observed),
        ("samples", &samples),
        ("margin", &margin),
        ("phase", finding.phase.map_or("the whole run", Phase::name)),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "    {label:<9} {value}");
        }
    }
    let Some(worst) = finding.worst else { return text };
    if shown.contains(&worst) {
        let _ = writeln!(text, "    worst     request {worst}, shown above");
        return text;
    }
    shown.push(worst);
    let _ = writeln!(text, "    worst     request {worst}");
    for line in SpanTree::of(record, worst).render(record).lines() {
        let _ = writeln!(text, "      {line}");
    }
    text
}

fn paint(verdict: Verdict, text: String, colour: Colour) -> String {
    let style = match (colour, verdict) {
        (Colour::Never, _) => return text,
        (Colour::Always, Verdict::Pass) => Style::new().fg_color(Some(AnsiColor::Green.into())),
        (Colour::Always, Verdict::NoData) => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
        (Colour::Always, Verdict::Fail) => {
            Style::new().fg_color(Some(AnsiColor::Red.into())).bold()
        }
    };
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests;
