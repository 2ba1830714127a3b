//! How a connection stands with losses, as Linux names it (`tcp_ca_state`).

/// How a connection stands with losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CaState {
    /// Nothing is missing.
    Open,
    /// Something was delivered out of order.
    Disorder,
    /// The window is being reduced for another reason than a loss that is being recovered from.
    Cwr,
    /// Fast recovery.
    Recovery,
    /// After a retransmission timeout.
    Loss,
}

impl CaState {
    /// Is proportional rate reduction in charge of the window?
    pub(super) fn reduces(self) -> bool {
        matches!(self, Self::Cwr | Self::Recovery)
    }
}
