//! What services logged, and when.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Record,
    record::{EventKind, Level, Log, Symbol},
};

/// Messages that are shown: the gravest, and of equals the rarest.
const MESSAGES_MAX: usize = 24;

/// What a screen tells apart.
const COLUMNS: u64 = 1_500;

/// A message, wherever it was logged.
pub(crate) struct Message {
    pub(crate) text: String,
    /// The gravest level that it was logged with.
    pub(crate) level: Level,
    /// The hosts that logged it, by name.
    pub(crate) hosts: BTreeSet<String>,
    pub(crate) count: u64,
    /// When, as far as a screen tells instants apart.
    pub(crate) at: Vec<u64>,
}

/// The messages in the order in which they first came, and how many more there are.
pub(crate) fn messages(record: &Record) -> (Vec<Message>, usize) {
    let mut messages: BTreeMap<Symbol, Message> = BTreeMap::new();
    for event in &record.events {
        if let EventKind::Log(log) = &event.what {
            let new = || Message::of(record, log);
            messages.entry(log.message).or_insert_with(new).add(record, event.at, log);
        }
    }
    let mut shown: Vec<Message> = messages.into_values().collect();
    shown.sort_by(|a, b| (b.level, a.count, &a.text).cmp(&(a.level, b.count, &b.text)));
    let left_out = shown.len().saturating_sub(MESSAGES_MAX);
    shown.truncate(MESSAGES_MAX);
    shown.sort_by(|a, b| (a.at.first(), &a.text).cmp(&(b.at.first(), &b.text)));
    (shown, left_out)
}

impl Message {
    fn of(record: &Record, log: &Log) -> Self {
        Self {
            text: record.text(log.message).to_owned(),
            level: log.level,
            hosts: BTreeSet::new(),
            count: 0,
            at: Vec::new(),
        }
    }

    fn add(&mut self, record: &Record, at: u64, log: &Log) {
        self.level = self.level.max(log.level);
        self.count += 1;
        let host = record.host(log.host);
        if !self.hosts.contains(host) {
            self.hosts.insert(host.to_owned());
        }
        let column =
            |at: u64| u128::from(at) * u128::from(COLUMNS) / u128::from(record.end.at.max(1));
        if self.at.last().is_none_or(|last| column(*last) != column(at)) {
            self.at.push(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MESSAGES_MAX, messages};
    use crate::{
        Record,
        fixture::{self, MS},
        record::{Attributes, Event, EventKind, Level, Log},
    };

    fn logged(record: &mut Record, at: u64, host: u16, level: Level, message: &str) {
        let message = record.symbols.intern(message);
        let attributes = Attributes::default();
        let log = Log { host, level, target: message, message, attributes, request: 0, after: 0 };
        record.events.push(Event { at, what: EventKind::Log(Box::new(log)) });
    }

    #[test]
    fn a_message_is_shown_once_with_all_its_hosts_and_instants() {
        let mut record = fixture::record();
        logged(&mut record, 200 * MS, 0, Level::Info, "breaker opened");
        logged(&mut record, 200 * MS + 1, 0, Level::Info, "breaker opened");
        let (messages, left_out) = messages(&record);
        assert_eq!((messages.len(), left_out), (1, 0));
        let message = &messages[0];
        assert_eq!((message.count, message.level), (3, Level::Warn));
        assert_eq!(message.hosts.iter().collect::<Vec<_>>(), ["api", "client"]);
        assert_eq!(message.at, [130 * MS, 200 * MS]);
    }

    #[test]
    fn of_too_many_messages_the_grave_and_the_rare_are_shown() {
        let mut record = fixture::record();
        record.events.clear();
        for number in 0..40_u64 {
            let text = format!("message {number:02}");
            for at in 0..=number {
                logged(&mut record, at * MS, 1, Level::Info, &text);
            }
        }
        logged(&mut record, 300 * MS, 1, Level::Error, "it burns");
        let (messages, left_out) = messages(&record);
        assert_eq!((messages.len(), left_out), (MESSAGES_MAX, 41 - MESSAGES_MAX));
        assert_eq!(messages.last().map(|message| message.text.as_str()), Some("it burns"));
        assert!(messages.iter().all(|message| message.count < 24));
    }
}
