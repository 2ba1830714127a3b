//! A pattern for spans or log events, prepared for one record.
//!
//! Names are compared as symbols, and each set of attributes is looked at once, since a million
//! spans have few different names and not many different attributes.

use std::{cell::RefCell, collections::BTreeMap};

use squall_reports::{
    Record,
    record::{Attributes, Log, Span, Symbol},
};

use crate::objective::{Matching, fits};

pub(super) struct Matcher<'a> {
    record: &'a Record,
    pattern: &'a Matching,
    names: RefCell<BTreeMap<Symbol, bool>>,
    targets: RefCell<BTreeMap<Symbol, bool>>,
    attributes: RefCell<BTreeMap<Attributes, bool>>,
    hosts: Vec<bool>,
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
            attributes: RefCell::default(),
            hosts: record.header.hosts.iter().map(on).collect(),
        }
    }

    pub(super) fn span(&self, span: &Span) -> bool {
        self.on(span.host) && self.named(span.name) && self.has(span.attributes)
    }

    pub(super) fn log(&self, log: &Log) -> bool {
        self.on(log.host)
            && self.pattern.level.is_none_or(|level| log.level >= level)
            && self.named(log.message)
            && self.of(log.target)
            && self.has(log.attributes)
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

    fn has(&self, set: Attributes) -> bool {
        if self.pattern.fields.is_empty() {
            return true;
        }
        let fit = || {
            self.pattern.fields.iter().all(|field| {
                let value = self.record.attribute(set, &field.name);
                value.is_some_and(|value| fits(&field.value, value))
            })
        };
        *self.attributes.borrow_mut().entry(set).or_insert_with(fit)
    }
}
