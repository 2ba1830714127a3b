//! What an answer is worth: its status, and its content against what was asked for.

use std::collections::BTreeSet;

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use squall_reports::record::{Outcome, RequestId};

use super::client::Answer;
use crate::plan::{
    Expect, ExpectedCount, ExpectedSection, ExpectedValue, MediaType, Statuses, fill_in,
};

/// A problem document (RFC 9457).
const PROBLEM: &str = "application/problem+json";

/// No problem document is near this; of a larger one nothing is shown.
const PROBLEM_BYTES_MAX: usize = 64 * 1024;

/// Characters of a text from an answer that are shown.
const SHOWN_MAX: usize = 120;

/// What became of an attempt or of the whole request.
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) status: u16,
    pub(super) note: String,
    /// Nobody has said that another attempt mends nothing.
    pub(super) may_be_retried: bool,
}

/// What was asked for, as far as an answer depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// The number that was drawn for `{id}`.
    pub(super) id: u64,
    pub(super) request: RequestId,
}

impl Ending {
    pub(super) fn without_answer(outcome: Outcome, note: &str) -> Self {
        Self::new(outcome, 0, note.to_owned())
    }

    pub(super) fn new(outcome: Outcome, status: u16, note: String) -> Self {
        Self { outcome, status, note, may_be_retried: true }
    }

    /// May another attempt mend it? What a service refuses it may grant later; an error that is the
    /// client's own it will not.
    pub(super) fn may_pass_again(&self) -> bool {
        let fleeting = self.status == 0 || self.status == 429 || self.status >= 500;
        match self.outcome {
            Outcome::Shed => self.may_be_retried,
            Outcome::Failed => self.may_be_retried && fleeting,
            Outcome::Succeeded | Outcome::Degraded | Outcome::Abandoned => false,
        }
    }

    /// What `answer` is worth to who asked for `asked`.
    pub(super) fn of(answer: &Answer, expect: &Expect, statuses: &Statuses, asked: Asked) -> Self {
        let status = answer.status.as_u16();
        let ending = |outcome, note| Self::new(outcome, status, note);
        let is_degraded = statuses.degraded.contains(&status);
        if answer.status.is_success() {
            return match inspect(&answer.body, expect, asked) {
                Ok(left_out) if left_out.is_empty() && is_degraded => {
                    ending(Outcome::Degraded, format!("status {status}"))
                }
                Ok(left_out) if left_out.is_empty() => ending(Outcome::Succeeded, String::new()),
                Ok(left_out) => ending(Outcome::Degraded, left_out),
                Err(wrong) => ending(Outcome::Failed, wrong),
            };
        }
        let unavailable = answer.status == StatusCode::SERVICE_UNAVAILABLE;
        let says_when = answer.headers.contains_key(header::RETRY_AFTER);
        let detail = detail(answer).map(|detail| format!(": {detail}")).unwrap_or_default();
        if is_degraded {
            return ending(Outcome::Degraded, format!("status {status}{detail}"));
        }
        let usually =
            || answer.status == StatusCode::TOO_MANY_REQUESTS || (unavailable && says_when);
        if statuses.shed(status, usually) {
            return ending(Outcome::Shed, format!("status {status}{detail}"));
        }
        match &expect.error_type {
            Some(expected) if !has_type(&answer.headers, expected) => {
                let note = format!("the error of status {status} is not {expected}");
                Self::without_answer(Outcome::Failed, &note)
            }
            // The difference between a service that protects itself and one that fails is one
            // header, and easily forgotten.
            _ if unavailable && statuses.shed.is_none() => ending(
                Outcome::Failed,
                format!("status {status} without Retry-After (counts as failed){detail}"),
            ),
            _ => ending(Outcome::Failed, format!("status {status}{detail}")),
        }
    }
}

/// Does `Content-Type` name this media type, with at least these parameters (RFC 9110, 8.3.1)?
fn has_type(headers: &HeaderMap, expected: &str) -> bool {
    let found = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let (found, expected) = (found.and_then(MediaType::parse), MediaType::parse(expected));
    found.zip(expected).is_some_and(|(found, expected)| found.is(&expected))
}

/// What a problem document says of this occurrence of the problem.
fn detail(answer: &Answer) -> Option<String> {
    if answer.body.len() > PROBLEM_BYTES_MAX || !has_type(&answer.headers, PROBLEM) {
        return None;
    }
    let problem: Value = serde_json::from_slice(&answer.body).ok()?;
    let detail = ["detail", "title"].iter().find_map(|field| problem.get(*field)?.as_str())?;
    Some(shown(detail)).filter(|detail| !detail.is_empty())
}

