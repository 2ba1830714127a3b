//! What a renderer takes: a record, what was concluded from it, and what a reader needs besides.

use std::collections::BTreeMap;

use crate::{
    Record,
    record::Backend,
    verdict::{Finding, Judgement, Verdict, places_of_problems},
    words,
};

/// One run, ready to be drawn.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What happened.
    pub record: &'a Record,
    /// What was concluded from it.
    pub judgement: &'a Judgement,
    /// The command that runs it again.
    pub replay: &'a str,
    /// The file that the scenario is written in, relative to the root of its repository, if it is
    /// known.
    pub source: Option<&'a str>,
}

impl Report<'_> {
    /// The scenario, with the defects that were switched on, and where it was performed if that was
    /// no simulation.
    pub(crate) fn title(&self) -> String {
        let header = &self.record.header;
        titled_on(&header.scenario, &header.defects, header.backend)
    }
}

/// A finding's name with its scope.
pub(crate) fn title_of(finding: &Finding) -> String {
    match finding.scope.as_str() {
        "" => finding.name.clone(),
        scope => format!("{} [{scope}]", finding.name),
    }
}

/// The phase of a finding in a word.
pub(crate) fn place_of(finding: &Finding) -> &'static str {
    finding.phase.map_or("run", crate::record::Phase::name)
}

/// A scenario with its defects.
pub(crate) fn titled(scenario: &str, defects: &[String]) -> String {
    let defects: String = defects.iter().map(|defect| format!(" +{defect}")).collect();
    format!("{scenario}{defects}")
}

/// The same, and where it was performed if that was no simulation.
pub(crate) fn titled_on(scenario: &str, defects: &[String], backend: Backend) -> String {
    let title = titled(scenario, defects);
    match backend {
        Backend::Simulation => title,
        Backend::Processes | Backend::Containers => format!("{title} on {backend}"),
    }
}

/// How long a run was, and in which kind of time.
pub(crate) fn lasted(record: &Record) -> String {
    let time = words::time(record.end.at);
    match record.header.backend {
        Backend::Simulation => format!("{time} simulated"),
        backend @ (Backend::Processes | Backend::Containers) => {
            format!("{time} on {backend}{}", differences(record))
        }
    }
}

/// What the plan says is different on processes, which a verdict must not be read without.
pub(crate) fn differences(record: &Record) -> String {
    let said = |name: &str| record.header.plan.get("processes")?.get(name)?.as_f64();
    let mut text = String::new();
    if let Some(factor) = said("rate_factor").filter(|factor| *factor < 1.0) {
        text.push_str(&format!(", {factor} of the load"));
    }
    if let Some(slack) = said("slack_ms").filter(|slack| *slack > 0.0) {
        text.push_str(&format!(", {slack} ms of slack"));
    }
    text
}

/// Findings that are not a pass and are shown as one: a single one, or those without data for one
/// reason; and what follows from them.
#[derive(Clone, Debug)]
pub(crate) struct Open<'f> {
    pub(crate) first: &'f Finding,
    others: Vec<&'f Finding>,
    /// What follows from it, in the same order and folded in the same way.
    pub(crate) followers: Vec<Open<'f>>,
}

/// Names of findings that a title has at the most.
const NAMED_MAX: usize = 2;

impl Open<'_> {
    /// How many findings it stands for.
    pub(crate) fn count(&self) -> usize {
        1 + self.others.len()
    }

    pub(crate) fn is_folded(&self) -> bool {
        !self.others.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Finding> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// The name of the finding, or how many there are and the names of the first.
    pub(crate) fn title(&self) -> String {
        if !self.is_folded() {
            return title_of(self.first);
        }
        let mut names: Vec<String> = Vec::new();
        for name in self.all().map(title_of) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let more = match names.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        names.truncate(NAMED_MAX);
        format!("{} findings: {}{more}", self.count(), names.join(", "))
    }

    /// The phase that they are of, if it is one.
    pub(crate) fn place(&self) -> &'static str {
        let place = place_of(self.first);
        if self.all().all(|finding| place_of(finding) == place) { place } else { "various" }
    }

    /// The titles and places of all that is folded, for a text that has room for them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.all().map(|it| format!("{} ({})", title_of(it), place_of(it))).collect()
    }

    /// The bound, which findings that are folded do not have in common.
    pub(crate) fn bound(&self) -> &str {
        if self.is_folded() { "" } else { &self.first.bound }
    }

    /// Why it follows from another one; empty for what does not.
    pub(crate) fn why(&self) -> &str {
        self.first.follows.as_ref().map_or("", |follows| &follows.why)
    }

    /// All that is said of what follows from something else: which findings, what was observed
    /// and why it follows.
    pub(crate) fn in_brief(&self) -> String {
        let first = self.first;
        let seen = match (first.verdict, first.observed.as_str()) {
            (Verdict::Fail, observed) if !observed.is_empty() => {
                format!("{observed}, {}", first.bound)
            }
            _ => first.reason.clone(),
        };
        format!("{}: {seen} ({})", self.names().join(", "), self.why())
    }
}

