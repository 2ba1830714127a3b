//! Pipelines at instants of the test's choosing, while their toxics come, change and go.

use std::time::Duration;

use super::*;
use crate::{
    json::{Value, first_value},
    toxics::Toxics,
};

/// The toxics of a proxy, of which a pipeline is the downstream of one connection.
struct Bench {
    toxics: Toxics,
    pipeline: Pipeline,
    begin: Instant,
}

impl Bench {
    fn new(toxics: &[&str]) -> Self {
        let all = Toxics::new();
        for toxic in toxics {
            all.add(&json(toxic)).expect("a toxic");
        }
        let draws = Draws { seed: Seed::new(Some(1)), proxy: "p".into(), connection: 0 };
        let chain = all.chains();
        let pipeline = Pipeline::new(chain.of(crate::Direction::Downstream), draws);
        Self { toxics: all, pipeline, begin: Instant::now() }
    }

    fn at(&self, millis: u64) -> Instant {
        self.begin + Duration::from_millis(millis)
    }

    fn push(&mut self, millis: u64, data: &'static [u8]) {
        assert!(self.pipeline.accepts());
        let now = self.at(millis);
        self.pipeline.push(Bytes::from_static(data), now);
    }

    /// All that can be written at this instant.
    fn out(&mut self, millis: u64) -> String {
        let now = self.at(millis);
        let mut out = Vec::new();
        loop {
            self.pipeline.advance(now);
            let Some(front) = self.pipeline.front() else { break };
            out.extend_from_slice(front);
            self.pipeline.written();
        }
        String::from_utf8(out).expect("UTF-8")
    }

    fn changed(&mut self) {
        let chain = self.toxics.chains();
        self.pipeline.become_chain(chain.of(crate::Direction::Downstream));
    }

    fn add(&mut self, toxic: &str) {
        self.toxics.add(&json(toxic)).expect("a toxic");
        self.changed();
    }

    fn remove(&mut self, name: &str) {
        self.toxics.remove(name).expect("a toxic");
        self.changed();
    }
}

fn json(text: &str) -> Value {
    first_value(text.as_bytes()).expect("JSON")
}

const SLOW: &str = r#"{"type":"latency","name":"slow","attributes":{"latency":1000}}"#;
const NOOP: &str = r#"{"type":"noop","name":"noop"}"#;
const HOLE: &str = r#"{"type":"timeout","name":"hole"}"#;
const LIMIT: &str = r#"{"type":"limit_data","name":"limit","attributes":{"bytes":3}}"#;

#[test]
fn without_toxics_it_takes_more_when_all_is_written() {
    let mut it = Bench::new(&[]);
    assert!(it.pipeline.is_plain());
    it.push(0, b"a");
    assert!(!it.pipeline.accepts());
    assert_eq!(it.out(0), "a");
    assert!(it.pipeline.accepts() && !it.pipeline.is_over());
    it.pipeline.end();
    assert!(it.pipeline.is_over());
}

#[test]
fn it_says_when_it_can_go_on_by_itself() {
    let mut it = Bench::new(&[NOOP, SLOW, r#"{"type":"noop","name":"last"}"#]);
    it.push(0, b"a");
    let now = it.at(0);
    assert_eq!(it.pipeline.advance(now), Some(it.at(1000)));
    assert_eq!(it.out(999), "");
    assert_eq!(it.out(1000), "a");
    let now = it.at(1000);
    assert_eq!(it.pipeline.advance(now), None);
}

#[test]
fn latency_takes_so_many_chunks_and_no_more() {
    let mut it = Bench::new(&[SLOW]);
    let mut taken = 0;
    while it.pipeline.accepts() {
        it.push(0, b"a");
        it.out(0);
        taken += 1;
    }
    // Those that wait, and the one whose time runs.
    assert_eq!(taken, 1025);
    assert_eq!(it.out(1000).len(), 1025);
    assert!(it.pipeline.accepts());
}

#[test]
fn what_a_removed_toxic_holds_goes_on_in_order_and_meets_the_next_one() {
    let mut it = Bench::new(&[NOOP, SLOW, LIMIT]);
    for data in [&b"a"[..], b"b", b"c", b"d"] {
        it.push(0, data);
        it.out(0);
    }
    it.remove("slow");
    assert_eq!(it.out(0), "abc");
    assert!(it.pipeline.is_over());
}

#[test]
fn the_end_is_not_lost_with_the_toxic_that_holds_it() {
    let mut it = Bench::new(&[SLOW]);
    it.push(0, b"a");
    it.pipeline.end();
    assert_eq!(it.out(0), "");
    it.remove("slow");
    assert_eq!(it.out(0), "a");
    assert!(it.pipeline.is_over());
}

#[test]
fn a_toxic_of_the_same_name_is_another_one() {
    let mut it = Bench::new(&[SLOW]);
    it.push(0, b"a");
    assert_eq!(it.out(0), "");
    it.toxics.remove("slow").expect("a toxic");
    it.add(SLOW);
    assert_eq!(it.out(0), "a");
    it.push(0, b"b");
    assert_eq!(it.out(0), "");
}

#[test]
fn a_changed_toxic_keeps_its_place() {
    let mut it = Bench::new(&[SLOW, LIMIT]);
    it.push(0, b"a");
    assert_eq!(it.out(0), "");
    it.toxics.change("slow", &json(r#"{"attributes":{"latency":10}}"#)).expect("a toxic");
    it.changed();
    assert_eq!(it.out(0), "a");
    it.push(5, b"bcd");
    assert_eq!(it.out(14), "");
    assert_eq!(it.out(15), "bc");
    assert!(it.pipeline.is_over());
}

#[test]
fn a_toxic_that_closes_ends_all_before_it_and_nothing_behind_it() {
    let mut it = Bench::new(&[LIMIT, SLOW]);
    it.push(0, b"abcd");
    assert_eq!(it.out(0), "");
    assert!(!it.pipeline.accepts() && !it.pipeline.is_over());
    it.add(NOOP);
    assert_eq!(it.out(999), "");
    assert_eq!(it.out(1000), "abc");
    assert!(it.pipeline.is_over());
}

#[test]
fn timeout_that_is_removed_closes_and_drops_what_comes_to_it() {
    let mut it = Bench::new(&[SLOW, HOLE]);
    it.push(0, b"a");
    assert_eq!(it.out(0), "");
    it.remove("hole");
    assert_eq!(it.out(0), "");
    assert!(it.pipeline.is_over());
}

#[test]
fn a_fuse_that_burns_is_not_put_out() {
    let reset = r#"{"type":"reset_peer","name":"reset","attributes":{"timeout":50}}"#;
    let mut it = Bench::new(&[reset]);
    it.push(0, b"a");
    assert_eq!(it.out(0), "");
    it.remove("reset");
    assert_eq!(it.out(49), "");
    assert!(!it.pipeline.is_over());
    assert_eq!(it.out(50), "");
    assert!(it.pipeline.is_over());
}

#[test]
fn toxicity_is_drawn_once_and_compared_again_when_it_changes() {
    let spared = r#"{"type":"latency","name":"slow","attributes":{"latency":9},"toxicity":0}"#;
    let mut it = Bench::new(&[spared]);
    it.push(0, b"a");
    assert_eq!(it.out(0), "a");
    it.toxics.change("slow", &json(r#"{"toxicity":1}"#)).expect("a toxic");
    it.changed();
    it.push(0, b"b");
    assert_eq!(it.out(8), "");
    assert_eq!(it.out(9), "b");
}
