//! What code of C does on the threads of a run.

use std::{cell::UnsafeCell, future::pending, sync::Arc, thread, time::Duration};

use squall_reports::record::What;

use crate::{
    Run, Scenario, Services, Signals,
    interpose::Parts,
    plan::{Plan, Topology},
    run::run_parts,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A run of a second on a host of its own.
fn alone<F>(service: impl Fn() -> F + Send + Sync + 'static) -> Run
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let services = Services::new().with("alone", move |_: serde_json::Value| service());
    let topology = Topology::new().host("a", "alone", serde_json::Value::Null);
    let plan = Plan::new(topology).lasts(ms(1_000));
    let scenario = Scenario::new("alone", "code of C is simulated, too", plan, services);
    run_parts(&scenario, 1, Signals::default(), Parts::default()).expect("the plan is sound")
}

/// When what was logged.
fn logged(run: &Run) -> Vec<(Duration, String)> {
    let record = &run.record;
    let logs = record.events.iter().filter_map(|event| match &event.what {
        What::Log(log) => {
            Some((Duration::from_nanos(event.at), record.text(log.message).to_owned()))
        }
        _ => None,
    });
    logs.collect()
}

/// A mutex and a condition of C.
struct OfC {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    condition: UnsafeCell<libc::pthread_cond_t>,
}

// SAFETY: both are made for threads to share.
unsafe impl Sync for OfC {}
// SAFETY: it is not moved while a thread uses it.
unsafe impl Send for OfC {}

impl OfC {
    fn new() -> Self {
        let mutex = UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER);
        Self { mutex, condition: UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER) }
    }

    fn lock(&self) {
        // SAFETY: the mutex lives as long as this.
        assert_eq!(unsafe { libc::pthread_mutex_lock(self.mutex.get()) }, 0);
    }

    fn unlock(&self) {
        // SAFETY: as above, and the caller has it.
        assert_eq!(unsafe { libc::pthread_mutex_unlock(self.mutex.get()) }, 0);
    }

    fn wait(&self) {
        let (condition, mutex) = (self.condition.get(), self.mutex.get());
        // SAFETY: as above, for both.
        assert_eq!(unsafe { libc::pthread_cond_wait(condition, mutex) }, 0);
    }

    fn wait_until(&self, until: libc::timespec) -> i32 {
        let (condition, mutex) = (self.condition.get(), self.mutex.get());
        // SAFETY: as above.
        unsafe { libc::pthread_cond_timedwait(condition, mutex, &raw const until) }
    }

    fn signal(&self) {
        // SAFETY: as above.
        assert_eq!(unsafe { libc::pthread_cond_signal(self.condition.get()) }, 0);
    }
}

/// What the wall clock shows then.
fn wall_clock_in(pause: Duration) -> libc::timespec {
    let then = std::time::SystemTime::now() + pause;
    let then = then.duration_since(std::time::UNIX_EPOCH).expect("it is after that");
    libc::timespec {
        tv_sec: i64::try_from(then.as_secs()).expect("it is before the end of time"),
        tv_nsec: i64::from(then.subsec_nanos()),
    }
}

#[test]
fn locks_and_conditions_of_c_wait_in_virtual_time() {
    let run = alone(|| async {
        let shared = Arc::new(OfC::new());
        let (holder, waiter) = (Arc::clone(&shared), Arc::clone(&shared));
        thread::spawn(move || {
            holder.lock();
            thread::sleep(ms(300));
            holder.unlock();
        });
        thread::spawn(move || {
            thread::sleep(ms(100));
            waiter.lock();
            tracing::info!("locked");
            waiter.wait();
            tracing::info!("signalled");
            assert_eq!(waiter.wait_until(wall_clock_in(ms(20))), libc::ETIMEDOUT);
            tracing::info!("time is up");
            waiter.unlock();
        });
        tokio::time::sleep(ms(400)).await;
        shared.signal();
        tokio::time::sleep(ms(100)).await;
        // The runtime's own thread may wait as well: its host stands still meanwhile.
        let other = Arc::clone(&shared);
        thread::spawn(move || {
            other.lock();
            thread::sleep(ms(50));
            other.unlock();
        });
        tokio::time::sleep(ms(1)).await;
        shared.lock();
        tracing::info!("the runtime has it");
        shared.unlock();
        pending().await
    });
    let expected =
        [(300, "locked"), (400, "signalled"), (420, "time is up"), (550, "the runtime has it")];
    assert_eq!(logged(&run), expected.map(|(at, what)| (ms(at), what.to_owned())));
}
