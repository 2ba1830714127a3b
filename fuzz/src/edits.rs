//! JSON that is nearly right: a document of ours, changed at places that the input chooses.
//!
//! Bytes that are changed at random are hardly ever a document, and what reads one is then never seen
//! beyond its parser. So an input is a list of changes, each of a node of the document, and the same
//! few bytes mean much the same in another document.

use serde_json::{Number, Value};

use crate::input::Input;

/// More changes make no other kind of document.
const EDITS_MAX: usize = 16;

/// The numbers at which code goes wrong.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    3,
    255,
    256,
    65_535,
    65_536,
    1_000_000_000,
    u32::MAX as u64 - 1,
    u32::MAX as u64,
    1 << 32,
    1 << 53,
    i64::MAX as u64,
    u64::MAX - 1,
    u64::MAX,
];

/// And those that are no whole numbers.
const REALS: [f64; 8] =
    [-1.0, -0.0, 0.5, 1e-300, 1e300, -1e300, f64::MIN_POSITIVE, 18_446_744_073_709_551_616.0];

/// Makes the changes that the input lists.
pub(crate) fn edit(document: &mut Value, input: &mut Input<'_>) {
    for _ in 0..EDITS_MAX {
        if !input.has_more() {
            return;
        }
        let nodes = count(document);
        let place = input.below(nodes);
        let kind = input.byte();
        let new = match kind % 8 {
            0 => Value::from(NUMBERS[input.below(NUMBERS.len())]),
            1 => Number::from_f64(REALS[input.below(REALS.len())]).map_or(Value::Null, Value::from),
            2 => Value::from(String::from_utf8_lossy(input.piece())),
            3 => match input.below(5) {
                0 => Value::Null,
                1 => Value::Bool(true),
                2 => Value::Bool(false),
                3 => Value::Array(Vec::new()),
                _ => Value::Object(serde_json::Map::new()),
            },
            // What stands in another place.
            4 => {
                let mut from = input.below(nodes);
                node(document, &mut from).cloned().unwrap_or_default()
            }
            5 => {
                let bytes: Vec<u8> = input.take(8).to_vec();
                Value::from(bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
            }
            6 => {
                let mut at = place;
                if let Some(found) = node(document, &mut at) {
                    grow_or_shrink(found, input);
                }
                continue;
            }
            // JSON of the input's own.
            _ => serde_json::from_slice(input.piece()).unwrap_or_default(),
        };
        let mut at = place;
        if let Some(found) = node(document, &mut at) {
            *found = new;
        }
    }
}

/// How many nodes there are, the document itself among them.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(entries) => entries.values().map(count).sum(),
        _ => 0,
    }
}

/// The node before which there are `before` others, counted from the document down.
fn node<'v>(value: &'v mut Value, before: &mut usize) -> Option<&'v mut Value> {
    if *before == 0 {
        return Some(value);
    }
    *before -= 1;
    match value {
        Value::Array(values) => values.iter_mut().find_map(|value| node(value, before)),
        Value::Object(entries) => entries.values_mut().find_map(|value| node(value, before)),
        _ => None,
    }
}

/// Takes an element out, or has it twice.
fn grow_or_shrink(value: &mut Value, input: &mut Input<'_>) {
    let again = input.byte().is_multiple_of(2);
    match value {
        Value::Array(values) => {
            let at = input.below(values.len());
            match values.get(at).cloned() {
                Some(value) if again => values.insert(at, value),
                Some(_) => drop(values.remove(at)),
                None => values.push(Value::Null),
            }
        }
        Value::Object(entries) => {
            let key = entries.keys().nth(input.below(entries.len())).cloned();
            match key {
                Some(key) if again => {
                    let value = entries[&key].clone();
                    let other = String::from_utf8_lossy(input.piece()).into_owned();
                    entries.insert(other, value);
                }
                Some(key) => drop(entries.remove(&key)),
                None => {}
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(changes: &[u8], expected: Value) {
        let mut document = json!({ "a": [1, 2], "b": "text" });
        edit(&mut document, &mut Input::new(changes));
        assert_eq!(document, expected, "{}", changes.escape_ascii());
    }

    #[test]
    fn each_change_is_of_one_node() {
        // The nodes are the document, `a`, 1, 2 and `b`.
        check(b"", json!({ "a": [1, 2], "b": "text" }));
        check(b"\0\x02\0\0\x04", json!({ "a": [255, 2], "b": "text" }));
        check(b"\0\x03\x01\0\0", json!({ "a": [1, -1.0], "b": "text" }));
        check(b"\0\x04\x02\x03new", json!({ "a": [1, 2], "b": "new" }));
        check(b"\0\x01\x03\0\x03", json!({ "a": [], "b": "text" }));
        check(b"\0\x04\x04\0\x01", json!({ "a": [1, 2], "b": [1, 2] }));
        check(b"\0\x02\x05\0\0\0\0\0\0\x01\0", json!({ "a": [256, 2], "b": "text" }));
        check(b"\0\x01\x06\0\0\x01", json!({ "a": [1, 2, 2], "b": "text" }));
        check(b"\0\0\x06\x01\0\0", json!({ "b": "text" }));
        check(b"\0\0\x06\0\0\x01\x01c", json!({ "a": [1, 2], "b": "text", "c": "text" }));
        check(b"\0\x04\x07\x04[{}]", json!({ "a": [1, 2], "b": [{}] }));
        // One after the other.
        check(b"\0\x02\0\0\x04\0\x03\0\0\x01", json!({ "a": [255, 1], "b": "text" }));
    }
}
