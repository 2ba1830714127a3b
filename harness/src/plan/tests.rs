//! Plans as data: what is written is what is read back.

use std::time::Duration;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One fault of each kind.
fn faults() -> Vec<FaultBuilder> {
    vec![
        latency("b", ms(400)).jitter(ms(100)),
        jitter("b", ms(3)).both_ways(),
        loss("b", 0.1).upstream(),
        duplicate("b", 0.1).with_peer("a"),
        reorder("b", 0.1, ms(2)),
        corrupt("b", 0.1),
        bandwidth("b", 100),
        partition("a", "b"),
        partition_one_way("a", "b"),
        partition_groups(&["a"], &["b", "c"]),
        flap("a", "b", ms(5), ms(10)),
        blackhole("b"),
        half_open("b"),
        reset("b"),
        refuse("b"),
        timeout("b", Duration::from_micros(1_500)),
        reset_peer("b", ms(1)),
        slow_close("b", ms(1)),
        slicer("b", 100, 20, Duration::from_nanos(100)),
        limit_data("b", 10_000),
        crash("b").spread(Duration::from_micros(1)),
        power_loss("b"),
        torn_write("b"),
        disk_full("b"),
        disk_error("b", 0.5),
        slow_disk("b", 10.0),
        corrupt_disk("b", 0.01),
        clock_skew("b", -20),
        clock_jump("b", 3_600_000),
        clock_drift("b", -0.01),
        dns_failure("b"),
        slow_dns("b", ms(200)),
        stale_dns("b", "a", "c"),
        crash_loop("b", ms(100), ms(50)),
        restart("b", ms(30)),
        pause("b"),
        slow_cpu("b", 4.0),
        fail_first("b", 3, 503),
        fail_fraction("b", 0.25, 500),
        error_code("b", 429),
        slow_answer("b", ms(300)),
        hang("b"),
        corrupt_answer("b", 0.5),
        truncate_answer("b", 0.5),
        burst(3.0),
        ramp(2.0),
        stampede(500),
        disconnect(0.5, ms(20)),
    ]
}

fn everything() -> Plan {
    let tcp = TcpConfig { fin_timeout: ms(5_000), ..TcpConfig::default() };
    let topology = Topology::new()
        .host("b", "shop", serde_json::json!({"port": 80, "defects": ["leak"]}))
        .cores(2)
        .host("c", "shop", serde_json::Value::Null)
        .client("a")
        .link(Link::new(Latency::LogNormal { median: ms(2), sigma: 0.3 }).jitter(ms(1)))
        .link_between("a", "b", Link::constant(ms(3)).loss(0.01).bandwidth_bps(8_000_000))
        .link_from("b", "c", Link::new(Latency::Pareto { min: ms(1), shape: 2.5 }).corrupt(0.1))
        .link_from("c", "b", Link::new(Latency::Uniform { min: ms(1), max: ms(2) }).reorder(0.1))
        .link_from(
            "c",
            "a",
            Link::new(Latency::Normal { mean: ms(1), deviation: ms(2) })
                .duplicate(0.2)
                .queue_bytes(99),
        )
        .resolution(Duration::from_micros(10))
        .tcp(tcp);
    let arrivals = [
        Arrivals::Constant { rate: 100.0 },
        Arrivals::Poisson { rate: 0.1 },
        Arrivals::Ramp { from: 1.0, to: 1e6 },
        Arrivals::Steps { rates: vec![1.0, 2.0] },
        Arrivals::Bursts { rate: 1.0, peak: 9.0, every: ms(100), burst: ms(10) },
        Arrivals::Closed { clients: 7, think: ms(30) },
    ];
    let order = RequestSpec::new("POST", "/orders/{id}").body("{\"id\":{id}}").weight(3);
    let mut plan = Plan::new(topology).lasts(ms(3_000)).settle(ms(700)).limits(Limits::default());
    for arrivals in arrivals {
        let load = Load::new("a", "b:80", arrivals).lasts(ms(3_000)).retry(3, ms(10)).warm_up(2);
        let order = order.clone().expect_present("/id").degraded_by("/left_out");
        plan = plan.load(load.get("/items/{id}").request(order));
    }
    let message = Message::new()
        .number(1, "{id}")
        .text(2, "P-{request}")
        .bytes(3, [0, 255])
        .message(4, Message::new().number(1, "-7"));
    let get =
        RequestSpec::unary("/stock.v1.Stock/Get").message(message.clone()).expect_message(message);
    let watch = RequestSpec::server_stream("/stock.v1.Stock/Watch")
        .message(Message::encoded([8, 1]))
        .expect_messages(3);
    let grpc = Load::constant("a", "b:50051", 10.0).lasts(ms(3_000)).http2(2).request(get);
    let grpc = grpc.request(watch).shed_on([GrpcCode::UNAVAILABLE]).degraded_on([5]);
    let calls = Load::constant("a", "b:6379", 10.0).lasts(ms(3_000)).call("get");
    plan = plan.load(grpc).load(calls);
    // One after the other: a process has one fault at a time.
    for (number, fault) in (0..).zip(faults()) {
        let from = ms(500 + 50 * number);
        plan = plan.fault(fault.from(from).lasting(Duration::from_micros(49_567)));
    }
    plan
}

