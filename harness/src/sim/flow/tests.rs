//! Order, loss and retransmission of one flow.
