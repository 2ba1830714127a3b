//! Attributes of spans and log events: pairs of a name and a value.
//!
//! A record keeps each different set of pairs once. Names and values are symbols, so a million
//! spans with the same attributes cost a number each.

use std::{
    collections::HashMap,
    fmt::{self, Write},
};

use serde::{Deserialize, Serialize};

use super::Symbol;

/// The longest text of a value or message that a record keeps, in bytes. Of what is longer it
/// keeps the beginning and a mark with the length and a hash of the whole, see [`Kept`].
pub const TEXT_BYTES_MAX: usize = 512;

/// How much of a text that is too long is kept before its mark, in bytes.
pub const TEXT_BYTES_CUT: usize = TEXT_BYTES_MAX - 64;

/// A set of attributes in the table of its record. The default is the empty set.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Attributes(u32);

/// A name and its value.
pub type Attribute = (Symbol, Symbol);

/// The sets of attributes of a record, in the order in which they first occurred; the first is
/// empty. Within a set a name occurs once, and names are in the order in which they were given.
#[derive(Clone, Debug)]
pub struct AttributeTable {
    sets: Vec<Box<[Attribute]>>,
    /// Only ever looked up, never iterated.
    index: HashMap<Box<[Attribute]>, Attributes>,
}

impl Default for AttributeTable {
    fn default() -> Self {
        let mut table = Self { sets: Vec::new(), index: HashMap::new() };
        table.intern(&[]);
        table
    }
}

impl PartialEq for AttributeTable {
    fn eq(&self, other: &Self) -> bool {
        self.sets == other.sets
    }
}

impl AttributeTable {
    /// The handle of `set`, which is added if it is new.
    ///
    /// # Panics
    ///
    /// After four billion sets, which the limits of a run prevent.
    pub fn intern(&mut self, set: &[Attribute]) -> Attributes {
        if let Some(known) = self.index.get(set) {
            return *known;
        }
        let handle = Attributes(u32::try_from(self.sets.len()).expect("fewer sets than events"));
        self.sets.push(set.into());
        self.index.insert(set.into(), handle);
        handle
    }

    /// The pairs of a set; none for a handle of another table.
    #[must_use]
    pub fn pairs(&self, set: Attributes) -> &[Attribute] {
        self.sets.get(set.0 as usize).map_or(&[], |pairs| pairs)
    }

    /// All sets, in the order in which they first occurred.
    pub fn iter(&self) -> impl Iterator<Item = &[Attribute]> {
        self.sets.iter().map(|set| &**set)
    }
}

impl FromIterator<Vec<Attribute>> for AttributeTable {
    fn from_iter<I: IntoIterator<Item = Vec<Attribute>>>(sets: I) -> Self {
        let mut table = Self::default();
        for set in sets {
            table.intern(&set);
        }
        table
    }
}

/// Sets the value of `name` in a set under construction; a later value replaces an earlier one.
pub fn set(pairs: &mut Vec<Attribute>, name: Symbol, value: Symbol) {
    match pairs.iter_mut().find(|(known, _)| *known == name) {
        Some(pair) => pair.1 = value,
        None => pairs.push((name, value)),
    }
}

/// A text as a record keeps it: whole up to [`TEXT_BYTES_MAX`]. Of a longer one its first
/// [`TEXT_BYTES_CUT`] bytes or a few less (no character is divided), then `...` with its length
/// and a hash, so that two texts that differ are never kept as one.
///
/// ```
/// use std::fmt::Write as _;
///
/// use squall_reports::record::{Kept, TEXT_BYTES_MAX};
///
/// let mut kept = Kept::default();
/// write!(kept, "{}", "long ".repeat(1_000)).expect("never fails");
/// let text = kept.take();
/// assert!(text.starts_with("long long ") && text.len() <= TEXT_BYTES_MAX);
/// assert!(text.contains("... (5000 bytes, blake3 "));
/// ```
#[derive(Debug, Default)]
pub struct Kept {
    text: String,
    /// The hash and the length of all that was written, once that is too long.
    whole: Option<Box<(blake3::Hasher, usize)>>,
}

impl Kept {
    /// The text that was written; what is written from now on begins another one.
    pub fn take(&mut self) -> &str {
        if let Some((hasher, length)) = self.whole.take().map(|whole| *whole) {
            let end = floor(&self.text, TEXT_BYTES_CUT);
            self.text.truncate(end);
            let hash = hasher.finalize().to_hex();
            let _ = write!(self.text, "... ({length} bytes, blake3 {})", &hash[..16]);
        }
        &self.text
    }

    /// Begins another text.
    pub fn clear(&mut self) {
        self.text.clear();
        self.whole = None;
    }
}

impl Write for Kept {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if let Some(whole) = &mut self.whole {
            whole.0.update(part.as_bytes());
            whole.1 += part.len();
        } else if self.text.len() + part.len() <= TEXT_BYTES_MAX {
            self.text.push_str(part);
        } else {
            let mut hasher = blake3::Hasher::new();
            hasher.update(self.text.as_bytes()).update(part.as_bytes());
            self.whole = Some(Box::new((hasher, self.text.len() + part.len())));
            let room = floor(part, TEXT_BYTES_MAX - self.text.len());
            self.text.push_str(&part[..room]);
        }
        Ok(())
    }
}

/// The longest length up to `longest` that divides no character.
fn floor(text: &str, longest: usize) -> usize {
    (0..=longest.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::{AttributeTable, Kept, TEXT_BYTES_MAX, set};
    use crate::record::Symbols;

    fn kept(parts: &[&str]) -> String {
        let mut kept = Kept::default();
        for part in parts {
            kept.write_str(part).expect("never fails");
        }
        kept.take().to_owned()
    }

    #[test]
    fn a_text_is_kept_whole_up_to_the_bound() {
        assert_eq!(kept(&[]), "");
        assert_eq!(kept(&["a=b ", "c=\"d\""]), "a=b c=\"d\"");
        let longest = "x".repeat(TEXT_BYTES_MAX);
        assert_eq!(kept(&[&longest]), longest);
        assert!(kept(&[&longest, "y"]).contains("... (513 bytes, blake3 "));
    }

    #[test]
    fn what_is_cut_stays_bounded_and_apart() {
        let texts = ["a", "b"].map(|end| format!("{}{end}", "\u{e9}".repeat(1_000)));
        let [one, other] = texts.each_ref().map(|text| kept(&[text]));
        assert_ne!(one, other, "they differ only behind the bound");
        assert!(one.len() <= TEXT_BYTES_MAX && one.starts_with('\u{e9}'));
        // How a text was written in pieces does not show.
        let (start, end) = texts[0].split_at(700);
        assert_eq!(kept(&[start, end]), one);
        assert_eq!(kept(&texts[0].split_inclusive('\u{e9}').collect::<Vec<_>>()), one);
    }

    #[test]
    fn a_later_value_replaces_an_earlier_one() {
        let mut symbols = Symbols::default();
        let [outcome, job, ok, error] =
            ["outcome", "job", "ok", "error"].map(|text| symbols.intern(text));
        let mut pairs = Vec::new();
        for (name, value) in [(outcome, ok), (job, ok), (outcome, error)] {
            set(&mut pairs, name, value);
        }
        assert_eq!(pairs, [(outcome, error), (job, ok)]);
        let mut table = AttributeTable::default();
        let handle = table.intern(&pairs);
        assert_eq!(table.intern(&pairs), handle);
        assert_eq!(table.pairs(handle), pairs);
        assert_eq!(table.pairs(AttributeTable::default().intern(&[])), []);
    }
}