#[test]
fn a_plan_with_everything_in_it_survives_being_written_and_read() {
    let plan = everything();
    assert_eq!(plan.check(), Ok(()));
    let text = serde_json::to_string(&plan).expect("plans are plain data");
    let read: Plan = serde_json::from_str(&text).expect("and can be read");
    assert_eq!(read, plan);
    assert_eq!(serde_json::to_string(&read).expect("again"), text);
}

#[test]
fn a_plan_from_before_it_could_last_without_a_load_is_read() {
    let mut value = serde_json::to_value(everything()).expect("plans are plain data");
    value.as_object_mut().expect("an object").remove("lasts_ms");
    let read: Plan = serde_json::from_value(value).expect("a plan");
    assert_eq!(read.lasts, Duration::ZERO);
}

#[test]
fn a_load_says_no_more_than_it_did_before_there_were_other_protocols() {
    let plain = Load::constant("a", "b:80", 10.0).get("/");
    let value = serde_json::to_value(&plain).expect("plans are plain data");
    for name in ["statuses", "http2_connections"] {
        assert!(value.get(name).is_none(), "{name}");
    }
    for name in ["grpc", "call"] {
        assert!(value["mix"][0].get(name).is_none(), "{name}");
    }
    assert_eq!(serde_json::from_value::<Load>(value).expect("a load"), plain);
}

