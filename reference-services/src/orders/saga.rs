//! The saga of an order, as a table: what is asked of whom, and what comes of the answer.
//!
//! Forwards it reserves, charges and ships. What cannot be done is made up for backwards: each step that
//! was done, or may have been, is undone. A stage is durable before anybody is asked for what it stands
//! for, so whoever takes an order up again, after whatever crash, knows all that may be in effect.
//!
//! From Hector Garcia-Molina and Kenneth Salem, "Sagas", SIGMOD 1987.

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Stage {
    /// Stock is being reserved.
    Reserve = 0,
    /// The card is being charged.
    Charge = 1,
    /// A parcel is being shipped.
    Ship = 2,
    /// All of it is done.
    Completed = 3,
    /// The shipment is being cancelled.
    CancelShipment = 4,
    /// The card is being refunded.
    Refund = 5,
    /// Stock is being released.
    Release = 6,
    /// Nothing of it is in effect.
    Cancelled = 7,
}

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Party {
    Stock,
    Payments,
    Shipping,
}

impl Party {
    /// All three, in the order in which they are asked.
    pub(super) const ALL: [Self; 3] = [Self::Stock, Self::Payments, Self::Shipping];

    /// The name in spans and logs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Payments => "payments",
            Self::Shipping => "shipping",
        }
    }
}

/// What somebody who takes part is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// To do their part. May be refused for good, or given up.
    Perform(Party),
    /// To undo it. Asked until it is done.
    Undo(Party),
}

/// What came of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is done, or undone.
    Done,
    /// It is not done, and will not be.
    Refused,
    /// Nobody knows whether it is done, and it is asked for no more.
    GivenUp,
}

impl Stage {
    /// What is to be asked; nothing if the order is final.
    pub(super) fn ask(self) -> Option<Ask> {
        match self {
            Self::Reserve => Some(Ask::Perform(Party::Stock)),
            Self::Charge => Some(Ask::Perform(Party::Payments)),
            Self::Ship => Some(Ask::Perform(Party::Shipping)),
            Self::CancelShipment => Some(Ask::Undo(Party::Shipping)),
            Self::Refund => Some(Ask::Undo(Party::Payments)),
            Self::Release => Some(Ask::Undo(Party::Stock)),
            Self::Completed | Self::Cancelled => None,
        }
    }

    /// Where the order is then. What is refused is not in effect and what is given up may be, so that
    /// the one is not undone and the other is.
    pub(super) fn after(self, outcome: Outcome) -> Self {
        match (self, outcome) {
            (Self::Reserve, Outcome::Done) => Self::Charge,
            (Self::Charge, Outcome::Done) => Self::Ship,
            (Self::Ship, Outcome::Done) => Self::Completed,
            (Self::Ship, Outcome::GivenUp) => Self::CancelShipment,
            (Self::Ship, Outcome::Refused) => Self::Refund,
            (Self::CancelShipment, Outcome::Done) => Self::Refund,
            (Self::Charge, Outcome::GivenUp) => Self::Refund,
            (Self::Charge, Outcome::Refused) => Self::Release,
            (Self::Refund, Outcome::Done) => Self::Release,
            (Self::Reserve, Outcome::GivenUp) => Self::Release,
            (Self::Reserve, Outcome::Refused) => Self::Cancelled,
            (Self::Release, Outcome::Done) => Self::Cancelled,
            // Nobody can refuse to undo, and nobody gives that up; what is final stays so.
            (Self::CancelShipment | Self::Refund | Self::Release, _) => self,
            (Self::Completed | Self::Cancelled, _) => self,
        }
    }

    /// Is anything left to be done?
    pub(super) fn is_final(self) -> bool {
        self.ask().is_none()
    }

    /// The name in answers and logs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reserve | Self::Charge | Self::Ship => "placed",
            Self::CancelShipment | Self::Refund | Self::Release => "cancelling",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}
