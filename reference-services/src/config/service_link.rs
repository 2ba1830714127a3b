//! What Kubernetes puts into the environment of each container for each service of its namespace
//! (`enableServiceLinks`), and what of that could be taken for configuration: for a service
//! `reviews` there are `REVIEWS_SERVICE_HOST`, `REVIEWS_SERVICE_PORT`, `REVIEWS_SERVICE_PORT_GRPC`,
//! `REVIEWS_PORT` and `REVIEWS_PORT_80_TCP_ADDR`, and for `reviews-cache` the same with
//! `REVIEWS_CACHE_`. The names are those of `FromServices` in kubelet's `envvars.go`. No field of a
//! configuration has such a name.

/// Is the variable with this name and this value such a one? It is looked at whole: for a service
/// `cache` there is `CACHE_SERVICE_PORT`, which begins as the variables of `cache-service` do.
pub(super) fn is(name: &str, value: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    // The name of a service comes first.
    (1..words.len()).any(|from| match &words[from..] {
        ["SERVICE", "HOST"] | ["SERVICE", "PORT", ..] => true,
        ["PORT"] => value.contains("://"),
        ["PORT", port, "TCP" | "UDP" | "SCTP", rest @ ..] => {
            port.parse::<u16>().is_ok() && matches!(rest, [] | ["PROTO" | "PORT" | "ADDR"])
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::is;

    #[test]
    fn what_a_kubelet_injects_is_none_of_ours() {
        for (name, value) in [
            ("REVIEWS_SERVICE_HOST", "10.0.0.11"),
            ("REVIEWS_SERVICE_PORT", "80"),
            ("REVIEWS_SERVICE_PORT_GRPC_WEB", "80"),
            ("REVIEWS_PORT", "tcp://10.0.0.11:80"),
            ("REVIEWS_PORT_80_TCP", "tcp://10.0.0.11:80"),
            ("REVIEWS_PORT_80_TCP_PROTO", "tcp"),
            ("REVIEWS_PORT_80_UDP_PORT", "80"),
            ("REVIEWS_PORT_80_SCTP_ADDR", "10.0.0.11"),
            ("REVIEWS_CACHE_SERVICE_HOST", "10.0.0.12"),
            ("REVIEWS_CACHE_V2_PORT", "tcp://10.0.0.12:80"),
            ("CACHE_SERVICE_PORT_HTTP", "80"),
        ] {
            assert!(is(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("REVIEWS_PORT", "80"),
            ("REVIEWS_LISTEN", "0.0.0.0:80"),
            ("AGGREGATION_API_BREAKER__OPEN_MS", "250"),
            ("REVIEWS_PORT_80_TCP_WINDOW", "1"),
            ("REVIEWS_SERVICE", "x"),
            ("PORT", "tcp://10.0.0.11:80"),
        ] {
            assert!(!is(name, value), "{name}={value}");
        }
    }
}
