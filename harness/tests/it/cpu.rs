//! The processor as a queue.

use std::time::Duration;

use squall::plan::{crash, pause, slow_cpu};
use squall_os::cpu::spend;
use tokio::time::sleep;

use crate::world::{World, log, ms, us};

/// A host with so many cores that is given ten jobs of 5 ms at 100 ms.
fn ten_jobs(cores: u16) -> World {
    World::new()
        .host("b", || async {
            sleep(ms(100)).await;
            for job in 0..10 {
                tokio::spawn(async move {
                    spend(ms(5)).await;
                    log(&format!("job {job}"));
                });
            }
            std::future::pending().await
        })
        .topology(|topology| topology.cores(cores))
}

#[test]
fn one_core_does_one_job_after_the_other() {
    let seen = ten_jobs(1).completes(1);
    let done: Vec<Duration> = seen.facts().iter().map(|(at, _, _)| *at).collect();
    assert_eq!(done, (1..=10).map(|job| ms(100 + 5 * job)).collect::<Vec<_>>());
    assert_eq!(seen.at("job 9"), ms(150), "the last of the queue");
}

#[test]
fn four_cores_do_four_jobs_at_once() {
    let seen = ten_jobs(4).completes(1);
    assert_eq!(seen.at("job 3"), ms(105));
    assert_eq!(seen.at("job 4"), ms(110));
    assert_eq!(seen.at("job 9"), ms(115));
}

#[test]
fn work_is_measured_finer_than_a_millisecond() {
    let seen = World::new()
        .host("b", || async {
            spend(us(130)).await;
            log("done");
            std::future::pending().await
        })
        .completes(1);
    assert_eq!(seen.at("done"), us(130));
}

#[test]
fn a_slow_processor_multiplies_the_work_while_it_is_slow() {
    let seen = World::new()
        .host("b", || async {
            loop {
                sleep(ms(100)).await;
                spend(ms(10)).await;
                log("done");
            }
        })
        .plan(|plan| plan.lasts(ms(800)).fault(slow_cpu("b", 4.0).from(ms(150)).until(ms(450))))
        .completes(1);
    let done: Vec<u128> = seen.facts().iter().map(|(at, _, _)| at.as_millis()).collect();
    assert_eq!(done, [110, 250, 390, 500, 610, 720, 830], "40 ms for what begins within the fault");
    assert_eq!(seen.affected(), [2]);
}

#[test]
fn work_stands_still_with_its_host() {
    let seen = World::new()
        .host("b", || async {
            sleep(ms(100)).await;
            spend(ms(50)).await;
            log("first");
            spend(ms(50)).await;
            log("second");
            std::future::pending().await
        })
        .plan(|plan| plan.fault(pause("b").from(ms(110)).until(ms(310))))
        .completes(1);
    assert_eq!(seen.at("first"), ms(350), "10 ms before the pause and 40 ms after it");
    assert_eq!(seen.at("second"), ms(400));
}

#[test]
fn work_dies_with_its_process() {
    let seen = World::new()
        .host("b", || async {
            spend(ms(200)).await;
            log("done");
            std::future::pending().await
        })
        .topology(|topology| topology.cores(1))
        .plan(|plan| plan.fault(crash("b").from(ms(100)).until(ms(150))))
        .completes(1);
    assert_eq!(seen.at("done"), ms(350), "the new process does not wait for the work of the old");
}
