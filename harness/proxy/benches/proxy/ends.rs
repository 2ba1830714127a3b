//! The two ends of one connection through a proxy: the client here, the service on a thread of its
//! own.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

use crate::runtime;

const BLOCK: usize = 64 * 1024;

/// What the service is asked for, in the first byte.
const DRAIN: u8 = 0;
const ECHO: u8 = 1;

pub(crate) struct Ends {
    runtime: Runtime,
    upstream: String,
    client: Option<TcpStream>,
}

impl Ends {
    pub(crate) fn new() -> Self {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            runtime().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let address = listener.local_addr().expect("an address").to_string();
                tell.send(address).expect("somebody waits");
                let (client, _) = listener.accept().await.expect("a client");
                serve(client).await;
            });
        });
        let upstream = told.recv().expect("it starts");
        Self { runtime: runtime(), upstream, client: None }
    }

    pub(crate) fn upstream(&self) -> String {
        self.upstream.clone()
    }

    pub(crate) fn connect(mut self, listen: &str) -> Self {
        let client = self.runtime.block_on(TcpStream::connect(listen)).expect("a proxy");
        client.set_nodelay(true).expect("a socket");
        self.client = Some(client);
        self
    }

    fn ask(&mut self, what: u8, megabytes_or_count: usize) -> (&Runtime, &mut TcpStream) {
        let client = self.client.as_mut().expect("it is connected");
        let mut head = [what; 9];
        head[1..].copy_from_slice(&(megabytes_or_count as u64).to_le_bytes());
        self.runtime.block_on(client.write_all(&head)).expect("bytes");
        (&self.runtime, client)
    }

    /// So many megabytes to the service, which then says a byte.
    pub(crate) fn bulk(&mut self, megabytes: usize) {
        let (runtime, client) = self.ask(DRAIN, megabytes);
        runtime.block_on(async {
            let block = vec![7; BLOCK];
            let mut left = megabytes * 1_000_000;
            while left > 0 {
                let length = left.min(BLOCK);
                client.write_all(&block[..length]).await.expect("bytes");
                left -= length;
            }
            client.read_u8().await.expect("a word");
        });
    }

    /// A hundred bytes there and back, so many times, one after the other.
    pub(crate) fn exchanges(&mut self, count: usize) {
        let (runtime, client) = self.ask(ECHO, count);
        runtime.block_on(async {
            let mut bytes = [7; 100];
            for _ in 0..count {
                client.write_all(&bytes).await.expect("bytes");
                client.read_exact(&mut bytes).await.expect("bytes");
            }
        });
    }
}

/// Does what it is asked for until the client is gone.
async fn serve(mut client: TcpStream) {
    client.set_nodelay(true).expect("a socket");
    let mut block = vec![0; BLOCK];
    while let Ok(what) = client.read_u8().await {
        let count = client.read_u64_le().await.expect("a count");
        if what == DRAIN {
            let mut left = usize::try_from(count).expect("a count") * 1_000_000;
            while left > 0 {
                let most = left.min(BLOCK);
                left -= client.read(&mut block[..most]).await.expect("bytes");
            }
            client.write_u8(1).await.expect("a byte");
        } else {
            for _ in 0..count {
                client.read_exact(&mut block[..100]).await.expect("bytes");
                client.write_all(&block[..100]).await.expect("bytes");
            }
        }
    }
}
