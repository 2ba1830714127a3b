//! A map of dashmap that threads share.

use std::{sync::Arc, thread};

use dashmap::DashMap;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use works::{BoxError, Done, Trial, calls, log, ms};

/// Counts what clients ask for, while threads count as well.
async fn server() -> Done {
    let counts: Arc<DashMap<u64, u64>> = Arc::default();
    for own in 0..4 {
        let counts = Arc::clone(&counts);
        thread::spawn(move || {
            loop {
                // Held while it waits, so that the others wait for it.
                let mut count = counts.entry(own / 2).or_default();
                *count += 1;
                thread::sleep(ms(20));
                drop(count);
                thread::sleep(ms(20));
            }
        });
    }
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let counts = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Ok(key) = stream.read_u64().await {
                let counts = Arc::clone(&counts);
                let count = tokio::task::spawn_blocking(move || {
                    let keys: Vec<u64> = counts.iter().map(|entry| *entry.key()).collect();
                    let mut count = counts.entry(key).or_default();
                    *count += 1;
                    (*count, keys)
                });
                let (count, keys) = count.await?;
                log(&format!("keys {keys:?}"));
                stream.write_u64(count).await?;
            }
            Ok::<_, BoxError>(())
        });
    }
}

async fn ask(number: u64) -> Result<u64, BoxError> {
    let mut stream = TcpStream::connect("server:80").await?;
    stream.write_u64(100 + number % 5).await?;
    Ok(stream.read_u64().await?)
}

fn main() {
    let trial = Trial::new("dashmap").host("server", server);
    trial.host("client", || calls(ask)).outages().works(|seen| {
        seen.lives_through_outages();
        assert_eq!(seen.said("client", "answered 3: ")[0].1, "1");
        assert_eq!(seen.said("client", "answered 8: ")[0].1, "2");
        let order = seen.said("server", "keys ");
        assert!(order.iter().any(|(_, keys)| keys.contains("104")), "{order:?}");
    });
}
