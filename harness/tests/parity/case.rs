//! A case: what its two sides do, how they wait for each other, and what they are to see.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Display},
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::watch,
    time::{sleep, timeout},
};

pub(crate) type Done = io::Result<()>;
type Body = fn(Side) -> Pin<Box<dyn Future<Output = Done> + Send>>;

/// Long enough for packets to arrive, and for a task that waits for one to run.
const SETTLE: Duration = Duration::from_millis(50);

/// What does not happen in this time does not happen.
const PATIENCE: Duration = Duration::from_millis(300);

#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) server: Body,
    pub(crate) client: Body,
    pub(crate) server_sees: &'static [&'static str],
    pub(crate) client_sees: &'static [&'static str],
}

impl Case {
    /// Compares what the sides saw with what they were to see, whatever kept them from going on.
    #[track_caller]
    pub(crate) fn check(&self, script: &Script) {
        let [server, client] = script.said();
        let found = format!("server {server:#?}\nclient {client:#?}");
        let expected = format!("server {:#?}\nclient {:#?}", self.server_sees, self.client_sees);
        assert!(found == expected, "expected\n{expected}\nfound\n{found}");
    }
}

/// Which of the two sides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Server,
    Client,
}

/// What the sides of a run share: the points that they have reached, and what they saw.
pub(crate) struct Script {
    points: watch::Sender<BTreeMap<String, u16>>,
    said: Mutex<[Vec<String>; 2]>,
}

impl Script {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { points: watch::Sender::default(), said: Mutex::default() })
    }

    /// Reaches a point, with a number that the others may need: a port, for one.
    pub(crate) fn reach(&self, point: &str, number: u16) {
        self.points.send_modify(|points| {
            points.insert(point.to_owned(), number);
        });
    }

    pub(crate) async fn until(&self, point: &str) -> u16 {
        let mut points = self.points.subscribe();
        let points = points.wait_for(|points| points.contains_key(point)).await;
        points.expect("the script holds the sender")[point]
    }

    /// All points, for one who passes them on to another process.
    pub(crate) fn points(&self) -> watch::Receiver<BTreeMap<String, u16>> {
        self.points.subscribe()
    }

    pub(crate) fn said(&self) -> [Vec<String>; 2] {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ends the other side's process: kills it, or waits until the plan has.
pub(crate) type End = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Where a side is, for its body.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) who: Who,
    pub(crate) script: Arc<Script>,
    /// The address on which the other side reaches what listens here.
    pub(crate) own: &'static str,
    /// The name of the other side's host.
    pub(crate) peer: &'static str,
    pub(crate) end_peer: Option<End>,
}

impl Side {
    /// Runs the body of this side of the case.
    pub(crate) async fn perform(self, case: &Case) {
        let body = match self.who {
            Who::Server => case.server,
            Who::Client => case.client,
        };
        if let Err(error) = body(self.clone()).await {
            self.say(format!("failed: {error:?}"));
        }
    }

    /// Enters an observation.
    pub(crate) fn say(&self, what: impl Into<String>) {
        let mut said = self.script.said.lock().unwrap_or_else(PoisonError::into_inner);
        said[self.who as usize].push(what.into());
    }

    /// Enters whether an attempt succeeded, or the kind of its error.
    pub(crate) fn note<T>(&self, what: &str, result: &io::Result<T>) {
        match result {
            Ok(_) => self.say(format!("{what}: ok")),
            Err(error) => self.say(format!("{what}: {:?}", error.kind())),
        }
    }

    /// Enters the value, or the kind of the error.
    pub(crate) fn value<T: Display>(&self, what: &str, result: io::Result<T>) {
        match result {
            Ok(value) => self.say(format!("{what}: {value}")),
            Err(error) => self.say(format!("{what}: {:?}", error.kind())),
        }
    }

    /// Enters whether two things are the same.
    pub(crate) fn same<T: PartialEq + Debug>(&self, what: &str, one: T, other: T) {
        match one == other {
            true => self.say(format!("{what}: same")),
            false => self.say(format!("{what}: {one:?} and {other:?}")),
        }
    }

    /// Enters whether the count is in the range, which is as much as two systems agree upon.
    pub(crate) fn within(&self, what: &str, count: usize, range: std::ops::Range<usize>) {
        match range.contains(&count) {
            true => self.say(format!("{what}: within bounds")),
            false => self.say(format!("{what}: {count}, not in {range:?}")),
        }
    }

    /// Enters the kind of the error that the socket holds.
    pub(crate) fn error(&self, taken: io::Result<Option<io::Error>>) {
        let kind = taken.map(|error| error.map(|error| error.kind()));
        self.say(format!("error: {kind:?}"));
    }

    /// Waits for `future` as long as patience lasts; `None` if it is not ready by then.
    pub(crate) async fn patiently<F: Future>(&self, what: &str, future: F) -> Option<F::Output> {
        let output = timeout(PATIENCE, future).await.ok();
        if output.is_none() {
            self.say(format!("{what}: waits"));
        }
        output
    }

