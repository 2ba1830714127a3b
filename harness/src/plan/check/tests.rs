//! Each thing that can be wrong with a plan, and what is said about it.

use std::time::Duration;

use crate::plan::{
    Arrivals, DiskConfig, Fault, FaultBuilder, Latency, Link, Load, Plan, ProcessFault,
    RequestSpec, TcpConfig, Topology, bandwidth, blackhole, burst, clock_drift, clock_jump,
    clock_skew, corrupt_disk, crash, crash_loop, disconnect, disk_error, error_code, fail_first,
    fail_fraction, flap, hang, jitter, latency, loss, partition, partition_groups, pause,
    power_loss, ramp, reorder, restart, slicer, slow_answer, slow_close, slow_cpu, slow_disk,
    slow_dns, stale_dns, stampede,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn topology() -> Topology {
    Topology::new().host("b", "service", serde_json::Value::Null).client("a")
}

fn load() -> Load {
    Load::constant("a", "b:80", 10.0).lasts(ms(1_000)).get("/")
}

fn plan() -> Plan {
    Plan::new(topology()).load(load())
}

#[track_caller]
fn refused(plan: &Plan, expected: &str) {
    match plan.check() {
        Ok(()) => panic!("expected {expected:?}, found nothing wrong"),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

#[track_caller]
fn refused_topology(topology: Topology, expected: &str) {
    refused(&Plan::new(topology), expected);
}

#[track_caller]
fn refused_load(change: impl FnOnce(&mut Load), expected: &str) {
    let mut load = load();
    change(&mut load);
    refused(&Plan::new(topology()).load(load), expected);
}

#[track_caller]
fn refused_fault(fault: FaultBuilder, expected: &str) {
    let fault = fault.from(ms(100)).until(ms(200));
    let label = fault.label();
    refused(&plan().fault(fault), &format!("fault 1 ({label}): {expected}"));
}

#[test]
fn a_plan_that_can_be_performed_is_not_refused() {
    let plan = plan().fault(loss("b", 0.1).from(ms(100)).until(ms(200)));
    assert_eq!(plan.check(), Ok(()));
    assert_eq!(Plan::new(topology()).lasts(ms(10)).check(), Ok(()));
}

#[test]
fn hosts_have_names_and_cores() {
    refused_topology(Topology::new(), "topology: expected at least one host, found none");
    let name = "expected a name of letters, digits, `-`, `_` and `.` that is no address";
    for wrong in ["", "a b", "ä", "10.0.0.1", "localhost"] {
        refused_topology(topology().client(wrong), &format!("host {wrong:?}: {name}"));
    }
    let twice = "host \"a\": expected each host once, found the name twice";
    refused_topology(topology().client("a"), twice);
    refused_topology(
        topology().client("c").cores(0),
        "host \"c\": expected at least one core, found 0",
    );
}

#[test]
fn the_network_has_a_resolution_and_links_between_its_hosts() {
    let expected = "topology: expected a resolution above zero and up to 100 ms, found";
    refused_topology(topology().resolution(Duration::ZERO), &format!("{expected} 0ns"));
    refused_topology(topology().resolution(ms(101)), &format!("{expected} 101ms"));
    refused_topology(
        topology().link_from("a", "c", Link::default()),
        "link from a to c: expected one of the hosts b, a, found \"c\"",
    );
    refused_topology(
        topology().link(Link::default().loss(1.5)),
        "link: expected a share from 0 to 1 for loss, found 1.5",
    );
    refused_topology(
        topology().link_between("a", "b", Link::default().reorder(-0.1)),
        "link from a to b: expected a share from 0 to 1 for reorder, found -0.1",
    );
    refused_topology(
        topology().link(Link::default().bandwidth_bps(0)),
        "link: expected a bandwidth above zero, found 0",
    );
    for (latency, expected) in [
        (Latency::Uniform { min: ms(5), max: ms(4) }, "expected 5ms to be at most 4ms"),
        (
            Latency::LogNormal { median: ms(5), sigma: 11.0 },
            "expected a sigma from 0 to 10, found 11",
        ),
        (Latency::Pareto { min: ms(5), shape: 0.0 }, "expected a shape above 0, found 0"),
    ] {
        refused_topology(topology().link(Link::new(latency)), &format!("link: {expected}"));
    }
}

#[test]
fn tcp_waits_and_takes_connections() {
    let tcp = |change: fn(&mut TcpConfig)| {
        let mut tcp = TcpConfig::default();
        change(&mut tcp);
        topology().tcp(tcp)
    };
    let zero = "tcp: expected times above zero, found zero";
    refused_topology(tcp(|tcp| tcp.rto_min = Duration::ZERO), zero);
    refused_topology(tcp(|tcp| tcp.rto_initial = Duration::ZERO), zero);
    refused_topology(tcp(|tcp| tcp.fin_timeout = Duration::ZERO), zero);
    refused_topology(
        tcp(|tcp| tcp.rto_max = ms(10)),
        "tcp: expected an rto_max that is not below rto_min and rto_initial",
    );
    refused_topology(
        tcp(|tcp| tcp.retries2 = 1000),
        "tcp: expected at most 127 retries, found 1000",
    );
    refused_topology(
        tcp(|tcp| tcp.rmem = [4096, 100, 200]),
        "tcp: expected rmem to be three rising sizes from 2048 to 1073741824 bytes, \
         found 4096, 100, 200",
    );
    refused_topology(tcp(|tcp| tcp.hz = 0), "tcp: expected hz from 10 to 10000 ticks in a second");
    refused_topology(
        tcp(|tcp| tcp.initcwnd = 0),
        "tcp: expected an initcwnd from 1 to 1000 segments",
    );
    refused_topology(
        tcp(|tcp| tcp.somaxconn = 0),
        "tcp: expected a somaxconn of at least one connection, found 0",
    );
}

#[test]
fn no_time_is_longer_than_anybody_means() {
    let century = Duration::from_secs(100 * 365 * 86_400);
    refused(
        &plan().boot(century),
        "plan.boot_ms: expected at most 31536000s, found 3153600000000 ms",
    );
    refused(
        &plan().fault(latency("b", century).from(ms(1)).until(ms(2))),
        "plan.faults[0].kind.network.latency.latency_ms: expected at most 31536000s, found 3153600000000 ms",
    );
    refused(
        &Plan::new(topology().link(Link::constant(Duration::MAX))),
        "plan.topology.link.latency.ms: expected at most 31536000s, found 18446744073709552000000 ms",
    );
}

#[test]
fn a_load_has_a_client_a_target_and_something_to_ask() {
    refused_load(
        |load| load.client = "c".to_owned(),
        "load 1: expected one of the hosts b, a, found \"c\"",
    );
    for target in ["b", "b:http", "b:99999"] {
        let expected = format!("load 1: expected a target name:port, found {target:?}");
        refused_load(|load| load.target = target.to_owned(), &expected);
    }
    refused_load(
        |load| load.target = "c:80".to_owned(),
        "load 1: expected one of the hosts b, a, found \"c\"",
    );
    refused_load(
        |load| load.lasts = Duration::ZERO,
        "load 1: expected a duration above zero, found 0ns",
    );
    refused_load(
        |load| load.timeout = Duration::ZERO,
        "load 1: expected a timeout above zero, found zero",
    );
    refused_load(
        |load| load.retry.attempts_max = 0,
        "load 1: expected at least one attempt, found 0",
    );
    let nothing = "load 1: expected a request with a weight above zero, found none";
    refused_load(|load| load.mix.clear(), nothing);
    refused_load(|load| load.mix[0].weight = 0, nothing);
    refused_load(
        |load| load.mix[0] = RequestSpec::new("G ET", "/"),
        "load 1: expected an HTTP method, found \"G ET\"",
    );
    for path in ["x", "/a b"] {
        let expected = format!("load 1: expected a path from / on, found {path:?}");
        refused_load(|load| load.mix[0].path = path.to_owned(), &expected);
    }
}

#[track_caller]
fn refused_request(request: RequestSpec, expected: &str) {
    refused_load(|load| load.mix[0] = request, &format!("load 1: {expected}"));
}

#[test]
fn placeholders_of_a_request_are_known() {
    let expected = |part, found| {
        format!("expected {{id}} or {{request}} in the {part} of a request, found {found}")
    };
    refused_request(RequestSpec::get("/items/{sku}"), &expected("path", "{sku}"));
    let body = RequestSpec::new("POST", "/{id}").body(r#"{"item":{item}}"#);
    refused_request(body, &expected("body", "{item}"));
    refused_request(
        RequestSpec::get("/").expect_equal("/id", "{idd}"),
        "GET /: expected {id} or {request} in the value at \"/id\", found {idd}",
    );
}

#[test]
fn headers_of_a_request_are_its_own() {
    let get = |name: &str, value: &str| RequestSpec::get("/").header(name, value);
    for bad in ["", "a b", "x:y"] {
        let expected = format!("GET /: expected the name of a header, found {bad:?}");
        refused_request(get(bad, "1"), &expected);
    }
    for own in ["host", "Content-Length", "traceparent", "cookie", "connection"] {
        let expected =
            format!("GET /: expected headers that are not the client's own, found {own}");
        refused_request(get(own, "1"), &expected);
    }
    refused_request(
        get("x-tenant", "{tenant}"),
        "GET /: expected {id} or {request} in the header x-tenant, found {tenant}",
    );
    refused_request(
        get("x-tenant", "a\nb"),
        "GET /: expected a value of the header x-tenant, found \"a\\nb\"",
    );
    let call = RequestSpec::unary("/shop.v1.Shop/Get").header("content-type", "text/plain");
    let expected = "/shop.v1.Shop/Get: expected headers that are not the client's own, found \
                    content-type";
    refused_request(call, expected);
}

#[test]
fn what_is_expected_of_an_answer_can_be_looked_for() {
    let get = || RequestSpec::get("/");
    for pointer in ["id", "/a~2", "/a~", "#/a"] {
        let expected = format!(
            "GET /: expected a JSON pointer such as /items/0 (RFC 6901), found {pointer:?}"
        );
        for request in [
            get().expect_present(pointer),
            get().expect_equal(pointer, "1"),
            get().expect_count(pointer, 1),
            get().degraded_by(pointer),
            get().degraded_by("/missing").expect_section("a", pointer),
        ] {
            refused_request(request, &expected);
        }
    }
    refused_request(
        get().expect_equal("/sku", "P-{id}"),
        "GET /: expected JSON for the value at \"/sku\", found P-{id}: expected value at line 1 \
         column 1",
    );
    refused_request(
        get().expect_section("reviews", "/reviews"),
        "GET /: expected degraded_by(..), the list that names the section \"reviews\" when it is \
         left out, found none",
    );
    let twice = get().degraded_by("/x").expect_section("a", "/a").expect_section("a", "/b");
    refused_request(twice, "GET /: expected each section once, found \"a\" twice");
    for empty in [get().expect_section("", "/a"), get().expect_section("a", "")] {
        refused_request(
            empty.degraded_by("/x"),
            "GET /: expected a section with a name and a JSON pointer, found an empty one",
        );
    }
    refused_request(
        get().expect_error_type("problem"),
        "GET /: expected a media type such as application/problem+json, found \"problem\"",
    );
    let good = get()
        .expect_equal("", r#"{"a~/b":[{id},"{request}"]}"#)
        .expect_count("/a~0~1b/-", 0)
        .degraded_by("/x")
        .expect_section("a", "/a")
        .expect_error_type("application/problem+json; charset=utf-8");
    let mut load = load();
    load.mix[0] = good;
    let plan = Plan::new(topology()).load(load);
    assert_eq!(plan.check(), Ok(()));
    let kept = serde_json::to_string(&plan).expect("json");
    assert_eq!(serde_json::from_str::<Plan>(&kept).expect("a plan"), plan);
}

#[test]
fn a_load_has_rates() {
    let rates = |found: &str| {
        format!("load 1: expected rates from 0 to 1,000,000 per second, found {found}")
    };
    for (arrivals, expected) in [
        (Arrivals::Constant { rate: 0.0 }, rates("[0.0]")),
        (Arrivals::Poisson { rate: f64::NAN }, rates("[NaN]")),
        (Arrivals::Ramp { from: -1.0, to: 5.0 }, rates("[-1.0, 5.0]")),
        (Arrivals::Steps { rates: Vec::new() }, rates("[]")),
        (Arrivals::Steps { rates: vec![0.0, 2e6] }, rates("[0.0, 2000000.0]")),
        (
            Arrivals::Bursts { rate: 1.0, peak: 9.0, every: ms(10), burst: ms(10) },
            "load 1: expected a burst shorter than 10ms, found 10ms".to_owned(),
        ),
        (
            Arrivals::Closed { clients: 0, think: ms(1) },
            "load 1: expected at least one client, found 0".to_owned(),
        ),
    ] {
        refused_load(|load| load.arrivals = arrivals, &expected);
    }
}

#[test]
fn a_fault_has_a_target_and_times() {
    refused_fault(pause("c"), "expected one of the hosts b, a, found \"c\"");
    refused_fault(partition("a", "c"), "expected one of the hosts b, a, found \"c\"");
    refused_fault(partition_groups(&["a"], &[]), "expected hosts on both sides, found none on one");
    let early = pause("b").from(ms(200)).until(ms(200));
    refused(
        &plan().fault(early),
        "fault 1 (pause at b): expected a heal after the injection at 200ms, found 200ms",
    );
    let late = pause("b").from(ms(1_000)).until(ms(2_000));
    refused(
        &plan().fault(late),
        "fault 1 (pause at b): expected an injection while the plan lasts (1s), found 1s",
    );
    let misplaced =
        Fault { kind: ProcessFault::Pause.into(), ..burst(2.0).from(ms(1)).until(ms(2)) };
    refused(
        &plan().fault(misplaced),
        "fault 1 (pause of the load): a fault of this kind cannot act on Load",
    );
}

#[test]
fn a_fault_has_attributes_that_make_sense() {
    for rate in [0.0, 1.1, f64::NAN] {
        let expected = format!("expected a share above 0 and up to 1, found {rate}");
        refused_fault(loss("b", rate), &expected);
        refused_fault(fail_fraction("b", rate, 500), &expected);
        refused_fault(disconnect(rate, ms(1)), &expected);
    }
    refused_fault(slow_cpu("b", 1.0), "expected a factor above 1 and up to 10,000, found 1");
    refused_fault(burst(1e5), "expected a factor above 1 and up to 10,000, found 100000");
    refused_fault(error_code("b", 200), "expected an HTTP status from 400 to 599, found 200");
    refused_fault(fail_first("b", 0, 500), "expected at least one request, found 0");
    refused_fault(stampede(0), "expected at least one request, found 0");
    refused_fault(bandwidth("b", 0), "expected at least 1 KB/s, found 0");
    refused_fault(slicer("b", 10, 10, ms(1)), "expected a variation below the size 10, found 10");
    let times = "expected times above zero, found 0ns up and 1ms down";
    refused_fault(flap("a", "b", ms(1), Duration::ZERO), times);
    refused_fault(crash_loop("b", Duration::ZERO, ms(1)), times);
    refused_fault(
        latency("b", ms(5)).jitter(ms(6)),
        "expected a jitter up to the latency 5ms, found 6ms",
    );
}

#[test]
fn a_fault_that_cannot_change_anything_is_refused() {
    let below = |what, found| {
        format!("expected a {what} of at least 100µs, the resolution of the network, found {found}")
    };
    let short = Duration::from_micros(99);
    refused_fault(latency("b", Duration::ZERO), &below("latency", "0ns"));
    refused_fault(latency("b", short / 2).jitter(short / 2), &below("latency", "99µs"));
    refused_fault(jitter("b", short), &below("jitter", "99µs"));
    refused_fault(reorder("b", 0.5, Duration::ZERO), &below("delay", "0ns"));
    refused_fault(slow_close("b", short), &below("delay", "99µs"));
    let fine = latency("b", short).from(ms(100)).until(ms(200));
    let precise = topology().resolution(Duration::from_micros(50));
    assert_eq!(Plan::new(precise).load(load()).fault(fine).check(), Ok(()));
    refused_fault(
        slicer("b", 10, 5, Duration::ZERO),
        "expected a pause between the pieces, without which they are read as one, found zero",
    );
    refused_fault(slow_answer("b", Duration::ZERO), "expected a delay above zero, found zero");
    refused_fault(
        clock_drift("b", 1e-10),
        "expected at least a nanosecond per second, 1e-9, found 0.0000000001",
    );
    let alone = "expected traffic with another host, found only b";
    refused_fault(partition("b", "b"), alone);
    refused_fault(loss("b", 0.5).with_peer("b"), alone);
    let hermit = Topology::new().host("b", "service", serde_json::Value::Null);
    let cut = blackhole("b").from(ms(100)).until(ms(200));
    refused(
        &Plan::new(hermit).lasts(ms(1_000)).fault(cut),
        &format!("fault 1 (blackhole at b): {alone}"),
    );
    refused_fault(hang("a"), "expected a host that runs a service, found the client a");
}

#[test]
fn a_fault_of_the_load_has_one_to_act_on() {
    let refused_with = |load: Option<Load>, fault: FaultBuilder, expected: &str| {
        let fault = fault.from(ms(100)).until(ms(200));
        let label = fault.label();
        let plan = Plan::new(topology()).lasts(ms(1_000)).fault(fault);
        let plan = load.into_iter().fold(plan, Plan::load);
        refused(&plan, &format!("fault 1 ({label}): {expected}"));
    };
    let none = "expected a load to act on, found none";
    for fault in [burst(2.0), ramp(2.0), stampede(5), disconnect(0.5, ms(5))] {
        refused_with(None, fault, none);
    }
    let closed = Load::new("a", "b:80", Arrivals::Closed { clients: 2, think: ms(5) });
    let closed = closed.lasts(ms(1_000)).get("/");
    for fault in [burst(2.0), ramp(2.0)] {
        let expected = "expected an open load to act on, found closed ones";
        refused_with(Some(closed.clone()), fault, expected);
    }
    let ended = "expected an injection while a load lasts (100ms), found 100ms";
    for fault in [burst(2.0), ramp(2.0), disconnect(0.5, ms(5))] {
        refused_with(Some(load().lasts(ms(100))), fault, ended);
    }
    refused_with(
        Some(load().timeout(ms(50))),
        disconnect(0.5, ms(51)),
        "expected clients that leave within their timeout of 50ms, found 51ms",
    );
}

#[test]
fn a_process_has_one_fault_at_a_time() {
    type Fault = fn(&str) -> FaultBuilder;
    let faults: [Fault; 6] = [
        |host| slow_cpu(host, 2.0),
        pause,
        crash,
        power_loss,
        |host| crash_loop(host, ms(5), ms(5)),
        |host| restart(host, ms(5)),
    ];
    for one in faults {
        for other in faults {
            let first = one("b").from(ms(100)).until(ms(200));
            let with = |host, from, until| {
                plan().fault(first.clone()).fault(other(host).from(ms(from)).until(ms(until)))
            };
            for (from, until) in [(50, 101), (150, 160), (100, 200), (199, 300), (50, 300)] {
                let plan = with("b", from, until);
                let expected = format!(
                    "fault 2 ({}): expected one fault of a process at a time, found fault 1 ({}) \
                     on it from 100ms to 200ms",
                    plan.faults[1].label(),
                    first.label(),
                );
                refused(&plan, &expected);
            }
            for (host, from, until) in [("b", 50, 100), ("b", 200, 300), ("a", 100, 200)] {
                assert_eq!(with(host, from, until).check(), Ok(()));
            }
        }
    }
    let network = plan()
        .fault(pause("b").from(ms(100)).until(ms(200)))
        .fault(loss("b", 0.5).from(ms(100)).until(ms(200)));
    assert_eq!(network.check(), Ok(()), "a fault of the network is not the process's");
}

#[test]
fn clocks_are_off_by_what_can_be() {
    let expected = "expected a clock off by up to a year and not by zero, found";
    refused_fault(clock_jump("b", 0), &format!("{expected} 0 ms"));
    refused_fault(clock_jump("b", -40_000_000_000), &format!("{expected} -40000000000 ms"));
    let expected = "expected a share from -0.5 to 1 other than 0, found";
    for rate in [0.0, 1.1, -0.6, f64::NAN] {
        refused_fault(clock_drift("b", rate), &format!("{expected} {rate}"));
    }
    refused_fault(
        clock_skew("b", -51),
        "expected a fault of at least 102ms, in which a clock comes to be off by -51 ms without a \
         step, found 100ms; a clock_jump is there at once",
    );
}

#[test]
fn faults_of_disks_and_names_have_attributes_that_make_sense() {
    refused_fault(slow_disk("b", 1.0), "expected a factor above 1 and up to 10,000, found 1");
    refused_fault(disk_error("b", 0.0), "expected a share above 0 and up to 1, found 0");
    refused_fault(corrupt_disk("b", 1.5), "expected a share above 0 and up to 1, found 1.5");
    refused_fault(slow_dns("b", Duration::ZERO), "expected a delay above zero, found zero");
    refused_fault(
        stale_dns("b", "a", "a"),
        "expected the address of another host, found that of a",
    );
    refused_fault(stale_dns("b", "a", "c"), "expected one of the hosts b, a, found \"c\"");
    let disk = DiskConfig::default().capacity_bytes(0);
    refused_topology(
        topology().disk(disk),
        "host \"a\": expected a disk with space, found 0 bytes",
    );
}

#[test]
fn objectives_name_what_the_plan_has() {
    use crate::objective::{
        accounting, always_balanced, availability, count, gauge, gauge_at_end, logs, never, p99,
        recovers, returns_to_baseline, sequence, spans,
    };
    let with = |objective| plan().objective(objective);
    let host = |found: &str, known: &str| {
        format!("objective 1: expected a host that the topology has, found \"{found}\": {known}")
    };
    let known = "known are b, a";
    refused(&with(never(logs("lost")).on_host("bb")), &host("bb", "did you mean \"b\"?"));
    refused(&with(never(logs("lost").on("worker-*"))), &host("worker-*", known));
    refused(&with(sequence([logs("x").on("b"), logs("y").on("zzz")])), &host("zzz", known));
    let nested = recovers(p99().at_most(ms(1)).on_host("zzz")).holding_for(ms(1)).within(ms(1));
    refused(&with(nested), &host("zzz", known));
    let counted = accounting(count(logs("x"))).equals(count(spans("y").on("zzz")));
    refused(&with(counted), &host("zzz", known));
    refused(
        &with(availability().at_least(0.9).on_route("GET /x")),
        "objective 1: expected a route that a load of the plan requests, found \"GET /x\": did you \
         mean \"GET /\"?",
    );
    let gauge_of = |found: &str, known: &str| {
        format!(
            "objective 1: expected a gauge that every run or cluster has or the plan scrapes, found \
             \"{found}\": {known}"
        )
    };
    let all = "known are tasks, sockets, connections_opened, memory_growth_mib, requests_sent";
    refused(&with(gauge("task").at_most(1)), &gauge_of("task", "did you mean \"tasks\"?"));
    refused(&with(returns_to_baseline("fds")), &gauge_of("fds", all));
    refused(&with(always_balanced(["tasks"], ["zz"])), &gauge_of("zz", all));
    refused(
        &with(accounting(gauge_at_end("zz")).equals(gauge_at_end("tasks"))),
        &gauge_of("zz", all),
    );
    // What is there is not refused, whatever a run will show.
    for objective in [
        never(logs("nobody says this").on("b")),
        gauge("sockets").at_most(3).on_host("a"),
        availability().at_least(0.9).on_route("GET /").to_dependency("unheard of"),
    ] {
        assert_eq!(with(objective).check(), Ok(()));
    }
}
