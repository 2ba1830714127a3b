//! Processes that die without a word: what they said before arrives.

use std::{
    env,
    net::SocketAddr,
    process::{Command, Stdio},
};

use super::{
    super::{Told, exporter::install},
    Listening,
};

/// Where the process that dies finds the receiver.
const ENDPOINT: &str = "SQUALL_TELEMETRY_TEST_ENDPOINT";

const SAID: usize = 1_000;

/// Runs the test of this name again, in a process of its own that [`says_and_dies`].
fn dies(test: &str, endpoint: SocketAddr) {
    let (_, test) = test.split_once("::").expect("a path that begins with the crate");
    let child = Command::new(env::current_exe().expect("the path of this program"))
        .args([test, "--exact"])
        .env(ENDPOINT, endpoint.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(!child.expect("this program starts").success(), "it was to die");
}

/// In the process that is to die, says what it has to say and dies of a signal.
fn says_and_dies() {
    let Some(endpoint) = env::var(ENDPOINT).ok() else { return };
    let _exporter = install(endpoint.parse().expect("an address"), "web").expect("it listens");
    let again = install(endpoint.parse().expect("an address"), "web");
    assert!(again.is_err(), "it has a subscriber");
    for number in 0..SAID / 2 {
        let span = tracing::info_span!("said", number);
        span.in_scope(|| tracing::info!(number, "said"));
    }
    let _open = tracing::info_span!("open");
    std::process::abort();
}

#[track_caller]
fn all_is_there(told: &[Told]) {
    let mut numbers: Vec<usize> = Vec::new();
    for told in told {
        let (Told::Span { host, attributes, .. } | Told::Log { host, attributes, .. }) = told
        else {
            panic!("expected spans and log events, found {told:?}");
        };
        assert_eq!(host, "web");
        numbers.push(attributes[0].1.parse().expect("a number"));
    }
    let expected: Vec<usize> = (0..SAID / 2).flat_map(|number| [number, number]).collect();
    assert_eq!(numbers.len(), expected.len(), "the last is {:?}", numbers.last());
    assert!(numbers == expected, "in another order");
}

macro_rules! this_test {
    () => {{
        fn here() {}
        std::any::type_name_of_val(&here).strip_suffix("::here").expect("its own name")
    }};
}

#[test]
fn what_was_said_before_a_crash_arrives() {
    says_and_dies();
    let listening = Listening::begin();
    dies(this_test!(), listening.address);
    all_is_there(&listening.stop());
}

#[test]
#[expect(clippy::disallowed_types, reason = "no simulation")]
fn it_arrives_also_if_nobody_has_listened_yet() {
    says_and_dies();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    dies(this_test!(), listener.local_addr().expect("a port"));
    let listening = Listening::on(listener);
    all_is_there(&listening.stop());
}