/// What a body says was left out, or what is wrong with it.
fn inspect(body: &[u8], expect: &Expect, asked: Asked) -> Result<String, String> {
    if !expect.is_of_body() {
        return Ok(String::new());
    }
    let body: Value =
        serde_json::from_slice(body).map_err(|_| "the answer is not JSON".to_owned())?;
    let left_out = left_out(&body, expect)?;
    let excused = |pointer: &str| {
        let named = expect.sections.iter().filter(|section| left_out.contains(&*section.name));
        named.into_iter().any(|section| section.covers(pointer))
    };
    let missing = expect.present.iter().find(|it| !excused(it) && body.pointer(it).is_none());
    if let Some(pointer) = missing {
        return Err(format!("the answer has no {pointer}"));
    }
    for expected in expect.equal.iter().filter(|it| !excused(&it.pointer)) {
        expected.compare(&body, asked)?;
    }
    for expected in expect.counts.iter().filter(|it| !excused(&it.pointer)) {
        expected.compare(&body)?;
    }
    let names: Vec<String> = left_out.iter().map(|name| shown(name)).collect();
    Ok(shown(&names.join(",")))
}

/// The names in the list of what was left out, which are exactly those of the sections that are
/// missing.
fn left_out<'b>(body: &'b Value, expect: &Expect) -> Result<BTreeSet<&'b str>, String> {
    let Some(pointer) = &expect.degraded else { return Ok(BTreeSet::new()) };
    let mut names = BTreeSet::new();
    if let Some(list) = body.pointer(pointer) {
        let no_list = || format!("{pointer} is no list of names");
        for name in list.as_array().ok_or_else(no_list)? {
            let name = name.as_str().ok_or_else(no_list)?;
            if !names.insert(name) {
                return Err(format!("the answer names {} twice as left out", shown(name)));
            }
        }
    }
    let is_section = |name: &str| expect.sections.iter().any(|section| section.name == name);
    let unknown = names.iter().find(|name| !is_section(name));
    if let Some(unknown) = unknown.filter(|_| !expect.sections.is_empty()) {
        return Err(format!(
            "the answer names {} as left out, which is no section",
            shown(unknown)
        ));
    }
    for ExpectedSection { name, pointer } in &expect.sections {
        let there = body.pointer(pointer).is_some_and(|section| !section.is_null());
        match (there, names.contains(&**name)) {
            (true, true) => {
                return Err(format!("the answer names {name} as left out, and has it"));
            }
            (false, false) => {
                return Err(format!("the answer has no {pointer}, and does not say so"));
            }
            _ => {}
        }
    }
    Ok(names)
}

impl ExpectedSection {
    /// Is this the place of the section, or one within it?
    fn covers(&self, pointer: &str) -> bool {
        let rest = pointer.strip_prefix(&*self.pointer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl ExpectedValue {
    fn compare(&self, body: &Value, asked: Asked) -> Result<(), String> {
        let place = place(&self.pointer);
        let found = body.pointer(&self.pointer);
        let found = found.ok_or_else(|| format!("the answer has no {place}"))?;
        let json = fill_in(&self.json, asked.id, asked.request);
        let expected = serde_json::from_str(&json);
        if expected.is_ok_and(|expected| is_same(found, &expected)) {
            return Ok(());
        }
        Err(format!("{place} is {}, not {}", shown(&found.to_string()), shown(&json)))
    }
}

impl ExpectedCount {
    fn compare(&self, body: &Value) -> Result<(), String> {
        let place = place(&self.pointer);
        match body.pointer(&self.pointer) {
            None => Err(format!("the answer has no {place}")),
            Some(Value::Array(list)) if list.len() == self.elements => Ok(()),
            Some(Value::Array(list)) => {
                Err(format!("{place} has {} elements, not {}", list.len(), self.elements))
            }
            Some(_) => Err(format!("{place} is no list")),
        }
    }
}

fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "the answer" } else { pointer }
}

/// Are these the same JSON, numbers by their value? 1 and 1.0 are one number to JSON.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, a)| b.get(name).is_some_and(|b| is_same(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        (a, b) => a == b,
    }
}

/// A text that a service wrote, as far as a note has room for it, and without what a terminal or
/// a reader of XML would take for more than text.
pub(super) fn shown(text: &str) -> String {
    let is_plain = |c: char| {
        let hidden = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        !c.is_control() && !hidden
    };
    let mut shown = String::new();
    for (at, c) in text.trim().chars().enumerate() {
        if at == SHOWN_MAX {
            shown.push_str("...");
            break;
        }
        shown.push(if is_plain(c) { c } else { ' ' });
    }
    shown
}

#[cfg(test)]
mod tests;
