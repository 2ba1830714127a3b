//! Scenarios of the catalogue in containers, where there is an engine: that they end as on the other
//! backends, that defects are seen, and that nothing is left over.

use std::process::Command;

use squall_reports::record::{Backend, EndCause, EventKind, HostState};

use crate::support::{
    command,
    on_processes::{Place, Ran, one_at_a_time},
    text,
};

/// What everything has that a run makes.
const LABEL: &str = "label=io.squall.process";

/// Containers, networks and volumes of runs.
fn left_over() -> Vec<String> {
    let mut left = Vec::new();
    for what in [&["ps", "--all"][..], &["network", "ls"], &["volume", "ls"]] {
        let arguments = [what, &["--quiet", "--filter", LABEL]].concat();
        let listed = Command::new("docker").args(arguments).output().expect("it was there before");
        left.extend(text(&listed.stdout).lines().map(str::to_owned));
    }
    left
}

fn failed(ran: &Ran) -> Vec<String> {
    let all = ran.report["objectives"].as_array().expect("a list").iter();
    let failed = all.filter(|finding| finding["verdict"] == "fail");
    failed.map(|it| format!("{} {}", it["name"], it["phase"])).collect()
}

pub(super) fn a_scenario_passes_in_containers_and_its_defect_fails() {
    let _turn = one_at_a_time();
    let place = Place::on("containers", "green");
    let ran = place.run("reviews-hung", &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.report, ran.err);
    let header = &ran.record.header;
    assert_eq!(
        (header.backend, &ran.record.end.cause),
        (Backend::Containers, &EndCause::Completed)
    );
    assert!(ran.report["faults"][0]["affected"].as_u64() > Some(0), "{}", ran.report["faults"]);
    let told = |wanted: &str| {
        ran.record.events.iter().any(|event| match &event.what {
            EventKind::Gauge(gauge) => ran.record.text(gauge.name) == wanted,
            _ => false,
        })
    };
    for gauge in ["tasks", "sockets", "descriptors", "threads", "resident_mib"] {
        assert!(told(gauge), "nobody tells {gauge}");
    }
    let place = Place::on("containers", "red");
    let ran = place.run("reviews-hung", &["--defect", "no-call-timeout"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.report, ran.err);
    let failed = failed(&ran);
    assert!(failed.iter().any(|it| it.contains("latency") && it.contains("during")), "{failed:?}");
    assert_eq!(left_over(), [] as [String; 0]);
}

/// A crash, and a start with the files that were there.
pub(super) fn a_container_that_is_killed_starts_again_with_its_files() {
    let _turn = one_at_a_time();
    let place = Place::on("containers", "crash");
    let ran = place.run("pool-broker-crashes", &[]);
    assert_eq!(ran.code, Some(0), "{:?} {}", failed(&ran), ran.err);
    let states = ran.record.events.iter().filter_map(|event| match event.what {
        EventKind::Host { host, state } if ran.record.host(host) == "broker" => Some(state),
        _ => None,
    });
    let states: Vec<HostState> = states.collect();
    // Twice in this plan.
    let (up, crashed) = (HostState::Up, HostState::Crashed);
    assert_eq!(states, [up, crashed, up, crashed, up]);
    assert_eq!(left_over(), [] as [String; 0]);
}

/// A container without power does nothing more, also while it is ended.
pub(super) fn a_container_without_power_is_silent() {
    let _turn = one_at_a_time();
    let place = Place::on("containers", "silent");
    let ran = place.run("inventory-lost", &[]);
    assert_eq!(ran.code, Some(0), "{:?} {}", failed(&ran), ran.err);
    let header = &ran.record.header;
    let (lost, healed) = (header.faults[0].inject + 200_000_000, header.faults[0].heal);
    let said = |from: u64, until: u64| {
        let of_it =
            ran.record.spans().filter(|(_, span)| ran.record.host(span.host) == "inventory");
        of_it.filter(|(at, _)| (from..until).contains(at)).count()
    };
    assert!(said(0, header.faults[0].inject) > 50 && said(healed, u64::MAX) > 50);
    assert_eq!(said(lost, healed), 0);
    assert_eq!(left_over(), [] as [String; 0]);
}

pub(super) fn the_disk_of_a_container_is_full_for_a_while() {
    let _turn = one_at_a_time();
    let place = Place::on("containers", "full");
    let ran = place.run("pool-disk-full", &[]);
    assert_eq!(ran.code, Some(0), "{:?} {}", failed(&ran), ran.err);
    // A hundred jobs come while it is, and few fit.
    let refused = ran.report["faults"][0]["affected"].as_u64().expect("a number");
    assert!(refused > 50, "{}", ran.report["faults"]);
    assert!(ran.report["requests"]["shed"].as_u64() > Some(50), "{}", ran.report["requests"]);
    assert_eq!(left_over(), [] as [String; 0]);
}

pub(super) fn a_run_that_is_stopped_or_killed_leaves_nothing_for_good() {
    let _turn = one_at_a_time();
    let place = Place::on("containers", "stopped");
    let mut going = place.start("reviews-hung", &[]);
    going.reach_the_middle(&place);
    going.signal_group("INT");
    assert_eq!(going.code(), Some(130));
    assert_eq!(left_over(), [] as [String; 0]);
    let mut going = place.start("reviews-hung", &[]);
    going.reach_the_middle(&place);
    going.signal("KILL");
    assert_eq!(going.code(), None, "by a signal");
    let left = left_over();
    assert!(left.len() > 6, "nobody was there to remove them: {left:?}");
    // The next one clears it away before it begins.
    let mut next = place.start("reviews-hung", &[]);
    next.reach_the_middle(&place);
    assert!(!left_over().iter().any(|id| left.contains(id)), "{left:?}");
    next.signal("INT");
    assert_eq!(next.code(), Some(130));
    assert_eq!(left_over(), [] as [String; 0]);
}

pub(super) fn without_an_engine_a_run_says_so() {
    for arguments in [&["run", "reviews-hung", "--backend", "containers"][..], &["image"]] {
        let mut command = command(arguments);
        command.env("DOCKER_HOST", "unix:///no/such/engine.sock");
        let refused = command.output().expect("squall can be started");
        assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stdout));
        let said = [text(&refused.stdout), text(&refused.stderr)].concat();
        assert!(said.contains("expected an engine of containers"), "{said}");
    }
}
