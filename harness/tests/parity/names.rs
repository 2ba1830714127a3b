//! Names of hosts.

use std::io;

use tokio::net::{TcpListener, TcpStream, UdpSocket, lookup_host};

use crate::case::{Done, Side, cases};

async fn does_nothing(it: Side) -> Done {
    it.done().await;
    Ok(())
}

async fn goes_by_localhost(it: Side) -> Done {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    for name in ["localhost", "LOCALHOST", "LocalHost"] {
        let stream = TcpStream::connect((name, port)).await;
        it.value(name, stream.and_then(|stream| Ok(stream.peer_addr()?.ip())));
        let found: Vec<_> = lookup_host(format!("{name}:{port}").as_str()).await?.collect();
        it.same("loopback", found.iter().all(|address| address.ip().is_loopback()), true);
        it.same("port", found.iter().all(|address| address.port() == port), true);
    }
    it.note("bind", &TcpListener::bind("localhost:0").await);
    it.done().await;
    Ok(())
}

/// What an error of a look-up says, up to the words of the resolver.
fn said(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(": ").next().unwrap_or_default().to_owned()
}

async fn looks_up_nonsense(it: Side) -> Done {
    for name in ["no..such:80", "no-port", "localhost:port", "localhost:65536", ":80", ""] {
        match TcpStream::connect(name).await {
            Ok(stream) => it.value(name, stream.peer_addr()),
            Err(error) => it.say(format!("{name:?}: {}", said(&error))),
        }
        match lookup_host(name).await {
            Ok(mut found) => it.say(format!("found {:?}", found.next())),
            Err(error) => it.say(format!("look-up of {name:?}: {}", said(&error))),
        }
    }
    let kind = |result: io::Result<()>| result.map_err(|error| error.kind());
    it.say(format!("{:?}", kind(TcpStream::connect("no-port").await.map(drop))));
    it.say(format!("{:?}", kind(TcpStream::connect("localhost:65536").await.map(drop))));
    it.say(format!("{:?}", kind(TcpListener::bind("no-port").await.map(drop))));
    let tuple = TcpStream::connect(("no..such", 80)).await;
    it.say(tuple.map_or_else(|error| said(&error), |_| "connected".to_owned()));
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let sent = socket.send_to(b"x", "no..such:80").await;
    it.say(sent.map_or_else(|error| said(&error), |_| "sent".to_owned()));
    it.done().await;
    Ok(())
}

async fn writes_addresses_as_text(it: Side) -> Done {
    for text in ["127.0.0.1:7", "[::1]:7", "0.0.0.0:0", "[::ffff:127.0.0.1]:65535"] {
        let found: Vec<_> = lookup_host(text).await?.collect();
        it.say(format!("{found:?}"));
    }
    it.done().await;
    Ok(())
}

cases! {
    localhost_in_any_case (alone) {
        does_nothing: [],
        goes_by_localhost: [
            "localhost: 127.0.0.1", "loopback: same", "port: same", "LOCALHOST: 127.0.0.1",
            "loopback: same", "port: same", "LocalHost: 127.0.0.1", "loopback: same", "port: same",
            "bind: ok",
        ],
    }

    /// `no..such` has an empty label, so that no resolver asks anybody about it.
    names_that_lead_nowhere (alone) {
        does_nothing: [],
        looks_up_nonsense: [
            "\"no..such:80\": failed to lookup address information",
            "look-up of \"no..such:80\": failed to lookup address information",
            "\"no-port\": invalid socket address", "look-up of \"no-port\": invalid socket address",
            "\"localhost:port\": invalid port value",
            "look-up of \"localhost:port\": invalid port value",
            "\"localhost:65536\": invalid port value",
            "look-up of \"localhost:65536\": invalid port value",
            "\":80\": failed to lookup address information",
            "look-up of \":80\": failed to lookup address information",
            "\"\": invalid socket address", "look-up of \"\": invalid socket address",
            "Err(InvalidInput)", "Err(InvalidInput)", "Err(InvalidInput)",
            "failed to lookup address information", "failed to lookup address information",
        ],
    }

    addresses_are_names_of_themselves (alone) {
        does_nothing: [],
        writes_addresses_as_text: [
            "[127.0.0.1:7]", "[[::1]:7]", "[0.0.0.0:0]", "[[::ffff:127.0.0.1]:65535]",
        ],
    }
}
