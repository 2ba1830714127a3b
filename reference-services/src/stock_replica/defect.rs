//! The mistakes that engineers really make in a service that follows another one, switchable by name.

crate::defect::defects! {
    /// A stream on which nothing comes is taken for one of stock that does not change.
    StreamWithoutKeepalive = "stream-without-keepalive", "does not ask whether the inventory is still there";
    /// A call on behalf of a caller has as much time as any other one.
    RestartsDeadline = "restarts-deadline", "gives a call the whole time again, whatever its caller has left";
}
