//! Two connections over an emulated link: what RFC 9293 and Linux say, without hosts.

use std::{collections::BTreeMap, io::IoSlice, rc::Rc};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::ReadBuf;

use super::{
    Answered, Config, Connection, MILLISECOND, Nanos, Options, Request, SECOND, Segment, State,
};
use crate::plan::{CongestionControl, TcpConfig};

const MSS: u32 = 1448;

/// What the link does to a packet.
struct Link {
    delay: Nanos,
    loss: f64,
    bits_per_second: Option<u64>,
    queue: u64,
    down: std::ops::Range<Nanos>,
    free_at: [Nanos; 2],
    rng: ChaCha8Rng,
}

impl Link {
    fn new(delay_ms: u64) -> Self {
        Self {
            delay: delay_ms * MILLISECOND,
            loss: 0.0,
            bits_per_second: None,
            queue: 256 << 10,
            down: 0..0,
            free_at: [0; 2],
            rng: ChaCha8Rng::seed_from_u64(1),
        }
    }

    fn carry(&mut self, way: usize, segment: &Segment, now: Nanos) -> Option<Nanos> {
        let mut at = now;
        if let Some(rate) = self.bits_per_second {
            let takes = |bytes: u64| bytes * 8 * SECOND / rate;
            let wait = self.free_at[way].saturating_sub(now);
            if wait > takes(self.queue) {
                return None;
            }
            at = now + wait + takes(u64::from(segment.size()));
            self.free_at[way] = at;
        }
        if self.rng.random_bool(self.loss) || self.down.contains(&now) {
            return None;
        }
        Some(at + self.delay)
    }
}

/// A client and a server, and what is under way between them.
struct Pair {
    ends: [Option<Connection>; 2],
    request: Option<Request>,
    link: Link,
    now: Nanos,
    under_way: BTreeMap<(Nanos, u64), (usize, Segment)>,
    sent: u64,
    config: Rc<Config>,
    /// When the client sent what.
    log: Vec<(Nanos, u64, usize)>,
}

impl Pair {
    fn new(link: Link, tcp: &TcpConfig) -> Self {
        let config = Rc::new(Config::new(tcp));
        let mut new = Self {
            ends: [None, None],
            request: None,
            link,
            now: SECOND,
            under_way: BTreeMap::new(),
            sent: 0,
            config,
            log: Vec::new(),
        };
        let mut out = Vec::new();
        let client =
            Connection::open(&new.config, &Options::default(), 1000, MSS, 1, new.now, &mut out);
        new.ends[0] = Some(client);
        new.transmit(0, out);
        new
    }

    fn transmit(&mut self, from: usize, segments: Vec<Segment>) {
        for segment in segments {
            if from == 0 {
                self.log.push((self.now, segment.seq, segment.payload.len()));
            }
            if let Some(at) = self.link.carry(from, &segment, self.now) {
                self.sent += 1;
                self.under_way.insert((at, self.sent), (1 - from, segment));
            }
        }
    }

    fn next(&self) -> Option<Nanos> {
        let arrival = self.under_way.keys().next().map(|(at, _)| *at);
        let timers = self.ends.iter().flatten().filter_map(Connection::deadline);
        let request = self.request.as_ref().map(|request| request.timer);
        timers.chain(arrival).chain(request).min()
    }

    /// Lets the world go on until `until`, or until nothing more happens.
    fn run_to(&mut self, until: Nanos) {
        while let Some(at) = self.next().filter(|at| *at <= until) {
            self.step(at);
        }
        self.now = until;
    }

    fn step(&mut self, at: Nanos) {
        self.now = self.now.max(at);
        let now = self.now;
        if let Some(entry) = self.under_way.first_entry()
            && entry.key().0 <= now
        {
            let (to, segment) = entry.remove();
            return self.deliver(to, &segment);
        }
        for end in 0..2 {
            let mut out = Vec::new();
            if let Some(connection) = &mut self.ends[end]
                && connection.deadline().is_some_and(|at| at <= now)
            {
                connection.on_timer(now, &mut out);
            }
            self.transmit(end, out);
        }
        if let Some(request) = self.request.as_mut().filter(|request| request.timer <= now) {
            assert!(request.on_timer(&self.config, now), "the server gave up");
            let answer = request.answer(now);
            self.transmit(1, vec![answer]);
        }
    }

