//! How packets leave: through the queues of the faults that limit the bandwidth, for the first
//! time and again.

use turmoil_net::Packet;

use super::{Flow, FlowKey, Wire, payload};
use crate::sim::{
    flow::segment,
    rules::Rule,
    throttle::{Leaving, What},
};

impl Wire {
    pub(super) fn send(&mut self, packet: Packet, now: u64) {
        self.packets += 1;
        let (Some(src), Some(dst)) = (self.index(packet.src), self.index(packet.dst)) else {
            return;
        };
        let mut attempt = None;
        if let Some(tcp) = segment(&packet) {
            let key = FlowKey { src, src_port: tcp.src_port, dst, dst_port: tcp.dst_port };
            let flags = tcp.flags;
            if flags.syn && !flags.ack {
                self.opens(key);
            }
            attempt = self.attempts.remove(&key.reverse());
            if flags.rst {
                // The sender has forgotten the connection, and with it what it had to send again.
                self.forget(key);
            }
        }
        let (hosts, size) = ((src, dst), packet.size());
        let what = What::Packet { packet, attempt };
        self.pass(Leaving { what, hosts, size, waited: Vec::new() }, 0, now);
    }

    /// A connection is opened.
    fn opens(&mut self, key: FlowKey) {
        self.opened[usize::from(key.src)] += 1;
        let (local, peer) = (self.source(key), self.destination(key));
        self.shared.seams[usize::from(key.src)].open(local, peer);
        for rule in &mut self.rules {
            rule.opens(key);
        }
        for key in [key, key.reverse()] {
            self.ahead.remove(&key);
        }
        if self.rules.iter().any(|rule| rule.remembered() > self.remembered_max) {
            let live = self.connections();
            let lives = |key: &FlowKey| live.contains(key) || live.contains(&key.reverse());
            self.rules.iter_mut().for_each(|rule| rule.forget_ended(lives));
            let most = self.rules.iter().map(Rule::remembered).max().unwrap_or(0);
            self.remembered_max = super::FLOWS_KEPT.max(most * 2);
        }
    }

    /// Lets something pass the queues from this one on that see it, and leave after the last.
    pub(super) fn pass(&mut self, leaving: Leaving, from: usize, now: u64) {
        let seeing = self.throttles.iter().skip(from).position(|it| it.sees(leaving.hosts));
        let Some(place) = seeing.map(|place| from + place) else {
            return self.depart(leaving, now);
        };
        if let What::Packet { packet, .. } = &leaving.what {
            self.bytes_due += payload(packet);
        }
        self.throttles[place].push(leaving, now);
        self.let_leave(place, now);
    }

    /// Lets everything leave a queue whose turn it is within the step that `now` is in.
    pub(super) fn let_leave(&mut self, place: usize, now: u64) {
        while let Some(at) = self.throttles[place].next()
            && at - at % self.step <= now
            && let Some(leaving) = self.throttles[place].pop(at)
        {
            self.take_along(leaving, place + 1, at);
        }
    }

    /// A fault of the network ends. What waits for its bandwidth leaves at once.
    pub(crate) fn heal(&mut self, number: u16, now: u64) {
        self.rules.retain(|rule| rule.fault != number);
        let place = self.throttles.iter().position(|throttle| throttle.fault == number);
        let Some(place) = place else { return };
        let mut healed = self.throttles.remove(place);
        let at = self.step_from(now);
        while let Some(leaving) = healed.pop(at) {
            self.take_along(leaving, place, at);
        }
    }

    /// Something has left a queue, and comes to those from this one on.
    fn take_along(&mut self, leaving: Leaving, from: usize, at: u64) {
        if let What::Packet { packet, .. } = &leaving.what {
            self.bytes_due -= payload(packet);
        }
        self.pass(leaving, from, at);
    }

    /// Something leaves at `at`, to the nanosecond.
    fn depart(&mut self, leaving: Leaving, at: u64) {
        match leaving.what {
            What::Packet { packet, attempt } => {
                let mut fate = self.fate(leaving.hosts, &packet, false, at);
                fate.delays.extend(leaving.waited);
                if segment(&packet).is_some() {
                    self.send_tcp(leaving.hosts, packet, attempt, fate, at);
                } else if let Some(arrives) = self.arrival(leaving.hosts, &packet, &mut fate, at) {
                    if fate.twice {
                        self.schedule_again(arrives, &packet, &fate);
                    }
                    self.schedule(arrives, packet);
                }
            }
            What::Again(key) => {
                self.sending_again.remove(&key);
                self.send_again(key, at, at);
            }
        }
    }

