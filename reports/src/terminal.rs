//! A run on the terminal: one line when all is well, and all that is needed when it is not.

mod grid;
mod wrap;

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use self::{
    grid::{Cell, grid},
    wrap::wrap,
};
use crate::{
    Record, plain,
    report::{Open, lasted, notes, open, place_of, title_of},
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

/// How a run is shown.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Whether to use colours.
    pub colour: Colour,
    /// How many columns there are. What is wider is wrapped.
    pub columns: usize,
    /// Whether the findings of a run that passed are shown.
    pub verbose: bool,
}

impl Look {
    /// The columns of a place that has no width, such as a file.
    pub const COLUMNS: usize = 100;

    /// Text for a file.
    pub const PLAIN: Self = Self { colour: Colour::Never, columns: Self::COLUMNS, verbose: false };
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
        "{} {} (seed {}, {}, {}, {})",
        paint(verdict, &format!("{:<7}", verdict.name()), colour),
        plain::line(&record.header.scenario),
        record.header.seed,
        words::counted(judged.count() as u64, "finding"),
        words::counted(record.requests().count() as u64, "request"),
        lasted(record),
    )
}

/// A run as it is shown: a [line](fn@line) and what is to be noted if it passed; else also the table
/// of findings, failures first, every finding that is not a pass in full with the spans of its worst
/// request, and `replay`, the command that runs it again.
#[must_use]
pub fn report(record: &Record, judgement: &Judgement, replay: &str, look: Look) -> String {
    let mut text = line(record, judgement, look.colour);
    text.push('\n');
    let passed = judgement.verdict == Verdict::Pass;
    let notes = notes(&judgement.findings);
    if passed && !look.verbose {
        notes.iter().for_each(|note| hang(&mut text, "  note: ", &plain::line(note), look.columns));
        return text;
    }
    let header = &record.header;
    let defects = plain::line(&header.defects.join(", "));
    for (label, value) in
        [("claims: ", plain::line(&header.hypothesis)), ("with defects: ", defects)]
    {
        if !value.is_empty() {
            hang(&mut text, &format!("  {label}"), &value, look.columns);
        }
    }
    for operation in record.operations() {
        let operation = plain::line(&operation.to_string());
        hang(&mut text, "  operation: ", &operation, look.columns);
    }
    text.push('\n');
    text.push_str(&table(&judgement.findings, look));
    if !notes.is_empty() {
        text.push('\n');
    }
    notes.iter().for_each(|note| hang(&mut text, "  note: ", &plain::line(note), look.columns));
    if passed {
        return text;
    }
    let mut shown = Vec::new();
    for open in open(&judgement.findings) {
        text.push_str(&in_full(record, &open, &mut shown, look));
    }
    // Not wrapped: it is there to be copied.
    let _ = writeln!(text, "\n  replay: {}", plain::line(replay));
    text
}

/// The findings as a table: failures, then what has no data, then what passed. What follows from
/// something else is below it.
#[must_use]
pub fn table(findings: &[Finding], look: Look) -> String {
    let open = open(findings);
    let open = open.iter().flat_map(|open| {
        let below = open.followers.iter();
        let below = below.map(|it| row(it.first, &below_cause(it), it.place(), it.bound()));
        let first = row(open.first, &open.title(), open.place(), open.bound());
        std::iter::once(first).chain(below)
    });
    let passed = findings.iter().filter(|finding| finding.verdict == Verdict::Pass);
    let passed = passed.map(|it| row(it, &title_of(it), place_of(it), &it.bound));
    grid(&open.chain(passed).collect::<Vec<_>>(), look)
}

/// The title of what follows from something else, below that.
fn below_cause(open: &Open<'_>) -> String {
    format!("- {}", open.title())
}

fn row(finding: &Finding, title: &str, place: &str, bound: &str) -> [Cell; 5] {
    [
        Cell::verdict(finding.verdict),
        Cell::text(place),
        Cell::text(title),
        Cell::text(&finding.observed),
        Cell::text(bound),
    ]
}

/// What is not a pass, with all that it says, and in a line each what follows from it.
fn in_full(record: &Record, open: &Open<'_>, shown: &mut Vec<u32>, look: Look) -> String {
    let mut text = by_itself(record, open, shown, look);
    for follower in &open.followers {
        let verdict = follower.first.verdict.name();
        let brief = plain::line(&format!("{verdict} {}", follower.in_brief()));
        hang(&mut text, "    follows   ", &brief, look.columns);
    }
    text
}

/// One finding with all that it says. The spans of a request are shown once.
fn by_itself(record: &Record, open: &Open<'_>, shown: &mut Vec<u32>, look: Look) -> String {
    let mut text = String::from("\n");
    let finding = open.first;
    let verdict = paint(finding.verdict, finding.verdict.name(), look.colour);
    // The escapes of the colour take no room.
    let before = format!("  {}: ", finding.verdict.name());
    let mut title = String::new();
    hang(&mut title, &before, &plain::line(&open.title()), look.columns);
    text.push_str(&title.replacen(finding.verdict.name(), &verdict, 1));
    let samples = words::count(finding.samples);
    let margin = finding.margin.map_or(String::new(), words::margin);
    let place = if open.place() == "run" { "the whole run" } else { open.place() };
    let of_one = |value: &str| if open.is_folded() { String::new() } else { value.to_owned() };
    for (label, value) in [
        ("because", finding.reason.clone()),
        ("bound", of_one(&finding.bound)),
        ("observed", of_one(&finding.observed)),
        ("samples", of_one(&samples)),
        ("margin", of_one(&margin)),
        ("phase", place.to_owned()),
    ] {
        if !value.is_empty() {
            hang(&mut text, &format!("    {label:<9} "), &plain::lines(&value), look.columns);
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
        let inner = line.trim_start();
        let indent = " ".repeat(6 + line.len() - inner.len());
        for (number, part) in wrap(inner, look.columns, indent.len() + 2).iter().enumerate() {
            let further = if number == 0 { "" } else { "  " };
            let _ = writeln!(text, "{indent}{further}{part}");
        }
    }
    text
}

/// Writes `text` after `label`, wrapped below itself.
fn hang(out: &mut String, label: &str, text: &str, columns: usize) {
    let indent = label.chars().count();
    for (number, part) in wrap(text, columns, indent).iter().enumerate() {
        let _ = match number {
            0 => writeln!(out, "{label}{part}"),
            _ => writeln!(out, "{:indent$}{part}", ""),
        };
    }
}

/// `text` in the colour of a verdict.
#[must_use]
pub fn paint(verdict: Verdict, text: &str, colour: Colour) -> String {
    let style = match (colour, verdict) {
        (Colour::Never, _) => return text.to_owned(),
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
