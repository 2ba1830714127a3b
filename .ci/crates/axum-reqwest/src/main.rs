//! axum, which is told who connects, with layers of tower-http, asked by a pooling client of reqwest.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Json, Router,
    extract::{ConnectInfo, DefaultBodyLimit, Path},
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tower_http::{limit::RequestBodyLimitLayer, timeout::TimeoutLayer, trace::TraceLayer};
use works::{Done, Trial, calls, log, ms};

#[derive(Debug, Deserialize, Serialize)]
struct Asked {
    number: u64,
}

#[derive(Debug, Deserialize, Serialize)]
struct Answer {
    square: u64,
    from: String,
}

async fn server() -> Done {
    let square = async |ConnectInfo(peer): ConnectInfo<SocketAddr>, Json(asked): Json<Asked>| {
        Json(Answer { square: asked.number * asked.number, from: peer.ip().to_string() })
    };
    let slow = async |Path(ms): Path<u64>| tokio::time::sleep(Duration::from_millis(ms)).await;
    let app = Router::new()
        .route("/square", post(square))
        .route("/slow/{ms}", get(slow))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, ms(100)))
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(100))
        .layer(TraceLayer::new_for_http());
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).await?;
    Ok(())
}

async fn client() -> Done {
    let client = reqwest::Client::builder().timeout(ms(200)).build()?;
    let too_slow = client.get("http://server/slow/150").send().await?;
    log(&format!("too slow: {}", too_slow.status()));
    let too_large = client.post("http://server/square").body("x".repeat(200)).send().await?;
    log(&format!("too large: {}", too_large.status()));
    calls(|number| {
        let request = client.post("http://server/square").json(&Asked { number });
        async move {
            let answer: Answer = request.send().await?.error_for_status()?.json().await?;
            Ok::<_, reqwest::Error>(format!("{} to {}", answer.square, answer.from))
        }
    })
    .await
}

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("it is the only one");
    Trial::new("axum-reqwest").host("server", server).host("client", client).outages().works(
        |seen| {
            seen.lives_through_outages();
            assert_eq!(seen.said("client", "too slow: ")[0].1, "504 Gateway Timeout");
            assert_eq!(seen.said("client", "too large: ")[0].1, "413 Payload Too Large");
            let (_, third) = seen.said("client", "answered 3: ")[0];
            assert!(third.starts_with("9 to ") && third != "9 to 0.0.0.0", "{third}");
        },
    );
}
