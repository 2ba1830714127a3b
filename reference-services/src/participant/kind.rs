//! Which of the three a participant is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One of those who take part in the saga of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Reserves what was ordered.
    #[default]
    Stock,
    /// Charges for it.
    Payments,
    /// Ships it.
    Shipping,
}

impl Kind {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Stock, Self::Payments, Self::Shipping];

    /// The name, as in spans.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Payments => "payments",
            Self::Shipping => "shipping",
        }
    }

    /// The port for gRPC unless told otherwise: 50081 and up.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Stock => 50081,
            Self::Payments => 50082,
            Self::Shipping => 50083,
        }
    }

    /// The port for HTTP unless told otherwise: 8091 and up.
    #[must_use]
    pub fn http_port(self) -> u16 {
        match self {
            Self::Stock => 8091,
            Self::Payments => 8092,
            Self::Shipping => 8093,
        }
    }

    /// What is logged when it is done.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Stock => "stock reserved",
            Self::Payments => "card charged",
            Self::Shipping => "parcel shipped",
        }
    }

    /// What is logged when it is undone.
    pub(super) fn undone(self) -> &'static str {
        match self {
            Self::Stock => "stock released",
            Self::Payments => "card refunded",
            Self::Shipping => "shipment cancelled",
        }
    }

    /// Why it is refused.
    pub(super) fn refusal(self) -> &'static str {
        match self {
            Self::Stock => "out of stock",
            Self::Payments => "card declined",
            Self::Shipping => "nobody delivers there",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

/// No participant has this name.
#[derive(Debug, thiserror::Error)]
#[error("expected stock, payments or shipping, found `{0}`")]
pub struct UnknownKind(String);
