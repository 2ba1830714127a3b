//! The faults of the load: more requests, and clients that leave.

use squall::plan::{FaultBuilder, Load, burst, disconnect, ramp, stampede};
use squall_reports::record::Outcome;
use tokio::time::sleep;

use crate::world::{Seen, World, asked, http, log, ms};

/// A hundred requests a second for a second; the fault acts from 300 to 600 ms.
fn under(fault: FaultBuilder) -> Seen {
    let fault = fault.from(ms(300)).until(ms(600));
    asked(100.0).plan(|plan| plan.fault(fault)).completes(1)
}

fn intended(seen: &Seen, from: u64, until: u64) -> usize {
    let range = from * 1_000_000..until * 1_000_000;
    seen.requests().iter().filter(|(_, request)| range.contains(&request.intended)).count()
}

#[test]
fn a_burst_multiplies_the_load_until_its_heal() {
    let seen = under(burst(5.0));
    assert_eq!(intended(&seen, 0, 300), 30);
    assert!(intended(&seen, 300, 600).abs_diff(150) <= 1);
    assert!(intended(&seen, 600, 1_000).abs_diff(40) <= 1);
    assert!(seen.affected()[0].abs_diff(120) <= 1, "{:?}", seen.affected());
}

#[test]
fn a_ramp_rises_to_its_factor_and_ends_there() {
    let seen = under(ramp(5.0));
    assert!(intended(&seen, 300, 600).abs_diff(90) <= 1);
    let (early, late) = (intended(&seen, 300, 400), intended(&seen, 500, 600));
    assert!(early < 20 && late > 40, "{early} and {late}");
    assert!(intended(&seen, 600, 1_000).abs_diff(40) <= 1);
    assert!(seen.affected()[0].abs_diff(60) <= 2, "{:?}", seen.affected());
}

#[test]
fn a_stampede_comes_at_one_instant() {
    let seen = under(stampede(500));
    assert_eq!(seen.requests().len(), 600);
    let at_once = seen.requests().iter().filter(|(_, r)| r.intended == 300_000_000).count();
    assert_eq!(at_once, 501);
    assert_eq!(seen.affected(), [500]);
    assert_eq!(seen.outcomes(), [("succeeded".to_owned(), 600)]);
}

#[test]
fn clients_that_disconnect_are_abandoned_and_their_server_notices() {
    let fault = disconnect(0.5, ms(5)).from(ms(300)).until(ms(600));
    let seen = World::new()
        .host("b", || {
            http(80, |_| async {
                struct Left(bool);
                impl Drop for Left {
                    fn drop(&mut self) {
                        if self.0 {
                            log("left");
                        }
                    }
                }
                let mut left = Left(true);
                sleep(ms(20)).await;
                left.0 = false;
                hyper::Response::new("late".to_owned())
            })
        })
        .topology(|topology| topology.client("a"))
        .plan(|plan| {
            let load = Load::constant("a", "b:80", 100.0).lasts(ms(1_000));
            plan.load(load.warm_up(0).get("/")).fault(fault)
        })
        .completes(1);
    let gone = usize::try_from(seen.affected()[0]).unwrap();
    assert!((8..=22).contains(&gone), "about half of thirty, found {gone}");
    assert_eq!(
        seen.outcomes(),
        [("abandoned client disconnected".to_owned(), gone), ("succeeded".to_owned(), 100 - gone)]
    );
    assert_eq!(seen.said("b").len(), gone, "each handler was dropped");
    for (at, request) in seen.requests() {
        if request.outcome == Outcome::Abandoned {
            assert_eq!(at - request.started, 5_000_000);
            assert!((300_000_000..600_000_000).contains(&request.intended));
        }
    }
}

#[test]
fn each_fault_of_two_counts_what_would_not_be_there_without_it() {
    let fault = |factor, until| burst(factor).from(ms(300)).until(ms(until));
    let seen = asked(100.0).plan(|plan| plan.fault(fault(2.0, 600)).fault(fault(1.01, 310)));
    let [doubled, more] = seen.completes(1).affected()[..] else { panic!("two faults") };
    assert!(doubled.abs_diff(30) <= 1, "{doubled}");
    assert_eq!(more, 0, "a hundredth of two requests is none");
}
