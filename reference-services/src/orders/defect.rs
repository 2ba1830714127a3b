//! The mistakes that engineers really make in such a service, switchable by name.

crate::defect::defects! {
    /// An event is sent beside the journal and not through it.
    DualWrite = "dual-write", "sends events beside the journal and not through it";
    /// An order that cannot be completed is left as it is.
    NoCompensation = "no-compensation", "cancels an order without undoing what was done for it";
    /// A charge that is tried again is another one.
    ChargeRetriedWithoutKey = "charge-retried-without-key", "tries a charge again under another idempotency key";
}
