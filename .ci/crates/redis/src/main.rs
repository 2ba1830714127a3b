//! The redis crate, which connects again by itself, against the server of mini-redis.

use redis::aio::ConnectionManagerConfig;
use tokio::net::TcpListener;
use works::{Done, Trial, calls, ms};

async fn server() -> Done {
    let listener = TcpListener::bind("0.0.0.0:6379").await?;
    mini_redis::server::run(listener, std::future::pending::<()>()).await?;
    Ok(())
}

async fn client() -> Done {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(ms(100)))
        .set_response_timeout(Some(ms(100)))
        .set_max_delay(ms(100));
    let manager = redis::Client::open("redis://server/")?.get_connection_manager_lazy(config)?;
    calls(|number| {
        let mut manager = manager.clone();
        async move {
            let (key, value) = (format!("key {}", number % 10), format!("value {number}"));
            redis::cmd("SET").arg(&key).arg(&value).query_async::<()>(&mut manager).await?;
            redis::cmd("GET").arg(&key).query_async::<String>(&mut manager).await
        }
    })
    .await
}

fn main() {
    Trial::new("redis").host("server", server).host("client", client).outages().works(|seen| {
        seen.lives_through_outages();
        assert_eq!(seen.said("client", "answered 3: ")[0].1, "value 3");
    });
}
