//! Does the emulated link do what it is told? Asked of the kernel's own UDP and TCP.

use std::{
    io,
    net::UdpSocket,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use squall::BoxError;

use crate::{
    app::Job,
    figures::Sample,
    link::{Conditions, Direction},
    real::{CLIENT, Linked, SERVER},
    side::{self, Side},
};

const ECHO: u16 = 7;

/// Prints one line for each property. The exit code is 1 when one does not hold.
///
/// # Errors
///
/// When the link cannot be made or used.
pub(crate) fn validate() -> Result<ExitCode, BoxError> {
    let mut good = true;
    let mut holds = |what: &str, unit: &str, found: f64, least: f64, most: f64| {
        let within = (least..=most).contains(&found);
        good &= within;
        let verdict = if within { "ok " } else { "OUT" };
        println!("{verdict} {what}: {found:.3} {unit} (expected {least:.3} to {most:.3})");
    };
    let ms = Duration::from_millis;

    let found = round_trip(&Conditions::round_trip(ms(20)))?;
    holds("round trip of 20 ms, median", "ms", found.as_secs_f64() * 1e3, 20.0, 20.5);

    // Four standard deviations of a binomial distribution to either side.
    let (packets, share) = (20_000, 0.05);
    let four = 4.0 * f64::sqrt(share * (1.0 - share) / f64::from(packets));
    let [sent, arrived] = lost(&Conditions::round_trip(ms(2)).loss(share), packets)?;
    holds("loss of 5 %, at the sender", "%", sent, (share - four) * 1e2, (share + four) * 1e2);
    holds("loss of 5 %, at the receiver", "%", arrived, (share - four) * 1e2, (share + four) * 1e2);

    // 1 MiB is 725 segments of 1448 bytes, in packets of 1500; the handshake, the request and the
    // first segment take two round trips.
    let narrow = Conditions::round_trip(ms(20)).bandwidth(8_000_000, 256 << 10);
    let found = median(&narrow, &Job::Bulk { bytes: 1 << 20 })?;
    holds("1 MiB at 8 Mbit/s", "s", found.as_secs_f64(), 1.11, 1.16);

    let found = median(&Conditions::round_trip(ms(10)), &Job::http1(500, 20, ms(5_000)))?;
    holds("HTTP/1.1 at 10 ms, median", "ms", found.as_secs_f64() * 1e3, 10.0, 10.6);

    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The median of what a datagram and its echo take.
fn round_trip(conditions: &Conditions) -> io::Result<Duration> {
    let linked = Linked::new(conditions, 1, false)?;
    let server = linked.server.within(|| UdpSocket::bind((SERVER, ECHO)))??;
    let client = linked.client.within(|| UdpSocket::bind((CLIENT, 0)))??;
    server.set_read_timeout(Some(Duration::from_secs(1)))?;
    client.set_read_timeout(Some(Duration::from_secs(1)))?;
    let echo = thread::spawn(move || {
        let mut buffer = [0; 64];
        // Ends when nobody has asked for a second.
        while let Ok((length, from)) = server.recv_from(&mut buffer) {
            server.send_to(&buffer[..length], from)?;
        }
        io::Result::Ok(())
    });
    let mut took = Vec::new();
    for number in 0..100_u32 {
        let started = Instant::now();
        client.send_to(&number.to_be_bytes(), (SERVER, ECHO))?;
        client.recv(&mut [0; 64])?;
        took.push(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    echo.join().map_err(|_| io::Error::other("the echo panicked"))??;
    linked.end()?;
    let sample = Sample::new(took).ok_or_else(|| io::Error::other("no echo"))?;
    Ok(Duration::from_nanos(sample.percentile(50.0)))
}

/// How many percent of so many datagrams were lost: by the count of the link, and by what arrived.
fn lost(conditions: &Conditions, packets: u32) -> io::Result<[f64; 2]> {
    let linked = Linked::new(conditions, 1, false)?;
    let server = linked.server.within(|| UdpSocket::bind((SERVER, ECHO)))??;
    let client = linked.client.within(|| UdpSocket::bind((CLIENT, 0)))??;
    server.set_read_timeout(Some(Duration::from_secs(1)))?;
    let counter = thread::spawn(move || {
        let mut arrived = 0;
        // Ends when nothing has come for a second.
        while server.recv(&mut [0; 64]).is_ok() {
            arrived += 1;
        }
        arrived
    });
    for number in 0..packets {
        client.send_to(&number.to_be_bytes(), (SERVER, ECHO))?;
        if number % 20 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let arrived = counter.join().map_err(|_| io::Error::other("the counter panicked"))?;
    let tally = linked.end()?.tallies[Direction::ToServer as usize];
    let share = |part: u64, of: u64| part as f64 / of as f64 * 100.0;
    let packets = u64::from(packets);
    Ok([share(tally.lost, tally.sent), share(packets.saturating_sub(arrived), packets)])
}

/// The median request of a job.
fn median(conditions: &Conditions, job: &Job) -> Result<Duration, BoxError> {
    let outcome = side::perform(Side::Linux("cubic"), conditions, job, 1, false)?;
    let took = outcome.report.requests.iter().map(|request| request.took);
    let sample = Sample::new(took).ok_or("there were no requests")?;
    Ok(Duration::from_nanos(sample.percentile(50.0)))
}
