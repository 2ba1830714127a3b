//! The gRPC ports of all services: any message to any method, and any bytes in place of HTTP/2.
//!
//! Whatever comes, no service panics, each call has a status of gRPC and, if that is OK, whole messages;
//! a connection on which something else is spoken ends in time, and the next call is answered.

use std::{net::SocketAddr, sync::Mutex};

use http::{HeaderMap, Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    input::Input,
    world::{PATIENCE, World},
};

static WORLD: Mutex<Option<World>> = Mutex::new(None);

/// Calls of an input.
const CALLS_MAX: usize = 8;

/// The beginning of a connection: the preface, and settings without any.
const BEGIN: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Each service by its place in the world, with its methods.
const METHODS: [(usize, &str); 15] = [
    (5, "/queue.v1.Queue/Lease"),
    (5, "/queue.v1.Queue/Ack"),
    (5, "/queue.v1.Queue/Nack"),
    (5, "/queue.v1.Queue/Extend"),
    (5, "/queue.v1.Queue/Release"),
    (6, "/results.v1.Results/Put"),
    (6, "/results.v1.Results/Get"),
    (6, "/results.v1.Results/Stats"),
    (4, "/catalog.v1.Catalog/ListItems"),
    (4, "/catalog.v1.Catalog/GetItem"),
    (0, "/inventory.v1.Inventory/GetStock"),
    (1, "/pricing.v1.Pricing/GetPrice"),
    (2, "/reviews.v1.Reviews/GetReviews"),
    (3, "/recommendations.v1.Recommendations/GetRecommendations"),
    (5, "/grpc.health.v1.Health/Check"),
];

/// Its reply has jobs with leases, which later calls of the same input may name.
const LEASE: usize = 0;

/// A call with this bit names the last lease as well.
const WITH_LEASE: u8 = 0x80;

/// An input whose first byte is this is no list of calls: the next byte chooses the service, and
/// whether the connection begins as it should; the others are sent as they are.
const RAW: u8 = 0xff;

/// Takes calls one after the other: a byte for the method, and the message.
///
/// # Panics
///
/// If anything of the above is not so.
pub fn grpc(data: &[u8]) {
    let mut world = WORLD.lock().expect("no input has failed");
    let world = World::of(&mut world, "grpc");
    let mut input = Input::new(data);
    if data.first() == Some(&RAW) {
        input.byte();
        let which = input.byte();
        let address = world.grpc[usize::from(which >> 1) % world.grpc.len()];
        let begin = if which & 1 == 0 { BEGIN } else { b"" };
        world.runtime.block_on(raw(address, &[begin, input.rest()].concat()));
        return;
    }
    let job = format!("job-{}", world.inputs());
    let (broker, grpc) = (world.broker, &world.grpc);
    world.runtime.block_on(async {
        let mut lease = Vec::new();
        for _ in 0..CALLS_MAX {
            if !input.has_more() {
                return;
            }
            let method = input.byte();
            let mut message = input.piece().to_vec();
            if method & WITH_LEASE != 0 {
                message.extend(&lease);
            }
            let method = usize::from(method & !WITH_LEASE) % METHODS.len();
            if method == LEASE {
                post(broker, &job).await;
            }
            let (service, path) = METHODS[method];
            let (code, reply) = call(grpc[service], path, &message).await;
            if method == LEASE && code == 0 {
                lease = lease_of(&reply).unwrap_or(lease);
            }
        }
    });
}

