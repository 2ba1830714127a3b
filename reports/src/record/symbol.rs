//! Names, kept once.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// A name in the table of its record. The default is the empty name.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Symbol(u32);

/// The names of a record in the order in which they first occurred; the first is empty.
#[derive(Clone, Debug)]
pub struct Symbols {
    texts: Vec<String>,
    /// Only ever looked up, never iterated.
    index: HashMap<String, Symbol>,
}

impl Default for Symbols {
    fn default() -> Self {
        let mut symbols = Self { texts: Vec::new(), index: HashMap::new() };
        symbols.intern("");
        symbols
    }
}

impl PartialEq for Symbols {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Symbols {
    /// The symbol of `text`, which is added if it is new.
    ///
    /// # Panics
    ///
    /// After four billion names, which the limits of a run prevent.
    pub fn intern(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.index.get(text) {
            return *symbol;
        }
        let symbol = Symbol(u32::try_from(self.texts.len()).expect("fewer names than events"));
        self.texts.push(text.to_owned());
        self.index.insert(text.to_owned(), symbol);
        symbol
    }

    /// The symbol of `text`, if it is in the table.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Symbol> {
        self.index.get(text).copied()
    }

    /// The text of `symbol`; `"?"` for one of another table.
    #[must_use]
    pub fn text(&self, symbol: Symbol) -> &str {
        self.texts.get(symbol.0 as usize).map_or("?", String::as_str)
    }

    /// All names, in the order in which they first occurred.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }

    /// Is `symbol` one of this table?
    #[must_use]
    pub fn contains(&self, symbol: Symbol) -> bool {
        (symbol.0 as usize) < self.texts.len()
    }
}

impl<'a> FromIterator<&'a str> for Symbols {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut symbols = Self::default();
        for text in texts {
            symbols.intern(text);
        }
        symbols
    }
}
