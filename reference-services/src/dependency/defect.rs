//! The mistakes that engineers really make in a service that others call, switchable by name.

crate::defect::defects! {
    /// The work for a call is done to its end, whoever has gone.
    WorksForNobody = "works-for-nobody", "works on when its caller has gone";
    /// A watcher that does not read is queued for all the same.
    UnboundedStreamBuffer = "unbounded-stream-buffer", "queues without bound for a watcher that does not read";
    /// A revision of another life of the service is taken for one of this one.
    IgnoresEpoch = "ignores-epoch", "lets a watcher resume at a revision of the life before";
    /// Certificates are read once, when the service starts.
    NeverReloadsCertificates = "never-reloads-certificates",
        "goes on with the certificate that it started with, whatever is in the file";
    /// Whoever connects is served.
    ClientCertificateOptional = "client-certificate-optional",
        "serves clients that show no certificate";
}