/// Gives the broker a job to lease.
async fn post(broker: SocketAddr, job: &str) {
    let body = format!(r#"{{"id":"{job}","payload":1}}"#);
    let length = body.len();
    let request = format!(
        "POST /jobs HTTP/1.1\r\nhost: it\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(broker).await.expect("the broker listens");
    stream.set_nodelay(true).expect("an open connection");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("an answer").expect("a connection that is closed in order");
    // The queue may be full.
    let known = [b"HTTP/1.1 202", b"HTTP/1.1 429"].iter().any(|it| answer.starts_with(*it));
    assert!(known, "{}", answer.escape_ascii());
}

/// Of the first job in a reply, the lease, as a field for a call that names one.
fn lease_of(reply: &[u8]) -> Option<Vec<u8>> {
    // The first field of a reply is a job, and that of a job is its lease.
    let lease = field_one(field_one(reply)?)?;
    let length = u8::try_from(lease.len()).ok().filter(|length| *length < 0x80)?;
    Some([&[0x0a, length], lease].concat())
}

/// The length-delimited field 1 at the beginning of a message.
fn field_one(message: &[u8]) -> Option<&[u8]> {
    let length = message.strip_prefix(&[0x0a])?;
    let (mut value, mut used) = (0, 0);
    for byte in length.iter().take(4) {
        value |= usize::from(byte & 0x7f) << (7 * used);
        used += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    length.get(used..used + value)
}

/// One call on a connection of its own: its status, and the messages that came.
async fn call(address: SocketAddr, path: &str, message: &[u8]) -> (u16, Vec<u8>) {
    let stream = TcpStream::connect(address).await.expect("the service listens");
    stream.set_nodelay(true).expect("an open connection");
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("it speaks HTTP/2");
    let driven = tokio::spawn(connection);
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend(message);
    let request = Request::post(format!("http://{address}{path}"))
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(frame)))
        .expect("a request");
    let shown = || format!("{path} {}", message.escape_ascii());
    let answered = timeout(PATIENCE, async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?;
        Ok::<_, hyper::Error>((head, body.trailers().cloned().unwrap_or_default(), body.to_bytes()))
    });
    let answered = answered.await.unwrap_or_else(|_| panic!("no answer to {}", shown()));
    let (head, trailers, body) = answered.unwrap_or_else(|error| panic!("{error}: {}", shown()));
    driven.abort();
    assert_eq!(head.status, 200, "{}", shown());
    let code = code(&trailers).or_else(|| code(&head.headers));
    let code = code.unwrap_or_else(|| panic!("no status of gRPC: {}", shown()));
    let known = code <= 16 && code != 2;
    assert!(known, "status {code}: {}", shown());
    let messages = messages(&body).unwrap_or_else(|| panic!("no whole messages: {}", shown()));
    (code, messages)
}

fn code(fields: &HeaderMap) -> Option<u16> {
    fields.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// The messages of a body one after the other, if they are whole and not compressed.
fn messages(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while !body.is_empty() {
        let (head, rest) = body.split_at_checked(5)?;
        let length = u32::from_be_bytes(head[1..].try_into().ok()?);
        let (message, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        if head[0] != 0 {
            return None;
        }
        all.extend(message);
        body = rest;
    }
    Some(all)
}

/// Any bytes on a connection, and then a call on the next one.
async fn raw(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).await.expect("the service listens");
    stream.set_nodelay(true).expect("an open connection");
    // A service that has heard enough closes, and what is still sent is refused.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "no end after {}", bytes.escape_ascii());
    let (code, _) = call(address, "/grpc.health.v1.Health/Check", &[]).await;
    assert_eq!(code, 0, "healthy after {}", bytes.escape_ascii());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_can_name_the_lease_that_one_before_has_got() {
        let mut world = None;
        let world = World::of(&mut world, "grpc-lease");
        let workers = world.grpc[METHODS[LEASE].0];
        world.runtime.block_on(async {
            post(world.broker, "job-1").await;
            let (code, reply) = call(workers, METHODS[LEASE].1, b"\x0a\x01w\x10\x01").await;
            assert_eq!(code, 0, "leased");
            let lease = lease_of(&reply).expect("a lease");
            assert_eq!(call(workers, "/queue.v1.Queue/Ack", &lease).await.0, 0, "acknowledged");
            assert_eq!(call(workers, "/queue.v1.Queue/Ack", &lease).await.0, 9, "but once");
        });
    }

    #[test]
    fn what_is_no_whole_message_is_found() {
        assert_eq!(messages(b"\0\0\0\0\x01a\0\0\0\0\x02bc"), Some(b"abc".to_vec()));
        for wrong in [&b"\0\0\0\0\x02a"[..], b"\0\0\0", b"\x01\0\0\0\0"] {
            assert_eq!(messages(wrong), None, "{}", wrong.escape_ascii());
        }
    }
}
