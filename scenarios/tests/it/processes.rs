//! Runs on real processes: what they show, and that they leave nothing behind however they end.

use std::{collections::BTreeSet, fs, time::Duration};

use squall_reports::{
    Record,
    record::{Backend, EndCause, EventKind, FaultAction, HostState},
};

use super::support::{
    Folder, check_refused, command,
    on_processes::{ATTEMPTS, Place, gone_within, listened_on, one_at_a_time},
    squall, text,
};

/// How long what a command has started may be there after it. The kernel ends it, which takes no time
/// on a machine that does nothing else.
const SOON: Duration = Duration::from_secs(1);

/// How many events of a record are of a kind.
fn count(record: &Record, is_it: impl Fn(&EventKind) -> bool) -> usize {
    record.events.iter().filter(|event| is_it(&event.what)).count()
}

/// The hosts that a gauge was read on at least twice, with a value of at least one.
fn hosts_with(record: &Record, gauge: &str) -> BTreeSet<String> {
    let mut times = std::collections::BTreeMap::<String, usize>::new();
    for event in &record.events {
        if let EventKind::Gauge(it) = &event.what
            && record.text(it.name) == gauge
            && it.value >= 1.0
        {
            *times.entry(record.host(it.host).to_owned()).or_default() += 1;
        }
    }
    times.into_iter().filter(|(_, times)| *times >= 2).map(|(host, _)| host).collect()
}

/// The hosts that said something of themselves.
fn hosts_that_tell(record: &Record, is_it: impl Fn(&EventKind) -> bool) -> BTreeSet<&str> {
    let told = record.events.iter().filter(|event| is_it(&event.what));
    told.filter_map(|event| event.what.host()).map(|host| record.host(host)).collect()
}

#[test]
fn a_scenario_of_the_catalogue_passes_and_its_record_is_whole() {
    let _turn = one_at_a_time();
    let place = Place::new("green");
    let ran = place.run("reviews-hung", &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.report, ran.err);
    assert_eq!(ran.report["verdict"], "pass");
    let record = &ran.record;
    assert_eq!(
        (record.header.backend, &record.end.cause),
        (Backend::Processes, &EndCause::Completed)
    );

    let services = ["api", "inventory", "pricing", "recommendations", "reviews"];
    let services = BTreeSet::from(services);
    for gauge in ["tasks", "sockets", "descriptors", "threads", "resident_mib"] {
        let read = hosts_with(record, gauge);
        assert!(read.iter().eq(&services), "{gauge} was read on {read:?}");
    }
    assert_eq!(hosts_that_tell(record, |what| matches!(what, EventKind::Span(_))), services);
    let logs = hosts_that_tell(record, |what| matches!(what, EventKind::Log(_)));
    assert!(logs.contains("api"), "the API says that a breaker opens: {logs:?}");
    let up = |what: &EventKind| matches!(what, EventKind::Host { state: HostState::Up, .. });
    assert_eq!(count(record, up), services.len() + 1, "each service, and the clients");
    // A fifth of a thousand a second, for six seconds.
    let requests = record.requests().count();
    assert_eq!(requests, 1_200);
    // What a request caused is known: the spans of a page are of one request.
    let asked = record.requests().map(|(_, request)| request.id).collect::<BTreeSet<_>>();
    let of_requests = record.spans().filter(|(_, span)| asked.contains(&span.request));
    let of_requests = of_requests.map(|(_, span)| span.request).collect::<BTreeSet<_>>();
    assert!(of_requests.len() * 10 > requests * 9, "{} of {requests}", of_requests.len());

    let fault = |wanted| move |what: &EventKind| matches!(what, EventKind::Fault { action, .. } if *action == wanted);
    for action in [FaultAction::Inject, FaultAction::Heal, FaultAction::Count] {
        assert_eq!(count(record, fault(action)), 1, "{action:?}");
    }
    // An open breaker asks now and then, so that it is a few of the 400 requests.
    let hung = ran.report["faults"][0]["affected"].as_u64().expect("a number");
    assert!((1..400).contains(&hung), "{}", ran.report["faults"]);

    let path = place.records().0.join("reviews-hung-1.jsonl");
    let first = fs::read_to_string(&path).expect("a record");
    let first = first.lines().next().expect("a header");
    assert!(first.contains("\"backend\":\"processes\""), "{first}");
    let drawn = squall(&["report", &place.records().path()]);
    assert_eq!(drawn.status.code(), Some(0), "{}", text(&drawn.stderr));
    let page = fs::read_to_string(path.with_extension("html")).expect("a page");
    assert!(page.contains("--backend processes"), "how to run it again");
    let path = path.to_string_lossy();
    check_refused(&["replay", &path], "a run on processes is another one each time");
    assert_eq!(place.left_over(), [] as [String; 0]);
}

