//! A cache of moka before a server that is not always there: what it keeps expires in virtual time.

use std::sync::Arc;

use moka::future::Cache;
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
        tokio::spawn(async move {
            while let Ok(number) = stream.read_u64().await {
                log(&format!("asked {number}"));
                stream.write_u64(2 * number).await?;
            }
            Ok::<_, std::io::Error>(())
        });
    }
}

async fn ask(number: u64) -> Result<u64, std::io::Error> {
    let asking = async {
        let mut stream = TcpStream::connect("server:80").await?;
        stream.write_u64(number).await?;
        stream.read_u64().await
    };
    tokio::time::timeout(ms(100), asking).await?
}

async fn client() -> Done {
    let cache: Cache<u64, u64> = Cache::builder().max_capacity(100).time_to_live(ms(50)).build();
    calls(|number| {
        let cache = cache.clone();
        // Two ask for the same at once, of which the cache lets one through.
        let get = move || {
            let cache = cache.clone();
            async move { cache.try_get_with(number / 10, ask(number / 10)).await }
        };
        async move {
            let (one, other) = tokio::join!(get(), get());
            let (one, other) = (one?, other?);
            if one == other { Ok(one) } else { Err(Arc::new(std::io::Error::other("unequal"))) }
        }
    })
    .await
}

fn main() {
    Trial::new("moka").host("server", server).host("client", client).outages().works(|seen| {
        seen.lives_through_outages();
        let (answered, asked) = (seen.said("client", "answered "), seen.said("server", "asked "));
        assert!(answered.iter().any(|(_, text)| *text == "35: 6"), "{answered:?}");
        let threes = asked.iter().filter(|(_, text)| *text == "3").count();
        assert!((3..8).contains(&threes), "kept, and not for ever: {threes} of twenty");
    });
}