    fn send_tcp(
        &mut self,
        (src, dst): (u16, u16),
        packet: Packet,
        attempt: Option<Packet>,
        mut fate: super::Fate,
        at: u64,
    ) {
        let Some(tcp) = segment(&packet) else { return };
        let key = FlowKey { src, src_port: tcp.src_port, dst, dst_port: tcp.dst_port };
        let reset = tcp.flags.rst;
        // What is lost is lost as a whole, and is not cut when it comes again.
        if let Some(slices) = fate.slices.filter(|_| !fate.lost) {
            return self.send_sliced(key, &packet, slices, &fate, at);
        }
        let arrives = self.arrival((src, dst), &packet, &mut fate, at);
        match arrives {
            Some(arrives) if self.is_refused(key, &fate) => self.refuse(key, packet, arrives),
            Some(arrives) if reset => {
                let last = self.flows.get(&key).map_or(0, Flow::last_arrival);
                self.schedule(arrives.max(last), packet);
            }
            None if reset => self.reset_lost(key, attempt, at),
            arrives => self.send_segment(key, packet, arrives, &fate, at),
        }
    }

    /// The retransmit timer of a flow has run out.
    pub(super) fn retransmit(&mut self, key: FlowKey, now: u64) {
        let hosts = (key.src, key.dst);
        if !self.throttles.iter().any(|throttle| throttle.sees(hosts)) {
            return self.send_again(key, now, self.step_from(now));
        }
        let Some(flow) = self.flows.get_mut(&key) else { return };
        if flow.is_stuck() && !flow.gives_up(now) {
            flow.wait_for_bandwidth(now);
            let next = flow.retry_at;
            self.retime(key, None, next);
            return self.queue_again(key, now);
        }
        self.send_again(key, now, now);
    }

    /// Queues a flow for the bandwidth that the first thing which it has to send again needs.
    fn queue_again(&mut self, key: FlowKey, now: u64) {
        let Some(size) = self.flows.get(&key).and_then(Flow::size_of_first) else { return };
        if self.sending_again.insert(key) {
            let hosts = (key.src, key.dst);
            self.pass(Leaving { what: What::Again(key), hosts, size, waited: Vec::new() }, 0, now);
        }
    }

    /// Sends again what a flow has lost. It leaves at `leaves`: all of it, or as much as there is
    /// bandwidth for that nobody else waits for.
    fn send_again(&mut self, key: FlowKey, now: u64, leaves: u64) {
        let Some(mut flow) = self.flows.remove(&key) else { return };
        let before = flow.retry_at.filter(|at| self.retries.contains(&(*at, key)));
        if !flow.is_stuck() {
            flow.retry_at = None;
            self.retime(key, before, None);
            self.flows.insert(key, flow);
            return;
        }
        if flow.has_waiting() && !self.sender_lives(key, now) {
            return self.retime(key, before, None);
        }
        if flow.gives_up(now) {
            self.retime(key, before, None);
            return self.give_up(key, now);
        }
        let hosts = (key.src, key.dst);
        let timeouts = self.timeouts(flow.is_connecting());
        let (mut first, mut no_bandwidth, mut refused) = (true, false, None);
        let delivered = flow.retransmit(now, timeouts, |packet| {
            let mut left = leaves;
            if !std::mem::take(&mut first) {
                for throttle in self.throttles.iter_mut().filter(|it| it.sees(hosts)) {
                    if !throttle.is_free(leaves) {
                        no_bandwidth = true;
                        return None;
                    }
                    left = left.max(throttle.take(packet.size(), leaves));
                }
            }
            self.packets += 1;
            let mut fate = self.fate(hosts, packet, true, leaves);
            let arrives = self.arrival(hosts, packet, &mut fate, left)?;
            if self.is_refused(key, &fate) {
                refused = Some((packet.clone(), arrives));
                return None;
            }
            Some(arrives)
        });
        self.retime(key, before, flow.retry_at);
        self.flows.insert(key, flow);
        for (arrives, packet) in delivered {
            self.schedule(arrives, packet);
        }
        if let Some((attempt, arrives)) = refused {
            self.refuse(key, attempt, arrives);
        }
        if no_bandwidth {
            self.queue_again(key, leaves);
        }
    }
}
