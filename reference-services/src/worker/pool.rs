//! The workers of a host, the reader that feeds them, and how they stop.
//!
//! The reader takes jobs into a bounded buffer and waits when it is full. Workers take from the
//! buffer, one job at a time, so that there are never more calls than workers. Leases are
//! extended for as long as the jobs are here. While the external API does not answer no job is taken,
//! but for the one that finds out.

use std::{sync::Arc, time::Duration};

use rand::Rng;
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Defect,
    job::Work,
    queue::{Job, Queue},
};
use crate::breaker::Room;

/// The longest pause before a queue that failed is asked again.
const READ_PAUSE: Duration = Duration::from_millis(500);

/// Works until `stopping` changes, then lets what is in flight end, and hands back the rest.
pub(super) async fn run<Q: Queue>(work: Arc<Work<Q>>, mut stopping: watch::Receiver<()>) {
    let (buffer, taken) = mpsc::channel(work.config.get().buffer_max);
    let taken = Arc::new(Mutex::new(taken));
    let mut tasks = JoinSet::new();
    for worker in 0..work.config.get().concurrency {
        let (work, taken) = (Arc::clone(&work), Arc::clone(&taken));
        tasks.spawn(serve(work, worker, taken, stopping.clone()));
    }
    tasks.spawn(read(Arc::clone(&work), buffer, stopping.clone()));
    let keeper = tokio::spawn(keep(Arc::clone(&work)));
    // The sender is kept until this has ended.
    let _ = stopping.changed().await;
    tracing::info!("draining");
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(Duration::from_millis(work.config.get().drain_ms), all).await.is_err() {
        tracing::warn!(tasks = tasks.len(), "cut off jobs that did not end in time");
        tasks.shutdown().await;
    }
    keeper.abort();
    let rest = work.held.all();
    let jobs = rest.len();
    if jobs > 0 {
        match work.queue.release(rest).await {
            Ok(()) => tracing::info!(jobs, "handed back"),
            // Their leases will expire.
            Err(error) => tracing::warn!(jobs, %error, "could not hand back"),
        }
    }
}

/// Takes jobs from the buffer, one after the other.
async fn serve<Q: Queue>(
    work: Arc<Work<Q>>,
    worker: usize,
    taken: Arc<Mutex<mpsc::Receiver<Job>>>,
    mut stopping: watch::Receiver<()>,
) {
    loop {
        let next = async { taken.lock().await.recv().await };
        let job = tokio::select! {
            biased;
            _ = stopping.changed() => return,
            job = next => job,
        };
        let Some(job) = job else { return };
        work.metrics.buffered.dec();
        work.perform(job, worker).await;
    }
}

/// Fills the buffer.
async fn read<Q: Queue>(
    work: Arc<Work<Q>>,
    buffer: mpsc::Sender<Job>,
    mut stopping: watch::Receiver<()>,
) {
    let mut unbounded = JoinSet::new();
    // A quarter at a time, so that not each job costs a call.
    let batch = work.config.get().buffer_max.div_ceil(4);
    loop {
        let room = tokio::select! {
            biased;
            _ = stopping.changed() => break,
            room = buffer.reserve_many(batch) => room,
        };
        let Ok(room) = room else { break };
        let places = room.len() + buffer.capacity();
        drop(room);
        // What would only be handed back is not taken.
        let places = match work.breaker.room(Instant::now()) {
            Room::Any => places,
            Room::One => 1,
            Room::NoneUntil(at) => {
                tokio::select! {
                    biased;
                    _ = stopping.changed() => break,
                    () = sleep_until(at) => continue,
                }
            }
        };
        // Not cancelled by a stop: what comes is handed back with the rest.
        match work.queue.lease(places).await {
            Ok(jobs) => {
                for job in jobs {
                    work.held.enter(&job);
                    if work.config.get().has(Defect::TaskPerJob) {
                        // Defect: nothing bounds how many jobs are in work.
                        let work = Arc::clone(&work);
                        unbounded.spawn(async move { work.perform(job, usize::MAX).await });
                        continue;
                    }
                    // Nobody else fills the buffer, so there is room; if not, the job is held and
                    // comes again when its lease has expired.
                    if buffer.try_send(job).is_ok() {
                        work.metrics.buffered.inc();
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "could not take jobs");
                work.metrics.queue_errors.inc();
                let pause = rand::rng().random_range(READ_PAUSE / 10..=READ_PAUSE);
                tokio::select! {
                    biased;
                    _ = stopping.changed() => break,
                    () = sleep(pause) => {}
                }
            }
        }
    }
    while unbounded.join_next().await.is_some() {}
}

/// Extends the leases of all jobs that are here.
async fn keep<Q: Queue>(work: Arc<Work<Q>>) {
    loop {
        sleep(work.held.pause()).await;
        let (asked, leases) = (Instant::now(), work.held.all());
        if leases.is_empty() {
            continue;
        }
        if work.config.get().has(Defect::NeverExtends) {
            // Defect: the leases end when they end.
            continue;
        }
        match work.queue.extend(leases.clone()).await {
            Ok(lost) => work.held.extended(asked, &leases, &lost),
            Err(error) => {
                work.metrics.queue_errors.inc();
                tracing::warn!(%error, "could not extend leases");
            }
        }
    }
}