/// Random streams, records and digests have them: what changes here changes all of these.
#[test]
fn each_kind_of_fault_has_its_name_and_what_it_counts() {
    let mut found: Vec<String> = Vec::new();
    for fault in faults() {
        let fault = fault.from(ms(1)).until(ms(2));
        assert!(fault.label().starts_with(fault.kind.name()), "{}", fault.label());
        found.push(format!("{}: {}", fault.kind.name(), fault.kind.counts()));
    }
    found.dedup();
    let expected = [
        "latency: packets delayed",
        "jitter: packets delayed",
        "loss: packets lost",
        "duplicate: packets duplicated",
        "reorder: packets overtaken",
        "corrupt: packets lost",
        "bandwidth: packets throttled",
        "partition: packets dropped",
        "flap: packets dropped",
        "blackhole: packets dropped",
        "half_open: packets dropped",
        "reset: connections reset",
        "refuse: connections refused",
        "timeout: packets dropped or connections closed",
        "reset_peer: connections reset",
        "slow_close: closes delayed",
        "slicer: segments sliced",
        "limit_data: connections ended",
        "crash: processes killed",
        "power_loss: processes killed",
        "torn_write: writes torn",
        "disk_full: writes refused",
        "disk_error: disk operations failed",
        "slow_disk: disk operations slowed",
        "corrupt_disk: reads corrupted",
        "clock_skew: wrong readings of clocks",
        "clock_jump: wrong readings of clocks",
        "clock_drift: wrong readings of clocks",
        "dns_failure: look-ups failed",
        "slow_dns: look-ups delayed",
        "stale_dns: look-ups misled",
        "crash_loop: processes killed",
        "restart: processes stopped",
        "pause: wake-ups held back",
        "slow_cpu: pieces of work slowed",
        "fail_first: requests failed",
        "fail_fraction: requests failed",
        "error_code: requests failed",
        "slow_answer: requests delayed",
        "hang: requests hung",
        "corrupt_answer: answers corrupted",
        "truncate_answer: answers truncated",
        "burst: requests added",
        "ramp: requests added",
        "stampede: requests added",
        "disconnect: clients disconnected",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_fault_is_written_with_its_family() {
    let check = |fault: FaultBuilder, label: &str, expected: serde_json::Value| {
        let fault = fault.from(ms(1)).until(ms(2));
        assert_eq!(fault.label(), label);
        assert_eq!(serde_json::to_value(&fault.kind).expect("plans are plain data"), expected);
    };
    check(
        latency("b", ms(400)).jitter(ms(100)),
        "latency at b: 400ms ± 100ms",
        serde_json::json!({"network": {"latency": {"latency_ms": 400.0, "jitter_ms": 100.0}}}),
    );
    check(blackhole("b"), "blackhole at b", serde_json::json!({"network": "blackhole"}));
    check(
        restart("b", ms(30)),
        "restart at b: grace 30ms",
        serde_json::json!({"process": {"restart": {"grace_ms": 30.0}}}),
    );
    check(disk_full("b"), "disk_full at b", serde_json::json!({"disk": "full"}));
    check(
        slow_disk("b", 10.0 / 3.0),
        "slow_disk at b: 3.33x",
        serde_json::json!({"disk": {"slow": {"factor": 10.0 / 3.0}}}),
    );
    check(
        clock_skew("b", -20),
        "clock_skew at b: -20 ms",
        serde_json::json!({"clock": {"skew": {"by_ms": -20}}}),
    );
    check(
        clock_drift("b", 0.01),
        "clock_drift at b: +1 %",
        serde_json::json!({"clock": {"drift": {"rate": 0.01}}}),
    );
    check(
        stale_dns("b", "a", "c"),
        "stale_dns at b: a is c",
        serde_json::json!({"names": {"stale": {"name": "a", "old": "c"}}}),
    );
    check(
        fail_fraction("b", 0.25, 500),
        "fail_fraction at b: 25 % with 500",
        serde_json::json!({"service": {"fail_fraction": {"rate": 0.25, "status": 500}}}),
    );
    check(
        disconnect(0.5, ms(20)),
        "disconnect of the load: 50 % after 20ms",
        serde_json::json!({"load": {"disconnect": {"rate": 0.5, "after_ms": 20.0}}}),
    );
}

#[test]
fn a_duration_is_as_long_as_the_longest_of_load_plan_and_heals() {
    let plan = || Plan::new(Topology::new().client("a"));
    assert_eq!(plan().duration(), Duration::ZERO);
    assert_eq!(plan().lasts(ms(30)).duration(), ms(30));
    let load = Load::constant("a", "a:1", 1.0).lasts(ms(50));
    assert_eq!(plan().lasts(ms(30)).load(load).duration(), ms(50));
    assert_eq!(plan().lasts(ms(30)).fault(pause("a").from(ms(1)).until(ms(70))).duration(), ms(70));
}

#[test]
#[should_panic(expected = "expected a latency to vary, found the fault loss")]
fn only_a_latency_has_a_jitter_of_its_own() {
    drop(loss("b", 0.1).jitter(ms(1)));
}
