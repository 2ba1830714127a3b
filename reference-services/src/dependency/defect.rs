//! The mistakes that engineers really make in a service that others call, switchable by name.

crate::defect::defects! {
    /// The work for a call is done to its end, whoever has gone.
    WorksForNobody = "works-for-nobody", "works on when its caller has gone";
}
