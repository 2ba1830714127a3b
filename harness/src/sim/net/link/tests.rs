//! One link and what it does to packets.

use super::*;
use crate::plan::Latency;

const MS: u64 = 1_000_000;

fn state(link: Link) -> LinkState {
    LinkState::new(link, rng::stream(1, "link"))
}

/// 8 Mbit/s: a microsecond for each byte.
fn slow() -> Link {
    Link::constant(std::time::Duration::from_millis(2)).bandwidth_bps(8_000_000)
}

fn after(delay: u64) -> Carried {
    Carried::After { delay, twice: false }
}

#[test]
fn bandwidth_is_a_queue() {
    let mut link = state(slow());
    assert_eq!(link.carry(0, 1_000), after(3 * MS));
    assert_eq!(link.carry(0, 1_000), after(4 * MS), "behind the first");
    assert_eq!(link.carry(MS, 500), after(3 * MS + MS / 2), "1 ms is left of the queue");
    assert_eq!(link.carry(10 * MS, 1_000), after(3 * MS), "the queue is empty");
}

#[test]
fn what_does_not_fit_into_the_queue_is_dropped_and_takes_no_bandwidth() {
    let mut link = state(slow().queue_bytes(1_500));
    assert_eq!(link.carry(0, 1_000), after(3 * MS));
    assert_eq!(link.carry(0, 1_000), after(4 * MS));
    assert_eq!(link.carry(0, 1_000), Carried::Lost);
    assert_eq!(link.carry(0, 1_000), Carried::Lost);
    assert_eq!(link.carry(MS / 2, 1_000), after(4 * MS + MS / 2), "1500 bytes wait");
}

#[test]
fn rates_are_shares_of_the_packets() {
    let share = |link: Link, what: fn(Carried) -> bool| {
        let mut link = state(link);
        (0..10_000).filter(|at| what(link.carry(at * MS, 100))).count()
    };
    let lost = |carried| carried == Carried::Lost;
    assert!((180..220).contains(&(share(Link::default().loss(0.2), lost) / 10)));
    assert!((180..220).contains(&(share(Link::default().corrupt(0.2), lost) / 10)));
    let twice = |carried| matches!(carried, Carried::After { twice: true, .. });
    assert!((180..220).contains(&(share(Link::default().duplicate(0.2), twice) / 10)));
    let late = |carried| matches!(carried, Carried::After { delay, .. } if delay > MS);
    assert!((180..220).contains(&(share(Link::default().reorder(0.2), late) / 10)));
    assert_eq!(share(Link::default(), |carried| carried != after(MS / 2)), 0);
}

#[test]
fn a_latency_below_zero_is_zero() {
    let deviation = std::time::Duration::from_millis(10);
    let mean = std::time::Duration::from_millis(1);
    let mut link = state(Link::new(Latency::Normal { mean, deviation }));
    let none = (0..1_000).filter(|_| link.carry(0, 1) == after(0)).count();
    assert!((400..520).contains(&none), "{none}");
}

#[test]
fn transmission_does_not_overflow() {
    assert_eq!(transmission(1_250, 10_000_000_000), 1_000);
    assert_eq!(transmission(u64::MAX, 1), u64::MAX / 4);
}
