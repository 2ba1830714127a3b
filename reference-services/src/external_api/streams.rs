//! Calls that belong together and have an order, such as the postings of an account: what is out of
//! order is done all the same, and said.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

/// Streams that are remembered; further ones are not looked at.
const STREAMS_MAX: usize = 10_000;

/// The last number of each stream.
#[derive(Debug, Default)]
pub(super) struct Streams(Mutex<BTreeMap<String, u64>>);

impl Streams {
    /// A call with this payload has had its effect. If it belongs to a stream, and one with a higher
    /// number was before it, its stream.
    pub(super) fn enter(&self, payload: &Value) -> Option<String> {
        let stream = payload.get("stream")?.as_str()?;
        let number = payload.get("n")?.as_u64()?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.get_mut(stream) {
            let late = number < *last;
            *last = number.max(*last);
            return late.then(|| stream.to_owned());
        }
        if last.len() < STREAMS_MAX {
            last.insert(stream.to_owned(), number);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Streams;

    #[test]
    fn what_comes_after_a_later_one_is_late() {
        let streams = Streams::default();
        let late =
            |stream: &str, n: u64| streams.enter(&json!({ "stream": stream, "n": n })).is_some();
        assert!(!late("a", 1) && !late("a", 3) && !late("b", 2), "in order");
        assert!(late("a", 2));
        assert!(!late("a", 4));
        assert_eq!(streams.enter(&json!({ "n": 1 })), None);
        assert_eq!(streams.enter(&json!(1)), None);
    }
}
