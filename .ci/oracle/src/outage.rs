//! What a partition does to requests and to retransmissions.

use std::collections::BTreeMap;

use crate::{
    app::Request,
    figures::Sample,
    link::Direction,
    real::{Passed, Segment},
    side::Outcome,
};

/// The gaps that are told: as many as fit into the partition, and the one that ends it.
const GAPS: usize = 5;

/// Is a segment of a kind?
type Belongs = fn(&Segment) -> bool;

/// What is said about a partition that lasted from `from` until `until`, in nanoseconds since the
/// begin of the load.
pub(crate) fn samples(outcomes: &[Outcome], from: u64, until: u64) -> Vec<(String, Sample)> {
    let requests = || outcomes.iter().flat_map(|outcome| &outcome.report.requests);
    // What was under way when it began counts, and so does what began meanwhile.
    let met = |r: &&Request| r.at < until && r.ended() >= until;
    let established = || requests().filter(met).filter(|r| !r.fresh);
    let new = || requests().filter(met).filter(|r| r.fresh && r.at >= from);
    let took = |r: &Request| r.took;
    let resumed = |r: &Request| r.ended() - until;
    let mut found = vec![
        ("established: latency".to_owned(), Sample::new(established().map(took))),
        ("established: resumes after the heal".to_owned(), Sample::new(established().map(resumed))),
        ("new: latency".to_owned(), Sample::new(new().map(took))),
        ("new: resumes after the heal".to_owned(), Sample::new(new().map(resumed))),
    ];
    let kinds: [(&str, Belongs); 2] =
        [("request", |it| it.length > 0), ("SYN", |it| it.flags.syn())];
    for (kind, belongs) in kinds {
        let mut gaps = vec![Vec::new(); GAPS];
        for outcome in outcomes {
            let packets = outcome.capture.iter().flat_map(|capture| &capture.packets);
            for sent in sendings(packets, belongs).values() {
                let first = sent.first().is_some_and(|at| (from..until).contains(at));
                let between = sent.windows(2).map(|pair| pair[1] - pair[0]);
                for (gaps, gap) in gaps.iter_mut().zip(between.filter(|_| first)) {
                    gaps.push(gap);
                }
            }
        }
        found.extend(
            gaps.into_iter()
                .enumerate()
                .map(|(at, gaps)| (format!("{kind}: gap {}", at + 1), Sample::new(gaps))),
        );
    }
    found.into_iter().filter_map(|(what, sample)| Some((what, sample?))).collect()
}

/// When the client sent each of its segments, by port and sequence number.
fn sendings<'a>(
    packets: impl Iterator<Item = &'a Passed>,
    belongs: Belongs,
) -> BTreeMap<(u16, u32), Vec<u64>> {
    let mut sent: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for packet in packets.filter(|packet| packet.direction == Direction::ToServer) {
        let segment = Segment::read(&packet.head).filter(&belongs);
        if let (Some(segment), Ok(at)) = (segment, u64::try_from(packet.at)) {
            sent.entry((segment.from_port, segment.seq)).or_default().push(at);
        }
    }
    sent
}
