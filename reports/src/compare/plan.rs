//! Where two plans differ.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

/// Differences that are named; of more there is only the number.
const NAMED_MAX: usize = 20;

/// Values are shown up to here.
const SHOWN_MAX: usize = 60;

/// The differences between two plans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanDifferences {
    /// The first twenty.
    pub named: Vec<PlanDifference>,
    /// How many there are in all.
    pub count: usize,
}

/// A place at which two plans differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanDifference {
    /// The place, as a JSON pointer (RFC 6901).
    pub path: String,
    /// What the plan of A has there, as JSON that is cut off if it is long; `None` for nothing.
    pub a: Option<String>,
    /// What the plan of B has there.
    pub b: Option<String>,
}

impl PlanDifferences {
    /// The differences between two plans.
    pub(super) fn between(a: &Value, b: &Value) -> Self {
        let mut differences = Self::default();
        differences.walk(&mut String::new(), Some(a), Some(b));
        differences
    }

    fn walk(&mut self, path: &mut String, a: Option<&Value>, b: Option<&Value>) {
        match (a, b) {
            _ if a == b => {}
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                for name in names {
                    let step = name.replace('~', "~0").replace('/', "~1");
                    self.step(path, &step, a.get(name), b.get(name));
                }
            }
            (Some(Value::Array(a)), Some(Value::Array(b))) => {
                for index in 0..a.len().max(b.len()) {
                    self.step(path, &index.to_string(), a.get(index), b.get(index));
                }
            }
            _ => self.note(path, a, b),
        }
    }

    fn step(&mut self, path: &mut String, step: &str, a: Option<&Value>, b: Option<&Value>) {
        let length = path.len();
        path.push('/');
        path.push_str(step);
        self.walk(path, a, b);
        path.truncate(length);
    }

    fn note(&mut self, path: &str, a: Option<&Value>, b: Option<&Value>) {
        self.count += 1;
        if self.named.len() < NAMED_MAX {
            let path = path.to_owned();
            self.named.push(PlanDifference { path, a: a.map(shown), b: b.map(shown) });
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