    pub(crate) fn reach(&self, point: &str) {
        self.script.reach(point, 0);
    }

    pub(crate) async fn until(&self, point: &str) {
        self.script.until(point).await;
    }

    /// Lets everything arrive that is under way.
    pub(crate) async fn settle(&self) {
        sleep(SETTLE).await;
    }

    /// Waits until both sides have come here, so that neither sees the end of the other.
    pub(crate) async fn done(&self) {
        let (own, other) = match self.who {
            Who::Server => ("server done", "client done"),
            Who::Client => ("client done", "server done"),
        };
        self.reach(own);
        self.until(other).await;
    }

    pub(crate) async fn end_peer(&self) {
        self.end_peer.as_ref().expect("the case is one of a process that ends")().await;
        self.settle().await;
    }

    /// An address for sockets of this side that the other one can reach, with any port.
    pub(crate) fn here(&self) -> SocketAddr {
        SocketAddr::new(self.own.parse().expect("an address"), 0)
    }

    /// Tells the other side the port of what listens here.
    pub(crate) fn publish(&self, address: SocketAddr) {
        let own = match self.who {
            Who::Server => "server port",
            Who::Client => "client port",
        };
        self.script.reach(own, address.port());
    }

    /// The other side's host.
    pub(crate) async fn peer_ip(&self) -> io::Result<IpAddr> {
        let name = format!("{}:0", self.peer);
        let mut found = lookup_host(name.as_str()).await?;
        Ok(found.next().expect("the name has an address").ip())
    }

    /// The address that the other side has published.
    pub(crate) async fn there(&self) -> io::Result<SocketAddr> {
        let other = match self.who {
            Who::Server => "client port",
            Who::Client => "server port",
        };
        let port = self.script.until(other).await;
        Ok(SocketAddr::new(self.peer_ip().await?, port))
    }

    /// Listens, and tells the other side where.
    pub(crate) async fn listen(&self) -> io::Result<TcpListener> {
        let listener = TcpListener::bind(self.here()).await?;
        self.publish(listener.local_addr()?);
        Ok(listener)
    }

    /// The server's end of the one connection that most cases need.
    pub(crate) async fn accepted(&self) -> io::Result<TcpStream> {
        Ok(self.listen().await?.accept().await?.0)
    }

    /// The client's end of it.
    pub(crate) async fn connected(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.there().await?).await
    }

    /// Reads what is there, or waits for something.
    pub(crate) async fn read(&self, from: &mut (impl AsyncRead + Unpin)) {
        let mut bytes = [0; 64];
        let result = from.read(&mut bytes).await;
        self.say(match result {
            Ok(0) => "read: end".to_owned(),
            Ok(length) => format!("read: {}", String::from_utf8_lossy(&bytes[..length])),
            Err(error) => format!("read: {:?}", error.kind()),
        });
    }

    pub(crate) async fn write(&self, to: &mut (impl AsyncWrite + Unpin), text: &str) {
        self.note("write", &to.write_all(text.as_bytes()).await);
    }

    pub(crate) async fn shutdown(&self, what: &mut (impl AsyncWrite + Unpin)) {
        self.note("shutdown", &what.shutdown().await);
    }
}

/// The bytes of a stream, in which none can be missing or in another place unnoticed.
pub(crate) fn bytes(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ salt).collect()
}

/// Cases by name, with what each side sees. `alone` cases need both sides on one host, and in
/// `killed` ones the server is a process that the client outlives.
macro_rules! cases {
    ($($(#[$doc:meta])* $name:ident $(($kind:ident))? {
        $server:ident: [$($server_sees:literal),* $(,)?],
        $client:ident: [$($client_sees:literal),* $(,)?] $(,)?
    })*) => {
        $(
            $(#[$doc])*
            mod $name {
                fn case() -> crate::case::Case {
                    crate::case::Case {
                        server: |side| Box::pin(super::$server(side)),
                        client: |side| Box::pin(super::$client(side)),
                        server_sees: &[$($server_sees),*],
                        client_sees: &[$($client_sees),*],
                    }
                }

                crate::case::runners!($($kind)?);
            }
        )*
    };
}

macro_rules! runners {
    () => {
        crate::case::runners!(alone);

        #[test]
        fn between_hosts() {
            crate::simulated::between_hosts(&case());
        }
    };
    (alone) => {
        #[test]
        fn on_linux() {
            crate::on_linux::both(&case());
        }

        #[test]
        fn on_one_host() {
            crate::simulated::on_one_host(&case());
        }
    };
    (killed) => {
        #[test]
        fn on_linux() {
            crate::on_linux::killed(&case(), concat!(module_path!(), "::on_linux"));
        }

        #[test]
        fn between_hosts() {
            crate::simulated::killed(&case());
        }
    };
}

pub(crate) use {cases, runners};
