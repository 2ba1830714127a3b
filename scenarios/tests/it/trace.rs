//! A trace that a run wrote, loaded by the engine of Perfetto: `.ci/readers`.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::support::{Folder, command, viewer::Viewer};

/// The folder with Perfetto's user interface.
const VIEWER: &str = "SQUALL_TRACE_VIEWER";

/// The arrows that lead from a request of the load to the span of a service.
const ARROWS: &str = "select count(*) from flow
    join slice request on request.id = slice_out join slice span on span.id = slice_in
    where request.category = 'request' and span.category = 'span'";

/// The trace of a run, and its events.
fn trace() -> (Vec<u8>, Vec<Value>) {
    let folder = Folder::new("trace");
    let arguments = ["run", "paused-dependency", "--seed", "7", "--report"];
    let run = command(&arguments).arg(&folder.0).output().expect("squall can be started");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = fs::read(folder.0.join("paused-dependency-7.trace.json")).expect("a trace");
    let document: Value = serde_json::from_slice(&text).expect("JSON");
    (text, document["traceEvents"].as_array().expect("a list").clone())
}

#[tokio::test]
async fn perfetto_takes_the_whole_trace() {
    let folder =
        std::env::var_os(VIEWER).expect("the folder of the viewer, in SQUALL_TRACE_VIEWER");
    let (text, events) = trace();
    let viewer = Viewer::open(&PathBuf::from(folder), text).await;
    let count = |phases: &[&str]| {
        let of = |event: &&Value| phases.iter().any(|phase| event["ph"] == *phase);
        let found = events.iter().filter(of).count();
        assert!(found > 0, "the trace has none of {phases:?}");
        found.to_string()
    };

    let errors = "select name, value from stats where severity != 'info' and value > 0";
    assert_eq!(viewer.query(errors).await, Vec::<Vec<String>>::new());
    let unbound = "select name, value from stats where name glob 'flow_*' and value > 0";
    assert_eq!(viewer.query(unbound).await, Vec::<Vec<String>>::new());

    let mut names: Vec<Vec<String>> = events
        .iter()
        .filter(|event| event["name"] == "process_name")
        .map(|event| vec![event["pid"].to_string(), text_of(&event["args"]["name"])])
        .collect();
    names.sort();
    let mut found = viewer.query("select pid, name from process where name is not null").await;
    found.sort();
    assert_eq!(found, names, "a process for each host and one for the faults");
    assert!(names.iter().any(|row| row[1] == "recommendations"), "{names:?}");

    // What happens at an instant is a slice of no length to the engine.
    let slices = viewer.query("select count(*) from slice").await;
    assert_eq!(slices, [[count(&["X", "i"])]]);
    let flows = viewer.query(ARROWS).await;
    assert_eq!(flows, [[count(&["f"])]], "every arrow leads from a request to a span");
    let counters = viewer.query("select count(*) from counter").await;
    assert_eq!(counters, [[count(&["C"])]]);
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