    fn deliver(&mut self, to: usize, segment: &Segment) {
        let now = self.now;
        let mut out = Vec::new();
        match &mut self.ends[to] {
            Some(connection) => connection.receive(segment, now, &mut out),
            None if segment.flags.syn && self.request.is_none() => {
                let request = Request::new(&self.config, segment, 5000, MSS, 65_160, now);
                out.push(request.answer(now));
                self.request = Some(request);
            }
            None => {
                let Some(request) = &mut self.request else { return };
                match request.receive(segment, now) {
                    Answered::Established(rtt) => {
                        let mut accepted = Connection::accepted(
                            &self.config,
                            &Options::default(),
                            request,
                            MSS,
                            rtt,
                            1,
                            segment.window,
                            now,
                        );
                        accepted.receive(segment, now, &mut out);
                        self.ends[1] = Some(accepted);
                        self.request = None;
                    }
                    Answered::Again => out.push(request.answer(now)),
                    other => assert_eq!(other, Answered::Nothing),
                }
            }
        }
        self.transmit(to, out);
    }

    fn end(&mut self, end: usize) -> &mut Connection {
        self.ends[end].as_mut().expect("the connection is there")
    }

    fn write(&mut self, end: usize, bytes: &[u8]) -> std::io::Result<usize> {
        let (now, mut out) = (self.now, Vec::new());
        let written = self.end(end).write(&[IoSlice::new(bytes)], now, &mut out);
        self.transmit(end, out);
        written
    }

    fn read(&mut self, end: usize) -> std::io::Result<Vec<u8>> {
        let (now, mut out) = (self.now, Vec::new());
        let mut memory = vec![0; 1 << 16];
        let mut buf = ReadBuf::new(&mut memory);
        let read = self.end(end).read(&mut buf, false, now, &mut out);
        let filled = buf.filled().to_vec();
        self.transmit(end, out);
        read.map(|()| filled)
    }

    fn close(&mut self, end: usize) {
        let (now, mut out) = (self.now, Vec::new());
        self.end(end).close(now, &mut out);
        self.transmit(end, out);
    }

    fn established(link: Link, tcp: &TcpConfig) -> Self {
        let mut pair = Self::new(link, tcp);
        while pair.ends[1].is_none() {
            let at = pair.next().expect("the handshake goes on");
            pair.step(at);
        }
        pair
    }

    /// Sends so many bytes from the client to the server, which reads all the time; returns how long
    /// it took.
    fn bulk(&mut self, bytes: usize) -> Nanos {
        let begin = self.now;
        let block = vec![7; 64 << 10];
        let (mut written, mut read) = (0, 0);
        while read < bytes {
            while written < bytes {
                match self.write(0, &block[..block.len().min(bytes - written)]) {
                    Ok(length) => written += length,
                    Err(_) => break,
                }
            }
            while let Ok(got) = self.read(1) {
                read += got.len();
            }
            if read >= bytes {
                break;
            }
            let at = self.next().expect("something is under way");
            self.step(at);
            assert!(self.now < begin + 600 * SECOND, "{read} of {bytes} bytes after ten minutes");
        }
        self.now - begin
    }
}

fn kind<T: std::fmt::Debug>(result: std::io::Result<T>) -> std::io::ErrorKind {
    result.expect_err("expected an error").kind()
}

#[test]
fn a_stream_arrives_whole_and_ends() {
    let mut pair = Pair::established(Link::new(5), &TcpConfig::default());
    assert_eq!(pair.write(0, b"hello").ok(), Some(5));
    pair.close(0);
    pair.run_to(2 * SECOND);
    assert_eq!(pair.read(1).ok(), Some(b"hello".to_vec()));
    assert_eq!(pair.read(1).ok(), Some(vec![]), "the end");
    assert_eq!(pair.end(1).state, State::CloseWait);
    assert!(pair.end(0).take_changes().over, "an orphan in FIN-WAIT-2 is a rest");
}

