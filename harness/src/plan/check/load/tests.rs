//! What is wrong with a load that is not of plain HTTP/1.1, and what is said about it.

use std::time::Duration;

use crate::plan::{GrpcCode, Load, Message, Plan, RequestSpec, Topology};

const CHECK: &str = "/grpc.health.v1.Health/Check";

fn load() -> Load {
    Load::constant("a", "b:80", 10.0).lasts(Duration::from_secs(1))
}

fn plan(load: Load) -> Plan {
    Plan::new(Topology::new().client("a").client("b")).load(load)
}

#[track_caller]
fn good(load: Load) {
    assert_eq!(plan(load).check(), Ok(()));
}

#[track_caller]
fn refused(load: Load, expected: &str) {
    let error = plan(load).check().expect_err(expected).to_string();
    assert_eq!(error, format!("load 1: {expected}"));
}

#[test]
fn loads_of_all_kinds_can_be_sent() {
    let unary = || RequestSpec::unary(CHECK).message(Message::new().text(1, "shop-{id}"));
    good(load().call("get").request(RequestSpec::call("set").route("SET").ids(7).weight(2)));
    good(load().request(unary()).shed_on([GrpcCode::UNAVAILABLE]).degraded_on([5]));
    good(load().request(unary()).get("/").call("get").http2(4).sessions(3));
    good(load().get("/").shed_on([429, 503]).degraded_on([203, 404]));
    good(load().get("/").shed_on([]));
    good(load().request(RequestSpec::server_stream(CHECK).expect_messages(3)));
    good(load().request(RequestSpec::unary(CHECK).message(Message::encoded([1, 2, 3]))));
}

#[test]
fn an_address_is_one_whatever_is_drawn() {
    let named = Topology::new().client("a").client("b_1.x-Y");
    let to = Load::constant("a", "b_1.x-Y:80", 1.0).get("/items/{id}?of={request}").http2(1);
    assert_eq!(Plan::new(named).load(to).check(), Ok(()));
    let long = format!("/{}", "x".repeat(65_520));
    let expected = "expected a path that makes an address, found one of 65540 bytes";
    refused(load().get(&format!("{long}{{id}}{{request}}xxxxx")), expected);
    let nearly = format!("/{}", "x".repeat(65_000));
    good(load().get(&nearly));
}

#[test]
fn a_status_is_one_and_is_shed_or_degraded() {
    let http = || load().get("/");
    refused(
        http().shed_on([429, 503]).degraded_on([503]),
        "expected a status to be shed or degraded, found 503 as both",
    );
    for status in [0, 200, 600] {
        let expected = "expected HTTP statuses from 300 to 599 as shed";
        refused(http().shed_on([429, status]), &format!("{expected}, found {status}"));
    }
    refused(
        http().degraded_on([100]),
        "expected HTTP statuses from 200 to 599 as degraded, found 100",
    );
    let grpc = || load().request(RequestSpec::unary(CHECK));
    for code in [0, 17, 503] {
        let expected = "expected codes of gRPC from 1 to 16 as shed or degraded";
        refused(grpc().shed_on([code]), &format!("{expected}, found {code}"));
        refused(grpc().degraded_on([code]), &format!("{expected}, found {code}"));
    }
    refused(
        grpc().shed_on([8]).degraded_on([8]),
        "expected a status to be shed or degraded, found 8 as both",
    );
    refused(
        grpc().get("/").shed_on([8]),
        "expected requests whose statuses are of one kind, found HTTP and gRPC: give each a load of \
         its own",
    );
    refused(
        load().call("get").degraded_on([404]),
        "expected requests of HTTP or gRPC whose statuses are shed or degraded, found calls that \
         say it themselves",
    );
}

#[test]
fn a_call_says_itself_what_it_sends_and_expects() {
    let expected = "get: expected a call that says itself what it sends and what a good answer is, \
                    found a body, a header, a message or an expectation";
    let call = || RequestSpec::call("get");
    refused(load().request(call().body("x")), expected);
    refused(load().request(call().header("x-tenant", "a")), expected);
    refused(load().request(call().expect_present("/id")), expected);
    refused(load().request(call().message(Message::new())), expected);
    let nameless = "expected a call with a name and a route, found an empty one";
    refused(load().call(""), nameless);
    refused(load().request(call().route("")), nameless);
    refused(
        load().call("get").http2(1),
        "expected requests of HTTP/2 or gRPC, found calls, which open their own connections",
    );
    refused(
        load().call("get").sessions(2),
        "expected requests of HTTP, which have cookies, found none",
    );
    refused(load(), "expected a request with a weight above zero, found none");
    refused(
        load().request(call().weight(0)),
        "expected a request with a weight above zero, found none",
    );
    for connections in [0, 10_001] {
        refused(
            load().get("/").http2(connections),
            &format!("expected from 1 to 10000 connections of HTTP/2, found {connections}"),
        );
    }
}

#[test]
fn a_call_of_grpc_has_a_method_and_messages_that_can_be_written() {
    for path in ["/", "/Check", "/a/b/c", "//Check", "/health/"] {
        let expected =
            format!("{path}: expected a method /package.Service/Method of gRPC, found POST {path}");
        refused(load().request(RequestSpec::unary(path)), &expected);
    }
    refused(
        load().request(RequestSpec::get("/a/b").message(Message::new())),
        "GET /a/b: expected a method /package.Service/Method of gRPC, found GET /a/b",
    );
    let unary = || RequestSpec::unary(CHECK);
    let wrong =
        |spec, expected: &str| refused(load().request(spec), &format!("{CHECK}: {expected}"));
    wrong(unary().body("x"), "expected a message of gRPC, found a body of HTTP");
    for spec in [unary().expect_present("/id"), unary().expect_error_type("text/plain")] {
        wrong(
            spec,
            "expected a reply of gRPC to be told by expect_message, found what is expected of an \
             answer of HTTP",
        );
    }
    wrong(
        unary().expect_messages(2),
        "expected a number of messages of a stream, found a unary call",
    );
    wrong(
        unary().expect_message(Message::encoded([8, 1])),
        "expected fields in expect_message, found encoded bytes",
    );
    let sent = |message| unary().message(message);
    let number = "expected the number of a field from 1 to 536870911";
    wrong(sent(Message::new().text(0, "x")), &format!("{number}, found 0"));
    wrong(sent(Message::new().text(1 << 29, "x")), &format!("{number}, found 536870912"));
    for text in ["", "x", "1.5", "18446744073709551616"] {
        wrong(
            sent(Message::new().message(3, Message::new().number(1, text))),
            &format!("expected a whole number of 64 bits, found {text:?}"),
        );
    }
    wrong(
        sent(Message::new().text(1, "{sku}")),
        "expected {id} or {request} in a message, found {sku}",
    );
    let deep = (0..40).fold(Message::new(), |inner, _| Message::new().message(1, inner));
    wrong(sent(deep), "expected at most 32 messages within one another");
}
