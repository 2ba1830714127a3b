//! The least that a proxy can do.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

/// Carries bytes between each client and `upstream`. Where it listens.
pub(crate) async fn start(upstream: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let listen = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.expect("a client");
            let upstream = upstream.clone();
            tokio::spawn(async move {
                let mut service = TcpStream::connect(upstream).await.expect("a service");
                client.set_nodelay(true).expect("a socket");
                service.set_nodelay(true).expect("a socket");
                // However it ends.
                let _ended = copy_bidirectional(&mut client, &mut service).await;
            });
        }
    });
    listen
}