#[test]
fn unread_bytes_reset_the_connection() {
    let mut pair = Pair::established(Link::new(5), &TcpConfig::default());
    pair.write(0, b"hello").expect("there is room");
    pair.run_to(2 * SECOND);
    pair.close(1);
    pair.run_to(3 * SECOND);
    assert_eq!(kind(pair.read(0)), std::io::ErrorKind::ConnectionReset);
    assert_eq!(pair.read(0).ok(), Some(vec![]));
    assert_eq!(kind(pair.write(0, b"x")), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn a_stream_survives_loss_in_order() {
    for seed in 0..20 {
        let mut link = Link::new(5);
        link.loss = 0.05;
        link.rng = ChaCha8Rng::seed_from_u64(seed);
        let mut pair = Pair::established(link, &TcpConfig::default());
        let content: Vec<u8> = (0..400_000_u32).map(|n| (n % 251) as u8).collect();
        let (mut written, mut read) = (0, Vec::new());
        while read.len() < content.len() {
            if let Ok(length) = pair.write(0, &content[written..]) {
                written += length;
            }
            while let Ok(got) = pair.read(1) {
                read.extend(got);
            }
            if let Some(at) = pair.next() {
                pair.step(at);
            }
            assert!(pair.now < 300 * SECOND, "seed {seed}: {} bytes", read.len());
        }
        assert!(read == content, "seed {seed}");
    }
}

/// The gaps between the transmissions of one segment that never arrives, as Linux 6.18 shows them at
/// a round trip of 10 ms: a tail loss probe, the first timeout, and then twice as long each time.
#[test]
fn gaps_between_retransmissions_are_linuxs() {
    let mut pair = Pair::established(Link::new(5), &TcpConfig::default());
    for _ in 0..20 {
        pair.write(0, b"ask").expect("there is room");
        let at = pair.now + 5 * MILLISECOND;
        pair.run_to(at);
        pair.read(1).expect("it arrives");
        pair.write(1, b"answer").expect("there is room");
        let at = pair.now + 50 * MILLISECOND;
        pair.run_to(at);
        pair.read(0).expect("it arrives");
    }
    pair.link.down = pair.now..pair.now + 5 * SECOND;
    pair.log.clear();
    pair.write(0, b"lost").expect("there is room");
    let until = pair.now + 5 * SECOND;
    pair.run_to(until);
    let gaps: Vec<u64> =
        pair.log.windows(2).map(|two| (two[1].0 - two[0].0) / MILLISECOND).collect();
    // As measured: W3 in `docs/FIDELITY.md`.
    let linux = [212..=220, 212..=220, 424..=460, 848..=880, 1_696..=1_732];
    assert!(linux.iter().zip(&gaps).all(|(range, gap)| range.contains(gap)), "{gaps:?}");
}

#[test]
fn connection_attempts_are_repeated_every_second_at_first() {
    let mut link = Link::new(5);
    link.down = 0..1000 * SECOND;
    let mut pair = Pair::new(link, &TcpConfig::default());
    pair.run_to(500 * SECOND);
    let sent: Vec<u64> = pair.log.iter().map(|(at, ..)| (at - SECOND) / SECOND).collect();
    assert_eq!(sent[..8], [0, 1, 2, 3, 4, 5, 7, 11], "{sent:?}");
    assert_eq!(sent.len(), 11, "{sent:?}");
    assert_eq!(pair.end(0).take_error(), Some(std::io::ErrorKind::TimedOut));
}

#[test]
fn a_full_window_is_probed_and_resumes() {
    let mut pair = Pair::established(Link::new(5), &TcpConfig::default());
    let block = vec![1; 64 << 10];
    let mut written = 0;
    while let Ok(length) = pair.write(0, &block) {
        written += length;
        let at = pair.now + 50 * MILLISECOND;
        pair.run_to(at);
    }
    let at = pair.now + 30 * SECOND;
    pair.run_to(at);
    let mut read = 0;
    while read < written {
        if let Ok(got) = pair.read(1) {
            read += got.len();
        }
        let at = pair.now + SECOND;
        pair.run_to(at);
        assert!(pair.now < 300 * SECOND, "{read} of {written}");
    }
    assert_eq!(read, written);
}

#[test]
fn the_window_of_a_stopped_reader_is_probed_less_and_less_often() {
    let mut pair = Pair::established(Link::new(5), &TcpConfig::default());
    let block = vec![1; 64 << 10];
    while pair.write(0, &block).is_ok() {
        let at = pair.now + 50 * MILLISECOND;
        pair.run_to(at);
    }
    pair.log.clear();
    let at = pair.now + 600 * SECOND;
    pair.run_to(at);
    let gaps: Vec<u64> =
        pair.log.windows(2).map(|two| (two[1].0 - two[0].0) / (MILLISECOND * 100)).collect();
    let (growing, at_last) = gaps.split_at(8);
    assert!(growing.windows(2).all(|two| two[1] * 10 >= two[0] * 18), "{gaps:?}");
    assert!(
        at_last.len() >= 2 && at_last.iter().all(|gap| (1_200..=1_330).contains(gap)),
        "{gaps:?}"
    );
    // A process that is gone waits no longer than the probes take to become that rare.
    pair.close(0);
    let at = pair.now + 300 * SECOND;
    pair.run_to(at);
    assert_eq!(pair.end(0).state, State::Closed);
}

#[test]
fn a_lost_end_of_a_stream_comes_again_after_two_round_trips_and_a_tick() {
    for lost in 0..3 {
        let mut pair = Pair::established(Link::new(5), &TcpConfig::default());
        for _ in 0..10 {
            pair.write(0, b"warm").expect("there is room");
            let at = pair.now + 50 * MILLISECOND;
            pair.run_to(at);
            pair.read(1).expect("it arrives");
        }
        let begun = pair.now;
        for part in 0..3 {
            // Each part leaves at an instant of its own; one of them is lost.
            let down = pair.now..pair.now + 1;
            pair.link.down = if part == lost { down } else { 0..0 };
            pair.write(0, &vec![7; MSS as usize]).expect("there is room");
            let at = pair.now + MILLISECOND / 10;
            pair.run_to(at);
        }
        pair.link.down = 0..0;
        pair.close(0);
        while pair.end(1).state == State::Established {
            let at = pair.now + MILLISECOND;
            pair.run_to(at);
            assert!(pair.now < begun + SECOND, "part {lost}");
        }
        let took = (pair.now - begun) / MILLISECOND;
        assert!(took < 30, "part {lost}: {took} ms");
    }
}

#[test]
fn a_user_timeout_ends_a_connection_when_it_says_so() {
    let options = Options { user_timeout: Some(10 * SECOND), nodelay: true, ..Options::default() };
    // Nothing comes back.
    let mut pair = Pair::established(Link::new(5), &TcpConfig::default());
    let mut out = Vec::new();
    let now = pair.now;
    pair.end(0).set_options(options.clone(), now, &mut out);
    pair.link.down = now..now + 100 * SECOND;
    pair.write(0, b"lost").expect("there is room");
    pair.run_to(now + 9_900 * MILLISECOND);
    assert_ne!(pair.end(0).state, State::Closed);
    pair.run_to(now + 10_300 * MILLISECOND);
    assert_eq!(pair.end(0).take_error(), Some(std::io::ErrorKind::TimedOut));
    // The peer answers, and has no room.
    let mut pair = Pair::established(Link::new(5), &TcpConfig::default());
    let now = pair.now;
    pair.end(0).set_options(options, now, &mut out);
    while pair.write(0, &[1; 64 << 10]).is_ok() {
        let at = pair.now + 50 * MILLISECOND;
        pair.run_to(at);
    }
    let at = pair.now + 12 * SECOND;
    pair.run_to(at);
    assert_eq!(pair.end(0).take_error(), Some(std::io::ErrorKind::TimedOut));
}

#[test]
fn a_connection_that_is_over_does_nothing_more() {
    let tcp = TcpConfig { congestion_control: CongestionControl::Bbr, ..TcpConfig::default() };
    let mut pair = Pair::established(Link::new(5), &tcp);
    pair.write(0, &vec![1; 40 << 10]).expect("there is room");
    pair.close(0);
    let at = pair.now + 6 * MILLISECOND;
    pair.run_to(at);
    // What has come is not read: a reset.
    pair.close(1);
    let at = pair.now + 20 * MILLISECOND;
    pair.run_to(at);
    assert_eq!(pair.end(0).state, State::Closed);
    assert_eq!(pair.end(0).deadline(), None);
    assert_eq!(pair.end(1).deadline(), None);
}

/// Transfers as measured between two Linux 6.18 kernels over the same link, in seconds: medians of
/// W2 in `docs/FIDELITY.md`, less the 30 ms of handshake and request. What few losses decide takes
/// hundreds of runs, and is left to the oracle.
#[test]
fn bulk_transfers_take_as_long_as_on_linux() {
    use CongestionControl::{Bbr, Cubic};
    for (megabits, mebibytes, loss, cubic, bbr) in [
        (8, 1, 0.0, 1.104, 1.104),
        (8, 10, 0.0, 10.886, 11.059),
        (8, 10, 0.01, 16.863, 11.178),
        (8, 10, 0.02, 25.571, 11.296),
        (100, 1, 0.0, 0.162, 0.188),
        (100, 10, 0.0, 0.950, 0.957),
        (100, 10, 0.01, 13.350, 0.999),
        (100, 10, 0.02, 21.771, 1.037),
    ] {
        for (control, wanted, far) in [(Cubic, cubic, 0.15), (Bbr, bbr, 0.25)] {
            let (seeds, far) = if loss > 0.0 { (15, far) } else { (1, far / 2.5) };
            let mut took: Vec<f64> =
                (0..seeds).map(|seed| bulk(megabits, mebibytes, loss, control, seed)).collect();
            took.sort_by(f64::total_cmp);
            let median = took[took.len() / 2];
            let off = median / wanted - 1.0;
            assert!(
                off.abs() < far,
                "{megabits} Mbit/s, {mebibytes} MiB, {loss} lost, {control:?}: {median:.3} s, \
                 {wanted} on Linux"
            );
        }
    }
}

/// How many seconds a transfer takes over a link with a round trip of 20 ms.
fn bulk(megabits: u64, mebibytes: usize, loss: f64, control: CongestionControl, seed: u64) -> f64 {
    let mut link = Link::new(10);
    link.loss = loss;
    link.bits_per_second = Some(megabits * 1_000_000);
    link.rng = ChaCha8Rng::seed_from_u64(seed);
    let tcp = TcpConfig { congestion_control: control, ..TcpConfig::default() };
    Pair::established(link, &tcp).bulk(mebibytes << 20) as f64 / 1e9
}
