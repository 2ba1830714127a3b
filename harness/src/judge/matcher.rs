//! A pattern for spans or log events, prepared for one record.
//!
//! Names are compared as symbols, and the fields of a symbol are read once, since a million
//! spans have few different names and not many different fields.

use std::{cell::RefCell, collections::BTreeMap};

use squall_reports::{
    Record,
    record::{Log, Span, Symbol},
};

use super::fields;
use crate::objective::Matching;

pub(super) struct Matcher<'a> {
    record: &'a Record,
    pattern: &'a Matching,
    names: RefCell<BTreeMap<Symbol, bool>>,
    targets: RefCell<BTreeMap<Symbol, bool>>,
    fields: RefCell<BTreeMap<Symbol, bool>>,
    hosts: Vec<bool>,
}

/// Is `text` what `pattern` says? A `*` at the end of a pattern stands for any ending.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}

impl<'a> Matcher<'a> {
    /// Matches what fits `pattern` and is on `host`, if one is given.
    pub(super) fn new(record: &'a Record, pattern: &'a Matching, host: Option<&str>) -> Self {
        let on = |name: &String| {
            let listed = pattern.hosts.is_empty() || pattern.hosts.iter().any(|p| fits(p, name));
            listed && host.is_none_or(|host| fits(host, name))
        };
        Self {
            record,
            pattern,
            names: RefCell::default(),
            targets: RefCell::default(),
            fields: RefCell::default(),
            hosts: record.header.hosts.iter().map(on).collect(),
        }
    }

    pub(super) fn span(&self, span: &Span) -> bool {
        self.on(span.host) && self.named(span.name) && self.has(span.fields)
    }

    pub(super) fn log(&self, log: &Log) -> bool {
        self.on(log.host)
            && self.pattern.level.is_none_or(|level| log.level >= level)
            && self.named(log.message)
            && self.of(log.target)
            && self.has(log.fields)
    }

    fn on(&self, host: u16) -> bool {
        self.hosts.get(usize::from(host)).copied().unwrap_or_default()
    }

    fn named(&self, name: Symbol) -> bool {
        let fit = || fits(&self.pattern.name, self.record.text(name));
        *self.names.borrow_mut().entry(name).or_insert_with(fit)
    }

    fn of(&self, target: Symbol) -> bool {
        let Some(pattern) = &self.pattern.target else { return true };
        let fit = || fits(pattern, self.record.text(target));
        *self.targets.borrow_mut().entry(target).or_insert_with(fit)
    }

    fn has(&self, symbol: Symbol) -> bool {
        if self.pattern.fields.is_empty() {
            return true;
        }
        let text = || self.record.text(symbol);
        let fit = || {
            self.pattern.fields.iter().all(|field| {
                fields::value(text(), &field.name).is_some_and(|value| fits(&field.value, value))
            })
        };
        *self.fields.borrow_mut().entry(symbol).or_insert_with(fit)
    }
}
