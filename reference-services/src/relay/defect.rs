//! The mistakes that engineers really make in such a service, switchable by name.

crate::defect::defects! {
    /// Failed calls are tried again however many fail, at each layer of a chain.
    RetriesMultiply = "retries-multiply",
        "tries failed calls again however many of them fail, as does each one before it";
    /// Requests that wait for the next one may take up all of the room.
    SharedRoom = "shared-room", "lets requests that wait for the next one fill the room of all others";
}
