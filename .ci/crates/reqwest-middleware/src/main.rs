//! reqwest-middleware with a middleware that tries again after a pause.

use axum::{Router, http::StatusCode, routing::get};
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use works::{Done, Trial, calls, log, ms};

/// Answers every third request with an error.
async fn server() -> Done {
    let asked = std::sync::Arc::new(AtomicU64::new(0));
    let answer = async move || match asked.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => Err(StatusCode::SERVICE_UNAVAILABLE),
        _ => Ok("at last"),
    };
    let app = Router::new().route("/", get(answer));
    axum::serve(TcpListener::bind("0.0.0.0:80").await?, app).await?;
    Ok(())
}

/// Tries three times.
struct Again;

type Extensions = axum::http::Extensions;

#[async_trait::async_trait]
impl Middleware for Again {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        for _ in 1..3 {
            let Some(copy) = request.try_clone() else { break };
            match next.clone().run(copy, extensions).await {
                Ok(response) if response.status().is_success() => return Ok(response),
                other => log(&format!("again: {}", other.is_ok())),
            }
            tokio::time::sleep(ms(10)).await;
        }
        next.run(request, extensions).await
    }
}

async fn client() -> Done {
    let client = reqwest::Client::builder().timeout(ms(50)).build()?;
    let client = ClientBuilder::new(client).with(Again).build();
    calls(|_| {
        let request = client.get("http://server/");
        async move {
            let response = request.send().await?.error_for_status()?;
            Ok::<_, reqwest_middleware::Error>(response.text().await?)
        }
    })
    .await
}

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("it is the only one");
    let trial = Trial::new("reqwest-middleware").host("server", server).host("client", client);
    trial.outages().works(|seen| {
        seen.lives_through_outages();
        assert_eq!(seen.said("client", "answered 3: ")[0].1, "at last");
        assert!(seen.said("client", "again: true").len() > 10, "errors were tried again");
        assert!(!seen.said("client", "again: false").is_empty(), "and what did not arrive");
    });
}
