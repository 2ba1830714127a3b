//! The record that is being made.

use squall_reports::record::{AttributeTable, End, Event, Header, Record, Symbols};

/// The events and names of the record that is being made.
pub(crate) struct Recorder {
    pub(crate) events: Vec<Event>,
    pub(crate) symbols: Symbols,
    pub(crate) attributes: AttributeTable,
    events_max: u64,
}

impl Recorder {
    pub(crate) fn empty() -> Self {
        Self::new(0)
    }

    pub(crate) fn new(events_max: u64) -> Self {
        let (symbols, attributes) = (Symbols::default(), AttributeTable::default());
        Self { events: Vec::new(), symbols, attributes, events_max }
    }

    pub(crate) fn push(&mut self, event: Event) -> Result<(), String> {
        if self.events.len() as u64 >= self.events_max {
            return Err(format!("the record has its {} events (events_max)", self.events_max));
        }
        self.events.push(event);
        Ok(())
    }

    /// The record of a run that has ended.
    pub(crate) fn finish(mut self, header: Header, end: End) -> Record {
        // What was done ahead of the others, or told late.
        self.events.sort_by_key(|event| event.at);
        let (symbols, attributes) = (self.symbols, self.attributes);
        Record { header, symbols, attributes, events: self.events, end }
    }
}
