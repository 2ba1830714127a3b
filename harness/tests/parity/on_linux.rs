//! Runs a case on the loopback interface of this machine.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use tokio::{runtime, time::timeout};

use crate::case::{Case, End, Script, Side, Who};

const LIMIT: Duration = Duration::from_secs(10);

/// Set in the process that is the server of a case and is killed.
const CHILD: &str = "SQUALL_PARITY_SERVER";

/// Begins the lines by which that process tells which points it has reached.
const REACHED: &str = "reached ";

fn side(who: Who, script: &Arc<Script>) -> Side {
    Side { who, script: script.clone(), own: "127.0.0.1", peer: "127.0.0.1", end_peer: None }
}

fn runtime() -> runtime::Runtime {
    runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Both sides in this process.
#[track_caller]
pub(crate) fn both(case: &Case) {
    let script = Script::new();
    let (server, client) = (side(Who::Server, &script), side(Who::Client, &script));
    let both = async { tokio::join!(server.perform(case), client.perform(case)) };
    // A side that does not come to its end has not seen everything, which the comparison shows.
    let _ = runtime().block_on(async { timeout(LIMIT, both).await });
    case.check(&script);
}

/// The server in a process of its own: this program again, told to run the test of this name.
#[track_caller]
pub(crate) fn killed(case: &Case, test: &str) {
    if env::var_os(CHILD).is_some() {
        serve(case);
    }
    let (_, test) = test.split_once("::").expect("a path that begins with the crate");
    let child = Command::new(env::current_exe().expect("the path of this program"))
        .args([test, "--exact"])
        .env(CHILD, "yes")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("this program starts");
    let script = Script::new();
    let (lines, reached) = (child.stderr.take().expect("a pipe"), script.clone());
    let reader = thread::spawn(move || {
        for line in BufReader::new(lines).lines().map_while(Result::ok) {
            match line.strip_prefix(REACHED).and_then(|line| line.split_once(' ')) {
                Some((number, point)) => reached.reach(point, number.parse().expect("a number")),
                None => eprintln!("{line}"),
            }
        }
    });
    let child = Arc::new(Mutex::new(child));
    let client = Side { end_peer: Some(killer(&child)), ..side(Who::Client, &script) };
    let _ = runtime().block_on(async { timeout(LIMIT, client.perform(case)).await });
    kill(&child);
    reader.join().expect("the lines are understood");
    case.check(&script);
}

fn kill(child: &Mutex<Child>) {
    let mut child = child.lock().expect("no panic with the lock held");
    child.kill().and_then(|()| child.wait()).expect("a child of ours");
}

fn killer(child: &Arc<Mutex<Child>>) -> End {
    let child = child.clone();
    Arc::new(move || {
        kill(&child);
        Box::pin(std::future::ready(()))
    })
}

/// Runs the server until it is killed, and passes on the points that it reaches.
fn serve(case: &Case) -> ! {
    let script = Script::new();
    let tell = async {
        let mut points = script.points();
        let mut told = Vec::new();
        loop {
            for (point, number) in points.borrow_and_update().clone() {
                if !told.contains(&point) {
                    writeln!(std::io::stderr(), "{REACHED}{number} {point}").expect("a reader");
                    told.push(point);
                }
            }
            points.changed().await.expect("the script holds the sender");
        }
    };
    let server = async {
        side(Who::Server, &script).perform(case).await;
        panic!("the server ended by itself: {:?}", script.said());
    };
    runtime().block_on(async {
        let _ = timeout(LIMIT, async { tokio::join!(server, tell) }).await;
    });
    panic!("nobody killed the server");
}
