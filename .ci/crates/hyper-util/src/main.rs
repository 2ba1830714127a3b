//! The pooling client of hyper-util against a server of hyper.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpListener;
use works::{Done, Trial, calls, log};

async fn server() -> Done {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        log("accepted");
        let service = service_fn(|request: Request<Incoming>| async move {
            let body = Bytes::from(request.uri().path().to_owned());
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn client() -> Done {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    calls(|number| {
        let client = client.clone();
        async move {
            let uri = format!("http://server/{number}").parse()?;
            let body = client.get(uri).await?.into_body().collect().await?.to_bytes();
            Ok::<_, works::BoxError>(String::from_utf8_lossy(&body).into_owned())
        }
    })
    .await
}

fn main() {
    Trial::new("hyper-util").host("server", server).host("client", client).outages().works(
        |seen| {
            seen.lives_through_outages();
            assert_eq!(seen.said("client", "answered 3: ")[0].1, "/3");
            let accepted = seen.said("server", "accepted").len();
            let answered = seen.said("client", "answered ").len();
            assert!(accepted < answered / 10, "connections are kept: {accepted} for {answered}");
        },
    );
}
