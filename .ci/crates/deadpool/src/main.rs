//! A pool of deadpool with connections over the network, which are looked at before they are used.

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Pool, PoolError, RecycleError, RecycleResult, Timeouts};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use works::{Done, Trial, calls, log, ms};

/// Doubles numbers.
async fn server() -> Done {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        log("accepted");
        tokio::spawn(async move {
            while let Ok(number) = stream.read_u64().await {
                stream.write_u64(2 * number).await?;
            }
            Ok::<_, std::io::Error>(())
        });
    }
}

async fn ask(stream: &mut TcpStream, number: u64) -> std::io::Result<u64> {
    stream.write_u64(number).await?;
    stream.read_u64().await
}

/// Connects, and sees whether a connection still answers.
struct Connections;

impl Manager for Connections {
    type Type = TcpStream;
    type Error = std::io::Error;

    async fn create(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect("server:80").await
    }

    async fn recycle(&self, stream: &mut TcpStream, _: &Metrics) -> RecycleResult<std::io::Error> {
        match ask(stream, 21).await {
            Ok(42) => Ok(()),
            Ok(other) => Err(RecycleError::message(format!("expected 42, found {other}"))),
            Err(error) => Err(error.into()),
        }
    }
}

async fn client() -> Done {
    let (patience, most) = (Some(ms(60)), 2);
    let timeouts = Timeouts { wait: patience, create: patience, recycle: patience };
    let pool: Pool<Connections> = Pool::builder(Connections)
        .max_size(most)
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .build()?;
    calls(|number| {
        let pool = pool.clone();
        async move {
            let mut stream = pool.get().await?;
            let answer = tokio::time::timeout(ms(60), ask(&mut stream, number)).await;
            match answer {
                Ok(answer) => answer.map_err(PoolError::Backend),
                Err(late) => Err(PoolError::Backend(late.into())),
            }
        }
    })
    .await
}

fn main() {
    Trial::new("deadpool").host("server", server).host("client", client).outages().works(|seen| {
        seen.lives_through_outages();
        assert_eq!(seen.said("client", "answered 3: ")[0].1, "6");
        let accepted = seen.said("server", "accepted").len();
        assert!(accepted < 20, "connections are used again: {accepted}");
    });
}
