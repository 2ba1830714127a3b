//! No span outlives what it belongs to.

use squall_reports::record::Outcome;

use super::{RecordBuilder, fails, ms, no_data, passes};
use crate::objective::{
    no_span_outlives_its_parent, no_span_outlives_its_request, no_span_outlives_its_root,
};

/// A request that ends at 60 ms, its span `request` until 50 ms with `inner` inside, and a `call`
/// in that until `closed`.
fn nested(closed: u64) -> RecordBuilder {
    RecordBuilder::new()
        .request(Outcome::Abandoned, 0, 60)
        .span("request", "", 0, 50)
        .span_of(1, 1, "inner", "", 5, 45)
        .span_of(1, 2, "call", "dependency=pricing", 10, closed)
}

#[test]
fn good() {
    let record = nested(40).build();
    let finding = passes(&record, no_span_outlives_its_parent("call"), "none");
    assert_eq!((finding.samples, finding.worst), (1, None));
    passes(&record, no_span_outlives_its_root("call", "request"), "none");
    passes(&record, no_span_outlives_its_request("call"), "none");
}

#[test]
fn bad() {
    let record = nested(150).build();
    let finding = fails(
        &record,
        no_span_outlives_its_parent("call"),
        "1 of 1 span over the run outlived the parent, the worst by 105 ms on api at 150 ms",
    );
    assert_eq!((finding.worst, finding.observed.as_str()), (Some(1), "1"));
    fails(
        &record,
        no_span_outlives_its_root("call", "request"),
        "1 of 1 span over the run outlived the span \"request\", the worst by 100 ms on api at \
         150 ms",
    );
    fails(
        &record,
        no_span_outlives_its_request("call"),
        "1 of 1 span over the run outlived the request, the worst by 90 ms on api at 150 ms",
    );
}

#[test]
fn empty() {
    let reason = "no span \"call\" over the run belongs to anything that ended";
    no_data(&RecordBuilder::new().build(), no_span_outlives_its_parent("call"), reason);
    // Spans without a parent, a root or a request have nothing to outlive.
    let alone = RecordBuilder::new().span_of(0, 0, "call", "", 0, 10).build();
    no_data(&alone, no_span_outlives_its_parent("call"), reason);
    no_data(&alone, no_span_outlives_its_root("call", "request"), reason);
    no_data(&alone, no_span_outlives_its_request("call"), reason);
}

#[test]
fn exactly_the_end_is_allowed() {
    passes(&nested(45).build(), no_span_outlives_its_parent("call"), "none");
    passes(&nested(50).build(), no_span_outlives_its_root("call", "request"), "none");
    let with_grace = |grace| no_span_outlives_its_request("call").with_grace(ms(grace));
    passes(&nested(70).build(), with_grace(10), "none");
    fails(
        &nested(70).build(),
        with_grace(9),
        "1 of 1 span over the run outlived the request, the worst by 10 ms on api at 70 ms",
    );
}

#[test]
fn the_outermost_root_counts() {
    let record = RecordBuilder::new()
        .span("request", "", 0, 100)
        .span_of(1, 1, "request", "", 0, 50)
        .span_of(1, 2, "call", "", 0, 80)
        .build();
    passes(&record, no_span_outlives_its_root("call", "request"), "none");
}

#[test]
fn a_ring_of_spans_comes_to_an_end() {
    let record = RecordBuilder::new()
        .span_of(1, 2, "call", "", 0, 10)
        .span_of(1, 1, "request", "", 0, 20)
        .build();
    passes(&record, no_span_outlives_its_root("call", "request"), "none");
}
