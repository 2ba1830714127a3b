//! One workload with options of one's own: its figures, or its packets.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write},
};

use squall::BoxError;

use crate::{
    args::Custom,
    figures::Sample,
    link::{Direction, Fate},
    real::{Capture, Passed, Segment},
    side::{self, Side},
    workload,
};

/// Performs it and prints percentiles, in milliseconds.
///
/// # Errors
///
/// When it cannot be performed.
pub(crate) fn figures(custom: &Custom) -> Result<(), BoxError> {
    let (conditions, job) = (custom.conditions()?, custom.job());
    let outcome = side::perform(custom.side(), &conditions, &job, custom.seed, false)?;
    println!("{}", outcome.noted());
    let took = outcome.report.requests.iter().map(|request| request.took);
    let sample = Sample::new(took).ok_or("there were no requests")?;
    let names = ["p50", "p90", "p99", "p99.9", "max"];
    let figures = names.iter().zip(workload::latencies(&sample));
    let figures: Vec<String> = figures.map(|(name, value)| format!("{name} {value}")).collect();
    println!("{} ms", figures.join(", "));
    Ok(())
}

/// Performs it on Linux and prints every segment that the link saw.
///
/// # Errors
///
/// When it cannot be performed.
pub(crate) fn packets(custom: &Custom) -> Result<(), BoxError> {
    let Side::Linux(_) = custom.side() else {
        return Err("the packets of a simulated network are not to be seen from outside".into());
    };
    let (conditions, job) = (custom.conditions()?, custom.job());
    let outcome = side::perform(custom.side(), &conditions, &job, custom.seed, true)?;
    eprintln!("{}", outcome.noted());
    let capture = outcome.capture.unwrap_or_default();
    match print(&capture, &mut BufWriter::new(io::stdout().lock())) {
        // Who reads the first lines only has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn print(capture: &Capture, to: &mut impl Write) -> io::Result<()> {
    writeln!(
        to,
        "# ms since the begin of the load; > to the server, < to the client; port of the client; \
         flags; sequence numbers and acknowledgement from the first of each direction; window in \
         bytes; options; fate"
    )?;
    let mut connections = BTreeMap::new();
    for packet in &capture.packets {
        let Some(segment) = Segment::read(&packet.head) else { continue };
        let port = match packet.direction {
            Direction::ToServer => segment.from_port,
            Direction::ToClient => segment.to_port,
        };
        let seen: &mut Seen = connections.entry(port).or_default();
        writeln!(to, "{}", seen.line(packet, port, &segment))?;
    }
    Ok(())
}

/// What has been seen of a connection, for each direction.
#[derive(Default)]
struct Seen {
    first: [Option<u32>; 2],
    window_scale: [u8; 2],
}

impl Seen {
    fn line(&mut self, packet: &Passed, port: u16, segment: &Segment) -> String {
        let (way, back) = (packet.direction as usize, 1 - packet.direction as usize);
        if segment.flags.syn() {
            self.first[way] = Some(segment.seq);
            self.window_scale[way] = segment.options.window_scale.unwrap_or(0);
        }
        let first = *self.first[way].get_or_insert(segment.seq);
        let acked = self.first[back].unwrap_or(0);
        // The window of a SYN is not scaled.
        let scale = if segment.flags.syn() { 0 } else { self.window_scale[way] };
        let window = u32::from(segment.window) << scale.min(14);
        let begin = segment.seq.wrapping_sub(first);
        let end = begin.wrapping_add(segment.length);
        let ack = segment.ack.wrapping_sub(acked);
        let mut line = format!(
            "{:10.3} {} {port} {:<4} {begin}..{end} ({}) ack {ack} win {window}",
            packet.at as f64 / 1e6,
            [">", "<"][way],
            segment.flags,
            segment.length,
        );
        let options = &segment.options;
        if let Some(mss) = options.mss {
            let flag = |set, name| if set { name } else { "" };
            line += &format!(
                " mss {mss} wscale {}{}{}",
                options.window_scale.unwrap_or(0),
                flag(options.sack_permitted, " sackOK"),
                flag(options.timestamps, " ts"),
            );
        }
        for (from, to) in &options.sack {
            let (from, to) = (from.wrapping_sub(acked), to.wrapping_sub(acked));
            line += &format!(" sack {from}..{to}");
        }
        match packet.fate {
            Fate::Arrives(_) => {}
            Fate::Lost => line += " LOST",
            Fate::Full => line += " LOST (queue full)",
            Fate::Parted => line += " LOST (partition)",
        }
        line
    }
}
