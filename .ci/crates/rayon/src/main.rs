//! A pool of rayon beside the runtime of a service.

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use works::{BoxError, Done, Trial, calls};

/// How many of these numbers are primes. Which thread looks at which follows a counter that rayon
/// keeps in a static: runs of one process are the same as long as that makes no difference to them.
fn primes(pool: &ThreadPool, most: u64) -> u64 {
    let is_prime = |number: u64| {
        number > 1
            && (2..number).take_while(|by| by * by <= number).all(|by| !number.is_multiple_of(by))
    };
    pool.install(|| (0..most).into_par_iter().filter(|number| is_prime(*number)).count() as u64)
}

/// The pool is the service's own: the global one would outlive its process.
async fn server() -> Done {
    let pool = Arc::new(ThreadPoolBuilder::new().num_threads(3).build()?);
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let pool = Arc::clone(&pool);
        tokio::spawn(async move {
            while let Ok(most) = stream.read_u64().await {
                let pool = Arc::clone(&pool);
                let count = tokio::task::spawn_blocking(move || primes(&pool, most)).await?;
                stream.write_u64(count).await?;
            }
            Ok::<_, BoxError>(())
        });
    }
}

async fn ask() -> Result<u64, BoxError> {
    let mut stream = TcpStream::connect("server:80").await?;
    stream.write_u64(30).await?;
    Ok(stream.read_u64().await?)
}

fn main() {
    let trial = Trial::new("rayon").host("server", server);
    trial.host("client", || calls(|_| ask())).outages().works(|seen| {
        seen.lives_through_outages();
        let answers = seen.said("client", "answered ");
        assert!(answers.iter().all(|(_, text)| text.ends_with(": 10")), "{answers:?}");
    });
}
