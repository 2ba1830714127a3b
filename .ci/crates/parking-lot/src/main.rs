//! Locks and conditions of parking_lot between threads, which wait on futexes of their own.

use std::{sync::Arc, thread, time::Instant};

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use works::{BoxError, Done, Trial, calls, log, ms};

/// What threads work off.
#[derive(Default)]
struct Queue {
    jobs: Mutex<Vec<tokio::sync::oneshot::Sender<usize>>>,
    some: Condvar,
    done: RwLock<usize>,
}

/// One of the threads that work jobs off, each for two milliseconds.
fn work(queue: &Queue) {
    loop {
        let mut jobs = queue.jobs.lock();
        while jobs.is_empty() {
            queue.some.wait(&mut jobs);
        }
        let job = jobs.pop();
        drop(jobs);
        thread::sleep(ms(2));
        let done = {
            let mut done = queue.done.write();
            *done += 1;
            *done
        };
        if let Some(job) = job {
            // The one who asked may be gone.
            let _ = job.send(done);
        }
    }
}

async fn server() -> Done {
    let queue = Arc::new(Queue::default());
    for _ in 0..3 {
        let queue = Arc::clone(&queue);
        thread::spawn(move || work(&queue));
    }
    let waited = tokio::task::spawn_blocking(|| {
        let (lock, condition, began) = (Mutex::new(()), Condvar::new(), Instant::now());
        let timed_out = condition.wait_for(&mut lock.lock(), ms(30)).timed_out();
        (timed_out, began.elapsed())
    });
    tokio::spawn(async { log(&format!("waited {:?}", waited.await)) });
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let queue = Arc::clone(&queue);
        tokio::spawn(async move {
            while stream.read_u8().await.is_ok() {
                let jobs: Vec<_> = (0..6).map(|_| tokio::sync::oneshot::channel()).collect();
                let (jobs, answers): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
                queue.jobs.lock().extend(jobs);
                queue.some.notify_all();
                for answer in answers {
                    answer.await?;
                }
                let done = *queue.done.read();
                stream.write_all(format!("{done:8}").as_bytes()).await?;
            }
            Ok::<_, BoxError>(())
        });
    }
}

async fn ask() -> Result<String, BoxError> {
    let mut stream = TcpStream::connect("server:80").await?;
    stream.write_u8(0).await?;
    let mut done = [0; 8];
    stream.read_exact(&mut done).await?;
    Ok(String::from_utf8_lossy(&done).trim().to_owned())
}

fn main() {
    let trial = Trial::new("parking_lot").host("server", server);
    trial.host("client", || calls(|_| ask())).outages().works(|seen| {
        seen.lives_through_outages();
        assert_eq!(seen.said("client", "answered 3: ")[0].1, "24");
        let (_, waited) = seen.said("server", "waited ")[0];
        assert!(waited.starts_with("Ok((true, 30"), "{waited}");
    });
}
