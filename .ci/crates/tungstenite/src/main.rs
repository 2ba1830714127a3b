//! tokio-tungstenite against the web sockets of axum.

use std::sync::Arc;

use axum::{Router, extract::WebSocketUpgrade, routing::get};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use works::{BoxError, Done, Trial, calls, log};

async fn server() -> Done {
    let echo = async |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket| {
            log("upgraded");
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    break;
                }
            }
        })
    };
    let app = Router::new().route("/", get(echo));
    axum::serve(TcpListener::bind("0.0.0.0:80").await?, app).await?;
    Ok(())
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Sends a number and waits until it comes back, on a connection that is kept as long as that works.
async fn ask(kept: Arc<Mutex<Option<Socket>>>, number: u64) -> Result<String, BoxError> {
    let mut kept = kept.lock().await;
    let mut socket = match kept.take() {
        Some(socket) => socket,
        None => connect_async("ws://server/").await?.0,
    };
    socket.send(Message::text(number.to_string())).await?;
    let answer = socket.next().await.ok_or("the connection was closed")??;
    *kept = Some(socket);
    Ok(answer.into_text()?.to_string())
}

fn main() {
    let client = || {
        let kept = Arc::default();
        calls(move |number| ask(Arc::clone(&kept), number))
    };
    let trial = Trial::new("tokio-tungstenite").host("server", server).host("client", client);
    trial.outages().works(|seen| {
        seen.lives_through_outages();
        assert_eq!(seen.said("client", "answered 3: ")[0].1, "3");
        assert!(seen.said("server", "upgraded").len() < 20, "connections are kept");
    });
}
