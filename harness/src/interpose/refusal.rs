//! What a run refuses, and whose code asked for it.

use std::{backtrace::Backtrace, io};

use libc::c_int;

use super::threads::block;

/// Files whose functions ask on behalf of somebody else, by what their paths have in them.
const BETWEEN: [&str; 7] = [
    "src/interpose/",
    "/rustc/",
    "library/std/",
    "library/core/",
    "/src/runtime/",
    "/sysdeps/",
    "/nptl/",
];

/// The code of a run has asked for something that would leave the simulation: the run ends, and
/// says what it was and who asked.
pub(crate) fn refuse(what: &str) {
    block(&format!("{what}{}", asked_by()));
}

/// Who asked, in brackets behind what was asked.
pub(crate) fn asked_by() -> String {
    caller().map(|caller| format!(" (in {caller})")).unwrap_or_default()
}

/// The function that the call came from and where it is, as a backtrace gives them.
fn caller() -> Option<String> {
    let trace = Backtrace::force_capture().to_string();
    let mut name = None;
    for line in trace.lines().map(str::trim_start) {
        // A frame is a line such as `12: crate::function`; the one that follows says where it is.
        match line.strip_prefix("at ") {
            None => name = line.split_once(": ").map(|(_, name)| name.trim()),
            Some(place) if !is_between(place) => {
                return Some(format!("{} at {}", name?, of_crate(place)));
            }
            Some(_) => {}
        }
    }
    None
}

fn is_between(place: &str) -> bool {
    BETWEEN.iter().any(|between| place.contains(between)) && !place.contains("/interpose/tests")
}

/// A place without what leads to it on this machine: from the crate on, if it is a published one.
fn of_crate(place: &str) -> &str {
    let of_registry = place.split_once("registry/src/").and_then(|(_, it)| it.split_once('/'));
    of_registry.map_or(place, |(_, it)| it)
}

/// A kind of socket that the simulation does not have.
pub(crate) fn no_socket(domain: c_int) -> io::Error {
    let of = match domain {
        libc::AF_UNIX => "of the domain AF_UNIX".to_owned(),
        libc::AF_NETLINK => "of the domain AF_NETLINK".to_owned(),
        other => format!("of the domain {other}"),
    };
    refuse(&format!("it opens a socket {of}, which is not simulated"));
    io::Error::from_raw_os_error(libc::EAFNOSUPPORT)
}
