//! What a toxic does, seen from both ends: a client of this process talks through a proxy to a
//! service of this process that sends back all that it gets.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a service that echoes, which ends with the process. Its address.
pub fn service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.expect("a client");
            thread::spawn(move || {
                let mut writer = client.try_clone().expect("a socket");
                // However it ends.
                let _ = std::io::copy(&mut client, &mut writer);
            });
        }
    });
    address
}

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All bytes are back.
    Complete,
    /// The connection was closed before.
    Closed,
    /// The connection was reset before.
    Reset,
    /// Nobody listens.
    Refused,
}

/// A conversation: bytes that were sent, and what came back.
#[derive(Debug)]
pub struct Heard {
    /// How much came back.
    pub bytes: usize,
    /// In how many reads.
    pub reads: usize,
    /// How it ended.
    pub ended: Ended,
    /// How long it took.
    pub took: Duration,
}

/// Sends `count` bytes through the proxy at `listen` and reads them back; each must be the one
/// that was sent.
pub fn talk(listen: &str, count: usize) -> Heard {
    let begin = Instant::now();
    let mut heard = Heard { bytes: 0, reads: 0, ended: Ended::Complete, took: Duration::ZERO };
    let mut client = match TcpStream::connect(listen) {
        Ok(client) => client,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            return Heard { ended: Ended::Refused, ..heard };
        }
        Err(error) => panic!("{listen}: {error}"),
    };
    client.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let sent: Vec<u8> = (0..count).map(|at| (at % 251) as u8).collect();
    client.write_all(&sent).expect("bytes are taken");
    let mut buffer = vec![0; 64 * 1024];
    while heard.bytes < count {
        match client.read(&mut buffer) {
            Ok(0) => {
                heard.ended = Ended::Closed;
                break;
            }
            Ok(read) => {
                assert_eq!(buffer[..read], sent[heard.bytes..heard.bytes + read]);
                heard.bytes += read;
                heard.reads += 1;
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                heard.ended = Ended::Reset;
                break;
            }
            Err(error) => panic!("{listen}: {error}"),
        }
    }
    heard.took = begin.elapsed();
    heard
}

/// Ten bytes come back, and not before `least`.
#[track_caller]
pub fn passes(listen: &str, least: Duration) {
    let heard = talk(listen, 10);
    assert!(heard.ended == Ended::Complete && heard.took >= least, "{heard:?}");
}

/// Of a hundred bytes so many come back before the end.
#[track_caller]
pub fn ends(listen: &str, ended: Ended, bytes: usize) {
    let heard = talk(listen, 100);
    assert!(heard.ended == ended && heard.bytes == bytes, "{heard:?}");
}

/// The client goes first, and sees the end of the service's side after `least`.
#[track_caller]
pub fn closes(listen: &str, least: Duration) {
    let mut client = TcpStream::connect(listen).expect("a proxy");
    client.set_read_timeout(Some(PATIENCE)).expect("a socket");
    client.write_all(b"a").expect("a byte is taken");
    client.read_exact(&mut [0]).expect("a byte");
    let begin = Instant::now();
    client.shutdown(Shutdown::Write).expect("a socket");
    assert_eq!(client.read(&mut [0]).expect("an end"), 0);
    assert!(begin.elapsed() >= least, "{:?}", begin.elapsed());
}