#[test]
fn a_defect_fails_on_processes_by_what_it_was_made_for() {
    let _turn = one_at_a_time();
    let place = Place::new("red");
    let ran = place.run("reviews-hung", &["--defect", "no-call-timeout"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.report, ran.err);
    assert_eq!(ran.record.end.cause, EndCause::Completed);
    let failed = ran.report["objectives"].as_array().expect("a list").iter();
    let failed: Vec<_> = failed.filter(|finding| finding["verdict"] == "fail").collect();
    let is_latency = |finding: &serde_json::Value| {
        finding["name"].as_str().is_some_and(|name| name.ends_with(" latency"))
            && finding["phase"] == "during"
    };
    assert!(failed.into_iter().any(is_latency), "{}", ran.report);
}

#[test]
fn a_run_that_is_interrupted_is_kept_and_cleared_away() {
    let _turn = one_at_a_time();
    let place = Place::new("interrupted");
    let mut going = place.start("reviews-hung", &[]);
    let (processes, network) = going.in_the_middle(&place);
    assert_eq!(processes.len(), 5, "one for each service");
    assert!(!listened_on(network).is_empty(), "they listen");
    // As Ctrl-C at a terminal, which all processes of its group hear.
    going.signal_group("INT");
    assert_eq!(going.code(), Some(130));
    gone_within(&processes, SOON);
    assert_eq!(listened_on(network), [] as [String; 0]);
    assert_eq!(place.left_over(), [] as [String; 0]);
    let ran = going.finish(&place);
    assert_eq!(ran.record.end.cause, EndCause::Interrupted);
    assert!(ran.record.requests().count() > 0);
}

#[test]
fn a_command_that_is_killed_takes_its_processes_along() {
    let _turn = one_at_a_time();
    let place = Place::new("killed");
    let mut going = place.start("reviews-hung", &[]);
    let (processes, network) = going.in_the_middle(&place);
    assert_eq!(processes.len(), 5, "one for each service");
    going.signal("KILL");
    assert_eq!(going.code(), None, "by a signal");
    gone_within(&processes, SOON);
    assert_eq!(listened_on(network), [] as [String; 0]);
    let left = place.left_over();
    assert_eq!(left.len(), 1, "nobody was there to remove it: {left:?}");
    // The next one clears it away as soon as it begins.
    let mut next = place.start("reviews-hung", &[]);
    let (processes, _) = next.in_the_middle(&place);
    assert!(!place.left_over().contains(&left[0]), "{left:?}");
    next.signal("INT");
    assert_eq!(next.code(), Some(130));
    gone_within(&processes, SOON);
}

#[test]
fn what_processes_cannot_perform_is_refused_by_name() {
    let sentence = "pool-clocks cannot be performed on processes: clock_jump at broker: +3600000 ms: \
                    a process has the clocks of this machine";
    check_refused(&["run", "pool-clocks", "--backend", "processes"], sentence);
    check_refused(
        &["run", "steady-state", "--backend", "processes", "--toxiproxy", "http://127.0.0.1:1"],
        "connections_opened: only the proxy server of the run itself counts the connections that hosts \
         open",
    );
    check_refused(
        &["run", "reviews-hung", "--toxiproxy", "http://127.0.0.1:1"],
        "expected --backend processes with --toxiproxy",
    );
    let listed = squall(&["list", "--format", "json"]);
    let listed = text(&listed.stdout);
    let lacks = |scenario: &str| -> serde_json::Value {
        let lines = listed.lines().map(|line| serde_json::from_str(line).expect("an object"));
        let mut lines = lines.filter(|line: &serde_json::Value| line["scenario"] == scenario);
        lines.next().expect("it is in the list")["lacks"].clone()
    };
    let clocks = lacks("pool-clocks");
    assert_eq!(clocks["simulation"], serde_json::json!([]));
    assert_eq!(clocks["processes"].as_array().map(Vec::len), Some(5), "each fault: {clocks}");
    let first = clocks["processes"][0].as_str().expect("a text");
    assert!(sentence.ends_with(first), "{first}");
    assert_eq!(lacks("reviews-hung")["processes"], serde_json::json!([]));
    let shown = text(&squall(&["list"]).stdout);
    assert!(shown.contains(&format!("not on processes: {first}")), "{shown}");
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let _turn = one_at_a_time();
    let places = [Place::new("one"), Place::new("other")];
    // So few requests that a machine has time for both.
    let going = places.each_ref().map(|place| place.start("few-calls", &[]));
    let [one, other] = [0, 1].map(|which| going[which].in_the_middle(&places[which]));
    assert_ne!(one.1, other.1, "a network each");
    assert!(one.0.iter().all(|pid| !other.0.contains(pid)));
    for (going, place) in going.into_iter().zip(&places) {
        let ran = going.finish(place);
        assert_eq!(ran.record.end.cause, EndCause::Completed, "{}", ran.report);
        // Those of its own load, and nobody else's.
        let answered = &ran.report["requests"];
        assert_eq!(answered["sent"], 12, "{answered}");
        assert_eq!(answered["failed"], 0, "{answered}");
        let api = |what: &EventKind| matches!(what, EventKind::Span(span) if span.request != 0);
        assert!(count(&ran.record, api) > 0, "{}", ran.report);
        assert_eq!(place.left_over(), [] as [String; 0]);
    }
}

/// What is concluded depends on how busy the machine is; the verdicts do not.
#[test]
fn a_scenario_in_simulation_and_on_processes_comes_to_the_same_verdicts() {
    let _turn = one_at_a_time();
    let folder = Folder::new("processes-fidelity");
    let page = folder.0.join("page.html");
    let arguments = ["fidelity", "reviews-down", "--backend", "processes", "--runs", "2"];
    let more = ["--format", "json", "--page", &page.to_string_lossy()];
    let compared = || {
        let output = command(&[&arguments[..], &more].concat()).output();
        let output = output.expect("squall can be started");
        let found: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code(), found)
    };
    // Again, if the machine was too busy to send the load in time.
    let mut attempts = std::iter::repeat_with(compared).take(ATTEMPTS);
    let (code, found) = attempts
        .find(|(_, found)| {
            let verdicts = &found["scenarios"][0]["sides"][1]["verdicts"];
            ["pass", "fail"].iter().any(|it| verdicts[*it].as_u64() > Some(0))
        })
        .expect("the load is sent in time");
    let scenario = &found["scenarios"][0];
    let backend = |side: usize| scenario["sides"][side]["backend"].as_str();
    assert_eq!((backend(0), backend(1)), (Some("simulation"), Some("processes")));
    assert_eq!(scenario["sides"][0]["verdicts"]["pass"], 20, "{scenario}");
    let claims = scenario["claims"].as_array().expect("a list");
    assert!(claims.len() > 10, "{scenario}");
    for claim in claims {
        assert_eq!(claim["sides"][1]["is_same"], true, "{claim}");
    }
    let expected = match found["conclusion"].as_str() {
        Some("close") => 0,
        Some("apart") => 1,
        _ => 2,
    };
    assert_eq!(code, Some(expected), "{found}");
    assert!(fs::read_to_string(&page).expect("a page").contains("<h2>reviews-down</h2>"));
    assert_eq!(folder.files(), ["page.html"]);
    let refused = |name: &str, sentence: &str| {
        check_refused(&["fidelity", name, "--backend", "processes"], sentence);
    };
    refused("packet-loss", "packet-loss cannot be performed on processes: ");
    refused("no-such-scenario", "no scenario has");
}

