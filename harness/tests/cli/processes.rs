//! Plans on real processes: programs of others, and services that do not do what they should.

use std::{
    fs,
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use super::{
    Test,
    catalogue::ON_PROCESSES,
    on_processes::{CHILD_LIVES, IMAGE, NOWHERE},
    place::{Place, Ran, ran},
};

pub(crate) const TESTS: &[Test] = &[
    ("a_program_is_held_to_objectives", program),
    ("a_fault_acts_between_client_and_program", refused),
    ("a_fault_that_touched_nothing_is_no_data_on_processes", untouched),
    ("a_call_is_told_where_a_program_is", call),
    ("a_call_that_panics_ends_the_run", call_panics),
    ("a_load_that_is_sent_late_is_no_data", late),
    ("a_service_that_does_not_come_up_is_quoted", not_up),
    ("a_port_that_nobody_listens_on_is_named", nobody_listens),
    ("a_service_that_panics_is_quoted", panics),
    ("a_service_that_exits_is_quoted", exits),
    ("a_disk_is_full_for_a_while", disk_full),
    ("a_gauge_that_nobody_reads_is_refused_by_name", gauges),
    ("connections_are_counted_where_proxies_take_them", connections),
    ("a_simulation_refuses_a_program", simulated),
    ("an_image_is_held_to_objectives_in_a_container", image),
];

/// What is left over by another run is not taken for that of this one.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs a scenario in a place whose temporary folder is its own.
#[track_caller]
fn run(scenario: &str, more: &[&str]) -> Ran {
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Place::new(&format!("processes-{scenario}"));
    fs::create_dir(place.path("temporary")).expect("a folder");
    let mut command = place.command(&[&["run", scenario, "--backend", "processes"], more].concat());
    command.env(ON_PROCESSES, "yes").env("TMPDIR", place.path("temporary"));
    let ran = ran(command);
    let left: Vec<_> = fs::read_dir(place.path("temporary")).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(children(), 0, "what a program has started outlives its run");
    drop(turn);
    ran
}

/// How many processes there are that the program of the catalogue has started.
fn children() -> usize {
    let is_one = |entry: std::io::Result<fs::DirEntry>| {
        let arguments = fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        let wanted = format!("sleep\0{CHILD_LIVES}\0");
        (arguments == wanted.as_bytes()).then_some(())
    };
    fs::read_dir("/proc").expect("Linux has it").filter_map(is_one).count()
}

#[track_caller]
fn object(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err))
}

/// The run fails, and says so with these texts.
#[track_caller]
fn fails(scenario: &str, texts: &[&str]) {
    let ran = run(scenario, &["--format", "json"]);
    let report = object(&ran);
    assert_eq!(ran.code, Some(1), "{report}");
    let findings = report["objectives"].as_array().expect("a list").iter();
    let because: Vec<&str> = findings.filter_map(|finding| finding["reason"].as_str()).collect();
    let because = because.join("\n");
    for text in texts {
        assert!(because.contains(text), "expected {text:?} in {because:?}");
    }
}

fn program() {
    let ran = run("program", &["--format", "json"]);
    let report = object(&ran);
    assert_eq!(ran.code, Some(0), "{report}");
    assert_eq!(report["requests"]["succeeded"], 32, "{report}");
}

fn refused() {
    let ran = run("refused", &["--format", "json"]);
    let report = object(&ran);
    assert_eq!(ran.code, Some(1), "{report}");
    let failed = report["requests"]["failed"].as_u64().expect("a number");
    // It acts for 300 of the 800 ms.
    assert!((1..32).contains(&failed), "{report}");
    assert_ne!(report["faults"][0]["affected"], 0, "{report}");
}

fn untouched() {
    let ran = run("untouched", &[]);
    assert_eq!(ran.code, Some(2), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("the fault never bit"), "{}", ran.out);
}

fn call() {
    let ran = run("asked-by-a-call", &["--format", "json"]);
    let report = object(&ran);
    assert_eq!(ran.code, Some(0), "{report}");
    assert_eq!(report["requests"]["succeeded"], 32, "{report}");
}

fn call_panics() {
    fails("call-panics", &["a task on host users panicked: out of calls"]);
}

fn late() {
    let ran = run("call-blocks", &["--format", "json"]);
    let report = object(&ran);
    assert_eq!(ran.code, Some(2), "{report}");
    let findings = report["objectives"].as_array().expect("a list");
    let completion = findings.iter().find(|it| it["kind"] == "completion").expect("a finding");
    let reason = completion["reason"].as_str().expect("a text");
    assert!(reason.starts_with("the load was not sent in time: "), "{reason}");
}

fn not_up() {
    let sentence = "the service on host web ended with an error: it did not come up";
    fails(
        "wrong-configuration",
        &[sentence, "it ended with exit code 1", "the configuration of web is wrong"],
    );
    fails("not-there", &[sentence, &format!("cannot run {NOWHERE}: No such file")]);
}

fn nobody_listens() {
    fails("listens-nowhere", &["nobody listens on port 8080", "It wrote:", "nobody here"]);
}

fn panics() {
    fails("panics", &["a task on host web panicked: out of luck at "]);
}

fn exits() {
    let sentence = "the service on host web ended with an error: it ended with exit code 1";
    fails("exits", &[sentence, "out of patience"]);
}

