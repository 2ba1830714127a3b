//! The mistakes that engineers really make in such a service, switchable by name.

crate::defect::defects! {
    /// An event that is delivered again is taken for another one.
    NotifiesTwice = "notifies-twice", "tells a customer again of an event that is delivered again";
}
