//! The client of the peers, which does what Squall's own load does for each request: a trace, a
//! timeout, the whole answer, an entry with the times in a list.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::StatusCode;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    app::{Demand, GATEWAY, Pool, get},
    transport::Transport,
};

/// Every request that ended.
pub(crate) type Entries = Arc<Mutex<Vec<Entry>>>;

#[expect(dead_code, reason = "written as a record is, and only counted afterwards")]
pub(crate) struct Entry {
    number: u32,
    intended: Duration,
    started: Duration,
    ended: Duration,
    pub(crate) succeeded: bool,
}

/// Sends all requests, each at its time, and waits for their answers.
pub(crate) async fn send_all<T: Transport>(net: T, demand: Demand, entries: Entries) {
    let pool = Arc::new(Pool::new(net, GATEWAY));
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for number in 0..demand.requests() {
        let intended = Duration::from_secs(1) * number / demand.rate;
        sleep_until(begin + intended).await;
        let (pool, entries) = (Arc::clone(&pool), Arc::clone(&entries));
        tasks.push(tokio::spawn(async move {
            let started = begin.elapsed();
            let trace = format!("00-7371756c6c0000{number:018x}-{number:016x}-01");
            let request = get(&format!("/products/{number}"), GATEWAY, &trace);
            let succeeded = tokio::select! {
                biased;
                answer = pool.send(request) => matches!(answer, Ok((StatusCode::OK, _))),
                () = sleep(Duration::from_secs(1)) => false,
            };
            let ended = begin.elapsed();
            let entry = Entry { number, intended, started, ended, succeeded };
            entries.lock().expect("nothing panics while it holds the lock").push(entry);
        }));
    }
    for task in tasks {
        task.await.expect("a request does not panic");
    }
}
