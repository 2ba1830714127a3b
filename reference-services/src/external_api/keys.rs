//! Idempotency keys: what was done once is not done again.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

/// The results of the last calls that had a key. In memory only: who runs such an API for money
/// keeps them.
#[derive(Debug)]
pub(super) struct Keys {
    max: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    results: BTreeMap<Vec<u8>, String>,
    /// In the order in which they came.
    order: VecDeque<Vec<u8>>,
}

impl Keys {
    /// Remembers so many.
    pub(super) fn new(max: usize) -> Self {
        Self { max, known: Mutex::default() }
    }

    /// The result of the first call with this key; of this one, which is then the first, `None`.
    pub(super) fn enter(&self, key: Vec<u8>, result: &str) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = known.results.get(&key) {
            return Some(first.clone());
        }
        known.results.insert(key.clone(), result.to_owned());
        known.order.push_back(key);
        if known.order.len() > self.max
            && let Some(oldest) = known.order.pop_front()
        {
            known.results.remove(&oldest);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn the_first_result_of_a_key_is_that_of_all_calls() {
        let keys = Keys::new(2);
        let enter = |key: &str, result| keys.enter(key.as_bytes().to_vec(), result);
        assert_eq!(enter("a", "1"), None);
        assert_eq!(enter("b", "2"), None);
        assert_eq!(enter("a", "3").as_deref(), Some("1"));
        assert_eq!(enter("c", "4"), None);
        assert_eq!(enter("a", "5"), None, "the oldest was forgotten");
    }
}