/// Its peers hear nothing of its end, also not through the proxies between them: those that ask it wait as
/// long as a call may take, and not only until a connection ends.
#[test]
fn a_machine_without_power_is_silent() {
    let _turn = one_at_a_time();
    let place = Place::new("silent");
    let ran = place.run("inventory-lost", &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.report, ran.err);
    let lost = ran.record.header.faults[0].inject;
    // Until the breaker knows, which takes as long as the first calls may.
    let asked = ran
        .record
        .requests()
        .filter(|(_, request)| (lost + ms(30)..lost + ms(100)).contains(&request.intended));
    let took: Vec<u64> = asked.map(|(at, request)| at - request.intended).collect();
    assert!(took.len() >= 5 && took.iter().all(|took| *took > ms(100)), "{took:?}");
    // It is healed when it has been started, and not before.
    let last = |is_it: &dyn Fn(&EventKind) -> bool| {
        ran.record.events.iter().rposition(|event| is_it(&event.what))
    };
    let heal = last(&|what| matches!(what, EventKind::Fault { action: FaultAction::Heal, .. }));
    let up = last(&|what| matches!(what, EventKind::Host { state: HostState::Up, .. }));
    assert!(up.is_some() && up < heal, "{up:?} {heal:?}");
}

fn ms(ms: u64) -> u64 {
    ms * 1_000_000
}
