//! Can a load be sent?

use http::{HeaderName, HeaderValue};

use super::{InvalidPlan, LONGEST, is_path};
use crate::plan::{Arrivals, Expect, Load, Plan, RequestSpec, fill_in, load::unknown_placeholder};

/// More connections of HTTP/2 than a client has.
const CONNECTIONS_MAX: u32 = 10_000;

impl Plan {
    pub(super) fn check_load(&self, at: usize, load: &Load) -> Result<(), InvalidPlan> {
        let place = format!("load {}", at + 1);
        let wrong = |reason: String| Err(InvalidPlan::new(place.clone(), reason));
        self.known(&place, &load.client)?;
        self.known_target(&place, &load.target)?;
        if load.lasts.is_zero() || load.lasts > LONGEST {
            return wrong(format!("expected a duration above zero, found {:?}", load.lasts));
        }
        if load.timeout.is_zero() {
            return wrong("expected a timeout above zero, found zero".to_owned());
        }
        if load.retry.attempts_max == 0 {
            return wrong("expected at least one attempt, found 0".to_owned());
        }
        if load.mix.is_empty() || load.mix.iter().all(|request| request.weight == 0) {
            return wrong("expected a request with a weight above zero, found none".to_owned());
        }
        for request in &load.mix {
            check_request(request).and_then(|()| check_address(load, request)).or_else(wrong)?;
        }
        check_protocol(load).or_else(wrong)?;
        check_arrivals(&load.arrivals).or_else(wrong)
    }
}

fn check_request(request: &RequestSpec) -> Result<(), String> {
    if let Some(call) = &request.call {
        return check_call(request, call);
    }
    if http::Method::from_bytes(request.method.as_bytes()).is_err() {
        return Err(format!("expected an HTTP method, found {:?}", request.method));
    }
    if !is_path(&fill_in(&request.path, 1, 1)) {
        return Err(format!("expected a path from / on, found {:?}", request.path));
    }
    for (part, text) in [("path", &request.path), ("body", &request.body)] {
        if let Some(found) = unknown_placeholder(text) {
            let expected = "expected {id} or {request}";
            return Err(format!("{expected} in the {part} of a request, found {found}"));
        }
    }
    check_headers(request).map_err(|reason| format!("{}: {reason}", request.route))?;
    let of_grpc = request.grpc.as_ref().map(|grpc| request.check_grpc(grpc));
    let checked = of_grpc.unwrap_or_else(|| request.expect.check());
    checked.map_err(|reason| format!("{}: {reason}", request.route))
}

/// The header fields that say how a request is sent, and which one it is.
const OF_THE_CLIENT: [&str; 9] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "upgrade",
    "traceparent",
    "cookie",
];

fn check_headers(request: &RequestSpec) -> Result<(), String> {
    for (name, value) in &request.headers {
        let field = name.parse::<HeaderName>();
        let field = field.map_err(|_| format!("expected the name of a header, found {name:?}"))?;
        let of_grpc = ["content-type", "grpc-timeout"];
        let own = OF_THE_CLIENT.contains(&field.as_str())
            || (request.grpc.is_some() && of_grpc.contains(&field.as_str()));
        if own {
            return Err(format!("expected headers that are not the client's own, found {name}"));
        }
        if let Some(found) = unknown_placeholder(value) {
            return Err(format!(
                "expected {{id}} or {{request}} in the header {name}, found {found}"
            ));
        }
        if HeaderValue::from_str(&fill_in(value, 1, 1)).is_err() {
            return Err(format!("expected a value of the header {name}, found {value:?}"));
        }
    }
    Ok(())
}

/// Over HTTP/2 a request has its target and its path in one address, whatever is drawn for it.
fn check_address(load: &Load, request: &RequestSpec) -> Result<(), String> {
    let longest = fill_in(&request.path, request.ids, u32::MAX);
    let address = format!("http://{}{longest}", load.target);
    let is_address = request.call.is_some() || address.parse::<http::Uri>().is_ok();
    is_address.then_some(()).ok_or_else(|| {
        format!("expected a path that makes an address, found one of {} bytes", longest.len())
    })
}

/// A call says itself what became of it, so that nothing else can.
fn check_call(request: &RequestSpec, call: &str) -> Result<(), String> {
    let has_more = !request.body.is_empty()
        || !request.headers.is_empty()
        || request.grpc.is_some()
        || request.expect != Expect::default();
    if call.is_empty() || request.route.is_empty() {
        return Err("expected a call with a name and a route, found an empty one".to_owned());
    }
    if has_more {
        return Err(format!(
            "{}: expected a call that says itself what it sends and what a good answer is, found \
             a body, a header, a message or an expectation",
            request.route
        ));
    }
    Ok(())
}

/// Do the statuses, the connections and the cookies belong to what is requested?
fn check_protocol(load: &Load) -> Result<(), String> {
    let calls = load.mix.iter().filter(|request| request.call.is_some()).count();
    let grpc = load.mix.iter().filter(|request| request.grpc.is_some()).count();
    let http = load.mix.len() - calls - grpc;
    if !load.statuses.are_usual() {
        match (http, grpc) {
            (0, 0) => {
                return Err("expected requests of HTTP or gRPC whose statuses are shed or \
                            degraded, found calls that say it themselves"
                    .to_owned());
            }
            (_, 0) => load.statuses.check_http()?,
            (0, _) => load.statuses.check_grpc()?,
            _ => {
                return Err("expected requests whose statuses are of one kind, found HTTP and \
                            gRPC: give each a load of its own"
                    .to_owned());
            }
        }
    }
    match load.http2_connections {
        Some(_) if http + grpc == 0 => {
            return Err("expected requests of HTTP/2 or gRPC, found calls, which open their own \
                        connections"
                .to_owned());
        }
        Some(found) if !(1..=CONNECTIONS_MAX).contains(&found) => {
            let expected = format!("expected from 1 to {CONNECTIONS_MAX} connections of HTTP/2");
            return Err(format!("{expected}, found {found}"));
        }
        _ => {}
    }
    if load.sessions > 0 && http == 0 {
        return Err("expected requests of HTTP, which have cookies, found none".to_owned());
    }
    Ok(())
}

fn check_arrivals(arrivals: &Arrivals) -> Result<(), String> {
    let rates: Vec<f64> = match arrivals {
        Arrivals::Constant { rate } | Arrivals::Poisson { rate } => vec![*rate],
        Arrivals::Ramp { from, to } => vec![*from, *to],
        Arrivals::Steps { rates } => rates.clone(),
        Arrivals::Bursts { rate, peak, every, burst } => {
            if burst >= every || burst.is_zero() {
                return Err(format!("expected a burst shorter than {every:?}, found {burst:?}"));
            }
            vec![*rate, *peak]
        }
        Arrivals::Closed { clients: 0, .. } => {
            return Err("expected at least one client, found 0".to_owned());
        }
        Arrivals::Closed { .. } => vec![1.0],
    };
    let good = |rate: &f64| rate.is_finite() && (0.0..=1e6).contains(rate);
    if rates.is_empty() || !rates.iter().all(good) || rates.iter().all(|rate| *rate == 0.0) {
        return Err(format!("expected rates from 0 to 1,000,000 per second, found {rates:?}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
