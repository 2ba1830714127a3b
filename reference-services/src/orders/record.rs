//! What the journal of the orders holds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::saga::Stage;

/// A change.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Record {
    #[prost(oneof = "Change", tags = "1, 2, 3, 4")]
    pub(super) change: Option<Change>,
}

/// What changes.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Change {
    /// An order is there: a new one, or one of a snapshot.
    #[prost(message, tag = "1")]
    Order(Box<Order>),
    /// An order is at another stage.
    #[prost(message, tag = "2")]
    Moved(Moved),
    /// The outbox has one more event.
    #[prost(message, tag = "3")]
    Event(Event),
    /// Events up to this number were delivered.
    #[prost(uint64, tag = "4")]
    Sent(u64),
}

/// An order with all that is known of it.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Order {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) customer: String,
    #[prost(uint64, tag = "3")]
    pub(super) item: u64,
    #[prost(uint32, tag = "4")]
    pub(super) quantity: u32,
    #[prost(uint64, tag = "5")]
    pub(super) amount_minor: u64,
    /// Of the request that brought it.
    #[prost(string, tag = "6")]
    pub(super) traceparent: String,
    /// When that was, since 1970.
    #[prost(uint64, tag = "7")]
    pub(super) placed_unix_ms: u64,
    #[prost(enumeration = "Stage", tag = "8")]
    pub(super) stage: i32,
    /// Why it is cancelled.
    #[prost(string, tag = "9")]
    pub(super) reason: String,
}

impl Order {
    /// Is this what the other one asks for?
    pub(super) fn asks_for_the_same(&self, other: &Self) -> bool {
        let asks = |order: &Self| (order.item, order.quantity, order.amount_minor);
        asks(self) == asks(other) && self.customer == other.customer
    }

    /// How much of a time that began when it was placed is left. A clock that was put back makes it no
    /// longer.
    pub(super) fn left(&self, time: Duration) -> Duration {
        let ends = Duration::from_millis(self.placed_unix_ms).saturating_add(time);
        ends.saturating_sub(since_1970()).min(time)
    }
}

/// By the clock of this machine.
pub(super) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A transition.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Moved {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(enumeration = "Stage", tag = "2")]
    pub(super) stage: i32,
    /// Why it turned back here; empty if it did not.
    #[prost(string, tag = "3")]
    pub(super) reason: String,
}

/// What a customer is told.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Event {
    /// Its place in the outbox, from 1 on; 0 for the next one.
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    /// The id of the order.
    #[prost(string, tag = "2")]
    pub(super) order: String,
    #[prost(string, tag = "3")]
    pub(super) customer: String,
    /// `placed`, `completed` or `cancelled`.
    #[prost(string, tag = "4")]
    pub(super) kind: String,
    #[prost(string, tag = "5")]
    pub(super) reason: String,
}

impl Event {
    /// That an order is where it is.
    pub(super) fn of(order: &Order) -> Self {
        Self {
            number: 0,
            order: order.id.clone(),
            customer: order.customer.clone(),
            kind: order.stage().name().to_owned(),
            reason: order.reason.clone(),
        }
    }

    /// What tells it from all others, however often it is sent.
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.order, self.kind)
    }
}

impl From<Change> for Record {
    fn from(change: Change) -> Self {
        Self { change: Some(change) }
    }
}