/// What is not a pass: failures first, and what went wrong first before the rest. What has no data
/// is folded where the reason is the same, and what follows from something else is below it.
pub(crate) fn open(findings: &[Finding]) -> Vec<Open<'_>> {
    let places = places_of_problems(findings);
    let (followers, causes): (Vec<usize>, Vec<usize>) =
        places.into_iter().partition(|place| cause_of(findings, *place).is_some());
    let below = |causes: &[usize]| {
        let is_below =
            |place: &usize| cause_of(findings, *place).is_some_and(|it| causes.contains(&it));
        let places: Vec<usize> = followers.iter().copied().filter(is_below).collect();
        folded(findings, &places).into_iter().map(|(open, _)| open).collect()
    };
    let open = folded(findings, &causes).into_iter();
    open.map(|(open, places)| Open { followers: below(&places), ..open }).collect()
}

/// The first of those that a finding follows from. A file may name what is none: then the finding
/// stands by itself, so that it is shown whatever a file says.
fn cause_of(findings: &[Finding], place: usize) -> Option<usize> {
    let from = *findings[place].follows.as_ref()?.from.first()?;
    let cause = findings.get(from)?;
    (cause.verdict != Verdict::Pass && cause.follows.is_none()).then_some(from)
}

/// The findings at `places`, those without data for one reason as one, each with its places.
fn folded<'f>(findings: &'f [Finding], places: &[usize]) -> Vec<(Open<'f>, Vec<usize>)> {
    let mut open: Vec<(Open<'f>, Vec<usize>)> = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for place in places {
        let first = &findings[*place];
        match seen.get(first.reason.as_str()) {
            Some(before) if first.verdict == Verdict::NoData => {
                open[*before].0.others.push(first);
                open[*before].1.push(*place);
            }
            _ => {
                if first.verdict == Verdict::NoData {
                    seen.insert(&first.reason, open.len());
                }
                let (others, followers) = (Vec::new(), Vec::new());
                open.push((Open { first, others, followers }, vec![*place]));
            }
        }
    }
    open
}

/// What a reader should know of findings that is no reason: of which, and what.
pub(crate) fn notes(findings: &[Finding]) -> Vec<String> {
    let with = findings.iter().filter(|finding| !finding.note.is_empty());
    let mut notes: Vec<String> = Vec::new();
    for note in with.map(|it| format!("{} ({}): {}", title_of(it), place_of(it), it.note)) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::open;
    use crate::{
        fixture,
        verdict::{Finding, Follows, Verdict},
    };

    fn without_data(name: &str, reason: &str) -> Finding {
        Finding {
            name: name.to_owned(),
            scope: String::new(),
            verdict: Verdict::NoData,
            reason: reason.to_owned(),
            ..fixture::passed()
        }
    }

    #[test]
    fn failures_come_first_and_one_reason_is_one_line() {
        let mut findings = vec![without_data("a", "cut short"), fixture::passed()];
        findings.extend(["b", "c", "c", "d"].map(|name| without_data(name, "cut short")));
        findings.push(Finding { name: "second".to_owned(), at: Some(20), ..fixture::failed() });
        findings.push(without_data("e", "nobody sampled e"));
        findings.push(Finding { name: "first".to_owned(), at: Some(10), ..fixture::failed() });
        findings.push(Finding { name: "whenever".to_owned(), at: None, ..fixture::failed() });
        findings[2].phase = None;
        let open = open(&findings);
        let titles: Vec<String> = open.iter().map(super::Open::title).collect();
        let expected = [
            "first [route GET /x]",
            "second [route GET /x]",
            "whenever [route GET /x]",
            "5 findings: a, b and 2 more",
            "e",
        ];
        assert_eq!(titles, expected);
        assert_eq!((open[3].count(), open[3].place(), open[4].place()), (5, "various", "baseline"));
        assert_eq!((open[3].bound(), open[4].bound()), ("", "at most 100 ms"));
        assert_eq!(open[3].names()[..2], ["a (baseline)", "b (run)"]);
    }

    fn following(from: usize, finding: Finding) -> Finding {
        let follows = Follows { from: vec![from], why: "the same 2 requests".to_owned() };
        Finding { follows: Some(follows), ..finding }
    }

    #[test]
    fn what_follows_is_below_its_cause() {
        let failed = |name: &str, at| Finding {
            name: name.to_owned(),
            scope: String::new(),
            at: Some(at),
            ..fixture::failed()
        };
        let findings = [
            following(2, failed("second", 20)),
            failed("other", 30),
            failed("first", 10),
            following(2, without_data("a", "cut short")),
            following(2, without_data("b", "cut short")),
            without_data("c", "cut short"),
        ];
        let open = open(&findings);
        let titles: Vec<String> = open.iter().map(super::Open::title).collect();
        assert_eq!(titles, ["first", "other", "c"]);
        let below: Vec<String> = open[0].followers.iter().map(super::Open::in_brief).collect();
        assert_eq!(
            below,
            [
                "second (during): 154 ms, at most 100 ms (the same 2 requests)",
                "a (baseline), b (baseline): cut short (the same 2 requests)",
            ]
        );
    }

    /// Whatever a file says that a finding follows from, it is shown.
    #[test]
    fn what_follows_from_nothing_stands_by_itself() {
        let findings = [
            following(0, fixture::failed()),
            following(3, fixture::failed()),
            following(9, fixture::failed()),
            fixture::passed(),
            following(5, fixture::failed()),
            following(4, fixture::failed()),
        ];
        let open = open(&findings);
        assert_eq!(open.len(), 5);
        assert!(open.iter().all(|open| open.followers.is_empty()));
    }
}