/// Where nothing can be mounted the fault is refused by name, and there is no more to see.
fn disk_full() {
    let of_program = run("disk-of-a-program", &[]);
    assert_eq!(of_program.code, Some(3), "{}{}", of_program.out, of_program.err);
    let sentence = "disk_full at web: nobody sees what the program sh is refused";
    assert!(of_program.err.contains(sentence), "{}", of_program.err);
    let ran = run("disk-full", &["--format", "json"]);
    if ran.code == Some(3) {
        assert!(ran.err.contains("nothing can be mounted here"), "{}", ran.err);
        eprintln!("ignored, nothing can be mounted here");
        return;
    }
    let report = object(&ran);
    assert_eq!(ran.code, Some(1), "{report}");
    let failed = report["requests"]["failed"].as_u64().expect("a number");
    // It acts for 300 of the 800 ms, at 40 requests a second, and each is refused at once.
    assert!((10..=14).contains(&failed), "{report}");
    assert_eq!(report["requests"]["succeeded"], 32 - failed, "{report}");
    // The first that does not fit is written in part.
    assert!(report["faults"][0]["affected"].as_u64() >= Some(failed), "{report}");
    let unused = run("disk-unused", &[]);
    assert_eq!(unused.code, Some(2), "{}{}", unused.out, unused.err);
    assert!(unused.out.contains("the fault never bit"), "{}", unused.out);
}

fn gauges() {
    let elsewhere = ["--toxiproxy", "http://127.0.0.1:1"];
    for (scenario, more, sentence) in [
        (
            "connections",
            &elsewhere[..],
            "only the proxy server of the run itself counts the connec",
        ),
        ("direct", &[], "only proxies, and web talks without one, counts the connections"),
        ("slack", &[], "nothing is left of its bound with 20ms of slack"),
        ("no-tasks", &[], "the program sh does not tell its gauge tasks"),
    ] {
        let ran = run(scenario, more);
        assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
        assert!(ran.err.contains(sentence), "{}", ran.err);
        assert!(ran.err.contains(&format!("{scenario} cannot be performed on processes: ")));
    }
}

fn connections() {
    let mut ran = run("connections", &["--format", "json"]);
    for _ in 0..3 {
        if ran.code != Some(2) {
            break;
        }
        // The machine was too busy to send the load in time, which shows nothing.
        ran = run("connections", &["--format", "json"]);
    }
    let report = object(&ran);
    assert_eq!(ran.code, Some(1), "32 requests need one connection: {report}");
    let findings = report["objectives"].as_array().expect("a list");
    let found = findings.iter().find(|it| it["verdict"] == "fail").expect("a failure");
    assert!(found["name"].as_str().is_some_and(|it| it.contains("connections_opened")));
}

fn simulated() {
    let place = Place::new("processes-simulated");
    for (scenario, because) in [
        ("program", "the service sh is a program, and only functions run in virtual time"),
        ("memory", "gauge resident_mib: a simulation has no resident_mib"),
    ] {
        let mut command = place.command(&["run", scenario]);
        command.env(ON_PROCESSES, "yes");
        let ran = ran(command);
        assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
        let sentence = format!("{scenario} cannot be performed on simulation: {because}");
        assert!(ran.err.contains(&sentence), "{}", ran.err);
    }
}

fn image() {
    let place = Place::new("containers-image");
    let run = |arguments: &[&str], image: Option<&str>| {
        let mut command = place.command(arguments);
        command.env(ON_PROCESSES, "yes");
        if let Some(image) = image {
            command.env(IMAGE, image);
        }
        ran(command)
    };
    let refused = run(&["run", "in-an-image", "--backend", "processes"], None);
    assert_eq!(refused.code, Some(3), "{}{}", refused.out, refused.err);
    let sentence = "the service boxed is the image of a container";
    assert!(refused.err.contains(sentence), "{}", refused.err);
    let refused = run(&["run", "image-with-gauge", "--backend", "containers"], None);
    assert_eq!(refused.code, Some(3), "{}{}", refused.out, refused.err);
    let sentence = "the image boxed does not tell its gauge sockets";
    assert!(refused.err.contains(sentence), "{}", refused.err);
    let made = run(&["image"], None);
    if made.code == Some(4) {
        eprintln!("ignored, no container engine: {}", made.err);
        return;
    }
    assert_eq!(made.code, Some(0), "{}", made.err);
    let arguments = ["run", "in-an-image", "--backend", "containers", "--format", "json"];
    let report = run(&arguments, Some(made.out.trim()));
    assert_eq!(report.code, Some(0), "{}{}", report.out, report.err);
    assert_eq!(object(&report)["requests"]["succeeded"], 32, "{}", report.out);
    let other = run(&["image", "--name", "squall-cli-test:1", "/bin/sh"], None);
    assert_eq!((other.code, other.out.trim()), (Some(0), "squall-cli-test:1"), "{}", other.err);
    let docker = |arguments: &[&str]| Command::new("docker").args(arguments).output();
    let said = docker(&["run", "--rm", "squall-cli-test:1", "sh", "-c", "echo $PATH"]);
    if let Ok(said) = said {
        assert_eq!(String::from_utf8_lossy(&said.stdout), "/usr/local/bin\n", "{said:?}");
        let _ = docker(&["image", "rm", "squall-cli-test:1"]);
    }
    let nothing = run(&["image", "--name", "squall-cli-test:1", NOWHERE], None);
    assert_eq!(nothing.code, Some(3), "{}{}", nothing.out, nothing.err);
    // It cannot be pulled from anywhere either.
    let missing = run(&arguments, Some("squall-no-such-image:1"));
    assert_eq!(missing.code, Some(4), "{}{}", missing.out, missing.err);
    let sentence = "the image squall-no-such-image:1 is not there, and cannot be pulled: ";
    assert!(missing.err.contains(sentence), "{}", missing.err);
}
